import TestSupport
import Testing

@testable import Decompression

/// Blocks of lz4's legacy format as no compressor makes them.
@Suite("Decompression: lz4 in small blocks")
struct LZ4BlockTests {
    private static let magic: [UInt8] = [0x02, 0x21, 0x4C, 0x18]

    /// A block of literals, in a number of bytes that a token can say.
    private static func block(_ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count < 15)
        return [UInt8(bytes.count + 1), 0, 0, 0, UInt8(bytes.count << 4)] + bytes
    }

    private func unpack(_ bytes: [UInt8], piece: Int = 1 << 16) throws -> [UInt8] {
        var rest = bytes[...]
        var result: [UInt8] = []
        try decompress(.lz4, limit: 1 << 30) {
            defer { rest = rest.dropFirst(piece) }
            return Array(rest.prefix(piece))
        } write: {
            result += $0
        }
        return result
    }

    @Test(
        "Blocks of any number of bytes are one after the other, in pieces of any size", arguments: [4, 7, 64, 1 << 16])
    func small(piece: Int) throws {
        let parts = (0..<3000).map { number in (0..<number % 15).map { UInt8(truncatingIfNeeded: number + $0) } }
        let file = Self.magic + parts.flatMap(Self.block)
        #expect(try unpack(file, piece: piece) == parts.flatMap { $0 })
        // And the size that a kernel's build appends.
        #expect(try unpack(file + [0, 0x60, 0x92, 0], piece: piece) == parts.flatMap { $0 })
        for missing in [1, 8, 18] {
            #expect(throws: DecompressionError.cutShort(.lz4)) { try unpack(file.dropLast(missing), piece: piece) }
        }
        #expect(throws: DecompressionError.damaged(.lz4)) {
            try unpack(Self.magic + [0, 0, 0, 0] + file.dropFirst(4), piece: piece)
        }
    }

    @Test("A file in blocks of one byte takes as long as it is, and not as its largest block for each of them")
    func oneByte() throws {
        let count = 20_000
        let file = Self.magic + (0..<count).flatMap { Self.block([UInt8(truncatingIfNeeded: $0)]) }
        var unpacked: [UInt8] = []
        let small = try ThreadTime.seconds { unpacked = try unpack(file) }
        #expect(unpacked == (0..<count).map { UInt8(truncatingIfNeeded: $0) })
        // A block of 8 MiB: a literal, and a match of all the rest, whose length goes on in bytes of 255.
        let rest = (8 << 20) - 1 - 4 - 15 - 5
        let match = [0x1F, 7, 1, 0] + [UInt8](repeating: 255, count: rest / 255) + [UInt8(rest % 255)]
        // The format ends a block in literals, of which there are five at least.
        let block = match + [0x50] + [UInt8](repeating: 7, count: 5)
        let length = (0..<4).map { UInt8(truncatingIfNeeded: block.count >> ($0 * 8)) }
        let large = try ThreadTime.seconds { unpacked = try unpack(Self.magic + length + block) }
        #expect(unpacked.count == 8 << 20)
        #expect(small < 10 * large, "\(small) s, and \(large) s")
    }
}
