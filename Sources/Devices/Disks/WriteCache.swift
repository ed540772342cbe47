// The volatile write cache of a disk whose power may go: what was written and not flushed, in memory.

/// Writes in their order, as many as a disk's cache has room for.
///
/// A guest that never flushes fills it; the oldest then go to the medium, as those of a real disk do. That is part of
/// what a power cut leaves, so a real cut and one that is constructed from a log both keep their unflushed writes in
/// this.
struct UnflushedWrites {
    /// What a cache holds at most, in bytes.
    static let byteLimit = 256 << 20
    /// What a write counts for beside its bytes: that of none must not be free.
    private static let overhead = 64
    /// What a sector of zeros counts for: it has no bytes, and is found by its number all the same.
    private static let zeroedSectorCost = 64

    private(set) var writes: [DiskWrite] = []
    private var byteCount = 0
    private let limit: Int

    init(byteLimit: Int = UnflushedWrites.byteLimit) { limit = byteLimit }

    private static func cost(_ write: DiskWrite) -> Int {
        switch write.content {
        case .bytes(let bytes): bytes.count + overhead
        case .zeroes(let count): count * zeroedSectorCost + overhead
        }
    }

    /// Adds a write; returns those that leave for the medium, in their order: none, or the oldest until half of the
    /// cache is free.
    mutating func append(_ write: DiskWrite) -> [DiskWrite] {
        writes.append(write)
        byteCount += Self.cost(write)
        guard byteCount > limit else { return [] }
        var count = 0
        while count < writes.count, byteCount > limit / 2 {
            byteCount -= Self.cost(writes[count])
            count += 1
        }
        defer { writes.removeFirst(count) }
        return Array(writes.prefix(count))
    }

    /// Empties the cache; returns what was in it.
    mutating func removeAll() -> [DiskWrite] {
        defer { self = UnflushedWrites(byteLimit: limit) }
        return writes
    }
}

/// Unflushed writes that are found again by sector.
struct WriteCache {
    private static let zeroedSector = [UInt8](repeating: 0, count: Int(DiskFile.sectorByteCount))

    private var unflushed: UnflushedWrites
    /// The last write to each sector, by its position in `writes`.
    private var latest: [UInt64: Int] = [:]

    init(byteLimit: Int = UnflushedWrites.byteLimit) { unflushed = UnflushedWrites(byteLimit: byteLimit) }

    var writes: [DiskWrite] { unflushed.writes }
    var isEmpty: Bool { unflushed.writes.isEmpty }

    /// Adds a write; returns those that leave for the medium.
    mutating func append(_ write: DiskWrite) -> [DiskWrite] {
        let leaving = unflushed.append(write)
        if leaving.isEmpty {
            note(writes.count - 1)
        } else {
            latest = [:]
            for position in writes.indices { note(position) }
        }
        return leaving
    }

    private mutating func note(_ position: Int) {
        let write = unflushed.writes[position]
        for sector in 0..<write.sectorCount {
            latest[write.sector &+ UInt64(sector)] = position
        }
    }

    mutating func removeAll() {
        _ = unflushed.removeAll()
        latest = [:]
    }

    /// The bytes of a sector, if it was written; nil if the medium has what a read finds.
    func sector(_ sector: UInt64) -> ArraySlice<UInt8>? {
        guard let write = latest[sector].map({ writes[$0] }) else { return nil }
        guard case .bytes(let bytes) = write.content else { return Self.zeroedSector[...] }
        // Safe: the sector is one of the write's.
        let start = Int((sector &- write.sector) &* DiskFile.sectorByteCount)
        return bytes[start..<start + Int(DiskFile.sectorByteCount)]
    }
}
