// Tables that an image names twice.
//
// Responsible for: refusing them when the image is opened. A table of level 2 is a part of the disk, and a block of
// refcounts a part of the file, so that each has one place in the table above it; only the L1 tables of snapshots share
// what they name with each other. An image of a few kilobytes could name one table a million times, and whoever looks for
// data or for a free cluster would read it as often.

extension Qcow2Tables {
    /// Bits 9 to 63 of an entry of the table of refcounts.
    private static let refcountBlock: UInt64 = ~511

    /// Throws for a table that is named twice. Refcounts are not read, nor needed, if nothing is written.
    func checkTablesAreOnce(readOnly: Bool) throws(DiskImageError) {
        if let index = Self.indexOfRepeated(l1, { Qcow2Entry($0).offset }) {
            throw damaged(.l1(index: index, entry: l1[index]))
        }
        guard !readOnly else { return }
        if let index = Self.indexOfRepeated(refcountTable, { $0 & Self.refcountBlock }) {
            throw damaged(.refcountTable(index: index, entry: refcountTable[index]))
        }
    }

    /// The last entry of a table that names what another one names; nil if there is none. By sorting: the tables of an
    /// image that was written in order are sorted already, and the file may be too large for a bit for each cluster.
    private static func indexOfRepeated(_ table: [UInt64], _ offset: (UInt64) -> UInt64) -> Int? {
        var offsets = table.compactMap { entry in
            let offset = offset(entry)
            return offset == 0 ? nil : offset
        }
        offsets.sort()
        guard let repeated = zip(offsets, offsets.dropFirst()).first(where: ==)?.0 else { return nil }
        return table.lastIndex { offset($0) == repeated }
    }
}
