import Glibc
import Testing

@testable import Hibernation

@Suite("Decompression")
struct DecompressionTests {
    typealias Decoder = (inout BlockInput, inout BlockOutput) throws(DecompressionError) -> Void

    private func decompress(
        _ bytes: [UInt8], room: Int = 1 << 18, _ decoder: Decoder
    ) throws(DecompressionError) -> [UInt8] {
        var input = BlockInput(bytes, 0..<bytes.count)
        var output = BlockOutput(capacity: room)
        try decoder(&input, &output)
        return Array(output.bytes[..<output.count])
    }

    private func lzo(_ bytes: [UInt8], room: Int = 1 << 18) throws(DecompressionError) -> [UInt8] {
        try decompress(bytes, room: room, LZO1X.decompress)
    }

    private func lz4(_ bytes: [UInt8], room: Int = 1 << 18) throws(DecompressionError) -> [UInt8] {
        try decompress(bytes, room: room, LZ4Block.decompress)
    }

    /// Data as different as memory is: code, zeros, noise, text, and one byte after another.
    private static let samples: [[UInt8]] = {
        var random = SeededGenerator(state: 1)
        let noise = (0..<200_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        let program = (try? TestDisk.contents(of: "/proc/self/exe", count: 1 << 20)) ?? []
        let rare = (0..<300_000).map { _ in UInt8.random(in: 0..<40, using: &random) == 0 ? UInt8(1) : 0 }
        return [
            program, noise, rare, [UInt8](repeating: 0, count: 300_000),
            Array(String(repeating: "The dormouse shook its head impatiently, ", count: 5000).utf8),
            (0..<100_000).map { UInt8(truncatingIfNeeded: $0 >> 4) },
        ]
    }()

    @Test("What lzop compresses comes out the same", arguments: samples.indices, ["-1", "-3", "-9"])
    func lzop(sample: Int, level: String) throws {
        let data = Self.samples[sample]
        let (plain, compressed) = (try TestDisk(data), try TestDisk(byteCount: 0))
        try Tool.lzop.run([level, "-F", "-c", plain.path], output: compressed.path)
        let blocks = try LzopFile(compressed.bytes)
        var result: [UInt8] = []
        for block in blocks.blocks {
            result += block.bytes.count == block.byteCount ? block.bytes : try lzo(block.bytes)
        }
        #expect(result == data)
        // Blocks that lzop could not make smaller are stored, and say nothing.
        if sample != 1 { #expect(blocks.blocks.contains { $0.bytes.count < $0.byteCount }) }
    }

    @Test("What lz4 compresses comes out the same", arguments: samples.indices, ["-1", "-9"])
    func lz4Tool(sample: Int, level: String) throws {
        let data = Self.samples[sample]
        let (plain, compressed) = (try TestDisk(data), try TestDisk(byteCount: 0))
        try Tool.lz4.run([level, "-q", "-c", "-B4", "-BI", "--no-frame-crc", plain.path], output: compressed.path)
        var result: [UInt8] = []
        var count = 0
        for block in try LZ4Frame(compressed.bytes).blocks {
            result += block.isCompressed ? try lz4(block.bytes) : block.bytes
            count += block.isCompressed ? 1 : 0
        }
        #expect(result == data)
        if sample != 1 { #expect(count > 0) }
    }

    @Test("Each instruction of LZO does what lzo.rst says")
    func lzoInstructions() throws {
        let end: [UInt8] = [0x11, 0, 0]
        let text = Array("abcdefgh".utf8)
        // The first byte: 17 more than the number of literals.
        #expect(try lzo([UInt8(17 + 8)] + text + end) == text)
        #expect(try lzo([UInt8(17 + 2)] + text.prefix(2) + end) == Array("ab".utf8))
        // 0000LLLL after no literals: three more of them. 0 goes on: 15, and the next byte.
        #expect(try lzo([5] + text + end) == text)
        #expect(try lzo([0, 2] + [UInt8](repeating: 7, count: 20) + end) == [UInt8](repeating: 7, count: 20))
        #expect(try lzo([0, 0, 2] + [UInt8](repeating: 7, count: 275) + end) == [UInt8](repeating: 7, count: 275))
        // 1LLDDDSS H: 5 to 8 bytes from (H << 3) + D + 1 before, then S literals.
        #expect(try lzo([25] + text + [0b1110_1101, 0, 90] + end) == text + Array("efghefgh".utf8) + [90])
        // 01LDDDSS H: 3 or 4 bytes.
        #expect(try lzo([25] + text + [0b0110_1100, 0] + end) == text + Array("efgh".utf8))
        // 001LLLLL and a distance of 14 bits: here 1, so that the copy repeats itself.
        #expect(try lzo([25] + text + [0b0010_0101, 0, 0] + end) == text + Array("hhhhhhh".utf8))
        #expect(try lzo([25] + text + [0b0010_0000, 1, 0, 0] + end) == text + [UInt8](repeating: 0x68, count: 34))
        // 0000DDSS H after one to three literals: two bytes.
        #expect(try lzo([19] + text.prefix(2) + [0b0000_0100, 0] + end) == Array("abab".utf8))
        // 0000DDSS H after a run of literals: three bytes from 2049 or more before.
        let long = (0..<2100).map { UInt8(truncatingIfNeeded: $0 / 10) }
        let run: [UInt8] = [0] + [UInt8](repeating: 0, count: 8) + [UInt8(2100 - 18 - 8 * 255)] + long
        #expect(try lzo(run + [0b0000_0100, 10] + end) == long + long[(2100 - 2049 - 41)...].prefix(3))
        // 0001HLLL: from 16384 + (H << 14) + D.
        let far = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 / 100) }
        let farRun: [UInt8] = [0] + [UInt8](repeating: 0, count: 78) + [UInt8(20_000 - 18 - 78 * 255)] + far
        #expect(try lzo(farRun + [0b0001_0001, 4 << 2, 0] + end) == far + far[(20_000 - 16_388)...].prefix(3))
    }

    @Test("Damaged blocks are errors, and nothing else")
    func damaged() throws {
        let text = Array("abcdefgh".utf8)
        #expect(throws: DecompressionError.inputEnds) { try lzo([]) }
        #expect(throws: DecompressionError.inputEnds) { try lzo([25] + text) }
        #expect(throws: DecompressionError.inputEnds) { try lzo([26] + text) }
        #expect(throws: DecompressionError.inputEnds) { try lzo([UInt8](repeating: 0, count: 1000)) }
        #expect(throws: DecompressionError.copyFromBefore(distance: 9)) { try lzo([25] + text + [0b0010_0001, 32, 0]) }
        #expect(throws: DecompressionError.copyFromBefore(distance: 16385)) { try lzo([0b0001_0001, 4, 0]) }
        #expect(throws: DecompressionError.afterEnd(byteCount: 1)) { try lzo([25] + text + [0x11, 0, 0, 0]) }
        #expect(throws: DecompressionError.outputFull) { try lzo([25] + text + [0x11, 0, 0], room: 7) }
        #expect(throws: DecompressionError.outputFull) {
            try lzo([25] + text + [0b0010_0000] + [UInt8](repeating: 0, count: 10_000) + [1, 0, 0], room: 1 << 17)
        }
        #expect(throws: DecompressionError.inputEnds) { try lz4([]) }
        #expect(throws: DecompressionError.inputEnds) { try lz4([0xF0] + [UInt8](repeating: 255, count: 1000)) }
        #expect(throws: DecompressionError.inputEnds) { try lz4([0x90] + text) }
        #expect(throws: DecompressionError.copyFromBefore(distance: 0)) { try lz4([0x80] + text + [0, 0]) }
        #expect(throws: DecompressionError.copyFromBefore(distance: 9)) { try lz4([0x80] + text + [9, 0]) }
        #expect(throws: DecompressionError.outputFull) {
            try lz4([0x8F] + text + [1, 0] + [UInt8](repeating: 255, count: 1000) + [0, 0], room: 1 << 17)
        }
        // The sequence of the format's description: literals, a match that repeats itself, and the last literals.
        #expect(try lz4([0x12, 0x61, 1, 0, 0x20, 0x62, 0x63]) == Array("aaaaaaabc".utf8))
    }
}

/// lzop's container: a header, then blocks with their lengths, both big-endian.
private struct LzopFile {
    var blocks: [(bytes: [UInt8], byteCount: Int)] = []

    init(_ file: [UInt8]) throws {
        func big(_ offset: Int, _ count: Int) throws -> Int {
            try #require(offset + count <= file.count)
            return file[offset..<offset + count].reduce(0) { $0 << 8 | Int($1) }
        }
        // Magic (9), version, library version, version needed (2 each), method, level (1 each), flags, mode, times (4
        // each).
        let flags = try big(17, 4)
        let nameLength = try big(33, 1)
        var position = 34 + nameLength + 4
        // F_ADLER32_D, F_CRC32_D of what is uncompressed, F_ADLER32_C, F_CRC32_C of what is compressed.
        let plainSums = [1, 0x100].count { flags & $0 != 0 }
        let compressedSums = [2, 0x200].count { flags & $0 != 0 }
        while true {
            let byteCount = try big(position, 4)
            if byteCount == 0 { return }
            let length = try big(position + 4, 4)
            position += 8 + 4 * plainSums + (length < byteCount ? 4 * compressedSums : 0)
            try #require(position + length <= file.count)
            blocks.append((Array(file[position..<position + length]), byteCount))
            position += length
        }
    }
}

/// LZ4's frame without checksums: magic, descriptor, blocks.
private struct LZ4Frame {
    var blocks: [(bytes: [UInt8], isCompressed: Bool)] = []

    init(_ file: [UInt8]) throws {
        try #require(file.starts(with: [0x04, 0x22, 0x4D, 0x18]))
        // No content size, no dictionary, no checksums.
        try #require(file[4] & 0b0001_1101 == 0)
        var position = 7
        while true {
            let word = file[position..<position + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
            if word == 0 { return }
            let length = word & 0x7FFF_FFFF
            blocks.append((Array(file[position + 4..<position + 4 + length]), word >> 31 == 0))
            position += 4 + length
        }
    }
}

extension TestDisk {
    static func contents(of path: String, count: Int) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let length = Glibc.read(descriptor, &bytes, count)
        return Array(bytes.prefix(max(0, length)))
    }
}
