// How often a CPU that waits by WFE looks at the location that it loaded with an exclusive.

import Testing

@testable import Emulator

@Suite("Waiting for a location")
struct MonitorWaitTests {
    private static let second: UInt64 = 1_000_000_000

    /// When each look is, in nanoseconds from the first one, if every sleep ends so much later than it should. What
    /// comes between is 1 µs of the guest.
    private func looks(for duration: UInt64, lateness: UInt64) -> [UInt64] {
        var wait = MonitorWait()
        var now: UInt64 = 5 * Self.second
        let end = now + duration
        var looks = [UInt64]()
        while now < end {
            looks.append(now - 5 * Self.second)
            let sleep = wait.sleep(at: 0x4000_0000, value: 1, now: now, least: 0)
            now += sleep + lateness
            wait.wake(at: now)
            now += 1000
        }
        return looks
    }

    @Test(
        "In a long wait there are a hundred looks a second, however late a host wakes its threads",
        arguments: [0, 50_000, 400_000, 700_000, 4_000_000] as [UInt64])
    func looksOfLongWait(lateness: UInt64) {
        let looks = looks(for: 10 * Self.second, lateness: lateness)
        let late = looks.count { $0 >= Self.second }
        // What a busy host is for: a wait that begins again has some fifty looks in a row.
        #expect(late < 9 * 110, "\(late) looks in nine seconds")
    }

    @Test("No wait takes more than half as long again as it has to, and 10 ms more at most")
    func looksAreInTime() {
        let looks = looks(for: 2 * Self.second, lateness: 0)
        for (earlier, later) in zip(looks, looks.dropFirst()) {
            #expect(later - earlier <= 1000 + min(earlier / 2, 10_000_000))
        }
    }

    @Test("Another location, another value, and a wait that comes after a while begin without sleep")
    func anotherWait() {
        var wait = MonitorWait()
        var now: UInt64 = 5 * Self.second
        let end = now + Self.second
        while now < end {
            now += wait.sleep(at: 0x1000, value: 1, now: now, least: 0)
            wait.wake(at: now)
            now += 1000
        }
        func sleep(at address: UInt64, value: UInt64, now: UInt64) -> UInt64 {
            var copy = wait
            return copy.sleep(at: address, value: value, now: now, least: 0)
        }
        #expect(sleep(at: 0x1000, value: 1, now: now) > 0)
        #expect(sleep(at: 0x2000, value: 1, now: now) == 0)
        #expect(sleep(at: 0x1000, value: 2, now: now) == 0)
        #expect(sleep(at: 0x1000, value: 1, now: now + 30_000_000) == 0)
    }
}
