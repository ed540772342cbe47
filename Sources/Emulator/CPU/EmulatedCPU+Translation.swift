// Which translations a CPU uses, and how they are dropped.
//
// Responsible for: the translation contexts (one for each recent ASID) and TLBI. Follows DDI 0487, D8.16.

import Arm64
import Hypervisor

extension EmulatedCPU {
    /// ASIDs whose translations are kept.
    private static let contextLimit = 8
    /// A TLBI by range of more pages than this drops everything instead.
    private static let rangeLimit: UInt64 = 256

    /// Takes over the translation registers after a write to one of them.
    func translationRegistersChanged() {
        let system = state.system.pointee
        let new = TranslationRegime(
            // TCR_EL1 reads as it was written; only what the model has counts.
            sctlr: system.sctlrEL1, tcr: configuration.model.tcr.effective(system.tcrEL1), ttbr0: system.ttbr0EL1,
            ttbr1: system.ttbr1EL1,
            mair: system.mairEL1, physicalAddressBits: regime.physicalAddressBits)
        // What is cached depends on these; a TTBR is different: its ASID selects a context, and a new table under
        // the same ASID needs a TLBI by the architecture's rules.
        let relevant = SCTLR.a | SCTLR.wxn
        let mustInvalidate =
            new.tcr != regime.tcr || new.mair != regime.mair || (new.sctlr ^ regime.sctlr) & relevant != 0
        regime = new
        if mustInvalidate { invalidateAllTranslations() }
        selectContext()
    }

    /// Makes the context of the current ASID current, or takes over the one that was not used for longest.
    func selectContext() {
        let asid = regime.isEnabled ? regime.asid : nil
        contextUses += 1
        if context.asid != asid || contextUses == 1 {
            if let found = contexts.first(where: { $0.asid == asid }) {
                context = found
            } else if contexts.count < Self.contextLimit {
                context = TranslationContext()
                contexts.append(context)
            } else if let oldest = contexts.min(by: { $0.lastUse < $1.lastUse }) {
                context = oldest
                // Not the one that was current, which the block that is just ending may still use: nobody has the
                // addresses of its tables.
                context.startOver()
                recentPages.forget()
            }
            context.asid = asid
        }
        context.lastUse = contextUses
        selectUserTable()
        state.setWord(CPUState.Offset.jumpCache, UInt64(UInt(bitPattern: context.jumpCache)))
        state.setWord(CPUState.Offset.instructionPages, UInt64(UInt(bitPattern: context.instructionPages)))
    }

    /// Makes the table of LDTR and STTR the one that PSTATE asks for.
    func selectUserTable() { state.setUserTable(context.table(unprivilegedPrivilege)) }

    /// Makes room in the software TLB. Between blocks: each sets the table that it uses.
    func growTables() {
        context.grow()
        recentPages.forget()
        selectUserTable()
    }

    func invalidateAllTranslations() {
        recentPages.forget()
        for context in contexts { context.invalidateAll() }
    }

    /// Does a TLBI on this CPU.
    ///
    /// Contexts keep global entries apart for each ASID, so whatever can hit those is done in every context.
    func invalidate(_ invalidation: TLBInvalidation) {
        recentPages.forget()
        hasDroppedTranslations = true
        switch invalidation.scope {
        case .all:
            invalidateAllTranslations()
        case .asid(let asid):
            for context in contexts where context.asid == asid { context.invalidateAll() }
        case .addresses(let range, _), .addressesAllASIDs(let range):
            let pages = (range.upperBound - range.lowerBound) >> TLBGeometry.pageShift
            guard pages < Self.rangeLimit else { return invalidateAllTranslations() }
            for context in contexts {
                var page = range.lowerBound & TLBGeometry.pageMask
                for _ in 0...pages {
                    context.invalidate(address: page)
                    page &+= 1 << TLBGeometry.pageShift
                }
            }
        }
    }

    // MARK: ROM

    /// Forgets translations to ROM if some of it became a device since the last time. Within a block as well: nobody
    /// keeps the host address of a page from one access to the next.
    func serviceROMChanges() {
        let changes = romChanges.count
        guard changes != servicedROMChanges else { return }
        recentPages.forget()
        hasDroppedTranslations = true
        for context in contexts where context.holdsROM { context.invalidateAll() }
        servicedROMChanges = changes
    }

    /// What a CPU does after an access to a device: if that made ROM a device, no CPU takes it for memory any more when
    /// the next instruction begins. Called within a block, so only this of all requests can be done here.
    @inline(__always)
    func completeROMChanges() {
        if romChanges.count != servicedROMChanges { vm.waitForROMChanges(from: self) }
    }

    // MARK: Code

    /// Drops write permission to a guest physical page.
    func dropWrites(to page: PhysicalAddress) {
        recentPages.forget()
        for context in contexts { context.dropWrites(toPhysicalPage: page) }
    }

    /// Drops write permission to every guest physical page.
    func dropAllWrites() {
        recentPages.forget()
        for context in contexts { context.dropWrites() }
    }
}

/// Guest memory, as a walk sees it.
///
/// Safe: addresses are checked to be in memory and are multiples of 8, so that the host's atomics apply.
struct WalkMemory: DescriptorMemory {
    private let guest: Unmanaged<GuestMemory>

    /// Safe: a walk ends before its caller, which has the memory. Counting references would take as long as a load.
    init(memory: GuestMemory) { guest = .passUnretained(memory) }

    @inline(__always)
    func loadDescriptor(at address: UInt64) -> UInt64? {
        let pointer = guest._withUnsafeGuaranteedRef { $0.pointer(at: address, count: 8) }
        guard let pointer else { return loadDescriptorFromROM(at: address) }
        return HostAtomics.load(pointer, as: UInt64.self)
    }

    /// Firmware that runs from flash has its first tables there.
    @inline(never)
    private func loadDescriptorFromROM(at address: UInt64) -> UInt64? {
        let contents = guest._withUnsafeGuaranteedRef { $0.contents(at: address, count: 8) }
        guard let pointer = contents else { return nil }
        return HostAtomics.load(UnsafeMutableRawPointer(mutating: pointer), as: UInt64.self)
    }

    func compareExchangeDescriptor(at address: UInt64, expected: UInt64, desired: UInt64) -> Bool? {
        let pointer = guest._withUnsafeGuaranteedRef { $0.pointer(at: address, count: 8) }
        guard let pointer else { return nil }
        return HostAtomics.compareExchange(pointer, expected: expected, desired: desired) == expected
    }
}
