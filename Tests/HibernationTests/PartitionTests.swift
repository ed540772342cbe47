import Testing

@testable import Hibernation

@Suite("Partitions")
struct PartitionTests {
    private static let mebibyte = 1 << 20

    private func search(_ disk: TestDisk, _ selection: SwapSelection = .all) throws -> SwapSearch {
        try SwapSearch(diskAt: disk.path, selection)
    }

    /// Two partitions, the second of which is swap, from 3 MiB on.
    private func gpt() throws -> TestDisk {
        let disk = try TestDisk(byteCount: 8 * Self.mebibyte)
        try disk.divide("label: gpt\nstart=2048, size=4096, type=L\nstart=6144, size=8192, type=S\n")
        return disk
    }

    @Test("An image in a GPT partition is found, and is whole", arguments: [4096, 16384, 65536])
    func imageInGPT(pageSize: Int) throws {
        let disk = try gpt()
        let offset = 3 * Self.mebibyte
        try disk.makeSwap(at: offset, byteCount: 4 * Self.mebibyte, pageSize: pageSize)
        let image = SyntheticImage(pageSize: pageSize, imagePageCount: pageSize == 65536 ? 40 : 70)
        image.write(to: disk, at: offset)
        let found = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(found.partition == 2)
        #expect(found.swapAreaOffset == UInt64(offset))
        #expect(found.pageSize == pageSize)
        #expect(try ImageInspection(found, onDiskAt: disk.path).verdict == .whole)
        #expect(try search(disk).table == .gpt)
        #expect(try search(disk, SwapSelection(partition: 2)).images.count == 1)
        #expect(try search(disk, SwapSelection(partition: 1)).images.isEmpty)
        #expect(try search(disk, SwapSelection(partition: 3)).regions.isEmpty)
    }

    @Test("GPT partitions are those that sfdisk made")
    func regions() throws {
        let regions = try search(try gpt()).regions
        #expect(regions.map(\.partition) == [nil, 1, 2])
        #expect(regions.map(\.offset) == [0, 1 << 20, 3 << 20])
        #expect(regions.map(\.byteCount) == [8 << 20, 2 << 20, 4 << 20])
        #expect(regions.map(\.isTypedAsSwap) == [false, false, true])
    }

    @Test("A damaged GPT is replaced by the one at the disk's end", arguments: [512, 530, 560, 1024 + 130, 1024 + 300])
    func backup(damaged offset: Int) throws {
        let disk = try gpt()
        let partitions = try search(disk).regions
        disk.write([disk.read(at: offset, count: 1)[0] ^ 0x10], at: offset)
        let found = try search(disk)
        #expect(found.table == .gptBackup)
        #expect(found.regions == partitions)
        // Both damaged: what is left is the partition that protects them.
        let end = 8 * Self.mebibyte - 512
        disk.write([disk.read(at: end + 16, count: 1)[0] ^ 1], at: end + 16)
        let rest = try search(disk)
        #expect(rest.table == .mbr)
        #expect(rest.regions.count == 2)
    }

    @Test("Primary and logical partitions of an MBR are numbered as Linux does")
    func logical() throws {
        let disk = try TestDisk(byteCount: 16 * Self.mebibyte)
        try disk.divide(
            """
            label: dos
            start=2048, size=2048, type=83
            start=4096, size=24576, type=5
            start=6144, size=4096, type=83
            start=12288, size=8192, type=82
            start=22528, size=2048, type=82

            """)
        let found = try search(disk)
        #expect(found.table == .mbr)
        #expect(found.regions.map(\.partition) == [nil, 1, 5, 6, 7])
        #expect(found.regions.map(\.offset) == [0, 2048, 6144, 12288, 22528].map { $0 * 512 })
        #expect(found.regions.map(\.byteCount) == [32768, 2048, 4096, 8192, 2048].map { $0 * 512 })
        #expect(found.regions.map(\.isTypedAsSwap) == [false, false, false, true, true])

        try disk.makeSwap(at: 12288 * 512, byteCount: 8192 * 512, pageSize: 4096)
        SyntheticImage(compression: .lz4).write(to: disk, at: 12288 * 512)
        let image = try #require(try HibernationImage.find(onDiskAt: disk.path))
        #expect(image.partition == 6)
        #expect(try ImageInspection(image, onDiskAt: disk.path).verdict == .whole)
    }

    @Test("A chain of logical partitions that is a loop comes to an end")
    func loop() throws {
        let disk = try TestDisk(byteCount: 4 * Self.mebibyte)
        try disk.divide("label: dos\nstart=2048, size=6144, type=5\nstart=4096, size=1024, type=82\n")
        // The frame's second entry: the next frame is this one.
        let entry: [UInt8] = [0, 0, 0, 0, 5, 0, 0, 0] + littleEndian(UInt32(0)) + littleEndian(UInt32(2048))
        disk.write(entry, at: 2048 * 512 + 446 + 16)
        #expect(try search(disk).regions.map(\.partition) == [nil, 5])
    }

    @Test("A partition's type does not matter, its swap area does")
    func wrongType() throws {
        let disk = try TestDisk(byteCount: 4 * Self.mebibyte)
        try disk.divide("label: dos\nstart=2048, size=4096, type=83\n")
        try disk.makeSwap(at: Self.mebibyte, byteCount: 2 * Self.mebibyte, pageSize: 4096)
        let areas = try search(disk).areas
        #expect(areas.map(\.region.partition) == [1])
        #expect(areas.map(\.signature) == [.swapSpace2])
    }

    @Test("A partition that reaches behind the disk's end is cut off there")
    func behindTheEnd() throws {
        let disk = try gpt()
        disk.truncate(to: 5 * Self.mebibyte)
        // A GPT's last sectors have to be on the disk.
        #expect(try search(disk).regions.map(\.partition) == [nil, 1])
        let mbr = try TestDisk(byteCount: 4 * Self.mebibyte)
        try mbr.divide("label: dos\nstart=2048, size=6144, type=82\n")
        mbr.truncate(to: 2 * Self.mebibyte)
        #expect(try search(mbr).regions.map(\.byteCount) == [2 << 20, 1 << 20])
    }

    @Test("The boot sector of a file system is no partition table")
    func bootSector() throws {
        let disk = try TestDisk(byteCount: Self.mebibyte, swapPageSize: 4096)
        var code = [UInt8](repeating: 0x90, count: 512)
        code.replaceSubrange(510..<512, with: [0x55, 0xAA])
        disk.write(code, at: 0)
        let found = try search(disk)
        #expect(found.table == .none)
        #expect(found.areas.count == 1)
    }
}
