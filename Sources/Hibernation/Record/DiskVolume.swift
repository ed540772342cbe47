// What is kept of each volume of a disk: of all of it, and of its partitions.
//
// Responsible for: a digest of where metadata lies, and, where that need not tell, one of all of the volume if it is
// small. Not responsible for what a difference means (`DiskComparison`).

/// A disk as a whole or a partition, as it was left.
public struct DiskVolume: Codable, Hashable, Sendable {
    /// As Linux counts them; nil for the whole disk.
    public var partition: Int?
    public var kind: VolumeKind
    /// Of both ends, and of where a volume of this kind keeps what changes.
    public var metadata: Fingerprint
    /// Of everything, if the metadata need not tell and nothing else of the disk does.
    public var content: Fingerprint?

    /// How many volumes are looked at: a partition table may name thousands, one over the other.
    static let maximumCount = 128
    /// Bytes of all volumes of a disk whose content is read because nothing else tells: a second or two.
    static let maximumContentByteCount: UInt64 = 1 << 30
    /// Blocks here and there that are read of a volume whose metadata need not tell.
    private static let sampleCount = 256

    /// Reads the volumes of `disk`.
    ///
    /// - Parameter readsContent: whether a volume's content is to be read, of so many bytes, whose metadata need not
    ///   tell.
    static func all(
        of disk: RawDisk, readsContent: (_ partition: Int?, _ byteCount: UInt64) -> Bool,
        progress: (UInt64) -> Void
    ) throws(RawDiskError) -> [DiskVolume] {
        let table = try PartitionTable.read(from: disk)
        let regions = [DiskRegion(diskByteCount: disk.byteCount)] + table.partitions
        var volumes: [DiskVolume] = []
        for region in regions.prefix(maximumCount) {
            let layout = try VolumeLayout.read(
                region, on: disk, isDivided: region.partition == nil && !table.partitions.isEmpty)
            let tells = layout.kind.alwaysTells
            var pieces = layout.pieces
            if !tells {
                let offsets = DiskFingerprint.sampleOffsets(byteCount: region.byteCount, count: UInt64(sampleCount))
                pieces += offsets.map { ($0, Int(min(4096, region.byteCount - $0))) }
            }
            let metadata = try Fingerprint(ofPieces: { update throws(RawDiskError) in
                for piece in pieces {
                    guard let offset = region.diskOffset(of: piece.offset, count: piece.count) else { continue }
                    update(try disk.read(at: offset, count: piece.count) ?? [])
                }
            })
            let content: Fingerprint? =
                !tells && readsContent(region.partition, region.byteCount)
                ? try disk.fingerprint(from: region.offset, byteCount: region.byteCount, progress: progress) : nil
            volumes.append(
                DiskVolume(partition: region.partition, kind: layout.kind, metadata: metadata, content: content))
        }
        if regions.count > maximumCount {
            // The rest counts as what nobody can tell anything about.
            volumes.append(
                DiskVolume(partition: regions[maximumCount].partition, kind: .unknown, metadata: Fingerprint(of: [])))
        }
        return volumes
    }

    /// For people.
    var words: String {
        partition.map { "partition \($0) (\(kind.words))" } ?? "the disk (\(kind.words))"
    }
}

extension RawDisk {
    private static let pieceByteCount: UInt64 = 1 << 20

    /// The digest of `byteCount` bytes from `start` on, as far as the disk has them.
    ///
    /// - Parameter progress: called with the bytes that were read since the last call.
    func fingerprint(
        from start: UInt64, byteCount: UInt64, progress: (UInt64) -> Void
    ) throws(RawDiskError) -> Fingerprint {
        let end = start + min(byteCount, self.byteCount - min(start, self.byteCount))
        return try Fingerprint(ofPieces: { update throws(RawDiskError) in
            var offset = start
            while offset < end {
                let count = min(Self.pieceByteCount, end - offset)
                update(try read(at: offset, count: Int(count)) ?? [])
                offset += count
                progress(count)
            }
        })
    }
}
