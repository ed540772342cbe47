import Synchronization
import Testing

@testable import DormouseCommand

@Suite("Lines that a guest can cause")
struct LineLimitTests {
    /// A clock that goes on when it is told to.
    private final class Clock: Sendable {
        private let nanoseconds: Mutex<UInt64>

        /// - Parameter seconds: since the host was booted.
        init(_ seconds: UInt64) { nanoseconds = Mutex(seconds * 1_000_000_000) }

        func advance(seconds: UInt64) { nanoseconds.withLock { $0 += seconds * 1_000_000_000 } }
        var now: UInt64 { nanoseconds.withLock(\.self) }
    }

    private static func limit(_ most: Int, _ clock: Clock) -> LineLimit { LineLimit(most: most) { clock.now } }

    @Test(
        "As many as are allowed are said, the last of them with the word that it is, and no more, however many come",
        arguments: [1, 3, 200])
    func most(count: Int) {
        let clock = Clock(10_000)
        let limit = Self.limit(count, clock)
        let said = (0..<count).map { _ in limit.more() }
        #expect(said.dropLast().allSatisfy { $0 == "" })
        #expect(said.last??.contains("not said again within the hour") == true)
        // Up to the end of the hour.
        for _ in 0..<3600 {
            #expect(limit.more() == nil)
            clock.advance(seconds: 1)
        }
        for _ in 0..<100_000 where limit.more() != nil { Issue.record("one too many") }
    }

    @Test("An hour later as many are said again, whether some were left out or not")
    func again() {
        let clock = Clock(10_000)
        let limit = Self.limit(2, clock)
        for lines in [5, 1, 2] {
            let said = (0..<lines).compactMap { _ in limit.more() }
            #expect(said.count == min(lines, 2))
            clock.advance(seconds: 3601)
        }
    }

    @Test("The hour begins with a line, however long the host has been up", arguments: [0, 3599, 3600, 1_000_000])
    func beginning(uptime: UInt64) {
        let clock = Clock(uptime)
        let limit = Self.limit(1, clock)
        #expect(limit.more() != nil)
        clock.advance(seconds: 3599)
        #expect(limit.more() == nil)
        clock.advance(seconds: 2)
        #expect(limit.more() != nil)
        // And not with the one before.
        clock.advance(seconds: 3599)
        #expect(limit.more() == nil)
    }
}
