// A host thread that works when it is told to, or when a file descriptor is ready, and sleeps in poll(2) otherwise.

import Glibc
import Synchronization

/// What a `PollingThread` waits for.
public struct PollInterest: Equatable, Sendable {
    /// Nothing: only a call of `wake` is a reason to work.
    public static let none = PollInterest(descriptor: -1, events: 0)

    public var descriptor: Int32
    /// POLLIN and POLLOUT; POLLHUP and POLLERR are always waited for.
    public var events: Int16
    /// There is more to do at once.
    public var isImmediate: Bool

    public init(descriptor: Int32, events: Int16, isImmediate: Bool = false) {
        self.descriptor = descriptor
        self.events = events
        self.isImmediate = isImmediate
    }
}

/// A thread that calls `body` once or more after each `wake`, and when what `body` asked for has come.
public final class PollingThread: @unchecked Sendable {
    private final class Shared: Sendable {
        let wakeUp: WakeUp
        let isStopping = Atomic(false)
        private let body: @Sendable (Int16) -> PollInterest

        init(body: @escaping @Sendable (Int16) -> PollInterest) throws(HostResourceError) {
            wakeUp = try WakeUp()
            self.body = body
        }

        func run() {
            var events: Int16 = 0
            while !isStopping.load(ordering: .acquiring) {
                let interest = body(events)
                // poll(2) leaves a descriptor of -1 alone.
                var waits = [
                    pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: interest.descriptor, events: interest.events, revents: 0),
                ]
                events = 0
                guard poll(&waits, nfds_t(waits.count), interest.isImmediate ? 0 : -1) > 0 else { continue }
                if waits[0].revents != 0 { wakeUp.clear() }
                events = waits[1].revents
            }
        }
    }

    private let shared: Shared
    private var thread: HostThread?

    /// Starts the thread. `body` is called with what poll(2) found for the descriptor that it returned before, and
    /// returns what to wait for next.
    public init(body: @escaping @Sendable (Int16) -> PollInterest) throws(HostResourceError) {
        let shared = try Shared(body: body)
        self.shared = shared
        thread = try HostThread { shared.run() }
    }

    deinit {
        stop()
    }

    /// Asks for a call of `body` that begins after this one. Does nothing once the thread is stopped.
    public func wake() {
        shared.wakeUp.signal()
    }

    /// Ends the thread after the call of `body` that is under way. May be called again, by one thread at a time.
    public func stop() {
        shared.isStopping.store(true, ordering: .releasing)
        shared.wakeUp.signal()
        thread?.join()
        thread = nil
    }
}
