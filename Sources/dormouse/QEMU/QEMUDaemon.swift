// `-daemonize`: a process in the background runs the guest, once everything is ready.
//
// Responsible for: both processes' parts in that. Not responsible for: the run.
//
// Follows QEMU's documentation of -daemonize ("Invocation") and its os-posix.c: the first process ends when the guest is
// about to run, or with what is wrong; the other one has no standard streams from then on.

import Glibc
import HostSupport
import Synchronization

/// What the process in the background has of the one that waits for it.
final class QEMUDaemon: Sendable {
    private let caller: StreamSocket
    private let writesToFile: Bool
    private let hasLeft = Mutex(false)

    /// Files that it makes are for this user, and its group to read.
    private static let mask: mode_t = 0o027

    /// In the process in the background.
    ///
    /// - Parameters:
    ///   - descriptor: what it was told.
    ///   - writesToFile: whether its standard output is a file of its own.
    init(_ descriptor: Int32, writesToFile: Bool) throws(QEMUError) {
        guard descriptor > STDERR_FILENO, let socket = StreamSocket(inherited: descriptor) else {
            throw QEMUError(QEMUOption.handover, "is for Dormouse itself; say -daemonize")
        }
        caller = socket
        self.writesToFile = writesToFile
        umask(Self.mask)
    }

    /// Ends the process that waits, once, and leaves what it shares with this one.
    func leaveCaller() {
        let isFirst = hasLeft.withLock { hasLeft in
            defer { hasLeft = true }
            return !hasLeft
        }
        guard isFirst else { return }
        let nowhere = open("/dev/null", O_RDWR | O_CLOEXEC)
        if nowhere >= 0 {
            for descriptor in [STDIN_FILENO, STDERR_FILENO] + (writesToFile ? [] : [STDOUT_FILENO]) {
                dup2(nowhere, descriptor)
            }
            close(nowhere)
        }
        // Whether or not there is such a device: the other process waits for this.
        caller.write(line: "ready")
        caller.finishWriting()
    }

    /// In the first process: starts the other one, and waits until it is ready.
    ///
    /// - Returns: the exit code of this one.
    static func start() throws -> ExitCode {
        // Behind the name of the subcommand, if there is one.
        let words = CommandLine.arguments
        let count = QEMU.wordCount(of: words)
        let handover = ["-\(QEMUOption.handover)", "\(BackgroundProcess.descriptor)"]
        let process = try BackgroundProcess(words.prefix(count) + handover + words.dropFirst(count), keepsOutput: true)
        switch process.waitForWord(seconds: nil) {
        case .word: return .poweredOff
        case .ended(let code): return ExitCode(rawValue: code)
        case .killed, .timeout:
            // It could not say so itself.
            Message.write("the process in the background was killed before the guest was about to run")
            return .signal(SIGKILL)
        }
    }
}
