// The guest's time from the host's monotonic clock.

import Glibc
import Hypervisor

/// A counter of 1 GHz that began at zero when it was made.
final class HostClock: GuestClock {
    private let start: UInt64

    init() {
        start = Self.now
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
        let (time, overflow) = start.addingReportingOverflow(counter)
        return overflow ? .max : time
    }
}
