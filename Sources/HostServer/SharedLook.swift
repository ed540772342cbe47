// One look at all VMs for everybody who asks meanwhile.
//
// Whoever asks gets what was looked at after it asked, never before: a look that is under way is not for those who come
// later, and the next one is for all of them. So an answer is as true as if each had looked alone, and many who ask cost
// what two do.

/// Something that takes a while to find out, and is the same for all.
actor SharedLook<Value: Sendable> {
    private let look: @Sendable () async throws -> Value
    private var current: Task<Value, any Error>?
    /// Begins when the current one ends.
    private var next: Task<Value, any Error>?

    init(_ look: @escaping @Sendable () async throws -> Value) {
        self.look = look
    }

    /// What is found by a look that begins now, or later.
    func value() async throws -> Value {
        if let next { return try await next.value }
        let before = current
        let task = Task {
            _ = await before?.result
            begin()
            defer { end() }
            return try await look()
        }
        // It is on this actor: it cannot have begun before this.
        next = task
        return try await task.value
    }

    private func begin() {
        current = next
        next = nil
    }

    private func end() {
        // One that came meanwhile is waiting for this one.
        current = nil
    }
}
