// What decompressing a block of a hibernation image has in common, whichever way it was compressed.
//
// Both formats are runs of literals and copies of what came before. Input and output may be anything: each length is
// compared with what is left before a byte is touched.

/// Why a block cannot be decompressed.
enum DecompressionError: Error, Equatable, Sendable, CustomStringConvertible {
    case inputEnds
    case outputFull
    case copyFromBefore(distance: Int)
    case afterEnd(byteCount: Int)
    case notAnInstruction

    var description: String {
        switch self {
        case .inputEnds: "it ends in the middle"
        case .outputFull: "it holds more than it may"
        case .copyFromBefore(let distance): "it refers to \(distance) bytes before, which is before its beginning"
        case .afterEnd(let byteCount): "\(byteCount) bytes follow its end"
        case .notAnInstruction: "it has an instruction that is none"
        }
    }
}

/// A compressed block, from the beginning to where it was read.
struct BlockInput {
    private let bytes: [UInt8]
    private let end: Int
    private var position: Int

    /// The block that is `range` of `bytes`, all of which is there.
    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        position = range.lowerBound
        end = range.upperBound
    }

    var remainingCount: Int { end - position }

    /// The next byte, which stays the next.
    var first: Int? { position < end ? Int(bytes[position]) : nil }

    /// The next byte.
    @inline(__always)
    mutating func next() throws(DecompressionError) -> Int {
        guard position < end else { throw .inputEnds }
        let byte = bytes[position]
        position += 1
        return Int(byte)
    }

    /// The next two bytes, a little-endian number.
    @inline(__always)
    mutating func nextPair() throws(DecompressionError) -> Int {
        let low = try next()
        return try next() << 8 | low
    }

    /// Appends the next `count` bytes to `output`.
    @inline(__always)
    mutating func copy(_ count: Int, to output: inout BlockOutput) throws(DecompressionError) {
        guard count <= remainingCount else { throw .inputEnds }
        try output.append(bytes.span, from: position, count: count)
        position += count
    }
}

/// What comes out of a block: at most as much as there is room for.
struct BlockOutput {
    /// Room; what counts is the first `count`.
    private(set) var bytes: [UInt8]
    private(set) var count = 0

    init(capacity: Int) {
        bytes = [UInt8](repeating: 0, count: capacity)
    }

    /// Forgets what there is, for another block.
    mutating func clear() { count = 0 }

    /// Appends bytes of `source`, all of which are there.
    @inline(__always)
    mutating func append(_ source: Span<UInt8>, from start: Int, count length: Int) throws(DecompressionError) {
        let end = count
        guard length <= bytes.count - end else { throw .outputFull }
        var target = bytes.mutableSpan
        for index in 0..<length { target[end + index] = source[start + index] }
        count = end + length
    }

    /// Appends `length` bytes that begin `distance` bytes before the end; they may reach into what is being appended.
    @inline(__always)
    mutating func repeatBytes(distance: Int, count length: Int) throws(DecompressionError) {
        guard distance > 0, distance <= count else { throw .copyFromBefore(distance: distance) }
        let end = count
        guard length <= bytes.count - end else { throw .outputFull }
        var target = bytes.mutableSpan
        for index in end..<end + length { target[index] = target[index - distance] }
        count = end + length
    }
}
