// A process of Dormouse that goes on when the one that started it has ended.
//
// Responsible for: starting it in a session of its own, and waiting for its word. Not responsible for: what it does, or
// what the word means (`Handover`, `QEMUDaemon`).

import Glibc
import HostSupport

/// A process of Dormouse in a session of its own.
struct BackgroundProcess {
    enum Outcome {
        case word(String)
        case ended(Int32)
        case killed
        case timeout
    }

    let number: pid_t
    private let socket: StreamSocket

    /// What it has of the other end of the socket.
    static let descriptor: Int32 = 3
    /// POSIX_SPAWN_SETSID of glibc's spawn.h, which its module has not.
    private static let newSession: Int16 = 0x80
    /// How long it has to leave this process's standard error.
    private static let leaveMilliseconds = 5000

    /// - Parameters:
    ///   - words: the command line, with `descriptor` in it.
    ///   - keepsOutput: whether it begins with this process's standard output, rather than none.
    init(_ words: [String], keepsOutput: Bool = false) throws {
        let (ours, theirs): (StreamSocket, StreamSocket)
        do throws(StreamSocketError) {
            (ours, theirs) = try StreamSocket.pair()
        } catch { throw HostResourceError(resource: .pipe, errno: error.code ?? EMFILE) }
        socket = ours
        // It has to be open until the other process has it.
        defer { withExtendedLifetime(theirs) {} }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        if !keepsOutput { posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) }
        // To a number of its own even if it has that number already: only so it is inherited.
        posix_spawn_file_actions_adddup2(&actions, theirs.descriptor, Self.descriptor)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Self.newSession)
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for word in argv { free(word) } }
        var number = pid_t()
        // This very program, also if its file was replaced.
        let code = posix_spawn(&number, "/proc/self/exe", &actions, &attributes, &argv, environ)
        guard code == 0 else { throw HostResourceError(resource: .process, errno: code) }
        self.number = number
    }

    /// - Parameter seconds: how long to wait; nil: without an end.
    func waitForWord(seconds: Int?) -> Outcome {
        switch socket.readLine(milliseconds: seconds.map { $0 * 1000 }) {
        case .text(let words): return .word(words)
        case .timeout:
            // It is to leave this process's standard error, on which somebody may wait for the end.
            socket.finishWriting()
            _ = socket.readLine(milliseconds: Self.leaveMilliseconds)
            return .timeout
        case .end:
            var status: Int32 = 0
            while waitpid(number, &status, 0) < 0 && errno == EINTR {}
            if status & 0x7F == SIGKILL { return .killed }
            return .ended(Self.exitCode(status))
        }
    }

    /// What it ended with; nil while it goes on.
    var exitCode: Int32? {
        var status: Int32 = 0
        return waitpid(number, &status, WNOHANG) == number ? Self.exitCode(status) : nil
    }

    /// As shells say it.
    private static func exitCode(_ status: Int32) -> Int32 {
        status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}
