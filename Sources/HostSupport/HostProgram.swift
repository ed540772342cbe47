// A program of the host's that is run and waited for, such as qemu-img.
//
// Responsible for: finding it in PATH, and how it ended. It has this process's environment and standard error, reads
// nothing, and what it writes to standard output goes nowhere. Not responsible for: programs that stay.

import Glibc

/// A program of the host's.
public enum HostProgram {
    /// Why a program was not run.
    public enum Failure: Error, Hashable {
        /// It is not there, or may not be run: what the host says.
        case notStarted(reason: String)
        /// It ended with this code, which is 128 and the signal's number if a signal ended it.
        case ended(code: Int32)

        public var isMissing: Bool { self == .notStarted(reason: String(cString: strerror(ENOENT))) }
    }

    /// Runs a program to its end.
    ///
    /// - Parameter words: its name and its arguments.
    public static func run(_ words: [String]) throws(Failure) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        let strings = words.map { strdup($0) } + [nil]
        defer { strings.forEach { free($0) } }
        var child = pid_t()
        let code = posix_spawnp(&child, words[0], &actions, nil, strings, environ)
        guard code == 0 else { throw .notStarted(reason: String(cString: strerror(code))) }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else { throw .notStarted(reason: String(cString: strerror(errno))) }
        }
        let signal = status & 0x7F
        guard status == 0 else { throw .ended(code: signal == 0 ? status >> 8 & 0xFF : 128 + signal) }
    }
}
