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
    /// A clock that goes on only when it is told.
    private final class ManualClock: Sendable {
        private let value: Atomic<UInt64>

        init(_ start: UInt64 = 1_000_000_000_000) { value = Atomic(start) }

        var now: UInt64 { value.load(ordering: .sequentiallyConsistent) }

        func advance(by nanoseconds: UInt64) { value.wrappingAdd(nanoseconds, ordering: .sequentiallyConsistent) }
    }

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
