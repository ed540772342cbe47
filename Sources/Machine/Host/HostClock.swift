// The guest's time from the host's clock since boot (`BootClock`): it goes on while the host sleeps, as it does while
// the guest is hibernated.

import HostSupport
import Hypervisor
import Synchronization

/// A counter that runs since it was made, but for when it is stopped.
final class HostClock: GuestClock {
    let frequency: UInt64
    private let time: @Sendable () -> UInt64

    /// Odd while what follows is being changed; another number afterwards. Many read, hardly anybody changes.
    private let version = Atomic<UInt64>(0)
    /// Where the counter was at `baseTime`; where it stands if it is stopped.
    private let baseCounter: Atomic<UInt64>
    /// On the host's clock.
    private let baseTime: Atomic<UInt64>
    private let isStopped = Atomic(false)
    private let changes = Mutex(())

    /// - Parameters:
    ///   - counter: where it begins: not at zero for a guest whose counter went on while it was hibernated.
    ///   - frequency: in Hz.
    ///   - time: the host's clock, in nanoseconds.
    init(
        counter: UInt64 = 0, frequency: UInt64 = 1_000_000_000,
        time: @escaping @Sendable () -> UInt64 = { BootClock.now }
    ) {
        self.time = time
        self.frequency = frequency
        baseTime = Atomic(time())
        baseCounter = Atomic(counter)
    }

    var counter: UInt64 { reading.counter }

    /// Counter and time of one moment, and whether the counter moves.
    private var reading: (counter: UInt64, time: UInt64, isStopped: Bool) {
        while true {
            let before = version.load(ordering: .acquiring)
            let now = time()
            let isStopped = isStopped.load(ordering: .relaxed)
            let counter = baseCounter.load(ordering: .relaxed)
            let since = now &- baseTime.load(ordering: .relaxed)
            // The four are of one moment if the version is the same behind them.
            atomicMemoryFence(ordering: .acquiring)
            guard before.isMultiple(of: 2), version.load(ordering: .relaxed) == before else { continue }
            return (isStopped ? counter : counter &+ rate.ticks(inNanoseconds: since), now, isStopped)
        }
    }

    /// The moment on the host's clock at which the counter reaches `counter`; `.max` if it does not, as it stands
    /// still.
    func hostTime(ofCounter counter: UInt64) -> UInt64 {
        let (current, now, isStopped) = reading
        guard counter > current else { return now }
        let (time, overflow) = now.addingReportingOverflow(rate.nanoseconds(forTicks: counter - current))
        return overflow || isStopped ? .max : time
    }

    /// Lets the counter stand still, until `goOn`.
    func stop() { setStopped(true) }

    /// Lets it go on from where it stands.
    func goOn() { setStopped(false) }

    private func setStopped(_ stops: Bool) {
        changes.withLock { _ in
            let wasStopped = isStopped.load(ordering: .relaxed)
            guard wasStopped != stops else { return }
            // Whoever read a counter that counts has looked at the time before this, and so does not see more than what
            // is kept.
            version.wrappingAdd(1, ordering: .relaxed)
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            let now = time()
            if !wasStopped {
                let since = now &- baseTime.load(ordering: .relaxed)
                baseCounter.store(
                    baseCounter.load(ordering: .relaxed) &+ rate.ticks(inNanoseconds: since), ordering: .relaxed)
            }
            baseTime.store(now, ordering: .relaxed)
            isStopped.store(stops, ordering: .relaxed)
            version.wrappingAdd(1, ordering: .releasing)
        }
    }

    /// Seconds since 1970 at which `counterOfToday` is zero: 2026-01-01T00:00:00Z. The 61 bits that Linux uses of the
    /// counter last for 73 years from then.
    static let epoch: UInt64 = 1_767_225_600

    /// Where the counter begins of a machine that keeps no record of its last run: it is made from the time of day, so
    /// that one that resumes finds that it went on by as long as it slept.
    static var counterOfToday: UInt64 {
        let time = WallClock.now
        let start = epoch &* 1_000_000_000
        return time > start ? time - start : 0
    }
}
