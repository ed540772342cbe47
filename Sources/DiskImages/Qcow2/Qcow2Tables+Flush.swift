// When changes of an image's tables reach its file, and in which order.
//
// Responsible for: that the image is whole whenever the power goes. A write that was not followed by a flush may be on
// the medium or not, so what must not be there alone waits for a flush of what it needs:
//
//  1. refcounts of clusters that are taken, and all data; a flush; then, if there are new blocks of refcounts, the table
//     that names them, and a flush;
//  2. tables of level 2 and 1 that name these clusters; a flush;
//  3. refcounts of clusters that are let go of. Only now may they be taken again.
//
// So on the medium each cluster is counted that a table names. If the power goes between 1 and 3, clusters are counted
// that none names: they are lost until qemu-img check -r leaks finds them.
//
// Guests flush often, and most flushes of a guest find no table changed: those are one flush of the file.

import Bytes

extension Qcow2Tables {
    /// Makes the header right for an image that is written, once.
    mutating func beginWriting() throws(DiskImageError) {
        guard !isWriting else { return }
        // What is not known here is not kept up, such as bitmaps of what was written: the bits say that it was.
        if version >= 3, header.autoclear != 0 {
            try updateHeader { $0.replace(at: Qcow2Header.Field.autoclear, bigEndian: UInt64(0)) }
            try file.synchronize()
            header.autoclear = 0
        }
        isWriting = true
    }

    /// Whether tables were changed, or clusters let go of.
    private var isDirty: Bool {
        l2.dirtyCount > 0 || refcounts.dirtyCount > 0 || !dirtyL1.isEmpty || !dirtyRefcountTable.isEmpty
            || isRefcountTableMoved || !releases.isEmpty
    }

    /// Waits until everything that was written is on stable storage.
    mutating func synchronize() throws(DiskImageError) {
        if isDirty { try flush() } else { try file.synchronize() }
    }

    /// Writes the tables, as above.
    mutating func flush() throws(DiskImageError) {
        guard isDirty else { return }
        try flushRefcounts()
        if l2.dirtyCount > 0 || !dirtyL1.isEmpty {
            for slice in l2.dirty { try file.write(slice.bytes, at: slice.offset) }
            try write(dirtyL1, of: l1, at: header.l1Offset)
            try file.synchronize()
            l2.markClean()
            dirtyL1 = []
        }
        guard !releases.isEmpty else { return }
        try finishReleases()
        // That these are not on stable storage costs room at most.
        for slice in refcounts.dirty { try file.write(slice.bytes, at: slice.offset) }
        refcounts.markClean()
    }

    /// Steps 1: afterwards all data and all counts are on stable storage.
    private mutating func flushRefcounts() throws(DiskImageError) {
        for slice in refcounts.dirty { try file.write(slice.bytes, at: slice.offset) }
        if isRefcountTableMoved { try write(refcountTable[...], at: refcountTableOffset) }
        try file.synchronize()
        refcounts.markClean()
        if isRefcountTableMoved {
            let offset = refcountTableOffset
            let clusters = UInt32(refcountTable.count >> (clusterBits - 3))
            try updateHeader {
                $0.replace(at: Qcow2Header.Field.refcountTableOffset, bigEndian: offset)
                $0.replace(at: Qcow2Header.Field.refcountTableClusters, bigEndian: clusters)
            }
        } else if !dirtyRefcountTable.isEmpty {
            try write(dirtyRefcountTable, of: refcountTable, at: refcountTableOffset)
        } else {
            return
        }
        try file.synchronize()
        isRefcountTableMoved = false
        dirtyRefcountTable = []
    }

    /// Makes room for slices of refcounts. Counts that are higher on the medium than they should be harm nobody, and
    /// those that are let go of are only counted when they may be lower.
    mutating func makeRoomForRefcounts() throws(DiskImageError) {
        for slice in refcounts.dirty { try file.write(slice.bytes, at: slice.offset) }
        try file.synchronize()
        refcounts.markClean()
    }

    private mutating func updateHeader(_ body: (inout [UInt8]) -> Void) throws(DiskImageError) {
        var sector = try file.read(Self.sectorByteCount, at: 0)
        body(&sector)
        try file.write(sector, at: 0)
    }

    /// Writes whole sectors of a table.
    private func write(_ sectors: Set<Int>, of table: [UInt64], at offset: UInt64) throws(DiskImageError) {
        let count = Self.sectorByteCount / 8
        for sector in sectors.sorted() {
            let start = sector * count
            var part = Array(table[start..<min(start + count, table.count)])
            part += [UInt64](repeating: 0, count: count - part.count)
            try write(part[...], at: offset + UInt64(sector * Self.sectorByteCount))
        }
    }

    private func write(_ table: ArraySlice<UInt64>, at offset: UInt64) throws(DiskImageError) {
        var bytes = [UInt8](repeating: 0, count: table.count * 8)
        for (index, entry) in table.enumerated() { bytes.setEntry(at: index * 8, entry) }
        try file.write(bytes, at: offset)
    }
}
