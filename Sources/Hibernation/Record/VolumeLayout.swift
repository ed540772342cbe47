// What is on a disk or a partition, by the superblock at its beginning, and where that keeps what it writes when it
// is used.
//
// Responsible for: telling a file system that was mounted from one that was not, after a host whose counters are
// gone. Not responsible for reading files, nor for whether a file system is sound. Superblocks may be anything: every
// number is checked against the volume before it is used, and what is read is bounded.
//
// libblkid tells kinds, labels and UUIDs, but none of the numbers that say whether something was written; so these
// few fields are read here. They follow Linux's fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h, fs/btrfs
// (uapi/linux/btrfs_tree.h), the FAT specification of ECMA-107, LUKS's on-disk formats 1 and 2, and LVM2's
// lib/format_text/layout.h.

import Bytes

/// The kind of a volume.
public enum VolumeKind: String, Codable, Sendable, CaseIterable {
    /// ext2, ext3 or ext4.
    case ext
    case xfs
    case btrfs
    /// A swap area without an image.
    case swap
    /// A swap area with a hibernation image. Whoever uses it as swap takes the image's signature away first.
    case image = "hibernation image"
    case fat
    case luks = "LUKS"
    case lvm = "LVM"
    /// A disk that is divided: what is on it is on its partitions.
    case divided = "partition table"
    /// Nothing that is known, or something whose metadata is not all here.
    case unknown

    /// Whether using the volume always leaves a mark in what is read of it. A mount for writing does that to a file
    /// system with counts and times in its superblock; to others, such as FAT, it need not.
    public var alwaysTells: Bool {
        switch self {
        case .ext, .xfs, .btrfs, .image, .divided: true
        case .swap, .fat, .luks, .lvm, .unknown: false
        }
    }

    /// For people.
    var words: String {
        switch self {
        case .ext, .xfs, .btrfs, .fat: "\(rawValue) file system"
        case .unknown: "unknown content"
        case .swap, .image, .luks, .lvm, .divided: rawValue
        }
    }
}

/// Where the metadata of a volume is.
struct VolumeLayout {
    let kind: VolumeKind
    /// Offsets in the volume and their lengths in bytes, all of it in the volume.
    let pieces: [(offset: UInt64, count: Int)]

    /// What is read at both ends of every volume: superblocks, tables and what else lies there.
    static let endByteCount: UInt64 = 1 << 20
    /// Of one run of group descriptors, at most.
    fileprivate static let maximumRunByteCount: UInt64 = 4 << 20
    /// Of XFS's allocation groups, at most.
    fileprivate static let maximumGroupCount: UInt64 = 1024

    /// Reads the superblocks of `region`. `isDivided`: a partition table was found on it.
    static func read(_ region: DiskRegion, on disk: RawDisk, isDivided: Bool) throws(RawDiskError) -> VolumeLayout {
        var reader = SuperblockReader(region: region, disk: disk)
        let kind = try isDivided ? .divided : reader.kind()
        reader.add(0, min(region.byteCount, endByteCount))
        if region.byteCount > endByteCount {
            let count = min(region.byteCount - endByteCount, endByteCount)
            reader.add(region.byteCount - count, count)
        }
        return VolumeLayout(kind: kind, pieces: reader.pieces)
    }
}

/// Looks for superblocks, and collects where their file systems keep what changes.
private struct SuperblockReader {
    let region: DiskRegion
    let disk: RawDisk
    var pieces: [(offset: UInt64, count: Int)] = []

    /// Adds `count` bytes at `offset`, as far as they are in the volume.
    mutating func add(_ offset: UInt64?, _ count: UInt64) {
        guard let offset, offset < region.byteCount, count > 0 else { return }
        pieces.append((offset, Int(min(count, region.byteCount - offset))))
    }

    /// Bytes of the volume; nil if they are not all in it.
    func bytes(_ offset: UInt64, _ count: Int) throws(RawDiskError) -> [UInt8]? {
        guard let position = region.diskOffset(of: offset, count: count) else { return nil }
        return try disk.read(at: position, count: count)
    }

    mutating func kind() throws(RawDiskError) -> VolumeKind {
        if try addExt() { return .ext }
        if try addXFS() { return .xfs }
        if try addBtrfs() { return .btrfs }
        if let area = try SwapArea.find(in: region, resumeOffset: 0, on: disk) {
            return area.signature == .suspend ? .image : .swap
        }
        guard let first = try bytes(0, 4096) else { return .unknown }
        if first.starts(with: Array("LUKS".utf8) + [0xBA, 0xBE]) { return .luks }
        // The label is in one of the first four sectors.
        if (0..<4).contains(where: { first[($0 * 512)...].starts(with: "LABELONE".utf8) }) { return .lvm }
        return try addFAT(first) ? .fat : .unknown
    }

    // MARK: ext2, ext3, ext4

    /// `struct ext4_super_block`, 1024 bytes behind the volume's beginning.
    private enum Ext {
        static let offset: UInt64 = 1024
        static let byteCount = 1024
        static let blocksCount = 0x04
        static let firstDataBlock = 0x14
        static let logBlockSize = 0x18
        static let blocksPerGroup = 0x20
        static let magicOffset = 0x38
        static let magic: UInt16 = 0xEF53
        static let featureIncompat = 0x60
        static let is64Bit: UInt32 = 0x80
        static let descriptorSize = 0xFE
        static let blocksCountHigh = 0x150
        /// A copy of the journal's inode's `i_block`: a tree of extents, or block numbers.
        static let journalBlocks = 0x10C
        static let extentMagic: UInt16 = 0xF30A
        /// Of the first extent in the tree's root: its place, in two parts.
        static let extentStartHigh = 12 + 6
        static let extentStart = 12 + 8
        static let extentDepth = 6
        static let largestLogBlockSize: UInt32 = 6
    }

    private mutating func addExt() throws(RawDiskError) -> Bool {
        guard let block = try bytes(Ext.offset, Ext.byteCount),
            block.littleEndian(at: Ext.magicOffset, as: UInt16.self) == Ext.magic
        else { return false }
        let logBlockSize = block.littleEndian(at: Ext.logBlockSize, as: UInt32.self)
        let blocksPerGroup = UInt64(block.littleEndian(at: Ext.blocksPerGroup, as: UInt32.self))
        guard logBlockSize <= Ext.largestLogBlockSize, blocksPerGroup > 0 else { return false }
        let blockSize = UInt64(1024) << logBlockSize
        let first = UInt64(block.littleEndian(at: Ext.firstDataBlock, as: UInt32.self))
        let features = block.littleEndian(at: Ext.featureIncompat, as: UInt32.self)
        let is64Bit = features & Ext.is64Bit != 0
        let blockCount =
            UInt64(block.littleEndian(at: Ext.blocksCount, as: UInt32.self))
            | (is64Bit ? UInt64(block.littleEndian(at: Ext.blocksCountHigh, as: UInt32.self)) << 32 : 0)
        let descriptorSize = is64Bit ? UInt64(block.littleEndian(at: Ext.descriptorSize, as: UInt16.self)) : 32
        // Descriptors: the counts of free blocks and inodes, and the bitmaps' checksums, of each group.
        let groups = blockCount / blocksPerGroup + 1
        let (descriptors, isTooMany) = groups.multipliedReportingOverflow(by: descriptorSize)
        add(
            product(first + 1, blockSize),
            isTooMany ? VolumeLayout.maximumRunByteCount : min(descriptors, VolumeLayout.maximumRunByteCount))
        // The first copy of the superblock.
        add(product(first + blocksPerGroup, blockSize), blockSize)
        // The journal's superblock: its sequence goes on with every transaction.
        let journal = block[Ext.journalBlocks...].prefix(60)
        if journal.littleEndian(at: 0, as: UInt16.self) == Ext.extentMagic {
            if journal.littleEndian(at: Ext.extentDepth, as: UInt16.self) == 0 {
                let place =
                    UInt64(journal.littleEndian(at: Ext.extentStartHigh, as: UInt16.self)) << 32
                    | UInt64(journal.littleEndian(at: Ext.extentStart, as: UInt32.self))
                add(product(place, blockSize), blockSize)
            }
        } else {
            add(product(UInt64(journal.littleEndian(at: 0, as: UInt32.self)), blockSize), blockSize)
        }
        return true
    }

    // MARK: XFS

    /// `struct xfs_dsb`, big-endian.
    private enum XFS {
        static let magic = Array("XFSB".utf8)
        static let blockSize = 4
        static let logStart = 48
        static let groupBlocks = 84
        static let groupCount = 88
        static let logBlocks = 96
        static let groupLog = 124
        static let byteCount = 512
        /// Superblock, free space, inodes and free list: four sectors, of 4096 bytes at most.
        static let headersByteCount: UInt64 = 4 * 4096
        /// Sectors of the log are counted in 512 bytes, and each begins with its cycle, or with this and its cycle.
        static let logSector: UInt64 = 512
        static let recordMagic: UInt32 = 0xFEED_BABE
        /// What is read around the head of the log.
        static let headByteCount: UInt64 = 8192
    }

    private mutating func addXFS() throws(RawDiskError) -> Bool {
        guard let block = try bytes(0, XFS.byteCount), block.starts(with: XFS.magic) else { return false }
        let blockSize = UInt64(block.bigEndian(at: XFS.blockSize, as: UInt32.self))
        let groupBlocks = UInt64(block.bigEndian(at: XFS.groupBlocks, as: UInt32.self))
        let groupCount = UInt64(block.bigEndian(at: XFS.groupCount, as: UInt32.self))
        let groupLog = UInt64(block[XFS.groupLog])
        let logStart = block.bigEndian(at: XFS.logStart, as: UInt64.self)
        // A log elsewhere is not read, and would tell what is not told here.
        guard (512...65536).contains(blockSize), groupBlocks > 0, groupCount > 0, groupLog < 32, logStart != 0 else {
            return false
        }
        // Safe from overflow: both had 32 bits, and a block has 17.
        let groupByteCount = groupBlocks * blockSize
        for group in 0..<min(groupCount, VolumeLayout.maximumGroupCount) {
            add(product(group, groupByteCount), XFS.headersByteCount)
        }
        let group = logStart >> groupLog
        let (start, isTooFar) = (product(group, groupBlocks) ?? .max)
            .addingReportingOverflow(logStart & ((1 << groupLog) - 1))
        guard !isTooFar, let log = product(start, blockSize) else { return true }
        let sectorCount = UInt64(block.bigEndian(at: XFS.logBlocks, as: UInt32.self)) * blockSize / XFS.logSector
        if let head = try logHead(log, sectorCount: sectorCount) {
            let offset = log + head * XFS.logSector
            let before = min(offset - log, XFS.headByteCount / 2)
            add(offset - before, XFS.headByteCount)
        }
        return true
    }

    /// The sector at which the log goes on: from there to its end, it is one cycle behind. Nil if the log makes no
    /// sense.
    private func logHead(_ log: UInt64, sectorCount: UInt64) throws(RawDiskError) -> UInt64? {
        func cycle(_ sector: UInt64) throws(RawDiskError) -> UInt32? {
            let (offset, isTooFar) = log.addingReportingOverflow(sector * XFS.logSector)
            guard !isTooFar, let bytes = try bytes(offset, 8) else { return nil }
            let first = bytes.bigEndian(at: 0, as: UInt32.self)
            return first == XFS.recordMagic ? bytes.bigEndian(at: 4, as: UInt32.self) : first
        }
        guard sectorCount > 0, let newest = try cycle(0), let last = try cycle(sectorCount - 1) else { return nil }
        if last == newest { return 0 }
        var low: UInt64 = 0
        var high = sectorCount - 1
        while high - low > 1 {
            let middle = low + (high - low) / 2
            guard let here = try cycle(middle) else { return nil }
            if here == newest { low = middle } else { high = middle }
        }
        return high
    }

    // MARK: btrfs

    /// `struct btrfs_super_block`, and where its copies are.
    private enum Btrfs {
        static let offsets: [UInt64] = [64 << 10, 64 << 20, 256 << 30]
        static let magicOffset: UInt64 = 64
        static let magic = Array("_BHRfS_M".utf8)
        static let byteCount: UInt64 = 4096
    }

    private mutating func addBtrfs() throws(RawDiskError) -> Bool {
        guard let magic = try bytes(Btrfs.offsets[0] + Btrfs.magicOffset, Btrfs.magic.count), magic == Btrfs.magic
        else { return false }
        for offset in Btrfs.offsets { add(offset, Btrfs.byteCount) }
        return true
    }

    // MARK: FAT

    /// The BIOS parameter block.
    private enum FAT {
        static let bytesPerSector = 11
        static let sectorsPerCluster = 13
        static let reservedSectors = 14
        static let tableCount = 16
        static let tableSectors16 = 22
        static let tableSectors32 = 36
        static let signatureOffset = 510
        static let signature: [UInt8] = [0x55, 0xAA]
        static let names: [(offset: Int, name: String)] = [(54, "FAT"), (82, "FAT32")]
        /// Of the first directory, behind the tables.
        static let directoryByteCount: UInt64 = 64 << 10
    }

    /// The tables and the root directory. A file that is overwritten in place changes only its own directory.
    private mutating func addFAT(_ first: [UInt8]) throws(RawDiskError) -> Bool {
        let sector = UInt64(first.littleEndian(at: FAT.bytesPerSector, as: UInt16.self))
        guard first[FAT.signatureOffset...].starts(with: FAT.signature),
            FAT.names.contains(where: { first[$0.offset...].starts(with: $0.name.utf8) }),
            [512, 1024, 2048, 4096].contains(sector), first[FAT.sectorsPerCluster] > 0
        else { return false }
        let sectors16 = UInt64(first.littleEndian(at: FAT.tableSectors16, as: UInt16.self))
        let sectors =
            sectors16 != 0 ? sectors16 : UInt64(first.littleEndian(at: FAT.tableSectors32, as: UInt32.self))
        let reserved = UInt64(first.littleEndian(at: FAT.reservedSectors, as: UInt16.self))
        // Safe from overflow: numbers of 16, 32, 8 and 13 bits.
        let tables = sectors * UInt64(first[FAT.tableCount]) * sector
        add(reserved * sector, min(tables, VolumeLayout.maximumRunByteCount))
        add(reserved * sector + tables, FAT.directoryByteCount)
        return true
    }

    /// Nil if it is more than 64 bits.
    private func product(_ left: UInt64, _ right: UInt64) -> UInt64? {
        let (value, overflow) = left.multipliedReportingOverflow(by: right)
        return overflow ? nil : value
    }
}
