// One table of the software TLB, which grows with what the guest works on.
//
// Responsible for: the place of an address's entry, memory, and growing. Entries are direct-mapped: an address has one
// place. A table begins small, so that address spaces that live for a moment cost little to empty; one whose entries
// displace each other all the time becomes larger. Not responsible for what is in an entry (`TLBEntry`).

import Glibc

/// The geometry of software-TLB tables.
enum TLBGeometry {
    static let pageShift: UInt64 = 12
    static let pageMask: UInt64 = ~0xFFF
    /// `address >> indexShift & mask` is the byte offset of an address's entry, in a table whose `indexMask` that is.
    static let indexShift: UInt64 = 7

    /// Entries of a table at first: they cover 4 MiB.
    static let initialEntryCount = 1024
    /// Entries of a table at most: they cover 32 MiB, and are emptied in a few microseconds.
    static let largestEntryCount = 8192
    /// How many times as large a table becomes at once.
    static let growth = 8
}

/// A table of entries.
///
/// Safe: `base` is `entryCount` entries of memory that the owner keeps as long as the table, and an entry's offset is
/// masked to that.
struct TLBTable {
    let base: UnsafeMutableRawPointer
    let entryCount: Int

    /// Selects the bits of an address that say where its entry is, once they are shifted.
    var indexMask: UInt32 { UInt32(truncatingIfNeeded: entryCount - 1) << 5 }
    var byteCount: Int { entryCount * TLBEntry.byteCount }

    /// The entry where `address` is or would be.
    func entry(of address: UInt64) -> TLBEntry {
        TLBEntry(base: base + Int(truncatingIfNeeded: address >> TLBGeometry.indexShift & UInt64(indexMask)))
    }

    /// Which entry that is.
    func index(of address: UInt64) -> Int {
        Int(truncatingIfNeeded: address >> TLBGeometry.pageShift) & (entryCount - 1)
    }

    func entry(at index: Int) -> TLBEntry { TLBEntry(base: base + index * TLBEntry.byteCount) }

    func invalidateAll() { memset(base, 0xFF, byteCount) }

    /// A larger table with the same entries; nil if this is as large as they get, or there is no memory. To be given
    /// back by `unmap`.
    func grown() -> TLBTable? {
        let count = min(entryCount * TLBGeometry.growth, TLBGeometry.largestEntryCount)
        guard count > entryCount else { return nil }
        let byteCount = count * TLBEntry.byteCount
        let memory = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else { return nil }
        let table = TLBTable(base: memory, entryCount: count)
        table.invalidateAll()
        for index in 0..<entryCount {
            let entry = entry(at: index)
            guard entry.isValid else { continue }
            table.entry(of: entry.virtualPage).base.copyMemory(from: entry.base, byteCount: TLBEntry.byteCount)
        }
        return table
    }

    func unmap() { munmap(base, byteCount) }
}
