// The parts of a disk that Linux sees as block devices: all of it, its partitions, and logical volumes.
//
// Responsible for: which there are, whichever kind of table names them. The tables are in `MBR` and `GPT`.

/// A disk, a partition of it, or a logical volume on either.
public struct DiskRegion: Sendable, Hashable {
    /// A part of the region that lies together on the disk. All in bytes.
    struct Piece: Sendable, Hashable {
        /// Where it begins in the region.
        var position: UInt64
        /// Where it begins on the disk.
        var offset: UInt64
        var byteCount: UInt64
    }

    /// As Linux counts them: 1 is vda1. Nil for the whole disk.
    public let partition: Int?
    /// What the partition table calls the partition, in printable ASCII; nil if it has no name.
    public let name: String?
    /// `GROUP/VOLUME` of a logical volume.
    public let volume: String?
    /// Where it begins on the disk, in bytes.
    public let offset: UInt64
    public let byteCount: UInt64
    /// Whether the partition table says that it is swap. It is only reported: what counts is the area in it.
    public let isTypedAsSwap: Bool
    /// What it is made of, in order; a disk and a partition are of one piece.
    let pieces: [Piece]

    /// What there is of `byteCount` bytes at `offset` on a disk of `diskByteCount`; nil if that is nothing.
    init?(
        partition: Int?, name: String? = nil, offset: UInt64, byteCount: UInt64, isTypedAsSwap: Bool,
        diskByteCount: UInt64
    ) {
        guard offset < diskByteCount, byteCount > 0 else { return nil }
        self.partition = partition
        self.name = name
        volume = nil
        self.offset = offset
        self.byteCount = min(byteCount, diskByteCount - offset)
        self.isTypedAsSwap = isTypedAsSwap
        pieces = [Piece(position: 0, offset: offset, byteCount: self.byteCount)]
    }

    /// The whole of a disk.
    init(diskByteCount: UInt64) {
        partition = nil
        name = nil
        volume = nil
        offset = 0
        byteCount = diskByteCount
        isTypedAsSwap = false
        pieces = [Piece(position: 0, offset: 0, byteCount: diskByteCount)]
    }

    /// A logical volume, of pieces that are in `region` and follow one another; nil if there are none.
    init?(volume: String, in region: DiskRegion, pieces: [Piece]) {
        guard let first = pieces.first, let last = pieces.last else { return nil }
        partition = region.partition
        name = nil
        self.volume = volume
        offset = first.offset
        byteCount = last.position + last.byteCount
        isTypedAsSwap = false
        self.pieces = pieces
    }

    /// Where `count` bytes at `position` of the region are on the disk; nil if they are not all in it, or not together.
    func diskOffset(of position: UInt64, count: Int) -> UInt64? {
        for piece in pieces where position >= piece.position {
            let start = position - piece.position
            guard start <= piece.byteCount, UInt64(count) <= piece.byteCount - start else { continue }
            // Safe from overflow: the piece is on the disk.
            return piece.offset + start
        }
        return nil
    }

    /// Where in the region the `count` bytes at `offset` of the disk are; nil if they are not all in it.
    func position(of offset: UInt64, count: Int) -> UInt64? {
        for piece in pieces where offset >= piece.offset {
            let start = offset - piece.offset
            guard start <= piece.byteCount, UInt64(count) <= piece.byteCount - start else { continue }
            return piece.position + start
        }
        return nil
    }

    /// Where it is, in words that follow the disk's path: ", partition 2, volume vg/swap"; empty for the whole disk.
    public var words: String {
        (partition.map { ", partition \($0)" } ?? "") + (volume.map { ", volume \($0)" } ?? "")
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
