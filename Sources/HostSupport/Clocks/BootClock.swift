// The host's time since it was booted, CLOCK_BOOTTIME: it goes on while the host sleeps. CLOCK_MONOTONIC stands still
// then.

import Glibc

/// The host's clock for durations and deadlines.
public enum BootClock {
    /// The host's time since it was booted, in nanoseconds: monotonic, and counting while the host sleeps.
    public static var now: UInt64 { read(CLOCK_BOOTTIME) }

    /// The CPU time that the process has taken so far, on all of its threads, in nanoseconds.
    public static var cpuTimeOfProcess: UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    /// A clock of the host's, in nanoseconds.
    static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
