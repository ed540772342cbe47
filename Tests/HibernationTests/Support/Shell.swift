// Scripts of tests that need more than one tool, and block devices.

import Glibc
import Testing

@testable import Hibernation

enum Shell {
    /// Runs `script` with `$1` and on; what it says is shown if it fails.
    ///
    /// - Returns: its standard output, without the last newline.
    @discardableResult
    static func run(_ script: String, _ arguments: String...) throws -> String {
        let output = try TestDisk([])
        let strings =
            (["/bin/sh", "-ec", "PATH=$PATH:/usr/sbin:/sbin; " + script, "sh"] + arguments).map {
                (argument: String) in strdup(argument)
            } + [nil]
        defer { strings.forEach { free($0) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output.path, O_WRONLY | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var child = pid_t()
        try #require(posix_spawn(&child, "/bin/sh", &actions, nil, strings, environ) == 0)
        var status: Int32 = 0
        let waited = waitpid(child, &status, 0)
        let text = String(decoding: output.bytes, as: UTF8.self)
        try #require(waited == child && status == 0, "\(script) \(arguments): \(text)")
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}

/// A loop device over a file, which is detached with the object.
final class LoopDevice {
    let path: String

    /// Whether there can be any.
    static var areThere: Bool { geteuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0 }
    static let whyNot: Comment = "no loop devices: run as root on a host that has them"

    init(_ file: String, _ options: String = "") throws {
        path = try Shell.run("losetup \(options) -f --show \"$1\"", file)
    }

    deinit { _ = try? Shell.run("losetup -d \"$1\"", path) }

    /// `7:N`.
    var numbers: String {
        get throws { try Shell.run("cat /sys/block/$(basename \"$1\")/dev", path) }
    }
}
