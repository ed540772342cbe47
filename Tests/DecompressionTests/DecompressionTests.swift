// Compressed files, as the formats' own programs make them.

import Foundation
import TestSupport
import Testing

@testable import Decompression

/// A program that compresses standard input to standard output.
struct Compressor: CustomTestStringConvertible {
    var format: CompressionFormat
    var command: [String]

    var testDescription: String { command.joined(separator: " ") }
    var isThere: Bool { ["/usr/bin", "/bin"].contains { access("\($0)/\(command[0])", X_OK) == 0 } }

    static let all = [
        Compressor(format: .gzip, command: ["gzip", "-1"]),
        Compressor(format: .xz, command: ["xz", "--check=crc32", "-0"]),
        Compressor(format: .lzma, command: ["xz", "-F", "lzma", "-0"]),
        Compressor(format: .bzip2, command: ["bzip2", "-1"]),
        Compressor(format: .zstd, command: ["zstd", "-3"]),
        Compressor(format: .lz4, command: ["lz4", "-1"]),
        // The format of a kernel's build.
        Compressor(format: .lz4, command: ["lz4", "-l", "-1"]),
    ]

    func compress(_ bytes: [UInt8]) throws -> [UInt8] {
        let process = Process()
        let output = Pipe()
        let file = FileManager.default.temporaryDirectory.appending(path: "compress-\(UUID().uuidString)")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = command + ["-c"]
        process.standardInput = try FileHandle(forReadingFrom: file)
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return Array(data)
    }
}

@Suite("Decompression", .needs(Compressor.all.allSatisfy(\.isThere), "a compressor is missing: run scripts/setup"))
struct DecompressionTests {
    /// As code is: some of it again and again, some of it like nothing before. Longer than a block of lz4.
    private static let content: [UInt8] = {
        var generator = SplitMix(seed: 7)
        let words = (0..<200).map { _ in (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) } }
        return (0..<600_000).flatMap { _ in words.randomElement(using: &generator) ?? [] }
    }()

    private struct SplitMix: RandomNumberGenerator {
        var seed: UInt64
        mutating func next() -> UInt64 {
            seed &+= 0x9E37_79B9_7F4A_7C15
            var value = (seed ^ seed >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }

    private func unpack(
        _ bytes: [UInt8], _ format: CompressionFormat, limit: UInt64 = 1 << 30, piece: Int = 1 << 16
    ) throws -> [UInt8] {
        var rest = bytes[...]
        var result: [UInt8] = []
        try decompress(format, limit: limit) {
            defer { rest = rest.dropFirst(piece) }
            return Array(rest.prefix(piece))
        } write: {
            result += $0
        }
        return result
    }

    @Test("What a program packed comes out as it was, in pieces of any size", arguments: Compressor.all)
    func whole(compressor: Compressor) throws {
        let packed = try compressor.compress(Self.content)
        #expect(packed.count < Self.content.count)
        #expect(try unpack(packed, compressor.format) == Self.content)
        #expect(try unpack(packed, compressor.format, piece: 1 << 24) == Self.content)
        let short = Array(Self.content.prefix(3000))
        #expect(try unpack(compressor.compress(short), compressor.format, piece: 5) == short)
    }

    @Test("The size that a kernel's build appends is not a part of it", arguments: Compressor.all)
    func appendedSize(compressor: Compressor) throws {
        let packed = try compressor.compress(Self.content) + [0, 0x60, 0x92, 0]
        #expect(try unpack(packed, compressor.format) == Self.content)
    }

    @Test("A file that is cut short is no file", arguments: Compressor.all)
    func cutShort(compressor: Compressor) throws {
        let packed = try compressor.compress(Array(Self.content.prefix(300_000)))
        for count in [0, 1, 4, 20, packed.count / 3, packed.count / 2, packed.count - 9, packed.count - 1] {
            #expect(throws: DecompressionError.self, "\(count) of \(packed.count)") {
                _ = try unpack(Array(packed.prefix(count)), compressor.format)
            }
        }
    }

    @Test("No more comes out than there is room for", arguments: Compressor.all)
    func tooLarge(compressor: Compressor) throws {
        let packed = try compressor.compress(Self.content)
        #expect(throws: DecompressionError.tooLarge(compressor.format, limit: 1 << 20)) {
            _ = try unpack(packed, compressor.format, limit: 1 << 20)
        }
        #expect(try unpack(packed, compressor.format, limit: UInt64(Self.content.count)) == Self.content)
    }

    @Test(
        "Damage is an error, or goes unnoticed where the format has no checksum; it never traps",
        arguments: Compressor.all)
    func damaged(compressor: Compressor) throws {
        var generator = SplitMix(seed: 11)
        let packed = try compressor.compress(Array(Self.content.prefix(100_000)))
        for _ in 0..<300 {
            var damaged = packed
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                damaged[Int.random(in: 0..<damaged.count, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            do { _ = try unpack(damaged, compressor.format, limit: 1 << 26) } catch is DecompressionError {}
        }
    }
}
