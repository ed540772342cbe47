import Devices
import Foundation
import TestSupport
import Testing

@testable import DiskImages

/// The power goes while an image is written, at any write and in the middle of one, with what was not flushed lost,
/// kept, or some of it there in any order.
@Suite("qcow2: power cuts", .needs(QEMUTool.areThere, "qemu-img: apt-get install qemu-utils"))
struct Qcow2PowerCutTests {
    private static let diskByteCount = 512 << 10

    /// What the guest knew at a point of the log.
    private struct Promise {
        /// Where in the log the flush had returned.
        var position: Int
        var model: [UInt8]
    }

    /// A kind of image, and what of it is cut.
    struct Kind: Sendable, CustomTestStringConvertible {
        var name: String
        var clusterBits: Int
        var version = "1.1"
        var refcountBits = 16
        var hasSnapshot = false
        var isCompressed = false
        var cuts: Int
        var limits = Qcow2Tables.Limits(l2Slices: 2, refcountSlices: 2, releases: 16)

        var testDescription: String { name }
    }

    static let kinds = [
        Kind(name: "clusters of 4 KiB", clusterBits: 12, cuts: 60),
        Kind(name: "clusters of 512 bytes, refcount table grows", clusterBits: 9, refcountBits: 64, cuts: 60),
        Kind(name: "a snapshot", clusterBits: 12, hasSnapshot: true, cuts: 60),
        Kind(name: "compressed clusters", clusterBits: 12, isCompressed: true, cuts: 30),
        Kind(name: "version 2", clusterBits: 12, version: "0.10", cuts: 30),
        Kind(name: "usual clusters and caches", clusterBits: 16, cuts: 30, limits: Qcow2Tables.Limits()),
    ]

    @Test("After a power cut, no cluster is wrong, and what was flushed is there", arguments: kinds)
    func cuts(kind: Kind) throws {
        let directory = try TemporaryDirectory()
        var numbers = Numbers(UInt64(kind.cuts + kind.clusterBits) << 8 | (kind.hasSnapshot ? 1 : 0))
        let path = directory.file("disk.qcow2")
        var model = numbers.bytes(Self.diskByteCount)
        // A third of it, so that there is something of every kind.
        let third = Self.diskByteCount / 3
        model.replaceSubrange(third..., with: [UInt8](repeating: 0, count: Self.diskByteCount - third))
        let raw = directory.file("start.raw")
        try Data(model).write(to: URL(filePath: raw))
        let options =
            "cluster_size=\(1 << kind.clusterBits),compat=\(kind.version)"
            + (kind.version == "1.1" ? ",refcount_bits=\(kind.refcountBits)" : "")
        try QEMUTool.expect(
            "qemu-img",
            ["convert", "-f", "raw", "-O", "qcow2", "-o", options] + (kind.isCompressed ? ["-c"] : []) + [raw, path])
        if kind.hasSnapshot { try QEMUTool.expect("qemu-img", ["snapshot", "-c", "first", path]) }
        let start = Array(try Data(contentsOf: URL(filePath: path)))

        let file = LoggedFile(start, path: path)
        let image = try Qcow2Image(file, header: Qcow2Header(file), readOnly: false, limits: kind.limits)
        var promises = [Promise(position: 0, model: model)]
        /// For each sector, what may be there from each point of the log on.
        var writes: [(position: Int, range: Range<Int>, bytes: [UInt8]?)] = []
        for _ in 0..<120 {
            let unit = [512, 4096, 1 << kind.clusterBits][numbers.below(3)]
            let first = numbers.below(model.count / unit) * unit
            let range = first..<min(model.count, first + unit * (numbers.below(6) + 1))
            let position = file.log.entries.count
            switch numbers.below(8) {
            case 0..<4:
                let bytes = numbers.bytes(range.count)
                try image.write(bytes, at: UInt64(range.lowerBound))
                model.replaceSubrange(range, with: bytes)
                writes.append((position, range, bytes))
            case 4, 5:
                let clearing: Qcow2Image.Clearing =
                    [.discard, .writeZeroes(mayUnmap: true), .writeZeroes(mayUnmap: false)][numbers.below(3)]
                try image.clear(UInt64(range.lowerBound)..<UInt64(range.upperBound), clearing)
                let left = try image.bytes(range.count, at: UInt64(range.lowerBound))
                model.replaceSubrange(range, with: left)
                writes.append((position, range, left))
            case 6, 7:
                try image.synchronize()
                promises.append(Promise(position: file.log.entries.count, model: model))
            default: break
            }
        }
        try image.synchronize()
        promises.append(Promise(position: file.log.entries.count, model: model))
        let log = file.log
        try #require(log.entries.count > 100 || kind.clusterBits == 16)

        for cut in 0..<kind.cuts {
            let position = numbers.below(log.entries.count + 1)
            let unflushed: DiskFaults.Unflushed =
                switch cut % 5 {
                case 0: .lose
                case 1: .keep
                default: .reorder(seed: numbers.next())
                }
            let torn = numbers.below(2) == 0 ? numbers.below(8) : nil
            let power = PowerCut(position: position, tornSectors: torn, unflushed: unflushed)
            var bytes = start
            bytes.apply(log.contents(after: power, diskCount: 1)[0])
            let after = directory.file("after.qcow2")
            try Data(bytes).write(to: URL(filePath: after))
            try QEMUTool.check(after, allowsLeaks: true)
            // Each sector is as it was flushed last, or as something that was written since left it.
            let found = try QEMUTool.contents(after)
            let promise = try #require(promises.last { $0.position <= position })
            var wrong: [Int] = []
            for sector in 0..<model.count / 512 {
                let range = sector * 512..<(sector + 1) * 512
                let there = found[range]
                if there == promise.model[range] { continue }
                let isLater = writes.contains { write in
                    guard write.position >= promise.position, write.position <= position,
                        write.range.contains(range.lowerBound), let bytes = write.bytes
                    else { return false }
                    return bytes[(range.lowerBound - write.range.lowerBound)...].prefix(512) == there
                }
                if !isLater { wrong.append(sector) }
            }
            #expect(wrong.isEmpty, "\(power): sectors \(wrong.prefix(8))")
            // And it can be gone on with.
            let next = LoggedFile(bytes, path: after)
            let again = try Qcow2Image(next, header: Qcow2Header(next), readOnly: false, limits: kind.limits)
            try again.write([UInt8](repeating: 0x5A, count: 64 << 10), at: 64 << 10)
            try again.synchronize()
            try Data(next.bytes).write(to: URL(filePath: after))
            try QEMUTool.check(after, allowsLeaks: true)
            if kind.hasSnapshot, cut % 6 == 0 {
                let old = directory.file("snapshot.raw")
                try QEMUTool.expect(
                    "qemu-img", ["convert", "-l", "snapshot.name=first", "-f", "qcow2", "-O", "raw", after, old])
                #expect(try Data(contentsOf: URL(filePath: old)) == Data(contentsOf: URL(filePath: raw)))
            }
        }
    }

    @Test("When the host has no more room at any write, the image is whole, and goes on once there is room")
    func noRoom() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("disk.qcow2")
        try QEMUTool.expect("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "cluster_size=512", path, "1M"])
        let start = Array(try Data(contentsOf: URL(filePath: path)))
        for writes in stride(from: 0, to: 60, by: 3) {
            let file = LoggedFile(start, path: path)
            let image = try Qcow2Image(
                file, header: Qcow2Header(file), readOnly: false,
                limits: Qcow2Tables.Limits(l2Slices: 2, refcountSlices: 2, releases: 4))
            file.limit(writes: writes)
            var numbers = Numbers(UInt64(writes))
            var failed = 0
            for _ in 0..<20 {
                let bytes = numbers.bytes(8192)
                let offset = UInt64(numbers.below(128)) * 8192
                do { try image.write(bytes, at: offset) } catch { failed += 1 }
                do { try image.synchronize() } catch { failed += 1 }
            }
            #expect(failed > 0)
            file.limit(writes: .max)
            let bytes = numbers.bytes(100_000 / 512 * 512)
            try image.write(bytes, at: 512)
            try image.synchronize()
            let after = directory.file("after.qcow2")
            try Data(file.bytes).write(to: URL(filePath: after))
            try QEMUTool.check(after, allowsLeaks: true)
            #expect(try QEMUTool.contents(after)[512...].prefix(bytes.count).elementsEqual(bytes))
        }
    }
}
