import Foundation
import Glibc
import TestSupport
import Testing

@testable import Hibernation

/// Disks that say anything: whatever is read from them ends in a result, in bounded time, and never in a trap.
///
/// A failure says with which DORMOUSE_SEED and case it is seen again.
@Suite("Random disks")
struct ImageFuzzTests {
    private static let seed =
        ProcessInfo.processInfo.environment["DORMOUSE_SEED"].flatMap { UInt64($0) }
        ?? (Nightly.isOn ? UInt64.random(in: 0...UInt64.max) : 1)
    private static let cases = Nightly.isOn ? 150_000 : 2_500

    /// A disk with an image, and places on it that matter.
    private struct Sample {
        var name: String
        var disk: TestDisk
        var interesting: [Range<Int>]
    }

    private static func samples() throws -> [Sample] {
        let offset = 1 << 20
        func places(_ image: (map: [UInt64], entries: [UInt64]), at base: Int) -> [Range<Int>] {
            let header = base + 4056..<base + 4096
            let map = base + Int(image.map[0]) * 4096
            let first = base + Int(image.entries[0]) * 4096
            let blocks = image.entries.dropFirst().map { base + Int($0) * 4096..<base + Int($0) * 4096 + 64 }
            return [
                header, header, base + 1024..<base + 1036, map..<map + 8 * image.entries.count, map..<map + 4096,
                first + 400..<first + 440,
            ] + blocks.prefix(4)
        }
        var samples: [Sample] = []
        for compression in SyntheticImage.Compression.allCases {
            let disk = try TestDisk(byteCount: 64 * 4096, swapPageSize: 4096)
            let image = SyntheticImage(compression: compression, imagePageCount: 40).write(to: disk)
            samples.append(Sample(name: "\(compression)", disk: disk, interesting: places(image, at: 0)))
        }
        let gpt = try TestDisk(byteCount: 2 << 20)
        try gpt.divide("label: gpt\nstart=2048, size=1024, type=S\n")
        try gpt.makeSwap(at: offset, byteCount: 512 << 10, pageSize: 4096)
        let inGPT = SyntheticImage(compression: .lz4, imagePageCount: 40).write(to: gpt, at: offset)
        let gptPlaces = [446..<512, 512..<604, 1024..<1152, (2 << 20) - 512..<(2 << 20) - 420]
        samples.append(Sample(name: "gpt", disk: gpt, interesting: gptPlaces + places(inGPT, at: offset)))

        let mbr = try TestDisk(byteCount: 2 << 20)
        try mbr.divide("label: dos\nstart=1024, size=3072, type=5\nstart=2048, size=1024, type=82\n")
        try mbr.makeSwap(at: offset, byteCount: 512 << 10, pageSize: 4096)
        let inMBR = SyntheticImage(imagePageCount: 40).write(to: mbr, at: offset)
        let mbrPlaces = [446..<512, 446..<512, 1024 * 512 + 446..<1024 * 512 + 512]
        samples.append(Sample(name: "mbr", disk: mbr, interesting: mbrPlaces + places(inMBR, at: offset)))
        return samples
    }

    private static func interestingValue(_ random: inout SeededGenerator) -> UInt64 {
        switch UInt8.random(in: 0..<6, using: &random) {
        case 0: 0
        case 1: UInt64.max
        case 2: 1 << UInt64.random(in: 0..<64, using: &random)
        case 3: UInt64.random(in: 0..<128, using: &random)
        case 4: UInt64(Int64.max) - UInt64.random(in: 0..<4, using: &random)
        default: random.next()
        }
    }

    /// Changes a few bytes, and returns what they were.
    private static func spoil(_ sample: Sample, _ random: inout SeededGenerator) -> [(Int, [UInt8])] {
        var undo: [(Int, [UInt8])] = []
        for _ in 0..<UInt8.random(in: 1...3, using: &random) {
            guard let place = sample.interesting.randomElement(using: &random) else { continue }
            let offset = Int.random(in: place, using: &random)
            let value = littleEndian(interestingValue(&random))
            let count = [1, 1, 2, 4, 8].randomElement(using: &random) ?? 1
            let aligned = Bool.random(using: &random) ? offset / count * count : offset
            let before = sample.disk.read(at: aligned, count: count)
            undo.append((aligned, before))
            sample.disk.write(Array(value.prefix(before.count)), at: aligned)
        }
        return undo.reversed()
    }

    @Test("A disk that was changed at random is read to a verdict")
    func disks() throws {
        // Said first: a trap would leave no time for it.
        print("random disks, DORMOUSE_SEED=\(Self.seed)")
        var random = SeededGenerator(state: Self.seed)
        var outcomes: [String: Int] = [:]
        for sample in try Self.samples() {
            for number in 0..<Self.cases {
                let undo = Self.spoil(sample, &random)
                let report = try ImageReport(diskAt: sample.disk.path, .all, readingData: true)
                _ = report.lines.count + report.summary.count
                let saved = try? HibernationImage.savedHeader(onDiskAt: sample.disk.path)
                let images = report.areas.compactMap(\.image)
                if saved != nil { #expect(!images.isEmpty, "DORMOUSE_SEED=\(Self.seed), case \(number)") }
                for image in images { outcomes[image.failedCheck ?? "whole", default: 0] += 1 }
                if images.isEmpty { outcomes["none", default: 0] += 1 }
                for (offset, bytes) in undo { sample.disk.write(bytes, at: offset) }
            }
            // All was undone, so nothing else was changed.
            let report = try ImageReport(diskAt: sample.disk.path, .all, readingData: true)
            #expect(report.verdict == .whole, "\(sample.name)")
        }
        print("random disks: \(outcomes.sorted { $0.key < $1.key })")
        let all: Set = ["whole", "none", "map", "information", "page-count", "compressed-data", "checksum"]
        #expect(Set(outcomes.keys) == all)
    }

    @Test("A decoder takes any bytes, and what it makes has room")
    func decoders() throws {
        print("random blocks, DORMOUSE_SEED=\(Self.seed)")
        var random = SeededGenerator(state: Self.seed ^ 0xD0)
        let data = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let plain = try TestDisk(data)
        let compressed = try TestDisk(byteCount: 0)
        try Tool.lz4.run(["-q", "-c", "-B4", "-BI", "--no-frame-crc", plain.path], output: compressed.path)
        let lz4 = Array(compressed.bytes.dropFirst(11).dropLast(4))
        try Tool.lzop.run(["-F", "-c", plain.path], output: compressed.path)
        // The whole container: what is before the stream is as good as anything else.
        let lzo = Array(compressed.bytes.suffix(120))
        var finished = 0
        var errors: Set<String> = []
        for number in 0..<Self.cases * 20 {
            var bytes = number.isMultiple(of: 2) ? lz4 : lzo
            if number % 3 == 0 {
                bytes = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
                    // Small numbers are literals, which is what there has to be first.
                    UInt8.random(in: 0...(Bool.random(using: &random) ? 255 : 30), using: &random)
                }
            }
            for _ in 0..<UInt8.random(in: 1...4, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let start = Int.random(in: 0...bytes.count, using: &random)
            let range = Bool.random(using: &random) ? 0..<bytes.count : start..<bytes.count
            var output = BlockOutput(capacity: Int.random(in: 0...30_000, using: &random))
            let room = output.bytes.count
            do throws(DecompressionError) {
                var input = BlockInput(bytes, range)
                if number.isMultiple(of: 2) {
                    try LZ4Block.decompress(&input, into: &output)
                } else {
                    try LZO1X.decompress(&input, into: &output)
                }
                finished += 1
            } catch {
                errors.insert(String("\(error)".prefix { $0 != "(" && !$0.isNumber }))
            }
            #expect(output.count <= room && output.bytes.count == room)
        }
        print(
            "random blocks: \(finished) decompressed, \(errors.count) kinds of errors"
        )
        #expect(finished > 100)
        #expect(errors.count >= 4)
    }

    @Test("A disk of nothing but random bytes is read, too")
    func noise() throws {
        var random = SeededGenerator(state: Self.seed ^ 0xA1)
        let disk = try TestDisk(byteCount: 128 << 10)
        for _ in 0..<Self.cases / 10 {
            disk.write((0..<16384).flatMap { _ in littleEndian(random.next()) }, at: 0)
            // What makes it an image, and a table.
            disk.write([0x55, 0xAA], at: 510)
            for entry in 0..<4 { disk.write([0], at: 446 + 16 * entry) }
            let pageSize = [4096, 16384, 65536].randomElement(using: &random) ?? 4096
            disk.write(Array("SWAPSPACE2S1SUSPEND\0".utf8), at: pageSize - 20)
            disk.write(littleEndian(UInt64.random(in: 0..<34, using: &random)), at: pageSize - 32)
            let report = try ImageReport(diskAt: disk.path, .all, readingData: true)
            #expect(report.verdict == .torn)
        }
    }
}
