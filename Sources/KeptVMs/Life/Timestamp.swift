// Times and spans of time, as people and programs write them.

import FoundationEssentials

/// Times as people and programs read them.
public enum Timestamp {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// RFC 3339, in UTC, with milliseconds.
    ///
    /// - Parameter nanoseconds: since 1970-01-01 UTC.
    public static func text(nanoseconds: UInt64) -> String {
        // A fraction of a second has no exact number of its own.
        let seconds = Date(timeIntervalSince1970: Double(nanoseconds / 1_000_000_000)).formatted(.iso8601)
        let milliseconds = String(nanoseconds / 1_000_000 % 1000)
        return "\(seconds.dropLast()).\(String(repeating: "0", count: 3 - milliseconds.count))\(milliseconds)Z"
    }

    /// Nanoseconds since 1970-01-01 UTC; nil if `text` is no time of RFC 3339, in UTC.
    public static func nanoseconds(of text: String) -> UInt64? {
        let date = (try? style.parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text))
        guard let seconds = date?.timeIntervalSince1970, seconds >= 0, seconds < 1e10 else { return nil }
        return UInt64((seconds * 1000).rounded()) * 1_000_000
    }
}

/// Spans of time: a whole number and a unit.
public enum TimeSpan {
    /// Units of time and their seconds.
    private static let units: [Character: UInt64] = ["s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400]

    /// Seconds; nil if `text` is nothing like `12h`.
    public static func seconds(of text: String) -> UInt64? {
        guard let unit = text.last.flatMap({ units[$0] }), let count = UInt64(text.dropLast()),
            case let (seconds, overflow) = count.multipliedReportingOverflow(by: unit), !overflow
        else { return nil }
        return seconds
    }
}
