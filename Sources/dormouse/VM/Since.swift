// From when on `dormouse logs` and `dormouse events` print.

import ArgumentParser
import HostSupport
import KeptVMs

/// A time in the past.
struct Since: ExpressibleByArgument {
    /// Nanoseconds since 1970-01-01 UTC.
    var time: UInt64

    init?(argument: String) {
        if let seconds = TimeSpan.seconds(of: argument) {
            let (span, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            let now = WallClock.now
            time = overflow || span > now ? 0 : now - span
        } else if let time = Timestamp.nanoseconds(of: argument) {
            self.time = time
        } else {
            return nil
        }
    }

    static let words = "a span such as 10m or 2h, or a time such as 2026-11-30T10:00:00Z"
}
