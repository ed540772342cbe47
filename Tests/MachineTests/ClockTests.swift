// The guest's time while the host sleeps: a clock that jumps stands for CLOCK_BOOTTIME then.

import Devices
import Foundation
import HostSupport
import Hypervisor
import Synchronization
import Testing

@testable import Machine

@Suite("Clocks of a host that sleeps")
struct ClockTests {
    private final class Flag: Sendable {
        private let value = Atomic(false)
        var isSet: Bool { value.load(ordering: .sequentiallyConsistent) }
        func set() { value.store(true, ordering: .sequentiallyConsistent) }
    }

    private static let hour: UInt64 = 3_600_000_000_000

    @Test("The clock of guests is the one that goes on while the host sleeps")
    func clockOfHost() {
        // Linux's /proc/uptime is CLOCK_BOOTTIME, in hundredths of a second.
        let uptime = (try? String(contentsOfFile: "/proc/uptime", encoding: .utf8))?.split(separator: " ").first
        let seconds = uptime.flatMap { Double($0) } ?? 0
        #expect(abs(Double(BootClock.now) / 1e9 - seconds) < 5)
    }

    @Test("The counter goes on by as long as the host slept, and deadlines come nearer by that")
    func counter() {
        let host = ManualClock()
        let clock = HostClock(counter: 7) { host.now }
        #expect(clock.counter == 7)
        let deadline = clock.hostTime(ofCounter: 7 + 2 * Self.hour)
        #expect(deadline == host.now + 2 * Self.hour)
        host.advance(by: Self.hour)
        #expect(clock.counter == 7 + Self.hour)
        #expect(clock.hostTime(ofCounter: 7 + 2 * Self.hour) == deadline)
        host.advance(by: 2 * Self.hour)
        #expect(clock.hostTime(ofCounter: 7 + 2 * Self.hour) == host.now)
    }

    @Test("A counter that is stopped stands still, and goes on from there; its deadlines come later by that")
    func stopped() {
        let host = ManualClock()
        let clock = HostClock(counter: 7) { host.now }
        host.advance(by: 10)
        clock.stop()
        clock.stop()
        host.advance(by: Self.hour)
        #expect(clock.counter == 17)
        #expect(clock.hostTime(ofCounter: 18) == .max)
        #expect(clock.hostTime(ofCounter: 17) == host.now)
        clock.goOn()
        clock.goOn()
        #expect(clock.counter == 17)
        #expect(clock.hostTime(ofCounter: 100) == host.now + 83)
        host.advance(by: 83)
        #expect(clock.counter == 100)
    }

    @Test("A counter never goes back, however often it is stopped while it is read")
    func readWhileStopped() throws {
        let clock = HostClock(counter: 0)
        let isOver = Flag()
        let wentBack = Flag()
        let readers = try (0..<2).map { _ in
            try HostThread {
                var last: UInt64 = 0
                while !isOver.isSet {
                    let now = clock.counter
                    if now < last { wentBack.set() }
                    last = now
                }
            }
        }
        for _ in 0..<200_000 {
            clock.stop()
            clock.goOn()
        }
        isOver.set()
        for reader in readers { reader.join() }
        #expect(!wentBack.isSet)
    }

    @Test("Ticks and nanoseconds of a counter agree: a deadline in nanoseconds is never before its tick")
    func rates() {
        let slow = CounterRate(frequency: 62_500_000)
        #expect(slow.ticks(inNanoseconds: 15) == 0 && slow.ticks(inNanoseconds: 16) == 1)
        #expect(slow.nanoseconds(forTicks: 3) == 48)
        // Not a whole number of nanoseconds.
        let odd = CounterRate(frequency: 24_000_000)
        #expect(odd.nanoseconds(forTicks: 1) == 42)
        #expect(odd.nanoseconds(forTicks: .max) == .max)
        let fast = CounterRate(frequency: 3_000_000_000)
        #expect(fast.nanoseconds(forTicks: .max) == UInt64.max / 3)
        #expect(CounterRate(frequency: 1_000_000_000).nanoseconds(forTicks: .max) == .max)
        for rate in [slow, odd, fast] {
            for ticks in [0, 1, 2, 12_345, 1 << 40] as [UInt64] {
                let time = rate.nanoseconds(forTicks: ticks)
                #expect(rate.ticks(inNanoseconds: time) >= ticks)
                if time > 0 { #expect(rate.ticks(inNanoseconds: time - 1) < max(ticks, 1)) }
            }
        }
        // What 64 bits do not hold wraps, as a counter does: 2^63 ns are 3 × 2^63 ticks.
        #expect(fast.ticks(inNanoseconds: 1 << 63) == 1 << 63)
    }

    @Test("A wait whose deadline came while the host slept ends soon after")
    func parking() async throws {
        let host = ManualClock()
        let place = Parking { host.now }
        let isOver = Flag()
        let deadline = host.now + Self.hour
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let thread = try HostThread { place.wait(until: deadline) { false } }
                thread.join()
                isOver.set()
            }
            try await Task.sleep(for: .milliseconds(50))
            #expect(!isOver.isSet)
            host.advance(by: 2 * Self.hour)
            try await group.waitForAll()
        }
        // A deadline that has passed already, and readiness.
        place.wait(until: host.now) { false }
        place.wait(until: nil) { true }
    }

    @Test("An alarm of the real-time clock that came while the host slept is raised soon after")
    func alarm() async throws {
        let host = ManualClock()
        let day = ManualClock(1_800_000_000 * 1_000_000_000)
        let isRaised = Flag()
        let rtc = PL031(
            revision: .r1p0, interrupt: InterruptLine { if $0 { isRaised.set() } },
            clock: { day.now / 1_000_000_000 }, alarmChanged: {})
        let alarm = AlarmClock(time: { host.now }, timeOfDay: { day.now })
        // RTCMR an hour ahead, RTCIMSC.
        rtc.write(offset: 4, size: 4, value: 1_800_000_000 + 3600, cpu: 0)
        rtc.write(offset: 0x10, size: 4, value: 1, cpu: 0)
        alarm.start()
        let thread = try HostThread { alarm.run(rtc) }
        try await Task.sleep(for: .milliseconds(50))
        #expect(!isRaised.isSet)
        host.advance(by: 2 * Self.hour)
        day.advance(by: 2 * Self.hour)
        for _ in 0..<60_000 where !isRaised.isSet {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(isRaised.isSet)
        alarm.stop()
        thread.join()
    }
}
