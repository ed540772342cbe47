// Where a vCPU's thread waits: a condition variable, with deadlines on the clock that guests' counters are made from.
//
// No condition variable knows CLOCK_BOOTTIME. So a thread sleeps on CLOCK_MONOTONIC, which stands still while the host
// sleeps, and looks at the other clock once a second: no deadline that came meanwhile is missed by more than that.

import Glibc

/// A place for one thread to sleep until there is a reason not to.
///
/// Safe: the pthread objects are initialised once, at a fixed address, and destroyed with the object.
public final class Parking: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// The longest sleep between two looks at the clock, in nanoseconds.
    public static let longestSleep: UInt64 = 1_000_000_000

    private let time: @Sendable () -> UInt64

    /// - Parameter time: the clock of the deadlines, in nanoseconds.
    public init(time: @escaping @Sendable () -> UInt64 = { BootClock.now }) {
        self.time = time
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Sleeps until `isReady` holds, or the clock reaches `deadline` nanoseconds.
    ///
    /// Whoever makes `isReady` true calls `wake` afterwards, so that nothing is missed.
    public func wait(until deadline: UInt64?, isReady: () -> Bool) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !isReady() {
            guard let deadline, deadline < UInt64(Int64.max) else {
                pthread_cond_wait(condition, mutex)
                continue
            }
            let now = time()
            guard now < deadline else { return }
            let end = BootClock.read(CLOCK_MONOTONIC) &+ min(deadline - now, Self.longestSleep)
            var endTime = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
            pthread_cond_timedwait(condition, mutex, &endTime)
        }
    }

    /// Makes the waiting thread look again.
    public func wake() {
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }
}
