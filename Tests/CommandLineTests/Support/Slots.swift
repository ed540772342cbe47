// How many programs the tests run at a time.
//
// Tests that wait for a program give their thread to the next one, so that hundreds of programs would run at once: more
// than a small machine can do in the time that some of them have, and with more descriptors in this process than
// Foundation can count when it starts a process (it reads behind the end of a list of some 1360 names).

/// Places that are lent and given back.
actor Slots {
    /// For programs that end by themselves. Some wait for what another one does, so that there have to be several.
    static let programs = Slots(count: 96)

    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(count: Int) { free = count }

    /// Calls `body` once there is a place.
    nonisolated func withOne<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
        await take()
        do {
            let result = try await body()
            await giveBack()
            return result
        } catch {
            await giveBack()
            throw error
        }
    }

    private func take() async {
        guard free == 0 else {
            free -= 1
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func giveBack() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().resume()
        }
    }
}
