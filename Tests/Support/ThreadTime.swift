// How much a thread computes, whatever else the machine does meanwhile.

import Glibc

/// The processor time of the calling thread.
public enum ThreadTime {
    /// Seconds of it that `body` takes. To be compared with those of something else that was done in the same test: how
    /// fast the machine is, nobody knows.
    public static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = now
        try body()
        return now - start
    }

    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
