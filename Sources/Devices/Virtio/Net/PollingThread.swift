// A host thread that works when it is told to, or when a file descriptor is ready, and sleeps in poll(2) otherwise.

import Glibc
import Synchronization

/// What a `PollingThread` waits for.
struct PollInterest: Equatable {
    /// Nothing: only a call of `wake` is a reason to work.
    static let none = PollInterest(descriptor: -1, events: 0)

    var descriptor: Int32
    /// POLLIN and POLLOUT; POLLHUP and POLLERR are always waited for.
    var events: Int16
    /// There is more to do at once.
    var isImmediate = false
}

/// A thread that calls `body` once or more after each `wake`, and when what `body` asked for has come.
final class PollingThread: @unchecked Sendable {
    private final class Shared: ThreadBody {
        /// A pipe to itself: there is something to read once `signal` was called.
        private let wakeUp: Int32
        private let waker: Int32
        let isStopping = Atomic(false)
        private let isWoken = Atomic(false)
        private let body: @Sendable (Int16) -> PollInterest

        init(body: @escaping @Sendable (Int16) -> PollInterest) throws(WorkerThreadError) {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { throw WorkerThreadError(errno: errno) }
            for end in ends {
                _ = fcntl(end, F_SETFD, FD_CLOEXEC)
                _ = fcntl(end, F_SETFL, O_NONBLOCK)
            }
            wakeUp = ends[0]
            waker = ends[1]
            self.body = body
        }

        deinit {
            close(wakeUp)
            close(waker)
        }

        func signal() {
            // One byte is enough until the thread has taken it.
            guard !isWoken.exchange(true, ordering: .acquiringAndReleasing) else { return }
            var byte: UInt8 = 0
            _ = write(waker, &byte, 1)
        }

        /// Makes `wakeUp` unreadable until the next `signal`.
        private func clear() {
            var bytes: [UInt8] = [0, 0]
            _ = read(wakeUp, &bytes, bytes.count)
            // Last: a `signal` before this is answered by the work that follows, one after it writes another byte.
            _ = isWoken.exchange(false, ordering: .acquiringAndReleasing)
        }

        func run() {
            var events: Int16 = 0
            while !isStopping.load(ordering: .acquiring) {
                let interest = body(events)
                // poll(2) leaves a descriptor of -1 alone.
                var waits = [
                    pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: interest.descriptor, events: interest.events, revents: 0),
                ]
                events = 0
                guard poll(&waits, nfds_t(waits.count), interest.isImmediate ? 0 : -1) > 0 else { continue }
                if waits[0].revents != 0 { clear() }
                events = waits[1].revents
            }
        }
    }

    private let shared: Shared
    private var thread: pthread_t?

    /// Starts the thread. `body` is called with what poll(2) found for the descriptor that it returned before, and returns
    /// what to wait for next.
    init(body: @escaping @Sendable (Int16) -> PollInterest) throws(WorkerThreadError) {
        shared = try Shared(body: body)
        thread = try startThread(shared)
    }

    deinit {
        stop()
    }

    /// Asks for a call of `body` that begins after this one. Does nothing once the thread is stopped.
    func wake() {
        shared.signal()
    }

    /// Ends the thread after the call of `body` that is under way. May be called again, by one thread at a time.
    func stop() {
        shared.isStopping.store(true, ordering: .releasing)
        shared.signal()
        if let thread { pthread_join(thread, nil) }
        thread = nil
    }
}
