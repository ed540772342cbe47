// A host thread that works when it is told to, and can be waited for.
//
// Responsible for: a block device's input and output off the vCPU's thread. Not responsible for: what the work is.

/// A thread that calls `body` once or more after each `wake`, and sleeps otherwise.
///
/// `@unchecked Sendable`: all state that changes is used under the lock of `condition`.
public final class WorkerThread: @unchecked Sendable {
    /// What the thread shares with its callers. It outlives both, whoever ends last.
    private final class Shared: @unchecked Sendable {
        let condition = Condition()
        let body: @Sendable () -> Bool
        /// How often work was asked for, and how often asking has been answered by a whole call of `body`.
        var requested: UInt64 = 0
        var finished: UInt64 = 0
        var isStopping = false

        init(body: @escaping @Sendable () -> Bool) {
            self.body = body
        }

        /// Waits, with the lock held, while `holds` says so.
        func wait(while holds: () -> Bool) {
            while holds() { condition.wait() }
        }

        func run() {
            condition.withLock {
                while true {
                    wait { requested == finished && !isStopping }
                    // What was asked for is done before the thread ends.
                    guard requested != finished else { return }
                    let target = requested
                    let hasMore = condition.withoutLock(body)
                    finished = target
                    if hasMore, !isStopping {
                        requested += 1
                    }
                    condition.broadcast()
                }
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
        shared.condition.withLock {
            guard !shared.isStopping else { return }
            shared.requested += 1
            shared.condition.broadcast()
        }
    }

    /// Waits until a call of `body` that began after this one has ended.
    public func drain() {
        shared.condition.withLock {
            if !shared.isStopping {
                shared.requested += 1
                shared.condition.broadcast()
            }
            let target = shared.requested
            shared.wait { shared.finished < target }
        }
    }

    /// Waits until what was asked for is done, and ends the thread. May be called again.
    public func stop() {
        let ending: HostThread? = shared.condition.withLock {
            shared.isStopping = true
            shared.condition.broadcast()
            defer { thread = nil }
            return thread
        }
        ending?.join()
    }
}
