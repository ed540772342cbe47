import Glibc
import Testing

@testable import Hibernation

@Suite("Volumes of a disk")
struct DiskVolumeTests {
    private func volumes(
        _ disk: TestDisk, readsContent: (Int?, UInt64) -> Bool = { _, _ in false }
    ) throws -> [DiskVolume] {
        try RawDisk.withDisk(at: disk.path) { disk throws(RawDiskError) in
            try DiskVolume.all(of: disk, readsContent: readsContent, progress: { _ in })
        }
    }

    /// What makes a volume of each kind on `$1`, and how large it is.
    static let kinds: [(kind: VolumeKind, script: String, mebibytes: Int)] = [
        (.ext, "mkfs.ext2 -q -F \"$1\"", 16), (.ext, "mkfs.ext3 -q -F \"$1\"", 16),
        (.ext, "mkfs.ext4 -q -F \"$1\"", 16),
        (.ext, "mkfs.ext4 -q -F -b 1024 -O ^extents,^64bit \"$1\"", 16), (.xfs, "mkfs.xfs -q -f \"$1\"", 320),
        (.btrfs, "mkfs.btrfs -q -f \"$1\"", 128), (.swap, "mkswap -q \"$1\"", 2),
        (.swap, "mkswap -q -p 65536 \"$1\"", 2),
        (.image, "mkswap -q \"$1\"; printf 'S1SUSPEND\\0' | dd of=\"$1\" bs=1 seek=4086 conv=notrunc 2>/dev/null", 2),
        (.fat, "mkfs.vfat \"$1\" >/dev/null", 16), (.fat, "mkfs.vfat -F 32 \"$1\" >/dev/null", 64),
        (.luks, "printf 'LUKS\\272\\276' | dd of=\"$1\" conv=notrunc 2>/dev/null", 2),
        (.lvm, "printf LABELONE | dd of=\"$1\" bs=512 seek=1 conv=notrunc 2>/dev/null", 2),
        (.unknown, "true", 2),
    ]

    @Test("What a volume is, is told by what the tool of its kind wrote", arguments: kinds.indices)
    func kind(index: Int) throws {
        let (kind, script, mebibytes) = Self.kinds[index]
        let disk = try TestDisk(byteCount: mebibytes << 20)
        try Shell.run(script, disk.path)
        #expect(try volumes(disk).map(\.kind) == [kind])
        // The same in a partition.
        let divided = try TestDisk(byteCount: (mebibytes + 4) << 20)
        try divided.divide("label: gpt\nstart=4096, size=\(mebibytes * 2048)\n")
        try Shell.run("dd if=\"$1\" of=\"$2\" bs=1M seek=2 conv=notrunc,sparse 2>/dev/null", disk.path, divided.path)
        #expect(try volumes(divided).map(\.kind) == [.divided, kind])
    }

    @Test("A kind whose metadata need not tell is read whole, if that is wanted")
    func content() throws {
        for (kind, script, mebibytes) in Self.kinds {
            let disk = try TestDisk(byteCount: mebibytes << 20)
            try Shell.run(script, disk.path)
            let volume = try #require(try volumes(disk, readsContent: { _, _ in true }).first)
            #expect((volume.content != nil) == !kind.alwaysTells)
        }
    }

    @Test("The group descriptors and the journal of an ext4 file system, and the log of an XFS, are looked at")
    func metadataBehind() throws {
        func layout(_ disk: TestDisk) throws -> VolumeLayout {
            try RawDisk.withDisk(at: disk.path) { disk throws(RawDiskError) in
                try VolumeLayout.read(DiskRegion(diskByteCount: disk.byteCount), on: disk, isDivided: false)
            }
        }
        let ext = try TestDisk(byteCount: 64 << 20)
        try Shell.run("mkfs.ext4 -q -F -b 4096 \"$1\"", ext.path)
        let journal = try Shell.run(
            #"debugfs -R "bmap <8> 0" "$1" 2>/dev/null"#, ext.path)
        let place = try #require(UInt64(journal)) * 4096
        #expect(try layout(ext).pieces.contains { $0.offset == place })
        #expect(try layout(ext).pieces.contains { $0.offset == 4096 })

        let xfs = try TestDisk(byteCount: 320 << 20)
        try Shell.run("mkfs.xfs -q -f \"$1\"", xfs.path)
        let numbers = try Shell.run(
            #"xfs_db -r -c 'sb 0' -c 'p logstart agblklog agblocks blocksize' "$1""#, xfs.path)
        let values = numbers.split(separator: "\n").compactMap { UInt64($0.split(separator: " ").last ?? "") }
        try #require(values.count == 4, "\(numbers)")
        let log = ((values[0] >> values[1]) * values[2] + values[0] & (1 << values[1] - 1)) * values[3]
        #expect(try layout(xfs).pieces.contains { (log...log + 8192).contains($0.offset) })
        // The second allocation group.
        #expect(try layout(xfs).pieces.contains { $0.offset == values[2] * values[3] })
    }

    @Test("Of a table with thousands of partitions over each other, a bounded number is looked at")
    func manyPartitions() throws {
        let disk = try TestDisk(byteCount: 4 << 20)
        try disk.divide(
            "label: gpt\ntable-length: 1024\n" + (0..<200).map { "start=\(4096 + $0 * 8), size=8\n" }.joined())
        let volumes = try volumes(disk)
        #expect(volumes.count == DiskVolume.maximumCount + 1)
        #expect(volumes.last?.kind == .unknown)
    }

    @Test("Whatever a superblock says, what is read of it is inside its volume and bounded")
    func fuzz() throws {
        var generator = SeededGenerator(state: 9)
        for (_, script, mebibytes) in Self.kinds {
            let disk = try TestDisk(byteCount: mebibytes << 20)
            try Shell.run(script, disk.path)
            for place in [0, 1024, 65536] {
                let original = disk.read(at: place, count: 1024)
                for _ in 0..<200 {
                    var bytes = original
                    for _ in 0..<Int.random(in: 1...16, using: &generator) {
                        let value: UInt8 =
                            Bool.random(using: &generator) ? 0xFF : .random(in: 0...255, using: &generator)
                        // Past the magic numbers at the beginning.
                        bytes[Int.random(in: place == 0 ? 4..<300 : 0..<1024, using: &generator)] = value
                    }
                    disk.write(bytes, at: place)
                    let layout = try RawDisk.withDisk(at: disk.path) { disk throws(RawDiskError) in
                        try VolumeLayout.read(DiskRegion(diskByteCount: disk.byteCount), on: disk, isDivided: false)
                    }
                    let size = UInt64(mebibytes) << 20
                    #expect(layout.pieces.allSatisfy { $0.offset < size && UInt64($0.count) <= size - $0.offset })
                    #expect(layout.pieces.reduce(0) { $0 + $1.count } < 32 << 20)
                }
                disk.write(original, at: place)
            }
        }
    }
}
