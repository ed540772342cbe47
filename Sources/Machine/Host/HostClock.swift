// The guest's time from the host's monotonic clock.

import Glibc
import Hypervisor

/// A counter of 1 GHz that runs since it was made.
final class HostClock: GuestClock {
    /// The host's time at which the counter would have been zero; possibly before the host's own zero, so it wraps.
    private let start: UInt64

    /// - Parameter counter: where it begins: not at zero for a guest whose counter went on while it was hibernated.
    init(counter: UInt64 = 0) {
        start = Self.now &- counter
    }

    /// The host's monotonic clock, in nanoseconds.
    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    var frequency: UInt64 { 1_000_000_000 }
    var counter: UInt64 { Self.now &- start }

    /// The moment on the host's monotonic clock at which the counter reaches `counter`.
    func hostTime(ofCounter counter: UInt64) -> UInt64 {
        let now = Self.now
        let current = now &- start
        guard counter > current else { return now }
        let (time, overflow) = now.addingReportingOverflow(counter - current)
        return overflow ? .max : time
    }
}
