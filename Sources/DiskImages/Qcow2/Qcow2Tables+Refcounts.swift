// Which clusters of the file are in use.
//
// Responsible for: counting references, finding free clusters, blocks of refcounts and the table of them as the file
// grows. A cluster that is not needed any more is only free when no table on stable storage names it
// (`Qcow2Tables+Flush`).
//
// Follows QEMU's docs/interop/qcow2.txt, "Host cluster management".

import Bytes
import Glibc

extension Qcow2Tables {
    /// How many clusters are looked at for a free one before the file grows, and behind its end.
    private static let maximumSearch = 1 << 24
    private static let maximumSearchBehindEnd = 1 << 20

    private var blockCount: UInt64 { UInt64(header.refcountBlockCount) }

    // MARK: Counts

    /// The slice with the refcount of `cluster`, and where in it; nil if there is no block for it.
    private mutating func slice(of cluster: UInt64) throws(DiskImageError) -> (slice: Int, index: Int)? {
        let block = cluster / blockCount
        guard block < UInt64(refcountTable.count) else { return nil }
        let index = Int(block)
        let offset = refcountTable[index]
        guard offset != 0 else { return nil }
        guard offset & (clusterByteCount - 1) == 0, offset <= Qcow2Header.maximumByteCount else {
            throw damaged(.refcountTable(index: index, entry: offset))
        }
        let bit = Int(cluster % blockCount) << header.refcountOrder
        let sliceIndex = bit / 8 / sliceByteCount
        let sliceOffset = offset + UInt64(sliceIndex * sliceByteCount)
        let within = (bit - sliceIndex * sliceByteCount * 8) >> header.refcountOrder
        if let found = refcounts.find(sliceOffset) { return (found, within) }
        if refcounts.isStuck { try makeRoomForRefcounts() }
        return (refcounts.insert(try file.read(sliceByteCount, at: sliceOffset), at: sliceOffset), within)
    }

    /// How often `cluster` of the file is in use.
    mutating func refcount(of cluster: UInt64) throws(DiskImageError) -> UInt64 {
        guard let (slice, index) = try slice(of: cluster) else { return 0 }
        return refcounts[slice].bytes.refcount(index, order: header.refcountOrder)
    }

    /// Counts one more or one less. There is a block for it.
    mutating func setRefcount(of cluster: UInt64, _ value: UInt64) throws(DiskImageError) {
        guard let (slice, index) = try slice(of: cluster) else { throw damaged(.refcount(cluster: cluster)) }
        let order = header.refcountOrder
        refcounts.change(slice) { $0.setRefcount(index, order: order, value) }
    }

    // MARK: Allocation

    /// Takes free clusters that follow one another: one at least, and not more than `limit`.
    mutating func allocate(atMost limit: Int) throws(DiskImageError) -> Run {
        var steps = 0
        while true {
            let cluster = nextFree
            let block = cluster / blockCount
            guard cluster < Qcow2Header.maximumByteCount >> UInt64(clusterBits) else {
                throw .failed(operation: "write", path: path, errno: EFBIG)
            }
            if block >= UInt64(refcountTable.count) {
                try growRefcountTable()
            } else if refcountTable[Int(block)] == 0 {
                try makeBlock(Int(block), at: cluster)
            } else if let used = try usedCount(from: cluster) {
                steps += used
                nextFree += UInt64(used)
                if cluster < endCluster {
                    if steps >= Self.maximumSearch { nextFree = max(nextFree, endCluster) }
                } else if steps >= Self.maximumSearch + Self.maximumSearchBehindEnd {
                    throw damaged(.refcount(cluster: cluster))
                }
            } else {
                return try take(from: cluster, atMost: limit)
            }
        }
    }

    /// How many clusters from `cluster` on are in use, as far as its slice counts; nil if it is free itself. A slice at
    /// a time: an image may count millions of them, and looking each one's slice up takes most of the time.
    private mutating func usedCount(from cluster: UInt64) throws(DiskImageError) -> Int? {
        guard let (slice, index) = try slice(of: cluster) else { return nil }
        let used = refcounts[slice].bytes.countedCount(from: index, order: header.refcountOrder)
        return used > 0 ? used : nil
    }

    private mutating func take(from cluster: UInt64, atMost limit: Int) throws(DiskImageError) -> Run {
        let isNew = cluster >= endCluster && file.grows
        // As far as the block counts, and all of them new or none.
        var end = cluster + 1
        let last = min(cluster + UInt64(max(1, limit)), (cluster / blockCount + 1) * blockCount)
        while end < last, (end >= endCluster) == (cluster >= endCluster), try refcount(of: end) == 0 { end += 1 }
        let offset = cluster << UInt64(clusterBits)
        try checkNotMetadata(offset..<end << UInt64(clusterBits))
        for taken in cluster..<end { try setRefcount(of: taken, 1) }
        nextFree = end
        endCluster = max(endCluster, end)
        return Run(offset: offset, count: Int(end - cluster), isZero: isNew)
    }

    /// Takes clusters back that no table names yet.
    mutating func giveBack(_ run: Run) {
        guard !run.isAllocated else { return }
        let first = run.offset >> UInt64(clusterBits)
        for cluster in first..<first + UInt64(run.count) {
            // If it cannot be done, the clusters are lost, which harms nobody.
            try? setRefcount(of: cluster, 0)
        }
        nextFree = min(nextFree, first)
    }

    /// Makes a block of refcounts, in the first of the clusters that it is to count.
    private mutating func makeBlock(_ index: Int, at cluster: UInt64) throws(DiskImageError) {
        let offset = cluster << UInt64(clusterBits)
        try checkNotMetadata(offset..<offset + clusterByteCount)
        try file.write([UInt8](repeating: 0, count: 1 << clusterBits), at: offset)
        refcounts.forget(offset..<offset + clusterByteCount)
        refcountTable[index] = offset
        dirtyRefcountTable.insert(index * 8 / Self.sectorByteCount)
        try setRefcount(of: cluster, 1)
        nextFree = cluster + 1
        endCluster = max(endCluster, cluster + 1)
    }

    /// Makes the table of blocks longer, behind the end of the file, with the blocks that count it.
    private mutating func growRefcountTable() throws(DiskImageError) {
        try flush()
        let entriesPerCluster = 1 << (clusterBits - 3)
        let old = refcountTableOffset..<refcountTableOffset + UInt64(refcountTable.count) * 8
        // Behind everything that was ever counted.
        let start = max(endCluster, UInt64(refcountTable.count) * blockCount)
        var tableClusters = (refcountTable.count + refcountTable.count / 2) / entriesPerCluster + 1
        // Blocks first, as many as it takes to count them and the table; and the table has to name them.
        var blocks = 0
        while true {
            let end = start + UInt64(blocks + tableClusters)
            let count = Int((end - 1) / blockCount - start / blockCount) + 1
            let isLongEnough = (end - 1) / blockCount < UInt64(tableClusters * entriesPerCluster)
            if count <= blocks, isLongEnough { break }
            blocks = max(blocks, count)
            if !isLongEnough { tableClusters += 1 }
            guard tableClusters << clusterBits <= Qcow2Header.maximumRefcountTableByteCount else {
                throw .unsupported(path: path, .tooLarge)
            }
        }
        let end = start + UInt64(blocks + tableClusters)
        refcountTable += [UInt64](repeating: 0, count: tableClusters * entriesPerCluster - refcountTable.count)
        let empty = [UInt8](repeating: 0, count: 1 << clusterBits)
        for block in 0..<blocks {
            let offset = (start + UInt64(block)) << UInt64(clusterBits)
            try file.write(empty, at: offset)
            refcounts.forget(offset..<offset + clusterByteCount)
            refcountTable[Int(start / blockCount) + block] = offset
        }
        refcountTableOffset = (start + UInt64(blocks)) << UInt64(clusterBits)
        isRefcountTableMoved = true
        endCluster = max(endCluster, end)
        for cluster in start..<end { try setRefcount(of: cluster, 1) }
        release(old)
        try flush()
    }

    // MARK: Release

    /// Lets go of `range` of the file, as soon as nothing on stable storage names it.
    mutating func release(_ range: Range<UInt64>) {
        let first = range.lowerBound >> UInt64(clusterBits)
        let end = range.upperBound >> UInt64(clusterBits)
        guard first < end else { return }
        releaseCount += Int(end - first)
        if let last = releases.last, last.upperBound == first {
            releases[releases.count - 1] = last.lowerBound..<end
        } else {
            releases.append(first..<end)
        }
    }

    /// Counts what was let go of, now that nothing on stable storage names it.
    mutating func finishReleases() throws(DiskImageError) {
        let done = releases
        releases = []
        releaseCount = 0
        for range in done {
            var free: Range<UInt64>?
            for cluster in range {
                let count = try refcount(of: cluster)
                // A cluster that was never counted is damage that was there before.
                guard count > 0 else { continue }
                try setRefcount(of: cluster, count - 1)
                guard count == 1 else { continue }
                nextFree = min(nextFree, cluster)
                if let last = free, last.upperBound == cluster {
                    free = last.lowerBound..<cluster + 1
                } else {
                    try discard(free)
                    free = cluster..<cluster + 1
                }
            }
            try discard(free)
        }
    }

    private func discard(_ clusters: Range<UInt64>?) throws(DiskImageError) {
        guard let clusters else { return }
        let range = clusters.lowerBound << UInt64(clusterBits)..<clusters.upperBound << UInt64(clusterBits)
        try checkNotMetadata(range)
        try file.discard(range)
    }
}

extension [UInt8] {
    /// The refcount at `index`, of 1 << `order` bits. Those of less than a byte begin with the lowest bits.
    func refcount(_ index: Int, order: Int) -> UInt64 {
        switch order {
        case 0..<3:
            let perByte = 8 >> order
            let shift = (index % perByte) << order
            return UInt64(self[index / perByte] >> UInt8(shift)) & (1 << (1 << UInt64(order)) - 1)
        case 3: return UInt64(self[index])
        case 4: return UInt64(self[index * 2]) << 8 | UInt64(self[index * 2 + 1])
        case 5: return UInt64(bigEndian(at: index * 4, as: UInt32.self))
        default: return entry(at: index * 8)
        }
    }

    /// How many refcounts from the one at `index` on are not zero.
    func countedCount(from index: Int, order: Int) -> Int {
        let end = (count * 8) >> order
        var next = index
        while next < end, refcount(next, order: order) != 0 { next += 1 }
        return next - index
    }

    /// Sets it.
    mutating func setRefcount(_ index: Int, order: Int, _ value: UInt64) {
        switch order {
        case 0..<3:
            let perByte = 8 >> order
            let shift = UInt8((index % perByte) << order)
            let mask = UInt8(1 << (1 << order) - 1) << shift
            self[index / perByte] = self[index / perByte] & ~mask | UInt8(truncatingIfNeeded: value) << shift & mask
        case 3: self[index] = UInt8(truncatingIfNeeded: value)
        case 4: replace(at: index * 2, bigEndian: UInt16(truncatingIfNeeded: value))
        case 5: replace(at: index * 4, bigEndian: UInt32(truncatingIfNeeded: value))
        default: setEntry(at: index * 8, value)
        }
    }
}
