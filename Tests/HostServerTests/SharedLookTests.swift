import Synchronization
import Testing

@testable import HostServer

@Suite("One look for everybody who asks")
struct SharedLookTests {
    @Test("Nobody is told what was looked at before it asked, and those who ask meanwhile share the next look")
    func sharing() async throws {
        let count = Mutex(0)
        let (gate, opening) = AsyncStream<Void>.makeStream()
        let (begun, beginning) = AsyncStream<Void>.makeStream()
        let look = SharedLook {
            let number = count.withLock {
                $0 += 1
                return $0
            }
            beginning.yield()
            if number == 1 { for await _ in gate { break } }
            return number
        }
        async let first = look.value()
        for await _ in begun { break }
        // The first look is under way, and held.
        let others = await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<20 { group.addTask { try? await look.value() } }
            group.addTask {
                opening.yield()
                return nil
            }
            return await group.reduce(into: Set<Int>()) { if let number = $1 { $0.insert(number) } }
        }
        #expect(try await first == 1)
        #expect(!others.contains(1) && others.count <= 3, "\(others)")
        #expect(try await look.value() > others.max() ?? 0)
    }

    @Test("A look that fails is no reason for the next one not to be taken")
    func failing() async throws {
        struct Failure: Error {}
        let count = Mutex(0)
        let look = SharedLook {
            let isFirst = count.withLock {
                $0 += 1
                return $0 == 1
            }
            if isFirst { throw Failure() }
            return true
        }
        await #expect(throws: Failure.self) { try await look.value() }
        #expect(try await look.value())
    }
}
