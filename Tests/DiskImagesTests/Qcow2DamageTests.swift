import Devices
import Foundation
import TestSupport
import Testing

@testable import DiskImages

/// Images that are damaged, or made to harm.
@Suite("qcow2: damage", .needs(QEMUTool.areThere, "qemu-img: apt-get install qemu-utils"))
struct Qcow2DamageTests {
    private func bytes(_ options: String = "cluster_size=4096", compressed: Bool = false) throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        var numbers = Numbers(11)
        let raw = directory.file("disk.raw")
        try Data(numbers.bytes(200 << 10) + [UInt8](repeating: 0, count: 200 << 10)).write(to: URL(filePath: raw))
        let path = directory.file("disk.qcow2")
        try QEMUTool.expect(
            "qemu-img",
            ["convert", "-f", "raw", "-O", "qcow2", "-o", options] + (compressed ? ["-c"] : []) + [raw, path])
        return Array(try Data(contentsOf: URL(filePath: path)))
    }

    /// Uses an image for everything; what it throws is as it may be.
    private func use(_ bytes: [UInt8], _ numbers: inout Numbers) {
        let file = LoggedFile(bytes, path: "fuzzed.qcow2")
        for readOnly in [true, false] {
            do {
                let header = try Qcow2Header(file)
                let image = try Qcow2Image(file, header: header, readOnly: readOnly)
                let last = image.byteCount - min(image.byteCount, 8192)
                for offset in [0, 4096 * UInt64(numbers.below(100)), last] where offset < image.byteCount {
                    _ = try? image.bytes(8192, at: offset)
                    _ = try? image.nextData(from: last)
                    if !readOnly {
                        _ = try? image.write(numbers.bytes(4096), at: offset)
                        let end = min(image.byteCount, offset + 16384)
                        _ = try? image.clear(
                            offset..<end, numbers.below(2) == 0 ? .discard : .writeZeroes(mayUnmap: true))
                        _ = try? image.synchronize()
                    }
                }
            } catch {}
        }
    }

    @Test("Nothing traps, hangs or grows without end, whatever is in the header and the tables", arguments: 0..<8)
    func fuzz(part: Int) throws {
        var numbers = Numbers(UInt64(part) &* 77)
        let images = [
            try bytes(), try bytes("cluster_size=4096,compression_type=zstd", compressed: true),
            try bytes("cluster_size=512,refcount_bits=1"),
        ]
        let words: [UInt64] = [
            0, 1, .max, 1 << 63, 1 << 62, (1 << 63) | 4096, 0x00FF_FFFF_FFFF_FE00, 1 << 55, 4096, 512, 8192, 513,
            1 << 40,
        ]
        for round in 0..<150 {
            var image = images[round % images.count]
            for _ in 0..<numbers.below(4) + 1 {
                // The header; any table; anywhere.
                let limit = [112, 24 << 10, image.count - 8][numbers.below(3)]
                let offset = numbers.below(limit)
                switch numbers.below(3) {
                case 0: image[offset] = UInt8(numbers.below(256))
                case 1: image.setEntry(at: offset & ~7, words[numbers.below(words.count)])
                default: image.setEntry(at: offset & ~7, numbers.next())
                }
            }
            if numbers.below(8) == 0 { image.removeLast(numbers.below(image.count)) }
            use(image, &numbers)
        }
    }

    @Test(
        "What is not to be had is refused in words that name it",
        arguments: [
            (4, [0, 0, 0, 4], "version 4"), (32, [0, 0, 0, 1], "encrypted"), (32, [0, 0, 0, 2], "encrypted"),
            (79, [4], "another file"), (79, [16], "extended L2"), (79, [32], "feature 5"), (72, [1], "feature 56"),
            (79, [8], "compression"), (20, [0, 0, 0, 30], "cluster size"), (20, [0, 0, 0, 8], "cluster size"),
            (96, [0, 0, 0, 7], "refcounts"), (36, [0x10, 0, 0, 0], "larger"), (24, [0, 0, 1, 0], "L1 table"),
            (24, [0xFF], "size of the disk"), (40, [0, 0, 0, 0, 0, 0, 0, 1], "L1 table"),
            (48, [0, 0, 0, 0, 0, 0, 0, 1], "refcount table"), (56, [0xFF], "larger"), (100, [0, 0, 0, 3], "length"),
            (0, [0], "magic"), (60, [0xFF], "snapshots"),
        ] as [(Int, [UInt8], String)])
    func refused(offset: Int, new: [UInt8], words: String) throws {
        var image = try bytes()
        image.replaceSubrange(offset..<offset + new.count, with: new)
        let file = LoggedFile(image, path: "a.qcow2")
        let error = #expect(throws: DiskImageError.self) { try Qcow2Header(file) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("a.qcow2") == true)
    }

    @Test("An image that was not closed is read, and not written")
    func dirty() throws {
        for bit: UInt8 in [1, 2] {
            var image = try bytes("cluster_size=4096,lazy_refcounts=on")
            image[79] |= bit
            let file = LoggedFile(image, path: "a.qcow2")
            let header = try Qcow2Header(file)
            #expect(throws: DiskImageError.needsRepair(path: "a.qcow2", isCorrupt: bit == 2)) {
                try Qcow2Image(file, header: header, readOnly: false)
            }
            #expect(try Qcow2Image(file, header: header, readOnly: true).bytes(512, at: 0).contains { $0 != 0 })
        }
    }

    @Test("The guest's data is not written over the header and the large tables")
    func metadata() throws {
        var image = try bytes()
        // The first L2 entry, by the L1 table's first.
        let l1 = Int(image.entry(at: 40))
        let l2 = Int(image.entry(at: l1) & 0x00FF_FFFF_FFFF_FE00)
        for place in [0, UInt64(l1), image.entry(at: 48)] {
            image.setEntry(at: l2, place | 1 << 63)
            let file = LoggedFile(image, path: "a.qcow2")
            let disk = try Qcow2Image(file, header: Qcow2Header(file), readOnly: false)
            // An offset of zero is no cluster: a new one is taken.
            if place == 0 { continue }
            #expect(throws: DiskImageError.self) { try disk.write([UInt8](repeating: 1, count: 512), at: 0) }
            #expect(file.bytes == image)
        }
    }

    @Test("Bits that say that bitmaps are right are taken away before anything is written, and not by reading")
    func autoclear() throws {
        var image = try bytes()
        image[95] = 1
        let file = LoggedFile(image, path: "a.qcow2")
        let disk = try Qcow2Image(file, header: Qcow2Header(file), readOnly: false)
        _ = try disk.bytes(4096, at: 0)
        try disk.synchronize()
        #expect(file.bytes == image)
        try disk.write([UInt8](repeating: 1, count: 512), at: 0)
        let written = file.log.entries.drop { $0 == .flush(disk: 0) }
        guard case .write(_, let first)? = written.first, case .flush? = written.dropFirst().first else {
            Issue.record("the header is not the first that is written")
            return
        }
        #expect(first.sector == 0 && first.bytes[88..<96].allSatisfy { $0 == 0 })
    }
}
