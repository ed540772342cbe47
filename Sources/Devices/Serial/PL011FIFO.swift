// The receive FIFO of a PL011.

/// A ring of received characters, each with the error bits that it has in UARTDR. Saved as what it holds, in order.
struct PL011FIFO: Sendable {
    /// Characters that it holds. Revision 1 of the PL011 has 16; from revision 3 on it would be 32.
    static let depth = 16

    private var ring = InlineArray<16, UInt16>(repeating: 0)
    private var head = 0
    private(set) var count = 0

    init() {}

    var characters: [UInt16] { (0..<count).map { ring[(head + $0) % Self.depth] } }

    /// Adds a character, if there is room.
    mutating func append(_ character: UInt16) {
        guard count < Self.depth else { return }
        ring[(head + count) % Self.depth] = character
        count += 1
    }

    mutating func popFirst() -> UInt16? {
        guard count > 0 else { return nil }
        defer {
            head = (head + 1) % Self.depth
            count -= 1
        }
        return ring[head]
    }
}

extension PL011FIFO: Codable {
    func encode(to encoder: any Encoder) throws {
        try characters.encode(to: encoder)
    }

    init(from decoder: any Decoder) throws {
        let characters = try [UInt16](from: decoder)
        guard characters.count <= Self.depth else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "too many"))
        }
        for character in characters { append(character) }
    }
}
