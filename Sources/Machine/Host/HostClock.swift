// The guest's time from the host's clock since boot (`BootClock`): it goes on while the host sleeps, as it does while the guest is
// hibernated.

import HostSupport
import Hypervisor

/// A counter of 1 GHz that runs since it was made.
final class HostClock: GuestClock {
    /// The host's time at which the counter would have been zero; possibly before the host's own zero, so it wraps.
    private let start: UInt64
    private let time: @Sendable () -> UInt64

    /// - Parameters:
    ///   - counter: where it begins: not at zero for a guest whose counter went on while it was hibernated.
    ///   - time: the host's clock, in nanoseconds.
    init(counter: UInt64 = 0, time: @escaping @Sendable () -> UInt64 = { BootClock.now }) {
        self.time = time
        start = time() &- counter
    }

    var frequency: UInt64 { 1_000_000_000 }
    var counter: UInt64 { time() &- start }

    /// The moment on the host's clock at which the counter reaches `counter`.
    func hostTime(ofCounter counter: UInt64) -> UInt64 {
        let now = time()
        let current = now &- start
        guard counter > current else { return now }
        let (time, overflow) = now.addingReportingOverflow(counter - current)
        return overflow ? .max : time
    }

    /// Seconds since 1970 at which `counterOfToday` is zero: 2026-01-01T00:00:00Z. The 61 bits that Linux uses of the counter
    /// last for 73 years from then.
    static let epoch: UInt64 = 1_767_225_600

    /// Where the counter begins of a machine that keeps no record of its last run: it is made from the time of day, so that one
    /// that resumes finds that it went on by as long as it slept.
    static var counterOfToday: UInt64 {
        let time = WallClock.now
        let start = epoch &* 1_000_000_000
        return time > start ? time - start : 0
    }
}
