// A line of a VM's log, in the format that Kubernetes' container runtimes write: a time, where it is from, whether the
// line is whole, and its text.
//
//   2026-11-30T10:11:12.345Z console F [    0.000000] Booting Linux on physical CPU 0x0
//
// The format is that of the Container Runtime Interface, so that programs that read such logs read these.

/// Where a line of a VM's log is from.
public enum LogSource: String, Sendable, CaseIterable {
    /// The guest's console.
    case console
    /// Dormouse itself.
    case dormouse
}

/// A line of a log, or a part of one.
public struct LogEntry: Sendable, Hashable {
    /// Nanoseconds since 1970-01-01 UTC, in whole milliseconds.
    public var time: UInt64
    public var source: LogSource
    /// Whether the line ends here.
    public var isWhole: Bool
    /// Without the end of the line. A guest writes what it likes.
    public var text: [UInt8]

    init(time: UInt64, source: LogSource, isWhole: Bool, text: [UInt8]) {
        self.time = time
        self.source = source
        self.isWhole = isWhole
        self.text = text
    }

    /// As it is in the file, with the end of the line.
    var line: [UInt8] {
        let head = "\(Timestamp.text(nanoseconds: time)) \(source.rawValue) \(isWhole ? "F" : "P") "
        return Array(head.utf8) + text + [UInt8(ascii: "\n")]
    }

    /// Nil if `line` is none. Without the end of the line.
    init?(line: ArraySlice<UInt8>) {
        let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4,
            let time = Timestamp.nanoseconds(of: String(decoding: parts[0], as: UTF8.self)),
            let source = LogSource(rawValue: String(decoding: parts[1], as: UTF8.self)),
            ["F", "P"].contains(String(decoding: parts[2], as: UTF8.self))
        else { return nil }
        self.init(time: time, source: source, isWhole: parts[2].first == UInt8(ascii: "F"), text: Array(parts[3]))
    }
}
