// A wake-up call for a thread that waits in poll(2).

import Glibc

/// A pipe to itself: signalled from anywhere, waited for and cleared by one thread.
public final class WakeUp: Sendable {
    /// What to poll for input.
    let descriptor: Int32
    private let writer: Int32

    /// Throws if the process has no file descriptor left.
    public init() throws(MachineError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw .host("cannot make a pipe (\(String(cString: strerror(errno)))); raise the limit of open files")
        }
        descriptor = ends[0]
        writer = ends[1]
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(descriptor)
        close(writer)
    }

    /// Makes the descriptor readable.
    public func signal() {
        var byte: UInt8 = 0
        // It can only fail when the pipe is full, and then it is readable.
        _ = write(writer, &byte, 1)
    }

    /// Makes the descriptor unreadable, until the next `signal`.
    func clear() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(descriptor, &bytes, bytes.count) == bytes.count {}
    }
}
