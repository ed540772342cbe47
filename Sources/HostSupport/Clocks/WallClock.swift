// The time of day.

import Glibc

/// The host's time of day.
public enum WallClock {
    /// Nanoseconds since 1970-01-01 UTC.
    public static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec)) &* 1_000_000_000 &+ UInt64(max(0, time.tv_nsec))
    }
}
