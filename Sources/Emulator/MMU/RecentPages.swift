// Where accesses in loops went last: a shorter way than the software TLB's for what stays on one page.
//
// An access that stays on a page needs no table: it compares its address with the page that it came to last time, and
// what it adds to get a host address does not depend on the address. So a load whose address comes from another load,
// as in a table-driven CRC, waits for one load instead of two, and two accesses whose pages share an entry of the
// software TLB do not displace each other's. Translated code uses it where `LoopLocality` expects it to pay.
//
// Responsible for: the layout of the slots, and forgetting. A slot holds what an entry of the software TLB allowed, and
// has to be forgotten whenever such an entry may be dropped. That happens rarely, so everything is forgotten then. Not
// responsible for filling slots, which translated code does itself (`RegionCompiler+Memory`).

/// The slots in a CPU's state block, some for reads and some for writes. Accesses share slots, which costs time and
/// nothing else.
///
/// Safe: the state block has `byteCount` bytes for them, at `CPUState.Offset.recentPages`.
struct RecentPages {
    private let base: UnsafeMutableRawPointer
    /// The software-TLB table that the slots were filled from.
    private var table: UnsafeMutableRawPointer?

    /// Byte offsets in a slot, known to generated code.
    enum Offset {
        /// The page's virtual address.
        static let page = 0
        /// An access hits if it begins less than this many bytes behind `page`: `limit`, or 0 for an empty slot.
        static let limit = 8
        /// Host address minus virtual address.
        static let addend = 16
    }

    private static let slotByteCount = 32
    /// Slots for one kind of access.
    private static let slotCount = 64
    static let byteCount = 2 * slotCount * slotByteCount
    /// The longest access that may use a slot, in bytes.
    static let longestAccess = 32
    /// What `Offset.limit` is in a slot that is in use: no access that hits leaves the page.
    static let limit = 0x1000 - longestAccess + 1

    init(in state: CPUState) { base = state.base }

    /// The byte offset, in the state block, of a slot. `site` tells apart accesses that run together.
    static func offset(site: Int, isWrite: Bool) -> Int {
        CPUState.Offset.recentPages + ((isWrite ? slotCount : 0) + site % slotCount) * slotByteCount
    }

    /// Forgets what does not come from `table`, before code that uses that is entered.
    mutating func use(_ table: UnsafeMutableRawPointer) {
        guard self.table != table else { return }
        self.table = table
        forget()
    }

    /// Empties all slots.
    func forget() {
        let isInUse = base + CPUState.Offset.recentPagesInUse
        guard isInUse.load(as: UInt64.self) != 0 else { return }
        isInUse.storeBytes(of: 0, as: UInt64.self)
        (base + CPUState.Offset.recentPages).initializeMemory(as: UInt8.self, repeating: 0, count: Self.byteCount)
    }
}
