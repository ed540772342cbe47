// A debugger that we did not write: GDB for every architecture, as scripts/setup installs it.

import Foundation
import Testing

/// Debian's `gdb-multiarch`.
public enum GDB {
    public static let path = "/usr/bin/gdb-multiarch"
    public static let isThere = FileManager.default.isExecutableFile(atPath: path)
    public static let whyNot: Comment = "gdb-multiarch is not installed: run scripts/setup"

    /// Its arguments, to do some commands and nothing else. One that fails says so, and the next one is done.
    ///
    /// - Parameter commands: as people type them.
    public static func arguments(_ commands: [String]) -> [String] {
        let settings = ["set pagination off", "set confirm off", "set architecture aarch64", "set width 0"]
        return ["-nx", "-batch"] + (settings + commands).flatMap { ["-ex", $0] }
    }
}
