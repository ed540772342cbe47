// Which entries of a table of the software TLB were filled, so that emptying one that holds little costs little.
//
// A guest that wakes from a power-down state, or whose kernel changes its tables, empties everything, and has filled a
// few hundred entries since the last time. To write all of a table then takes longer, and drives what the guest needs
// next out of the host's caches. Not responsible for what is in an entry (`TLBEntry`).

/// The places of entries in a table, up to a limit; beyond that any entry may have been filled.
///
/// Safe: the memory is `byteCount` bytes, given by the owner, who outlives the list, and `count` is never above `limit`
/// when an index is stored or read.
struct FilledEntries {
    /// What costs about as much to empty one by one as a table of the beginning as a whole.
    static let limit = 512
    static let byteCount = limit * 2

    private let indices: UnsafeMutablePointer<UInt16>
    /// How many there are; more than the limit if they are not known.
    private var count: Int

    /// None, or with `isUnknown` any.
    init(at memory: UnsafeMutableRawPointer, isUnknown: Bool) {
        indices = memory.assumingMemoryBound(to: UInt16.self)
        count = isUnknown ? Self.limit + 1 : 0
    }

    var isEmpty: Bool { count == 0 }

    /// The entry at `index` was filled, maybe once more.
    mutating func insert(_ index: Int) {
        guard count < Self.limit else { return forget() }
        indices[count] = UInt16(truncatingIfNeeded: index)
        count += 1
    }

    /// Any entry may have been filled.
    mutating func forget() { count = Self.limit + 1 }

    mutating func removeAll() { count = 0 }

    /// Calls `body` with every entry of `table` that may hold anything.
    func forEach(in table: TLBTable, _ body: (TLBEntry) -> Void) {
        if count > Self.limit {
            for index in 0..<table.entryCount { body(table.entry(at: index)) }
        } else {
            for index in 0..<count { body(table.entry(at: Int(indices[index]))) }
        }
    }

    /// Empties `table`.
    mutating func empty(_ table: TLBTable) {
        if count > Self.limit {
            table.invalidateAll()
        } else {
            for index in 0..<count { table.entry(at: Int(indices[index])).invalidate() }
        }
        removeAll()
    }
}
