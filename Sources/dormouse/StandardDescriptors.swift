// Standard input, output and error, as this process needs them.

import Glibc
import HostSupport
import Synchronization

enum StandardDescriptors {
    private static let closed = Mutex<Set<Int32>>([])

    /// Those that were not open when the process was started: what is written to them goes nowhere.
    static var wereClosed: Set<Int32> { closed.withLock { $0 } }

    /// Makes sure that all three are open. The next file would take the number of one that is closed, and a disk might
    /// become the console.
    static func open() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            closed.withLock { _ = $0.insert(descriptor) }
            // The lowest number that is free, which is this one.
            _ = Glibc.open("/dev/null", O_RDWR)
        }
    }
}

/// Lines for the user, on standard error.
enum Message {
    /// Writes "dormouse: " and `text`, which becomes one line, whole.
    static func write(_ text: String) {
        // If nobody can be told, there is nobody to tell that.
        _ = writeLine("dormouse: " + text)
    }

    /// Writes `text` as one line in one piece, so that lines of several threads do not mix.
    ///
    /// - Returns: the error number if it could not be written.
    static func writeLine(_ text: String) -> Int32? {
        let line = text.map { $0.isNewline ? " " : $0 } + "\n"
        if StandardDescriptors.wereClosed.contains(STDERR_FILENO) { return EBADF }
        return writeAll(Array(String(line).utf8), to: STDERR_FILENO)
    }
}
