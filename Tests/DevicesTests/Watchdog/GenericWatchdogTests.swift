// Registers and timeouts are DEN0094's, "Generic Watchdog"; how it is used is drivers/watchdog/sbsa_gwdt.c's.

import Hypervisor
import Synchronization
import Testing

@testable import Devices

@Suite("The generic watchdog")
struct GenericWatchdogTests {
    /// A watchdog and its surroundings.
    private final class Bench: Sendable {
        let time = Mutex<UInt64>(1000)
        let wire = RecordingLine()
        let expirations = Mutex(0)
        let watchdog: GenericWatchdog

        init() {
            let link = Link()
            watchdog = GenericWatchdog(
                interrupt: wire.line, counter: { link.bench.withLock { $0 }?.time.withLock(\.self) ?? 0 },
                deadlineChanged: {}, expired: { link.bench.withLock { $0 }?.expirations.withLock { $0 += 1 } })
            link.bench.withLock { $0 = self }
        }

        private final class Link: Sendable { let bench = Mutex<Bench?>(nil) }

        func control(_ offset: UInt64, _ value: UInt64, size: Int = 4) {
            watchdog.controlFrame.write(offset: offset, size: size, value: value, cpu: 0)
        }
        func control(_ offset: UInt64, size: Int = 4) -> UInt64 {
            watchdog.controlFrame.read(offset: offset, size: size, cpu: 0)
        }
        func refresh() { watchdog.refreshFrame.write(offset: 0, size: 4, value: 0, cpu: 0) }

        func passes(_ ticks: UInt64) {
            time.withLock { $0 += ticks }
            watchdog.poll()
        }
    }

    @Test("It is off until it is turned on, and says which version it is in both frames")
    func off() {
        let bench = Bench()
        #expect(bench.watchdog.nextDeadline == nil)
        #expect(bench.control(0) == 0)
        #expect(bench.control(0xFCC) >> 16 & 0xF == 1)
        #expect(bench.watchdog.refreshFrame.read(offset: 0xFCC, size: 4, cpu: 0) == bench.control(0xFCC))
        bench.passes(1 << 40)
        #expect(!bench.wire.level && bench.expirations.withLock(\.self) == 0)
    }

    @Test("WS0 interrupts after WOR, and WS1 is the end after another WOR; a refresh takes all of it back")
    func timeouts() {
        let bench = Bench()
        bench.control(8, 100)
        bench.control(0, 1)
        #expect(bench.watchdog.nextDeadline == 1101)
        #expect(bench.control(0x10) == 1100)
        bench.passes(100)
        #expect(!bench.wire.level)
        bench.passes(1)
        #expect(bench.wire.level && bench.control(0) == 0b011)
        #expect(bench.watchdog.nextDeadline == 1201)
        bench.refresh()
        #expect(!bench.wire.level && bench.control(0) == 0b001)
        bench.passes(101)
        #expect(bench.wire.level)
        bench.passes(100)
        #expect(bench.control(0) == 0b111)
        #expect(bench.expirations.withLock(\.self) == 1)
        #expect(bench.watchdog.nextDeadline == nil)
        // It is said once.
        bench.passes(10_000)
        #expect(bench.expirations.withLock(\.self) == 1)
        bench.control(0, 0)
        #expect(bench.control(0) == 0 && !bench.wire.level)
    }

    @Test("Who looks late finds both timeouts, and a pause is held against nobody")
    func late() {
        let bench = Bench()
        bench.control(8, 100)
        bench.control(0, 1)
        bench.time.withLock { $0 += 100_000 }
        bench.watchdog.postpone(by: 100_000)
        bench.watchdog.poll()
        #expect(!bench.wire.level && bench.watchdog.nextDeadline == 101_101)
        bench.passes(1000)
        #expect(bench.wire.level && bench.expirations.withLock(\.self) == 1)
    }

    @Test("WOR has 48 bits, as a whole or in halves, and no value makes anything overflow")
    func offset() {
        let bench = Bench()
        bench.control(8, 0xABCD_1234_5678_9ABC, size: 8)
        #expect(bench.control(8, size: 8) == 0x1234_5678_9ABC)
        bench.control(0xC, 0xFFFF_FFFF)
        #expect(bench.control(8, size: 8) == 0xFFFF_5678_9ABC)
        bench.control(0x10, .max, size: 8)
        bench.control(0, 1)
        bench.control(0x10, .max, size: 8)
        #expect(bench.watchdog.nextDeadline == nil)
        bench.watchdog.postpone(by: .max)
        bench.passes(1 << 62)
        #expect(bench.expirations.withLock(\.self) == 0)
        for offset: UInt64 in [1, 4, 0x14, 0x18, 0xFFF] {
            for size in [1, 2, 4, 8] {
                bench.control(offset, .max, size: size)
                _ = bench.control(offset, size: size)
            }
        }
    }
}
