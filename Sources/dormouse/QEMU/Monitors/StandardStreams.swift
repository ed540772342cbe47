// Standard input and output as a socket, for a monitor that is to be had there.
//
// Two threads carry the bytes: neither a terminal nor a pipe may be made non-blocking, since others share them.

import Glibc
import HostSupport
import Synchronization

/// This process's own streams, as they were before the guest's console took their place.
final class StandardStreams: Sendable {
    /// How long the end waits for whoever reads, in nanoseconds.
    private static let patience: UInt64 = 500_000_000
    private static let chunkByteCount = 4096

    private let socket: StreamSocket
    private let input: Int32
    private let output: Int32
    private let isDone = Mutex(false)
    private let done = Parking()

    /// - Parameter socket: what is read is sent there, and what comes from there is written.
    init(_ socket: StreamSocket) {
        self.socket = socket
        input = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
        output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
    }

    deinit {
        close(input)
        close(output)
    }

    /// The server's end, and the one for `init`.
    static func pair(_ option: String) throws(QEMUError) -> (StreamSocket, StreamSocket) {
        do throws(StreamSocketError) { return try StreamSocket.pair() } catch {
            throw QEMUError(option, "stdio cannot be had: \(error.reason)")
        }
    }

    func start() throws(HostResourceError) {
        try HostThread.start { [self] in
            carry(from: input, to: socket.descriptor)
            shutdown(socket.descriptor, Int32(SHUT_WR))
        }
        try HostThread.start { [self] in
            carry(from: socket.descriptor, to: output)
            isDone.withLock { $0 = true }
            done.wake()
        }
    }

    /// Waits a moment until all is written. The server has left its end before.
    func finish() {
        done.wait(until: BootClock.now &+ Self.patience) { isDone.withLock { $0 } }
    }

    private func carry(from source: Int32, to destination: Int32) {
        var bytes = [UInt8](repeating: 0, count: Self.chunkByteCount)
        while true {
            let count = read(source, &bytes, bytes.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0, writeAll(bytes.prefix(count), to: destination) == nil else { return }
        }
    }
}
