// The tables of a qcow2 image that is in use: where the clusters of the disk are.
//
// Responsible for: looking clusters up, putting them elsewhere, and what of the tables is in memory. Which clusters of
// the file are free is in `Qcow2Tables+Refcounts`; when changes reach the file, and in which order, in
// `Qcow2Tables+Flush`.
//
// Follows QEMU's docs/interop/qcow2.txt, "Cluster mapping" and "Host cluster management".

import Bytes

/// An image's tables.
struct Qcow2Tables {
    /// How much is kept in memory.
    struct Limits: Sendable {
        /// Slices of 4 KiB of tables of level 2: 8 MiB, which are 64 GiB of disk with clusters of 64 KiB.
        var l2Slices = 2048
        /// 2 MiB of refcounts.
        var refcountSlices = 512
        /// Clusters that wait to be free.
        var releases = 1 << 16

        init() {}

        init(l2Slices: Int, refcountSlices: Int, releases: Int) {
            self.l2Slices = l2Slices
            self.refcountSlices = refcountSlices
            self.releases = releases
        }
    }

    /// A part of the disk whose clusters are in the same place, or follow one another in the file.
    struct Extent {
        enum Place {
            case file(UInt64)
            case zero
            /// Not in this image.
            case backing
            case compressed(Qcow2Entry)
        }

        var place: Place
        var byteCount: Int
    }

    /// New clusters of the file, one behind the other.
    struct Run {
        var offset: UInt64
        var count: Int
        /// Whether nothing was ever in them, so that they are zero.
        var isZero: Bool
        /// Whether they have room already, behind entries that read as zeros.
        var isAllocated = false
    }

    static let maximumSliceByteCount = 4096
    static let sectorByteCount = Qcow2Header.sectorByteCount

    let file: any ImageFile
    let path: String
    let clusterBits: Int
    let version: UInt32
    let limits: Limits
    var header: Qcow2Header

    var l1: [UInt64]
    /// Sectors of the L1 table that were changed.
    var dirtyL1: Set<Int> = []
    var l2: SliceCache

    var refcountTable: [UInt64]
    var dirtyRefcountTable: Set<Int> = []
    var refcountTableOffset: UInt64
    /// Whether the table is to be written as a whole, where the header does not look for it yet.
    var isRefcountTableMoved = false
    var refcounts: SliceCache

    /// Clusters whose refcount is one less once what was changed is on stable storage.
    var releases: [Range<UInt64>] = []
    var releaseCount = 0
    /// Where free clusters are looked for.
    var nextFree: UInt64 = 0
    /// Behind the last cluster that has ever been used.
    var endCluster: UInt64
    /// Whether the header was made ready for an image that is written.
    var isWriting = false

    init(
        _ file: any ImageFile, _ header: Qcow2Header, _ limits: Limits, readOnly: Bool
    ) throws(DiskImageError) {
        self.file = file
        self.header = header
        self.limits = limits
        path = file.path
        clusterBits = header.clusterBits
        version = header.version
        l1 = try Self.table(in: file, at: header.l1Offset, count: header.l1Count)
        refcountTableOffset = header.refcountTableOffset
        refcountTable = try Self.table(
            in: file, at: header.refcountTableOffset,
            count: header.refcountTableClusters << (header.clusterBits - 3))
        l2 = SliceCache(limit: limits.l2Slices)
        refcounts = SliceCache(limit: limits.refcountSlices)
        let byteCount = try file.byteCount()
        endCluster = byteCount >> UInt64(clusterBits) + (byteCount & (1 << UInt64(clusterBits) - 1) == 0 ? 0 : 1)
        try checkTablesAreOnce(readOnly: readOnly)
    }

    private static func table(
        in file: any ImageFile, at offset: UInt64, count: Int
    ) throws(DiskImageError) -> [UInt64] {
        let bytes = try file.read(count * 8, at: offset)
        return (0..<count).map { bytes.entry(at: $0 * 8) }
    }

    var clusterByteCount: UInt64 { 1 << UInt64(clusterBits) }
    var sliceByteCount: Int { min(Self.maximumSliceByteCount, 1 << clusterBits) }

    func damaged(_ damage: ImageDamage) -> DiskImageError { .damaged(path: path, damage) }

    // MARK: Level 2

    /// An entry of a table of level 2: where it is in the file, and in which slice in memory.
    private struct Position {
        var slice: Int
        /// Of the entry in the slice, in bytes.
        var byte: Int
        /// How many entries the slice has from there on.
        var count: Int
    }

    private func l1Index(_ offset: UInt64) -> Int { Int(offset >> UInt64(2 * clusterBits - 3)) }

    /// The entry for `offset` of the disk; nil if there is no table of level 2. One that is not in memory is read.
    private mutating func position(of offset: UInt64) throws(DiskImageError) -> Position? {
        let index = l1Index(offset)
        guard l1.indices.contains(index) else { throw damaged(.l1(index: index, entry: 0)) }
        let table = Qcow2Entry(l1[index]).offset
        guard table != 0 else { return nil }
        // What is behind the file's end would read as zeros, and there is no end of that.
        guard table & (clusterByteCount - 1) == 0, table >> UInt64(clusterBits) < endCluster else {
            throw damaged(.l1(index: index, entry: l1[index]))
        }
        let entry = Int(offset >> UInt64(clusterBits)) & (1 << (clusterBits - 3) - 1)
        let byte = entry * 8
        let within = byte % sliceByteCount
        let sliceOffset = table + UInt64(byte - within)
        let slice: Int
        if let found = l2.find(sliceOffset) {
            slice = found
        } else {
            if l2.isStuck { try flush() }
            slice = l2.insert(try file.read(sliceByteCount, at: sliceOffset), at: sliceOffset)
        }
        return Position(slice: slice, byte: within, count: (sliceByteCount - within) / 8)
    }

    private func entry(_ position: Position, _ index: Int = 0) -> Qcow2Entry {
        Qcow2Entry(l2[position.slice].bytes.entry(at: position.byte + index * 8))
    }

    /// An entry that was checked.
    private func checked(_ entry: Qcow2Entry, at offset: UInt64) throws(DiskImageError) -> Qcow2Entry {
        guard !entry.isCompressed else { return entry }
        guard entry.offset & (clusterByteCount - 1) == 0, version >= 3 || !entry.isZero else {
            throw damaged(.l2(offset: offset, entry: entry.bits))
        }
        return entry
    }

    private func place(_ entry: Qcow2Entry) -> Extent.Place {
        if entry.isCompressed { return .compressed(entry) }
        if entry.isZero { return .zero }
        return entry.offset == 0 ? .backing : .file(entry.offset)
    }

    /// Where the disk's bytes at `offset` are, and how many of `byteCount` are there together.
    mutating func extent(at offset: UInt64, byteCount: Int) throws(DiskImageError) -> Extent {
        let cluster = clusterByteCount
        let within = offset & (cluster - 1)
        guard let position = try position(of: offset) else {
            // The whole table is not there.
            let covered: UInt64 = 1 << UInt64(2 * clusterBits - 3)
            return Extent(place: .backing, byteCount: Int(min(UInt64(byteCount), covered - offset & (covered - 1))))
        }
        let first = try checked(entry(position), at: offset)
        var count = cluster - within
        var index = 1
        while count < UInt64(byteCount), index < position.count, !first.isCompressed {
            let next = try checked(entry(position, index), at: offset + count)
            let follows =
                switch (place(first), place(next)) {
                case (.file(let start), .file(let there)): there == start + UInt64(index) << UInt64(clusterBits)
                case (.zero, .zero), (.backing, .backing): true
                default: false
                }
            guard follows else { break }
            index += 1
            count += cluster
        }
        let place: Extent.Place =
            if case .file(let start) = place(first) { .file(start + within) } else { place(first) }
        return Extent(place: place, byteCount: Int(min(count, UInt64(byteCount))))
    }

    /// For how many bytes of the disk from `offset` on the table of level 2 lies in a hole of the file, so that it says
    /// nothing; nil if it need not. A file of a few blocks has room for as many such tables as it likes.
    func hollowByteCount(at offset: UInt64) -> UInt64? {
        let index = l1Index(offset)
        // What was changed may be in memory only.
        guard l1.indices.contains(index), l2.dirtyCount == 0 else { return nil }
        let table = Qcow2Entry(l1[index]).offset
        guard table != 0, table & (clusterByteCount - 1) == 0, table >> UInt64(clusterBits) < endCluster else {
            return nil
        }
        if let data = file.nextData(from: table), data < table + clusterByteCount { return nil }
        let covered: UInt64 = 1 << UInt64(2 * clusterBits - 3)
        return covered - offset & (covered - 1)
    }

    // MARK: Writing

    /// Where the disk's bytes at `offset` can be written in place, and how many; nil if a cluster has to be allocated.
    mutating func writableExtent(
        at offset: UInt64, byteCount: Int
    ) throws(DiskImageError) -> (offset: UInt64, byteCount: Int)? {
        guard let position = try position(of: offset) else { return nil }
        // A table that a snapshot has, too, is copied first.
        guard Qcow2Entry(l1[l1Index(offset)]).isCopied else { return nil }
        let cluster = clusterByteCount
        let within = offset & (cluster - 1)
        let first = try checked(entry(position), at: offset)
        guard first.isCopied, !first.isZero, !first.isCompressed, first.offset != 0 else { return nil }
        var count = cluster - within
        var index = 1
        while count < UInt64(byteCount), index < position.count,
            entry(position, index) == Qcow2Entry(owned: first.offset + UInt64(index) << UInt64(clusterBits))
        {
            index += 1
            count += cluster
        }
        try checkNotMetadata(first.offset..<first.offset + UInt64(index) << UInt64(clusterBits))
        return (first.offset + within, Int(min(count, UInt64(byteCount))))
    }

    /// Throws for what can only be a damaged image: the guest's data where the header and the large tables are.
    func checkNotMetadata(_ range: Range<UInt64>) throws(DiskImageError) {
        let l1Table = header.l1Offset..<header.l1Offset + UInt64(l1.count) * 8
        let blocks = refcountTableOffset..<refcountTableOffset + UInt64(refcountTable.count) * 8
        guard range.lowerBound >= clusterByteCount, !range.overlaps(l1Table), !range.overlaps(blocks) else {
            throw damaged(.refcount(cluster: range.lowerBound >> UInt64(clusterBits)))
        }
    }

    /// The same as `position`, of a table that belongs to this image alone.
    private mutating func ownedPosition(of offset: UInt64) throws(DiskImageError) -> Position {
        let index = l1Index(offset)
        guard l1.indices.contains(index) else { throw damaged(.l1(index: index, entry: 0)) }
        let old = Qcow2Entry(l1[index])
        if !old.isCopied {
            guard old.offset & (clusterByteCount - 1) == 0 else { throw damaged(.l1(index: index, entry: old.bits)) }
            if old.offset != 0, try refcount(of: old.offset >> UInt64(clusterBits)) == 1 {
                setL1(index, Qcow2Entry(owned: old.offset))
            } else {
                let run = try allocate(atMost: 1)
                do throws(DiskImageError) {
                    let bytes: [UInt8] =
                        old.offset == 0
                        ? [UInt8](repeating: 0, count: 1 << clusterBits)
                        : try file.read(1 << clusterBits, at: old.offset)
                    try file.write(bytes, at: run.offset)
                } catch {
                    giveBack(run)
                    throw error
                }
                l2.forget(run.offset..<run.offset + clusterByteCount)
                setL1(index, Qcow2Entry(owned: run.offset))
                if old.offset != 0 { release(old.offset..<old.offset + clusterByteCount) }
            }
        }
        guard let position = try position(of: offset) else { throw damaged(.l1(index: index, entry: l1[index])) }
        return position
    }

    private mutating func setL1(_ index: Int, _ entry: Qcow2Entry) {
        l1[index] = entry.bits
        dirtyL1.insert(index * 8 / Self.sectorByteCount)
    }

    /// Finds room for clusters of the disk from `offset` on, which is a cluster's beginning.
    ///
    /// - Parameter count: how many are wanted; the run has at least one of them.
    mutating func allocateData(at offset: UInt64, count: Int) throws(DiskImageError) -> Run {
        if releaseCount >= limits.releases { try flush() }
        let position = try ownedPosition(of: offset)
        let first = try checked(entry(position), at: offset)
        // It has room of its own already, and reads as zeros.
        if first.isZero, first.isCopied, first.offset != 0 {
            try checkNotMetadata(first.offset..<first.offset + clusterByteCount)
            return Run(offset: first.offset, count: 1, isZero: false, isAllocated: true)
        }
        // Others behind it that have to be allocated, too.
        var wanted = 1
        while wanted < min(count, position.count) {
            let next = entry(position, wanted)
            guard !next.isCopied else { break }
            wanted += 1
        }
        return try allocate(atMost: wanted)
    }

    /// Makes the clusters of the disk from `offset` on those of `run`, which hold what they should.
    mutating func map(_ run: Run, at offset: UInt64) throws(DiskImageError) {
        for index in 0..<run.count {
            let there = offset + UInt64(index) << UInt64(clusterBits)
            let new = Qcow2Entry(owned: run.offset + UInt64(index) << UInt64(clusterBits))
            try replaceEntry(at: there, new)
        }
    }

    /// Changes the entry for `offset`, and lets go of what it was for.
    private mutating func replaceEntry(at offset: UInt64, _ new: Qcow2Entry) throws(DiskImageError) {
        let position = try ownedPosition(of: offset)
        let old = entry(position)
        guard old != new else { return }
        l2.change(position.slice) { $0.setEntry(at: position.byte, new.bits) }
        if old.isCompressed {
            let mask = clusterByteCount - 1
            let range = old.compressedRange(clusterBits: clusterBits)
            release(range.lowerBound & ~mask..<(range.upperBound + mask) & ~mask)
        } else if old.offset != 0, old.offset != new.offset {
            release(old.offset..<old.offset + clusterByteCount)
        }
    }

    /// Makes a cluster of the disk read as zeros, or lets go of it.
    ///
    /// - Parameters:
    ///   - offset: of a cluster of the disk.
    ///   - keepsRoom: whether it keeps its room.
    ///   - isDiscard: whether it need not read as zeros.
    ///   - hasBacking: whether there is something behind it that is not zero.
    /// - Returns: whether it is done; zeros have to be written otherwise.
    mutating func clear(
        clusterAt offset: UInt64, keepsRoom: Bool, isDiscard: Bool, hasBacking: Bool
    ) throws(DiskImageError) -> Bool {
        if releaseCount >= limits.releases { try flush() }
        let old =
            if let position = try position(of: offset) {
                try checked(entry(position), at: offset)
            } else { Qcow2Entry.unallocated }
        let isUnallocated = !old.isCompressed && !old.isZero && old.offset == 0
        if isUnallocated, isDiscard || !hasBacking { return true }
        if old.isZero, keepsRoom || old.offset == 0 { return true }
        // Version 2 has no clusters of zeros.
        guard version >= 3 else {
            if hasBacking { return isDiscard }
            guard !keepsRoom else { return false }
            try replaceEntry(at: offset, .unallocated)
            return true
        }
        let new: Qcow2Entry =
            if keepsRoom, old.isCopied, !old.isCompressed {
                Qcow2Entry(owned: old.offset, isZero: true)
            } else {
                hasBacking ? .plainZero : .unallocated
            }
        try replaceEntry(at: offset, new)
        return true
    }
}
