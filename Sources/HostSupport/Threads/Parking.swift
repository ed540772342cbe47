// Where a vCPU's thread waits: a condition variable, with deadlines on the clock that guests' counters are made from.
//
// No condition variable knows CLOCK_BOOTTIME. So a thread sleeps on CLOCK_MONOTONIC, which stands still while the host
// sleeps, and looks at the other clock once a second: no deadline that came meanwhile is missed by more than that.

import Glibc

/// A place for one thread to sleep until there is a reason not to.
public final class Parking: Sendable {
    private let condition = Condition()

    /// The longest sleep between two looks at the clock, in nanoseconds.
    public static let longestSleep: UInt64 = 1_000_000_000

    private let time: @Sendable () -> UInt64

    /// - Parameter time: the clock of the deadlines, in nanoseconds.
    public init(time: @escaping @Sendable () -> UInt64 = { BootClock.now }) {
        self.time = time
    }

    /// Sleeps until `isReady` holds, or the clock reaches `deadline` nanoseconds.
    ///
    /// Whoever makes `isReady` true calls `wake` afterwards, so that nothing is missed.
    public func wait(until deadline: UInt64?, isReady: () -> Bool) {
        condition.withLock {
            while !isReady() {
                guard let deadline, deadline < UInt64(Int64.max) else {
                    condition.wait()
                    continue
                }
                let now = time()
                guard now < deadline else { return }
                condition.wait(until: BootClock.read(CLOCK_MONOTONIC) &+ min(deadline - now, Self.longestSleep))
            }
        }
    }

    /// Makes the waiting thread look again.
    public func wake() {
        condition.withLock { condition.broadcast() }
    }
}
