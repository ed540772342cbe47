import Foundation
import Testing

@testable import Hibernation

/// A physical volume as lvm2 2.03.16 made it (`pvcreate`, `vgcreate -s 1M`, `lvcreate`, `lvextend`), and what its `pvs
/// --segments` says of it:
///
///     lv    first extent  on pv0 from  extents
///     root             0            0        8
///     swap             0            8        6
///     root             8           14        4
///     swap             6           18        3
///
/// Besides, `fast` is striped over two disks, `wide` linear over both, `far` on the other. Extents begin at 1 MiB.
@Suite("Logical volumes, and what is not looked into")
struct VolumeTests {
    private static let mebibyte = 1 << 20
    private static var physicalVolume: [UInt8] {
        get throws {
            let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/lvm.bin")
            return [UInt8](try Data(contentsOf: path))
        }
    }

    /// A disk with the physical volume at `offset`.
    private func disk(at offset: Int = 0) throws -> TestDisk {
        let disk = try TestDisk(byteCount: offset + 64 * Self.mebibyte)
        disk.write(try Self.physicalVolume, at: offset)
        return disk
    }

    /// Puts a hibernation image into `swap`: what is written to the volume goes to its two pieces.
    private func hibernate(_ disk: TestDisk, at offset: Int = 0) throws {
        let volume = try TestDisk(byteCount: 9 * Self.mebibyte, swapPageSize: 4096)
        // Across the end of the first piece, which is at page 6 · 256.
        _ = SyntheticImage(firstPage: 6 * 256 - 20).write(to: volume)
        disk.write(volume.read(at: 0, count: 6 * Self.mebibyte), at: offset + 9 * Self.mebibyte)
        disk.write(volume.read(at: 6 * Self.mebibyte, count: 3 * Self.mebibyte), at: offset + 19 * Self.mebibyte)
    }

    @Test("Linear volumes are where lvm2 says that they are")
    func pieces() throws {
        let disk = try disk()
        let search = try SwapSearch(diskAt: disk.path)
        let volumes = search.regions.filter { $0.volume != nil }
        #expect(volumes.map(\.volume) == ["vg/root", "vg/swap"])
        let extents = volumes.map { $0.pieces.map { [$0.position, $0.offset, $0.byteCount].map { $0 >> 20 } } }
        #expect(extents == [[[0, 1, 8], [8, 15, 4]], [[0, 9, 6], [6, 19, 3]]])
        #expect(volumes.map(\.byteCount) == [12 << 20, 9 << 20])
    }

    @Test(
        "An image in a linear volume of two pieces is found and whole, on a disk and in a partition", arguments: [0, 1])
    func image(offset: Int) throws {
        let offset = offset * Self.mebibyte
        let disk = try disk(at: offset)
        if offset > 0 { try disk.divide("label: dos\nstart=2048, type=8e\n") }
        try hibernate(disk, at: offset)
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.area.region.volume == "vg/swap" && image.partition == (offset > 0 ? 1 : nil))
        #expect(try ImageInspection(image, onDiskAt: disk.path).verdict == .whole)
        let before = disk.bytes
        let header = try #require(try HibernationImage.discard(onDiskAt: disk.path))
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
        try HibernationImage.restore(header, onDiskAt: disk.path)
        #expect(disk.bytes == before)
    }

    @Test("Of partitions that lie in each other the first is looked into, so that no volume is there twice")
    func overlapping() throws {
        let disk = try disk(at: Self.mebibyte)
        func entry(sectors: UInt32) -> [UInt8] {
            let words = [2048, sectors].flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
            return [0, 0, 0, 0, 0x8E, 0, 0, 0] + words
        }
        disk.write((0..<4).flatMap { entry(sectors: 64 * 2048 - $0) }, at: 446)
        disk.write([0x55, 0xAA], at: 510)
        let search = try SwapSearch(diskAt: disk.path)
        #expect(search.regions.filter { $0.partition != nil && $0.volume == nil }.count == 4)
        #expect(search.regions.compactMap(\.volume) == ["vg/root", "vg/swap"])
    }

    @Test("Of more volumes than anybody has, some are looked at or named, and the rest is said to be there")
    func many() throws {
        func search(_ types: [String]) throws -> SwapSearch {
            let disk = try disk()
            let volumes = types.enumerated().map { number, type in
                "v\(number) { status = [\"VISIBLE\"] segment_count = 1 segment1 { start_extent = 0 extent_count = 1 "
                    + "type = \"\(type)\" stripes = [\"pv0\", \(number)] } }"
            }
            let group = """
                vg { extent_size = 8
                physical_volumes { pv0 { id = "0fswNg-geC9-9ECJ-mw9x-FJfl-YWPR-KJ6yic" pe_start = 2048 } }
                logical_volumes { \(volumes.joined(separator: "\n")) } }
                """
            disk.writeMetadata(Array(group.utf8), of: try Self.physicalVolume)
            for number in types.indices {
                disk.write(Array("SWAPSPACE2".utf8), at: Self.mebibyte + (number + 1) * 4096 - 10)
            }
            return try SwapSearch(diskAt: disk.path)
        }
        let few = try search(Array(repeating: "linear", count: 600) + Array(repeating: "thin", count: 400))
        #expect(few.areas.count == 600 && few.unsearched.count == 400)
        let linear = try search(Array(repeating: "linear", count: 3000))
        #expect(linear.areas.count == 1024 && linear.unsearched.map(\.kind) == [.lvm])
        let thin = try search(Array(repeating: "thin", count: 3000))
        #expect(thin.areas.isEmpty && thin.unsearched.count == 1025 && thin.unsearched.last?.kind == .lvm)
        // What is read has many times the size of its text.
        let list = "a = [" + Array(repeating: "1", count: 300_000).joined(separator: ",") + "]"
        #expect(LVMText(Array(list.utf8)) == nil)
    }

    @Test("Volumes that are not followed are named, and those on other disks are not")
    func unsearched() throws {
        let disk = try disk()
        let search = try SwapSearch(diskAt: disk.path)
        #expect(
            search.unsearched.map(\.words) == [
                "the striped volume vg/fast", "the linear, but spread over several disks, volume vg/wide",
            ])
        #expect(search.unsearched.allSatisfy { $0.hidesWrites })
    }

    @Test("LVM's metadata that is damaged is said to be")
    func damaged() throws {
        let disk = try disk()
        let text = try Self.physicalVolume
        let place = try #require(text.indices.last { text[$0] == UInt8(ascii: "=") })
        disk.write([UInt8(ascii: "-")], at: place)
        let search = try SwapSearch(diskAt: disk.path)
        #expect(search.unsearched.map(\.kind) == [.lvm] && search.regions.count == 1)
    }

    @Test("Random metadata of LVM ends in a result")
    func fuzz() throws {
        let original = try Self.physicalVolume
        let text = try #require(original.indices.last { original[$0] != 0 })
        for seed in 0..<3000 as Range<UInt64> {
            var random = SeededGenerator(state: seed)
            var bytes = Array(original[max(0, text - 3000)...text])
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
                case 1: bytes.insert(contentsOf: Array("18446744073709551615".utf8), at: place)
                default: bytes.remove(at: place)
                }
            }
            _ = LVMText(bytes)
            // The same behind a right checksum.
            let disk = try TestDisk(byteCount: 1 << 20)
            disk.write(original, at: 0)
            disk.writeMetadata(bytes, of: original)
            _ = try SwapSearch(diskAt: disk.path)
        }
        let deep = Array(String(repeating: "a { b = [", count: 100_000).utf8)
        #expect(LVMText(deep) == nil)
    }

    @Test(
        "What may hold an image that is not found is named",
        arguments: [("ext4", "ext4"), ("xfs", "XFS"), ("btrfs", "btrfs")])
    func fileSystems(tool: String, name: String) throws {
        let disk = try TestDisk(byteCount: 512 << 20)
        try Tool.mkfs(tool, disk.path)
        let unsearched = try SwapSearch(diskAt: disk.path).unsearched
        #expect(unsearched.map(\.words) == ["\(name), which may have a swap file"])
        #expect(unsearched.allSatisfy { !$0.hidesWrites })
    }

    /// From the formats' descriptions: LUKS's magic number, md's MD_SB_MAGIC of versions 1.1, 1.2, 1.0 and 0.90.
    @Test(
        "Encryption and RAID are named, wherever their superblock is",
        arguments: [
            (0, [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE], "LUKS"), (0, [0xFC, 0x4E, 0x2B, 0xA9], "Linux RAID"),
            (4096, [0xFC, 0x4E, 0x2B, 0xA9], "Linux RAID"), ((1 << 20) - 8192, [0xFC, 0x4E, 0x2B, 0xA9], "Linux RAID"),
            ((1 << 20) - 65536, [0xFC, 0x4E, 0x2B, 0xA9], "Linux RAID"),
        ] as [(Int, [UInt8], String)])
    func hidden(place: Int, magic: [UInt8], words: String) throws {
        let disk = try TestDisk(byteCount: 1 << 20)
        disk.write(magic, at: place)
        let unsearched = try SwapSearch(diskAt: disk.path).unsearched
        #expect(unsearched.map(\.words) == [words] && unsearched[0].hidesWrites)
    }

    @Test(
        "An image in a file is found by where its header ends, and by looking everywhere",
        arguments: [4096, 16384, 65536])
    func file(pageSize: Int) throws {
        let disk = try TestDisk(byteCount: 32 << 20)
        try disk.divide("label: gpt\nstart=2048, size=61440, type=L\n")
        let partition = 1 << 20
        try disk.makeSwap(at: partition + 20 * pageSize, byteCount: 2 << 20, pageSize: pageSize)
        let image = SyntheticImage(pageSize: pageSize, imagePageCount: 8, resumeOffset: 20, firstPage: 21)
        _ = image.write(to: disk, at: partition)
        #expect(try HibernationImage.find(onDiskAt: disk.path) == nil)
        var selection = SwapSelection.all
        selection.headerEnds = [UInt64(partition + 21 * pageSize)]
        var scan = SwapSelection.all
        scan.scansAllPages = true
        for selection in [selection, scan] {
            let found = try #require(try HibernationImage.find(onDiskAt: disk.path, selection))
            #expect(found.partition == 1 && found.area.resumeOffset == 20 && found.pageSize == pageSize)
            #expect(try ImageInspection(found, onDiskAt: disk.path).verdict == .whole)
        }
    }
}

extension TestDisk {
    /// Writes `text` as LVM's metadata of a volume whose first sectors are `original`: `mda_header` is at 4096, with
    /// the text's place at 40, and the checksum is CRC-32 without the inversions, from 0xF597A6CF on.
    fileprivate func writeMetadata(_ text: [UInt8], of original: [UInt8]) {
        var sum: UInt32 = 0xF597_A6CF
        for byte in text {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
        write(text, at: 4096 + 512)
        write(littleEndian(UInt64(512)) + littleEndian(UInt64(text.count)) + littleEndian(sum), at: 4096 + 40)
    }
}
