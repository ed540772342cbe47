// A wake-up call for a thread that waits in poll(2).

import Glibc
import Synchronization

/// A pipe to itself: signalled from anywhere, waited for and cleared by one thread.
public final class WakeUp: Sendable {
    /// What to poll for input.
    public let descriptor: Int32
    private let writer: Int32
    /// Whether there is a byte in the pipe, or will be in a moment.
    private let isSignalled = Atomic(false)

    /// Throws if the process has no file descriptor left.
    public init() throws(HostResourceError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw HostResourceError(resource: .pipe, errno: errno) }
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
        // One byte is enough until the thread has taken it.
        guard !isSignalled.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var byte: UInt8 = 0
        _ = write(writer, &byte, 1)
    }

    /// Makes the descriptor unreadable, until the next `signal`. Whoever calls this looks at what there is to do
    /// afterwards.
    public func clear() {
        var bytes: [UInt8] = [0, 0]
        _ = read(descriptor, &bytes, bytes.count)
        // Last: a `signal` before this is answered by the work that follows, one after it writes another byte.
        _ = isSignalled.exchange(false, ordering: .acquiringAndReleasing)
    }
}
