// The parts of a disk that Linux sees as block devices: all of it, and its partitions.
//
// Responsible for: which there are, whichever kind of table names them. The tables are in `MBR` and `GPT`.

/// A disk or a partition of it.
public struct DiskRegion: Sendable, Hashable {
    /// As Linux counts them: 1 is vda1. Nil for the whole disk.
    public let partition: Int?
    /// Where it begins on the disk, in bytes.
    public let offset: UInt64
    public let byteCount: UInt64
    /// Whether the partition table says that it is swap. It is only reported: what counts is the area in it.
    public let isTypedAsSwap: Bool

    /// What there is of `byteCount` bytes at `offset` on a disk of `diskByteCount`; nil if that is nothing.
    init?(partition: Int?, offset: UInt64, byteCount: UInt64, isTypedAsSwap: Bool, diskByteCount: UInt64) {
        guard offset < diskByteCount, byteCount > 0 else { return nil }
        self.partition = partition
        self.offset = offset
        self.byteCount = min(byteCount, diskByteCount - offset)
        self.isTypedAsSwap = isTypedAsSwap
    }

    /// The whole of a disk.
    init(diskByteCount: UInt64) {
        partition = nil
        offset = 0
        byteCount = diskByteCount
        isTypedAsSwap = false
    }

    /// Where `count` bytes at `position` of the region are on the disk; nil if they are not all in it.
    func diskOffset(of position: UInt64, count: Int) -> UInt64? {
        guard position <= byteCount, UInt64(count) <= byteCount - position else { return nil }
        // Safe from overflow: the region is on the disk.
        return offset + position
    }
}

/// How a disk is divided.
public struct PartitionTable: Sendable, Equatable {
    /// Where the table was found.
    public enum Kind: String, Sendable {
        case none
        case mbr
        case gpt
        /// The table at the disk's end, since the one at its beginning is damaged.
        case gptBackup = "gpt-backup"
    }

    public var kind: Kind
    public var partitions: [DiskRegion]

    /// Reads the table of `disk`. A disk without one has none.
    static func read(from disk: RawDisk) throws(RawDiskError) -> PartitionTable {
        guard let sector = try disk.read(at: 0, count: MBR.sectorByteCount), let table = MBR(sector: sector) else {
            return PartitionTable(kind: .none, partitions: [])
        }
        if table.isProtective, let gpt = try GPT.read(from: disk) {
            return PartitionTable(kind: gpt.isBackup ? .gptBackup : .gpt, partitions: gpt.partitions)
        }
        return PartitionTable(kind: .mbr, partitions: try table.partitions(on: disk))
    }
}
