// The alarm of the guest's real-time clock, in runs on the host's clock.
//
// Responsible for: a thread that sleeps until the alarm is due. Without an alarm it sleeps for good. Not responsible
// for the interrupt, which the PL031 raises when it is looked at.

import Devices
import HostSupport
import Synchronization

/// Looks at a PL031 when its alarm is due.
final class AlarmClock: Sendable {
    private let time: @Sendable () -> UInt64
    private let timeOfDay: @Sendable () -> UInt64
    private let place: Parking
    private let changes = Atomic<Int>(0)
    private let isStopped = Atomic(false)

    /// - Parameters:
    ///   - time: the clock to sleep by, in nanoseconds.
    ///   - timeOfDay: nanoseconds since 1970-01-01 UTC.
    init(
        time: @escaping @Sendable () -> UInt64 = { BootClock.now },
        timeOfDay: @escaping @Sendable () -> UInt64 = { WallClock.now }
    ) {
        self.time = time
        self.timeOfDay = timeOfDay
        place = Parking(time: time)
    }

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
            place.wait(until: rtc.nextAlarm.map(deadline)) {
                isStopped.load(ordering: .acquiring) || changes.load(ordering: .sequentiallyConsistent) != seen
            }
        }
    }

    /// Ends `run` soon.
    func stop() {
        isStopped.store(true, ordering: .releasing)
        place.wake()
    }

    /// When to look next: when the time of day reaches `alarm` seconds, but within a minute, as the time of day may be
    /// set.
    private func deadline(_ alarm: UInt64) -> UInt64 {
        let nanosecondsPerSecond: UInt64 = 1_000_000_000
        let now = timeOfDay()
        let seconds = now / nanosecondsPerSecond
        var wait: UInt64 = 0
        if alarm > seconds { wait = min(alarm - seconds, 60) * nanosecondsPerSecond - now % nanosecondsPerSecond }
        return time() &+ max(wait, 1_000_000)
    }
}
