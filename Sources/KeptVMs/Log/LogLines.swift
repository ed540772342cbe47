// From bytes to the lines of a log.

/// Cuts what one source writes into lines, of which the last may be not whole yet.
struct LogLines: Sendable {
    /// Bytes of an entry; a longer line is several.
    static let byteLimit = 1 << 14

    private let source: LogSource
    private var text: [UInt8] = []
    /// When the first byte of `text` came.
    private var time: UInt64 = 0

    init(_ source: LogSource) {
        self.source = source
    }

    /// Whether a line has begun that is not written yet.
    var hasRest: Bool { !text.isEmpty }

    /// Takes bytes, and gives `write` the entries that they complete.
    mutating func add(_ bytes: [UInt8], time now: UInt64, _ write: (LogEntry) -> Void) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if text.isEmpty { time = now }
            let end = rest.firstIndex(of: UInt8(ascii: "\n"))
            let room = Self.byteLimit - text.count
            let piece = rest[..<(end ?? rest.endIndex)].prefix(room)
            text += piece
            rest = rest[piece.endIndex...]
            if let end, end == rest.startIndex {
                rest = rest[(end + 1)...]
                // Terminals want it; lines do not.
                while text.last == UInt8(ascii: "\r") { text.removeLast() }
                write(LogEntry(time: time, source: source, isWhole: true, text: text))
                text = []
            } else if text.count == Self.byteLimit {
                flush(write)
            }
        }
    }

    /// Gives `write` what there is of a line that is not whole.
    mutating func flush(_ write: (LogEntry) -> Void) {
        guard hasRest else { return }
        write(LogEntry(time: time, source: source, isWhole: false, text: text))
        text = []
    }
}
