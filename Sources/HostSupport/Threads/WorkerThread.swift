// A host thread that works when it is told to, and can be waited for.
//
// Responsible for: a block device's input and output off the vCPU's thread. Not responsible for: what the work is.

import Glibc

/// A thread that calls `body` once or more after each `wake`, and sleeps otherwise.
///
/// `@unchecked Sendable`: all state that changes is used under `mutex`.
public final class WorkerThread: @unchecked Sendable {
    /// What the thread shares with its callers. It outlives both, whoever ends last.
    private final class Shared: @unchecked Sendable {
        // Allocated, because neither may move while it is in use.
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        let body: @Sendable () -> Bool
        /// How often work was asked for, and how often asking has been answered by a whole call of `body`.
        var requested: UInt64 = 0
        var finished: UInt64 = 0
        var isStopping = false

        init(body: @escaping @Sendable () -> Bool) {
            self.body = body
            pthread_mutex_init(mutex, nil)
            pthread_cond_init(condition, nil)
        }

        deinit {
            pthread_cond_destroy(condition)
            pthread_mutex_destroy(mutex)
            condition.deallocate()
            mutex.deallocate()
        }

        func withLock<Result>(_ action: () -> Result) -> Result {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            return action()
        }

        /// Waits, with the lock held, while `condition` holds.
        func wait(while holds: () -> Bool) {
            while holds() {
                pthread_cond_wait(condition, mutex)
            }
        }

        func run() {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            while true {
                wait { requested == finished && !isStopping }
                // What was asked for is done before the thread ends.
                guard requested != finished else { return }
                let target = requested
                pthread_mutex_unlock(mutex)
                let hasMore = body()
                pthread_mutex_lock(mutex)
                finished = target
                if hasMore, !isStopping {
                    requested += 1
                }
                pthread_cond_broadcast(condition)
            }
        }
    }

    private let shared: Shared
    private var thread: HostThread?

    /// Starts the thread. `body` returns whether it left work undone and wants to be called again.
    public init(body: @escaping @Sendable () -> Bool) throws(HostResourceError) {
        let shared = Shared(body: body)
        self.shared = shared
        thread = try HostThread { shared.run() }
    }

    deinit {
        stop()
    }

    /// Asks for a call of `body` that begins after this one. Does nothing once the thread is stopped.
    public func wake() {
        shared.withLock {
            guard !shared.isStopping else { return }
            shared.requested += 1
            pthread_cond_broadcast(shared.condition)
        }
    }

    /// Waits until a call of `body` that began after this one has ended.
    public func drain() {
        shared.withLock {
            if !shared.isStopping {
                shared.requested += 1
                pthread_cond_broadcast(shared.condition)
            }
            let target = shared.requested
            shared.wait { shared.finished < target }
        }
    }

    /// Waits until what was asked for is done, and ends the thread. May be called again.
    public func stop() {
        let ending: HostThread? = shared.withLock {
            shared.isStopping = true
            pthread_cond_broadcast(shared.condition)
            defer { thread = nil }
            return thread
        }
        ending?.join()
    }
}
