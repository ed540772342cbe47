// The routines that all translated code shares: entering, leaving, and calling helpers.

#if arch(x86_64)

/// What a fill of the software TLB is for, beside the size in the low bits.
enum TranslatorFill {
    static let sizeMask: UInt64 = 0xFF
    static let isWrite: UInt64 = 1 << 8
    static let isAligned: UInt64 = 1 << 9
    static let isUnprivileged: UInt64 = 1 << 10
}

/// Why translated code was left.
enum TranslatorExit {
    /// The PC is to be looked up.
    static let lookUp = 0
    /// The interpreter goes on at the state block's `exitOperation`.
    static let resume = 1
}

/// Addresses of the stubs, where they are written: jumps between stubs and regions are relative.
struct TranslatorStubs: @unchecked Sendable {
    let writableBase: UnsafeMutableRawPointer
    /// C function (state block, host code) -> `TranslatorExit`.
    private(set) var enter: UnsafeMutableRawPointer
    /// Leaves, with the PC in the state block.
    private(set) var lookUp: UnsafeMutableRawPointer
    /// The same, when no link is to be made: the entry of every block that is not translated, too.
    private(set) var lookUpUnlinked: UnsafeMutableRawPointer
    /// By whether they are for EL0: jump to the code for the address in RAX, which is stored and for which the jump
    /// cache has nothing in the entry that RCX leads to.
    private var findForEL0: UnsafeMutableRawPointer
    private var findForEL1: UnsafeMutableRawPointer
    /// Leaves for the interpreter: RSI the operation and RDX the block, from the state block's `codeBase`.
    private(set) var resume: UnsafeMutableRawPointer
    /// Calls the helper of an operation, or leaves for the interpreter. Changes all scratch and guest registers.
    private(set) var help: UnsafeMutableRawPointer
    /// The same to fill the software TLB for the address in RAX, R8 being a `TranslatorFill`.
    private(set) var fill: UnsafeMutableRawPointer
    /// Looks in the software TLB for the address in RAX, and puts what is there into the slot of `RecentPages` that
    /// RCX, a `recallOperand`, names: the host's flags are "equal" if it was there. Changes RCX and RDX only.
    private(set) var recallRead: UnsafeMutableRawPointer
    private(set) var recallWrite: UnsafeMutableRawPointer
    /// C function (addresses, how many, lines): asks for that many lines of the host's caches from each address on.
    private(set) var prefetch: UnsafeMutableRawPointer
    private(set) var end: UnsafeMutableRawPointer

    private static let saved: [HostRegister] = [.rbx, .rbp, .r12, .r13, .r14, .r15]

    private static func state(_ offset: Int) -> HostOperand {
        .memory(.rbx, Int32(offset - RegionCompiler.stateBias))
    }

    init(at start: UnsafeMutableRawPointer) {
        writableBase = start
        var assembler = Assembler(at: start)

        enter = assembler.cursor
        for register in Self.saved { assembler.push(register) }
        // Six registers and the return address: the stack becomes a multiple of 16.
        assembler.arithmetic(.sub, .register(.rsp), constant: 8)
        assembler.loadAddress(.rbx, .memory(.rdi, Int32(RegionCompiler.stateBias)))
        assembler.move(.r14, Self.state(CPUState.Offset.slice))
        assembler.move(.r15, Self.state(CPUState.Offset.dataTable))
        assembler.jump(through: .register(.rsi))

        lookUpUnlinked = assembler.cursor
        assembler.store(constant: 0, Self.state(CPUState.Offset.exitLink), wide: true)
        lookUp = assembler.cursor
        assembler.move(.rax, constant: UInt64(TranslatorExit.lookUp))
        let leave = assembler.cursor
        assembler.store(.r14, Self.state(CPUState.Offset.slice))
        assembler.arithmetic(.add, .register(.rsp), constant: 8)
        for register in Self.saved.reversed() { assembler.pop(register) }
        assembler.returnToCaller()

        findForEL0 = assembler.cursor
        Self.emitFind(&assembler, BlockMode(isEL0: true, stackIsMisaligned: false), otherwise: lookUpUnlinked)
        findForEL1 = assembler.cursor
        Self.emitFind(&assembler, BlockMode(isEL0: false, stackIsMisaligned: false), otherwise: lookUpUnlinked)

        resume = assembler.cursor
        Self.emitExitOperation(&assembler)
        assembler.move(.rax, constant: UInt64(TranslatorExit.resume))
        assembler.jump(to: leave)

        help = assembler.cursor
        Self.emitExitOperation(&assembler)
        Self.emitCall(&assembler, TranslatorHelpers.execute, leave: leave)

        fill = assembler.cursor
        Self.emitExitOperation(&assembler)
        assembler.move(.rsi, .rax)
        assembler.move(.rdx, .r8)
        Self.emitCall(&assembler, TranslatorHelpers.fill, leave: leave)

        recallRead = assembler.cursor
        Self.emitRecall(&assembler, tag: TLBEntry.Offset.readTag)
        recallWrite = assembler.cursor
        Self.emitRecall(&assembler, tag: TLBEntry.Offset.writeTag)

        prefetch = assembler.cursor
        Self.emitPrefetch(&assembler)

        end = assembler.cursor
    }

    /// Where code of `mode` goes whose jump cache has nothing for an address. A misaligned SP is rare: the dispatcher
    /// does.
    func find(_ mode: BlockMode) -> UnsafeMutableRawPointer {
        if mode.stackIsMisaligned { return lookUpUnlinked }
        return mode.isEL0 ? findForEL0 : findForEL1
    }

    /// What `EmulatedCPU.findBlock` does where everything is known: the address's page, and the block there. A tagged
    /// address is that of no page. The block may have been dropped: its host code leads out then.
    private static func emitFind(
        _ assembler: inout Assembler, _ mode: BlockMode, otherwise: UnsafeMutableRawPointer
    ) {
        assembler.test(.register(.rax), constant: 3, wide: false)
        assembler.jump(if: .ne, to: otherwise)
        // The address's page, and the exception level.
        assembler.move(.rdi, .rax)
        assembler.arithmetic(.and, .register(.rdi), constant: -0x1000)
        assembler.move(.r8, .rdi)
        let level = EmulatedCPU.fetchLevel(isEL0: mode.isEL0)
        if level != 0 { assembler.arithmetic(.or, .register(.r8), constant: Int32(level)) }
        assembler.move(.rdx, .rax)
        assembler.shift(.shr, .rdx, by: TranslationContext.instructionPageShift)
        assembler.arithmetic(
            .and, .register(.rdx), constant: Int32(TranslationContext.instructionPageMask), wide: false)
        assembler.arithmetic(.add, .rdx, state(CPUState.Offset.instructionPages))
        assembler.arithmetic(.cmp, .r8, .memory(.rdx))
        assembler.jump(if: .ne, to: otherwise)
        // The address in memory.
        assembler.move(.rsi, .rax)
        assembler.arithmetic(.and, .register(.rsi), constant: 0xFFF, wide: false)
        assembler.arithmetic(.or, .rsi, .memory(.rdx, 8))
        // See `KnownBlocks`: the place, and the key.
        assembler.move(.rdx, .rsi)
        assembler.shift(.shr, .rdx, by: KnownBlocks.foldShift)
        assembler.arithmetic(.xor, .rdx, .register(.rsi))
        assembler.shift(.shl, .rdx, by: 2)
        assembler.arithmetic(.and, .register(.rdx), constant: Int32(KnownBlocks.indexMask), wide: false)
        assembler.arithmetic(.add, .rdx, state(CPUState.Offset.knownBlocks))
        if mode.rawValue != 0 { assembler.arithmetic(.or, .register(.rsi), constant: Int32(mode.rawValue)) }
        assembler.not(.rsi, wide: true)
        assembler.arithmetic(.cmp, .rsi, .memory(.rdx))
        assembler.jump(if: .ne, to: otherwise)
        assembler.move(.rdx, .memory(.rdx, 8))
        let part = Int32(JumpCache.offset(of: mode))
        assembler.store(.rax, .memory(.rcx, part))
        assembler.store(.rdx, .memory(.rcx, part + 8))
        assembler.store(.rdi, state(CPUState.Offset.pageOfPC))
        emitList(&assembler, part: part)
        assembler.jump(through: .memory(.rdx, Int32(Block.Offset.hostCode)))
    }

    /// What `JumpCache.Filled.insert` does, for the entry `part` bytes behind RCX. Changes RCX, RSI and RDI.
    private static func emitList(_ assembler: inout Assembler, part: Int32) {
        let count = Int32(JumpCache.Filled.countOffset)
        assembler.move(.rsi, state(CPUState.Offset.jumpCache))
        assembler.move(.rdi, .memory(.rsi, count))
        assembler.arithmetic(.cmp, .register(.rdi), constant: Int32(JumpCache.Filled.limit))
        let full = assembler.skip(if: .ae)
        assembler.arithmetic(.sub, .rcx, .register(.rsi))
        assembler.arithmetic(.add, .register(.rcx), constant: part)
        assembler.shift(.shr, .rcx, by: UInt8(JumpCache.entryByteCount.trailingZeroBitCount))
        assembler.store(.rcx, .indexed(.rsi, .rdi, Int32(JumpCache.Filled.numbersOffset), scale: 2), size: 4)
        assembler.arithmetic(.add, .memory(.rsi, count), constant: 1)
        assembler.land(full)
    }

    private static func emitPrefetch(_ assembler: inout Assembler) {
        let next = assembler.cursor
        assembler.test(.rsi, .rsi, wide: true)
        let done = assembler.skip(if: .e)
        assembler.move(.rax, .memory(.rdi))
        assembler.move(.rcx, .rdx)
        let line = assembler.cursor
        assembler.prefetch(.memory(.rax))
        assembler.arithmetic(.add, .register(.rax), constant: HostCache.lineByteCount)
        assembler.arithmetic(.sub, .register(.rcx), constant: 1)
        assembler.jump(if: .ne, to: line)
        assembler.arithmetic(.add, .register(.rdi), constant: 8)
        assembler.arithmetic(.sub, .register(.rsi), constant: 1)
        assembler.jump(to: next)
        assembler.land(done)
        assembler.returnToCaller()
    }

    /// What `recallRead` and `recallWrite` are given in RCX.
    static func recallOperand(slot: Int, size: Int) -> UInt64 { UInt64(slot | (size - 1) << 16) }

    private static func emitRecall(_ assembler: inout Assembler, tag: Int) {
        func slot(_ offset: Int) -> HostOperand {
            .indexed(.rbx, .rcx, Int32(offset - RegionCompiler.stateBias))
        }
        assembler.push(.rsi)
        assembler.move(.rsi, .rax, wide: false)
        assembler.shift(.shr, .rsi, by: UInt8(TLBGeometry.indexShift), wide: false)
        assembler.arithmetic(.and, .rsi, state(CPUState.Offset.dataMask), wide: false)
        // The page of the last byte: an access across pages is not found.
        assembler.move(.rdx, .rcx, wide: false)
        assembler.shift(.shr, .rdx, by: 16, wide: false)
        assembler.arithmetic(.add, .rdx, .register(.rax))
        assembler.arithmetic(.and, .register(.rdx), constant: -0x1000)
        assembler.arithmetic(.cmp, .rdx, .indexed(.r15, .rsi, Int32(tag)))
        let miss = assembler.skip(if: .ne)
        // MOVZX
        assembler.load(.rcx, .register(.rcx), size: 2)
        assembler.store(.rdx, slot(RecentPages.Offset.page))
        assembler.move(.rdx, .indexed(.r15, .rsi, Int32(TLBEntry.Offset.addend)))
        assembler.store(.rdx, slot(RecentPages.Offset.addend))
        assembler.store(constant: Int32(RecentPages.limit), slot(RecentPages.Offset.limit), wide: true)
        assembler.store(constant: 1, state(CPUState.Offset.recentPagesInUse), wide: true)
        // None of these moves changed the flags.
        assembler.land(miss)
        assembler.pop(.rsi)
        assembler.returnToCaller()
    }

    /// Notes the operation and the block for whoever goes on with them; RSI becomes the operation's address.
    private static func emitExitOperation(_ assembler: inout Assembler) {
        assembler.move(.rcx, state(CPUState.Offset.codeBase))
        assembler.arithmetic(.add, .rsi, .register(.rcx))
        assembler.arithmetic(.add, .rdx, .register(.rcx))
        assembler.store(.rsi, state(CPUState.Offset.exitOperation))
        assembler.store(.rdx, state(CPUState.Offset.block))
    }

    /// Calls a C function (EmulatedCPU, RSI, RDX) -> Bool; if that returns false, the interpreter goes on.
    private static func emitCall(
        _ assembler: inout Assembler, _ function: UInt, leave: UnsafeMutableRawPointer
    ) {
        assembler.arithmetic(.sub, .register(.rsp), constant: 8)
        assembler.move(.rdi, state(CPUState.Offset.cpu))
        assembler.move(.rax, constant: UInt64(function))
        assembler.call(through: .register(.rax))
        assembler.arithmetic(.add, .register(.rsp), constant: 8)
        assembler.testByte(.rax)
        let failed = assembler.skip(if: .e)
        assembler.returnToCaller()
        assembler.land(failed)
        // The return address into the region is dropped.
        assembler.arithmetic(.add, .register(.rsp), constant: 8)
        assembler.move(.rax, constant: UInt64(TranslatorExit.resume))
        assembler.jump(to: leave)
    }
}

#endif
