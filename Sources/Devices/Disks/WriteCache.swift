// The volatile write cache of a disk whose power may go: what was written and not flushed, in memory.

/// Writes in their order, found again by sector.
struct WriteCache {
    private(set) var writes: [DiskWrite] = []
    /// The last write to each sector.
    private var latest: [UInt64: Int] = [:]

    var isEmpty: Bool { writes.isEmpty }

    mutating func append(_ write: DiskWrite) {
        for sector in 0..<UInt64(write.bytes.count) / DiskFile.sectorByteCount {
            latest[write.sector &+ sector] = writes.count
        }
        writes.append(write)
    }

    mutating func removeAll() {
        writes = []
        latest = [:]
    }

    /// The bytes of a sector, if it was written; nil if the medium has what a read finds.
    func sector(_ sector: UInt64) -> ArraySlice<UInt8>? {
        guard let write = latest[sector].map({ writes[$0] }) else { return nil }
        // Safe: the sector is one of the write's.
        let start = Int((sector &- write.sector) &* DiskFile.sectorByteCount)
        return write.bytes[start..<start + Int(DiskFile.sectorByteCount)]
    }
}
