import Dispatch
import Synchronization

/// Runs `body` for 0 up to `count`, all at once as far as the host can, and returns what it returned, in that order.
func concurrently<Result: Sendable>(_ count: Int, _ body: @Sendable (Int) -> Result) -> [Result] {
    let results = Mutex<[Int: Result]>([:])
    DispatchQueue.concurrentPerform(iterations: count) { index in
        let result = body(index)
        results.withLock { $0[index] = result }
    }
    let all = results.withLock { $0 }
    return (0..<count).compactMap { all[$0] }
}
