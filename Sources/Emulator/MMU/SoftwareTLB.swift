// The software TLB: from a guest virtual address to host memory, in a handful of host instructions.
//
// Responsible for: the layout of entries and tables, looking up, filling and invalidating them. Not responsible for
// walking tables (`Arm64.TranslationRegime`) nor for deciding on faults (`EmulatedCPU+Memory`).
//
// A CPU keeps one `TranslationContext` for each ASID that it ran lately, so that switching back to a process finds its
// entries again and the lookup needs no ASID of its own. Entries for global pages are then kept once per context,
// which costs a few refills after a switch to a new process and nothing on any access. Inside a context there is a
// table for each privilege: EL1, EL1 with PAN clear, and EL0 (which unprivileged loads and stores of EL1 use too), so
// that an entry that is there is an access that is allowed.

import Arm64
import Glibc

/// What an access is checked as: selects a table of a context.
enum AccessPrivilege: Int {
    case el1 = 0
    case el1WithoutPAN = 1
    case el0 = 2

    static let count = 3
}

/// One entry: 32 bytes of raw memory.
///
/// Safe: a handle is only made from a table's base and an index masked to its size.
struct TLBEntry {
    let base: UnsafeMutableRawPointer

    /// Byte offsets, known to generated code as well.
    enum Offset {
        /// The page's virtual address if reads hit, else `invalidTag`.
        static let readTag = 0
        /// The page's virtual address if writes hit, else `invalidTag`.
        static let writeTag = 8
        /// Host address minus virtual address.
        static let addend = 16
        /// Guest physical page, with `Info` in the low bits.
        static let info = 24
    }

    /// What the low 12 bits of `info` hold.
    enum Info {
        /// log2 of the bytes of the guest's page or block.
        static let sizeMask: UInt64 = 0x3F
        /// Accesses need not be aligned: normal memory, and SCTLR_EL1.A clear.
        static let allowsUnaligned: UInt64 = 1 << 6
        /// The memory type is Device.
        static let isDevice: UInt64 = 1 << 7
    }

    static let byteCount = 32
    /// No page has this address: its low bits are set.
    static let invalidTag: UInt64 = ~0

    var readTag: UInt64 {
        @inline(__always) get { base.load(fromByteOffset: Offset.readTag, as: UInt64.self) }
        @inline(__always) nonmutating set {
            base.storeBytes(of: newValue, toByteOffset: Offset.readTag, as: UInt64.self)
        }
    }
    var writeTag: UInt64 {
        @inline(__always) get { base.load(fromByteOffset: Offset.writeTag, as: UInt64.self) }
        @inline(__always) nonmutating set {
            base.storeBytes(of: newValue, toByteOffset: Offset.writeTag, as: UInt64.self)
        }
    }
    var addend: UInt64 {
        @inline(__always) get { base.load(fromByteOffset: Offset.addend, as: UInt64.self) }
        @inline(__always) nonmutating set {
            base.storeBytes(of: newValue, toByteOffset: Offset.addend, as: UInt64.self)
        }
    }
    var info: UInt64 {
        @inline(__always) get { base.load(fromByteOffset: Offset.info, as: UInt64.self) }
        @inline(__always) nonmutating set {
            base.storeBytes(of: newValue, toByteOffset: Offset.info, as: UInt64.self)
        }
    }

    var isValid: Bool { readTag != Self.invalidTag || writeTag != Self.invalidTag }

    /// The page's virtual address, of a valid entry.
    var virtualPage: UInt64 { readTag != Self.invalidTag ? readTag : writeTag }

    func invalidate() {
        readTag = Self.invalidTag
        writeTag = Self.invalidTag
    }
}

/// The translations of one ASID as one CPU sees them: data tables, instruction pages and the jump cache.
final class TranslationContext {
    /// The ASID, or nil for accesses with the MMU off.
    @exclusivity(unchecked) var asid: UInt16?
    /// For choosing the context to reuse.
    @exclusivity(unchecked) var lastUse: UInt64 = 0

    private let memory: UnsafeMutableRawPointer
    /// By `AccessPrivilege`. At first they are at the start of `memory`.
    @exclusivity(unchecked) private var tables: InlineArray<3, TLBTable>
    /// Entries that displaced another one since the table was emptied or grew, by `AccessPrivilege`.
    @exclusivity(unchecked) private var displacements = InlineArray<3, Int>(repeating: 0)
    /// Whether some table should grow, at the next time that nobody has its address.
    @exclusivity(unchecked) private(set) var isCrowded = false

    private static let initialTableBytes = TLBGeometry.initialEntryCount * TLBEntry.byteCount
    private static let instructionPageCount = 256
    private static let instructionPageBytes = instructionPageCount * 16
    private static let victimCount = 8
    private static let victimBytes = AccessPrivilege.count * victimCount * TLBEntry.byteCount
    private static let victimOffset =
        AccessPrivilege.count * initialTableBytes + instructionPageBytes + JumpCache.byteCount
    private static let filterOffset = victimOffset + victimBytes
    private static let filledOffset = filterOffset + 2 * AddressFilter.byteCount
    private static let byteCount = filledOffset + AccessPrivilege.count * FilledEntries.byteCount
    /// Where the next victim goes.
    @exclusivity(unchecked) private var nextVictim = 0

    /// Sizes (log2) larger than 4 KiB of which some page may be held, one bit each, and which pages of those.
    @exclusivity(unchecked) private var largeSizes: UInt64 = 0
    private let largePages: AddressFilter
    /// What the tables may hold, by `AccessPrivilege`.
    @exclusivity(unchecked) private var filled: InlineArray<3, FilledEntries>
    /// Which pages may have entries in the jump cache: those that instructions were fetched from.
    private let executedPages: AddressFilter
    /// What the part of the jump cache for each mode may hold, and whether the instruction pages may hold anything.
    @exclusivity(unchecked) private var executed = InlineArray<4, JumpCache.Places>(repeating: [])
    @exclusivity(unchecked) private var hasFetched = true
    /// Whether anything may lead to ROM, which may become a device.
    @exclusivity(unchecked) var holdsROM = false

    init() {
        // Mapped rather than allocated, so that a context that is hardly used costs hardly any memory.
        let pointer = mmap(nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let pointer, pointer != MAP_FAILED else {
            preconditionFailure("out of memory for a software TLB")
        }
        memory = pointer
        tables = InlineArray { index in
            TLBTable(base: pointer + index * Self.initialTableBytes, entryCount: TLBGeometry.initialEntryCount)
        }
        filled = InlineArray { index in
            FilledEntries(at: pointer + Self.filledOffset + index * FilledEntries.byteCount, isUnknown: true)
        }
        largePages = AddressFilter(at: pointer + Self.filterOffset)
        executedPages = AddressFilter(at: pointer + Self.filterOffset + AddressFilter.byteCount)
        JumpCache.initialize(jumpCache)
        invalidateAll()
    }

    deinit {
        shrink()
        munmap(memory, Self.byteCount)
    }

    /// The data table for a privilege.
    func table(_ privilege: AccessPrivilege) -> TLBTable { tables[privilege.rawValue] }

    /// The jump cache.
    var jumpCache: UnsafeMutableRawPointer {
        memory + (AccessPrivilege.count * Self.initialTableBytes + Self.instructionPageBytes)
    }

    /// The entry where `address` is or would be.
    func entry(_ privilege: AccessPrivilege, _ address: UInt64) -> TLBEntry {
        table(privilege).entry(of: address)
    }

    // MARK: Growing

    private func isInitial(_ table: TLBTable) -> Bool { table.entryCount == TLBGeometry.initialEntryCount }

    /// Makes tables larger that are crowded. Nobody has the address of a table of this context meanwhile.
    func grow() {
        isCrowded = false
        for index in tables.indices where displacements[index] >= Self.crowd(tables[index]) {
            displacements[index] = 0
            guard let table = tables[index].grown() else { continue }
            if !isInitial(tables[index]) { tables[index].unmap() }
            tables[index] = table
            // Each has another place.
            filled[index].forget()
        }
    }

    /// How many displacements make a table a crowded one.
    private static func crowd(_ table: TLBTable) -> Int { 2 * table.entryCount }

    /// Goes back to the tables of the beginning.
    private func shrink() {
        for index in tables.indices where !isInitial(tables[index]) {
            tables[index].unmap()
            tables[index] = TLBTable(
                base: memory + index * Self.initialTableBytes, entryCount: TLBGeometry.initialEntryCount)
            // What was in it before it grew still is.
            filled[index].forget()
        }
    }

    /// Becomes the context of another address space. As for `grow`.
    func startOver() {
        shrink()
        invalidateAll()
    }

    // MARK: Victims

    /// The entries that were displaced last: pages a multiple of 4 MiB apart have one place in a table, and a copy from
    /// one to the other would walk the guest's tables for each access.
    private func victim(_ privilege: AccessPrivilege, _ index: Int) -> TLBEntry {
        TLBEntry(
            base: memory
                + (Self.victimOffset + (privilege.rawValue * Self.victimCount + index) * TLBEntry.byteCount))
    }

    /// Keeps an entry that is about to be displaced.
    func keepVictim(_ entry: TLBEntry, _ privilege: AccessPrivilege) {
        victim(privilege, nextVictim).base.copyMemory(from: entry.base, byteCount: TLBEntry.byteCount)
        nextVictim = (nextVictim + 1) % Self.victimCount
        noteDisplacement(privilege)
    }

    /// Counts an entry that took another one's place, whether it was made or came back.
    private func noteDisplacement(_ privilege: AccessPrivilege) {
        displacements[privilege.rawValue] += 1
        let table = table(privilege)
        if displacements[privilege.rawValue] >= Self.crowd(table), table.entryCount < TLBGeometry.largestEntryCount {
            isCrowded = true
        }
    }

    /// Puts the entry for a page back into its place if it was kept and answers; what is there is kept instead.
    func restoreVictim(_ entry: TLBEntry, _ privilege: AccessPrivilege, page: UInt64, isWrite: Bool) -> Bool {
        for index in 0..<Self.victimCount {
            let victim = victim(privilege, index)
            guard (isWrite ? victim.writeTag : victim.readTag) == page else { continue }
            let kept = (entry.readTag, entry.writeTag, entry.addend, entry.info)
            entry.base.copyMemory(from: victim.base, byteCount: TLBEntry.byteCount)
            (victim.readTag, victim.writeTag, victim.addend, victim.info) = kept
            // Two pages that take turns displace each other as much as those that are walked for.
            noteDisplacement(privilege)
            return true
        }
        return false
    }

    // MARK: Instruction pages

    /// Where instructions are fetched from. Translated code looks here, too: see `TranslatorStubs`.
    var instructionPages: UnsafeMutableRawPointer { memory + AccessPrivilege.count * Self.initialTableBytes }
    /// `address >> instructionPageShift & instructionPageMask` is the byte offset of an address's entry.
    static let instructionPageShift = UInt8(TLBGeometry.pageShift) - 4
    static let instructionPageMask = UInt64(instructionPageBytes - 16)

    /// Two words: the key (virtual page | exception level, or all ones), and the physical page. Of the key's low twelve
    /// bits, which are ours, only the lowest is ever looked for: no address has the key of an empty entry.
    private func instructionPage(_ address: UInt64) -> UnsafeMutablePointer<UInt64> {
        let offset = address >> UInt64(Self.instructionPageShift) & Self.instructionPageMask
        return (instructionPages + Int(truncatingIfNeeded: offset)).assumingMemoryBound(to: UInt64.self)
    }

    /// The physical page that instructions at `address` are fetched from at exception level `level`, if it is known.
    func physicalInstructionPage(_ address: UInt64, level: UInt64) -> UInt64? {
        let entry = instructionPage(address)
        return entry[0] == address & TLBGeometry.pageMask | level ? entry[1] : nil
    }

    func setPhysicalInstructionPage(_ address: UInt64, level: UInt64, to physical: UInt64, sizeLog2: UInt8) {
        let entry = instructionPage(address)
        entry[0] = address & TLBGeometry.pageMask | level
        entry[1] = physical & TLBGeometry.pageMask
        hasFetched = true
        // From here on translated code may put the page's blocks into the jump cache.
        executedPages.insert(address, sizeLog2: TLBGeometry.pageShift)
        noteExecuted(address, mode: BlockMode(isEL0: level == 0, stackIsMisaligned: false))
        noteSize(sizeLog2, at: address)
    }

    /// Remembers that the jump cache may get entries for `mode`, of the page of `address`, which is known.
    func noteExecuted(_ address: UInt64, mode: BlockMode) {
        executed[mode.index].formUnion(JumpCache.Places(ofPage: address))
    }

    // MARK: Filling

    /// Remembers that the table for `privilege` got an entry for `address`.
    func noteFilled(_ privilege: AccessPrivilege, _ address: UInt64) {
        filled[privilege.rawValue].insert(table(privilege).index(of: address))
    }

    /// Calls `body` with every entry of the tables that may hold anything.
    private func forEachEntry(_ body: (TLBEntry) -> Void) {
        for privilege in [AccessPrivilege.el1, .el1WithoutPAN, .el0] where !filled[privilege.rawValue].isEmpty {
            filled[privilege.rawValue].forEach(in: table(privilege), body)
            for index in 0..<Self.victimCount { body(victim(privilege, index)) }
        }
    }

    /// Remembers that an entry comes from a page or block of `sizeLog2`, so that invalidating any address of it finds
    /// the whole.
    func noteSize(_ sizeLog2: UInt8, at address: UInt64) {
        guard UInt64(sizeLog2) > TLBGeometry.pageShift else { return }
        largeSizes |= 1 << UInt64(sizeLog2)
        largePages.insert(address, sizeLog2: UInt64(sizeLog2))
    }

    // MARK: Invalidating

    func invalidateAll() {
        for index in tables.indices where !filled[index].isEmpty {
            filled[index].empty(tables[index])
            displacements[index] = 0
        }
        invalidateJumpCache()
        if hasFetched {
            memset(instructionPages, 0xFF, Self.instructionPageBytes)
            executedPages.removeAll()
            hasFetched = false
        }
        for mode in BlockMode.all { executed[mode.index] = [] }
        memset(memory + Self.victimOffset, 0xFF, Self.victimBytes)
        largeSizes = 0
        largePages.removeAll()
        holdsROM = false
    }

    /// The pages that instructions are fetched from stay known, and may get entries again at any time.
    func invalidateJumpCache() {
        JumpCache.empty(jumpCache, orElse: executed)
    }

    /// Drops what translates `address`.
    func invalidate(address: UInt64) {
        var sizes = largeSizes
        while sizes != 0 {
            let size = UInt64(sizes.trailingZeroBitCount)
            sizes &= sizes &- 1
            if largePages.mayContain(address, sizeLog2: size) {
                // A block may have entries anywhere in the tables.
                invalidate(range: address & ~(1 << size &- 1), sizeLog2: size)
            }
        }
        let page = address & TLBGeometry.pageMask
        for privilege in [AccessPrivilege.el1, .el1WithoutPAN, .el0] {
            let entry = entry(privilege, page)
            if entry.isValid && entry.virtualPage == page { entry.invalidate() }
            for index in 0..<Self.victimCount {
                let victim = victim(privilege, index)
                if victim.isValid && victim.virtualPage == page { victim.invalidate() }
            }
        }
        let instruction = instructionPage(page)
        if instruction[0] & TLBGeometry.pageMask == page { instruction[0] = ~0 }
        if executedPages.mayContain(page, sizeLog2: TLBGeometry.pageShift) {
            let places = JumpCache.Places(ofPage: page)
            for mode in BlockMode.all where executed[mode.index].contains(places) {
                JumpCache.invalidate(places, mode: mode, in: jumpCache)
            }
        }
    }

    /// Drops all entries in the naturally aligned 1 << sizeLog2 bytes at `start`.
    private func invalidate(range start: UInt64, sizeLog2: UInt64) {
        let mask = ~(UInt64(1) << sizeLog2 &- 1)
        forEachEntry { if $0.isValid && $0.virtualPage & mask == start { $0.invalidate() } }
        for index in 0..<Self.instructionPageCount {
            let entry = instructionPage(UInt64(index) << TLBGeometry.pageShift)
            if entry[0] & mask == start { entry[0] = ~0 }
        }
        invalidateJumpCache()
    }

    /// Drops write permission from every entry.
    func dropWrites() { forEachEntry { $0.writeTag = TLBEntry.invalidTag } }

    /// Drops write permission from every entry of the guest physical page.
    func dropWrites(toPhysicalPage page: UInt64) {
        forEachEntry { entry in
            if entry.writeTag != TLBEntry.invalidTag && entry.info & TLBGeometry.pageMask == page {
                entry.writeTag = TLBEntry.invalidTag
            }
        }
    }
}
