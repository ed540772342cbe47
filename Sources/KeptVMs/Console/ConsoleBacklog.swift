// The last of what a guest wrote to its console, for everybody who reads it at a pace of their own.
//
// Responsible for: a bound that does not depend on the number of readers, and saying how much one has missed. Not
// responsible for: who reads (`ConsoleServer`), or what is kept for longer (`VMLog`).

/// A ring of bytes, which are counted from the first one that ever came.
struct ConsoleBacklog: Sendable {
    private var bytes: [UInt8] = []
    private let capacity: Int
    /// How many bytes came.
    private(set) var end: UInt64 = 0

    /// - Parameter capacity: bytes that are kept.
    init(capacity: Int) {
        self.capacity = capacity
    }

    /// The first byte that is still there.
    var start: UInt64 { end - UInt64(bytes.count) }

    mutating func append(_ more: [UInt8]) {
        end += UInt64(more.count)
        // Mostly it is one byte.
        if more.count <= capacity { bytes += more } else { bytes += more.suffix(capacity) }
        // Twice as much at most, so that not every byte moves all others.
        if bytes.count > 2 * capacity { bytes.removeFirst(bytes.count - capacity) }
    }

    /// What comes from `position` on.
    ///
    /// - Parameters:
    ///   - position: goes on behind what is returned.
    ///   - limit: bytes to return at most.
    /// - Returns: bytes, and how many before them are not there any more.
    func next(from position: inout UInt64, limit: Int) -> (missed: UInt64, bytes: ArraySlice<UInt8>) {
        let missed = position < start ? start - position : 0
        position += missed
        let piece = bytes.dropFirst(Int(position - start)).prefix(limit)
        position += UInt64(piece.count)
        return (missed, piece)
    }
}
