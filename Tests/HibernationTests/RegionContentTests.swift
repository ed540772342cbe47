import DiskImages
import Foundation
import Testing

@testable import Hibernation

/// What `blkid` says of the same disk is what is expected.
@Suite("Contents by name")
struct RegionContentTests {
    /// What makes a volume on `$1`, and its size in MiB.
    static let volumes: [(script: String, mebibytes: Int)] = [
        ("mkfs.ext2 -q -F -L 'two words' \"$1\"", 16), ("mkfs.ext3 -q -F \"$1\"", 16),
        ("mkfs.ext4 -q -F -L sixteen-letters. \"$1\"", 16), ("mkfs.xfs -q -f -L twelve-chars \"$1\"", 320),
        ("mkfs.btrfs -q -f -L 'a label of btrfs' \"$1\"", 128), ("mkfs.vfat -n DORMOUSE \"$1\" >/dev/null", 16),
        ("mkfs.vfat -F 32 -n THIRTYTWO \"$1\" >/dev/null", 64), ("mkfs.vfat \"$1\" >/dev/null", 16),
        ("mkswap -q -L swapped \"$1\"", 2), ("mkswap -q -p 65536 \"$1\"", 2),
    ]
    /// Names that are not spelt as blkid spells them.
    private static let names = ["xfs": "XFS", "vfat": "FAT", "crypto_LUKS": "LUKS2"]

    private func contents(_ disk: TestDisk) throws -> [RegionContent?] {
        try RegionContent.all(in: SwapSearch(diskAt: disk.path), onDiskAt: disk.path, format: nil)
    }

    private func expected(_ disk: TestDisk) throws -> RegionContent? {
        var values: [String: String] = [:]
        let text = try Shell.run("PATH=$PATH:/usr/sbin:/sbin; blkid -p -o export \"$1\"", disk.path)
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1)
            // blkid escapes spaces.
            values[String(parts[0])] = parts.count > 1 ? parts[1].replacingOccurrences(of: "\\", with: "") : ""
        }
        return values["TYPE"].map {
            RegionContent(name: Self.names[$0] ?? $0, label: values["LABEL"], uuid: values["UUID"])
        }
    }

    @Test("Format, label and UUID are those that blkid tells", arguments: volumes.indices)
    func agreesWithBlkid(index: Int) throws {
        let (script, mebibytes) = Self.volumes[index]
        let disk = try TestDisk(byteCount: mebibytes << 20)
        try Shell.run("PATH=$PATH:/usr/sbin:/sbin; \(script)", disk.path)
        let found = try #require(try contents(disk).first ?? nil)
        #expect(found == (try expected(disk)))
    }

    @Test("An empty disk has no name, and a label of control characters none that a terminal obeys")
    func nothing() throws {
        let disk = try TestDisk(byteCount: 16 << 20)
        #expect(try contents(disk) == [nil])
        try Shell.run("PATH=$PATH:/usr/sbin:/sbin; mkfs.ext4 -q -F \"$1\"", disk.path)
        disk.write(Array("\u{1B}[31mred\u{7}".utf8), at: 1024 + 120)
        #expect(try contents(disk).first??.label == "?[31mred?")
    }

    @Test("The report names partitions as sfdisk does, with what is in them, and the size of swap as mkswap made it")
    func report() throws {
        let disk = try TestDisk(byteCount: 32 << 20)
        try disk.divide(
            """
            label: gpt
            start=2048, size=32768, name="the root"
            start=34816, size=8192, type=S, name=sleep
            start=43008, size=2048

            """)
        let part = try TestDisk(byteCount: 16 << 20)
        try Shell.run("PATH=$PATH:/usr/sbin:/sbin; mkfs.ext4 -q -F -L system \"$1\"", part.path)
        try Shell.run("dd if=\"$1\" of=\"$2\" bs=1M seek=1 conv=notrunc,sparse 2>/dev/null", part.path, disk.path)
        let swap = try TestDisk(byteCount: 4 << 20)
        try Shell.run("PATH=$PATH:/usr/sbin:/sbin; mkswap -q \"$1\"", swap.path)
        try Shell.run("dd if=\"$1\" of=\"$2\" bs=1M seek=17 conv=notrunc,sparse 2>/dev/null", swap.path, disk.path)

        struct Listing: Decodable {
            struct Table: Decodable {
                struct Partition: Decodable {
                    var start: UInt64
                    var size: UInt64
                    var name: String?
                }
                var partitions: [Partition]
            }
            var partitiontable: Table
        }
        let json = try Shell.run("PATH=$PATH:/usr/sbin:/sbin; sfdisk -J \"$1\"", disk.path)
        let listed = try JSONDecoder().decode(Listing.self, from: Data(json.utf8)).partitiontable.partitions
        let report = try ImageReport(diskAt: disk.path, .all, readingData: true)
        #expect(report.regions.map(\.name) == listed.map(\.name))
        #expect(report.regions.map(\.offset) == listed.map { "0x" + String($0.start * 512, radix: 16) })
        #expect(report.regions.map(\.bytes) == listed.map { "0x" + String($0.size * 512, radix: 16) })
        #expect(report.regions.map(\.content) == ["ext4", "swap", nil])
        #expect(report.regions.map(\.label) == ["system", nil, nil])
        #expect(report.regions[0].uuid == (try expected(part))?.uuid)
        #expect(report.areas.map(\.bytes) == ["0x400000"])
        let uuid = try #require(report.regions[0].uuid)
        #expect(report.lines.first == "\(disk.path), partition 1 \"the root\": 16 MiB, ext4 \"system\", UUID \(uuid)")
        #expect(report.lines.contains { $0.hasSuffix("partition 3: 1024 KiB, nothing that is known") })
    }

    @Test("There is room for the memory if one swap area is as large, and what is not looked into is named")
    func room() throws {
        let small = try TestDisk(byteCount: 2 << 20)
        try Shell.run("PATH=$PATH:/usr/sbin:/sbin; mkswap -q \"$1\"", small.path)
        let large = try TestDisk(byteCount: 8 << 20)
        try Shell.run("PATH=$PATH:/usr/sbin:/sbin; mkswap -q \"$1\"", large.path)
        let files = try TestDisk(byteCount: 16 << 20)
        try Shell.run("PATH=$PATH:/usr/sbin:/sbin; mkfs.ext4 -q -F \"$1\"", files.path)
        var space = SwapSpace()
        #expect(!space.hasRoom(forMemory: 1))
        try space.add(diskAt: files.path, format: .raw)
        #expect(space.largestByteCount == nil)
        #expect(space.unsearched == ["ext4, which may have a swap file of \(files.path)"])
        for disk in [small, large] { try space.add(diskAt: disk.path, format: .raw) }
        #expect(space.hasRoom(forMemory: 8 << 20))
        // Two areas are not one.
        #expect(!space.hasRoom(forMemory: 8 << 20 | 1 << 20))
    }
}
