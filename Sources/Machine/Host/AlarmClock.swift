// The alarm of the guest's real-time clock, in runs on the host's clock.
//
// Responsible for: a thread that sleeps until the alarm is due. Without an alarm it sleeps for good. Not responsible for the
// interrupt, which the PL031 raises when it is looked at.

import Devices
import Glibc
import Synchronization

/// Looks at a PL031 when its alarm is due.
final class AlarmClock: Sendable {
    private let place = Parking()
    private let changes = Atomic<Int>(0)
    private let isStopped = Atomic(false)

    /// The alarm was set, cleared or changed.
    func alarmChanged() {
        changes.wrappingAdd(1, ordering: .sequentiallyConsistent)
        place.wake()
    }

    /// Lets `run` run.
    func start() { isStopped.store(false, ordering: .releasing) }

    /// Runs until `stop`.
    func run(_ rtc: PL031) {
        while !isStopped.load(ordering: .acquiring) {
            let seen = changes.load(ordering: .sequentiallyConsistent)
            rtc.poll()
            place.wait(until: rtc.nextAlarm.map(Self.deadline)) {
                isStopped.load(ordering: .acquiring) || changes.load(ordering: .sequentiallyConsistent) != seen
            }
        }
    }

    /// Ends `run` soon.
    func stop() {
        isStopped.store(true, ordering: .releasing)
        place.wake()
    }

    /// When to look next, on the monotonic clock: when the time of day reaches `alarm` seconds, but within a minute, as the
    /// time of day may be set.
    private static func deadline(_ alarm: UInt64) -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let nanosecondsPerSecond: Int64 = 1_000_000_000
        let seconds = Int64(clamping: alarm) &- Int64(time.tv_sec)
        let wait = min(max(seconds, 0), 60) &* nanosecondsPerSecond &- (seconds > 0 ? Int64(time.tv_nsec) : 0)
        return HostClock.now &+ UInt64(max(wait, 1_000_000))
    }
}
