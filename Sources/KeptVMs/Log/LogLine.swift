// Lines of a VM's log, put together from its entries: a line may be in several.

/// A line of a log, whole or as far as it goes.
public struct LogLine: Sendable {
    /// Nanoseconds since 1970-01-01 UTC, when it began.
    public var time: UInt64
    public var source: LogSource
    public var text: [UInt8]

    /// The text, with a replacement character for what is no UTF-8.
    public var words: String { String(decoding: text, as: UTF8.self) }

    /// The line as JSON has it.
    public struct Object: Codable, Sendable {
        /// RFC 3339, in UTC, with milliseconds.
        public var time: String
        public var source: String
        public var text: String
    }

    public var object: Object { Object(time: Timestamp.text(nanoseconds: time), source: source.rawValue, text: words) }
}

/// Puts lines together that are in several entries.
public struct LineAssembler: Sendable {
    /// Bytes of a line that are held until it ends.
    private static let byteLimit = 1 << 20

    private var rest: LogLine?

    public init() {}

    /// The lines that `entry` completes.
    public mutating func add(_ entry: LogEntry) -> [LogLine] {
        var lines: [LogLine] = []
        if let line = rest, line.source != entry.source || line.text.count > Self.byteLimit {
            lines.append(line)
            rest = nil
        }
        var line = rest ?? LogLine(time: entry.time, source: entry.source, text: [])
        line.text += entry.text
        rest = nil
        if entry.isWhole { lines.append(line) } else { rest = line }
        return lines
    }

    /// What there is of a line that has not ended.
    public mutating func takeRest() -> LogLine? {
        defer { rest = nil }
        return rest
    }
}
