// A lock and a condition variable that belongs to it: what threads wait with that are waited for by others.
//
// Responsible for: the pthread objects. Synchronization has a lock, but nothing to sleep on. Not responsible for: the
// state that the lock guards, which is its user's.

import Glibc

/// A lock whose holder may sleep until another holder says that something changed.
///
/// Safe: the pthread objects are initialised once, at a fixed address, and destroyed with the object.
final class Condition: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let variable = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(variable, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(variable)
        pthread_mutex_destroy(mutex)
        variable.deallocate()
        mutex.deallocate()
    }

    func withLock<Result>(_ action: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return action()
    }

    /// Lets go of the lock while `action` runs. The caller holds it.
    func withoutLock<Result>(_ action: () -> Result) -> Result {
        pthread_mutex_unlock(mutex)
        defer { pthread_mutex_lock(mutex) }
        return action()
    }

    /// Sleeps until another thread says that something changed, or for no reason. The caller holds the lock, which is
    /// free meanwhile.
    ///
    /// - Parameter end: nanoseconds of CLOCK_MONOTONIC after which the sleep ends anyhow; nil for never.
    func wait(until end: UInt64? = nil) {
        guard let end else {
            pthread_cond_wait(variable, mutex)
            return
        }
        var time = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
        pthread_cond_timedwait(variable, mutex, &time)
    }

    /// Wakes who sleeps. The caller holds the lock.
    func broadcast() { pthread_cond_broadcast(variable) }
}
