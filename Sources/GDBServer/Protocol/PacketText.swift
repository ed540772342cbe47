// The words of a packet: numbers in hexadecimal, and what is between them.

import Bytes

/// Reads a packet from its beginning.
struct PacketText {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: some Sequence<UInt8>) { rest = Array(bytes)[...] }

    var isAtEnd: Bool { rest.isEmpty }
    var text: String { String(decoding: rest, as: UTF8.self) }

    /// Takes `word`, if that is next.
    mutating func take(_ word: String) -> Bool {
        guard rest.starts(with: word.utf8) else { return false }
        rest = rest.dropFirst(word.utf8.count)
        return true
    }

    /// Takes what is before `end`, and `end`; nil if there is none.
    mutating func take(until end: Character) -> String? {
        guard let byte = end.asciiValue, let index = rest.firstIndex(of: byte) else { return nil }
        defer { rest = rest[(index + 1)...] }
        return String(decoding: rest[..<index], as: UTF8.self)
    }

    /// Takes a number in hexadecimal, of 64 bits at most; nil if there is none.
    mutating func takeNumber() -> UInt64? {
        var value: UInt64 = 0
        var count = 0
        while let digit = rest.first.flatMap(Packet.digit) {
            guard value >> 60 == 0 else { return nil }
            value = value << 4 | UInt64(digit)
            count += 1
            rest = rest.dropFirst()
        }
        return count > 0 ? value : nil
    }

    /// Bytes in hexadecimal, to the end; nil if that is not what is left.
    func bytes() -> [UInt8]? { Hexadecimal.bytes(of: text) }
}
