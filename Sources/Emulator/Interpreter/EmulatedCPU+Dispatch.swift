// Between blocks: requests, interrupts, time, and finding the next block.

import Arm64
import Hypervisor

extension EmulatedCPU {
    /// Guest instructions between two looks at the clock. Small enough for timers to be punctual, large enough for
    /// the look to cost nothing.
    static let sliceLength = 8192

    /// Does what another thread, a timer or the end of a slice asks for. Returns an exit if the run is to end.
    func attend(remaining: Int?) -> Exit? {
        if let stop = takeDebugStop() { return .debug(stop) }
        if takeExitRequest() { return .interrupted }
        if let remaining, remaining <= 0 { return .budgetExhausted }
        if nextTimerEvent != .max && counter >= nextTimerEvent { updateTimers() }
        // After the timers, whose interrupt is a request too: `nextBlock` takes it, if it is not masked.
        serviceRequests()
        if context.isCrowded { growTables() }
        return nil
    }

    /// Whether an interrupt is pending and not masked.
    @inline(__always)
    var mustTakeInterrupt: Bool {
        hasPendingInterrupt && state.system.pointee.pstate & PSTATE.i == 0
    }

    /// Takes an interrupt that is due, and returns the first operation of the block at the PC; nil if fetching took an
    /// exception, so that the PC is another one.
    @inline(never)
    func nextBlock() -> UnsafeMutablePointer<Operation>? {
        if mustTakeInterrupt, !debugger.holdsInterrupts {
            forgetLinks()
            takeInterrupt()
        }
        let mode = blockMode
        stepIsUnderWay = false
        if _slowPath(state.system.pointee.mdscrEL1 & MDSCR.ss != 0), isStepping {
            forgetLinks()
            if debugger.isActive, stopsForDebugger() { return nil }
            guard let block = steppedBlock(mode: mode) else { return nil }
            debugger.noteStep()
            enter(block, mode: mode)
            return block.operations
        }
        let pc = state.pc
        let cached = JumpCache.entry(pc, mode: mode, in: context.jumpCache)
        var block: Block
        if cached[0] == pc, let base = UnsafeMutableRawPointer(bitPattern: UInt(cached[1])),
            Block(base: base).isValid, state.system.pointee.pstate & PSTATE.il == 0
        {
            block = Block(base: base)
        } else {
            guard let found = findBlock(mode: mode) else {
                forgetLinks()
                return nil
            }
            block = found
            if hasDroppedTranslations {
                hasDroppedTranslations = false
                forgetLinks()
            }
        }
        if let slot = state.link {
            // Where hot blocks are translated, the dispatcher has to see each time that one is interpreted.
            if !translatesHotBlocks { slot.pointee.immediate = UInt64(UInt(bitPattern: block.base)) }
            state.link = nil
        }
        enter(block, mode: mode)
        return block.operations
    }

    /// The next block is not the one that the last branch went to.
    func forgetLinks() {
        state.link = nil
        state.setWord(CPUState.Offset.exitLink, 0)
    }

    /// Sets what the operations of `block` rely on.
    private func enter(_ block: Block, mode: BlockMode) {
        state.block = block.base
        currentMode = mode
        privilege = accessPrivilege
        state.setDataTable(context.table(privilege))
    }

    /// What the next block is to be made for.
    @inline(__always)
    var blockMode: BlockMode {
        BlockMode(isEL0: isEL0, stackIsMisaligned: state.x[Int(CPUState.Register.sp)] & 15 != 0)
    }

    /// The guest physical address of the instruction at the PC; nil if fetching it took an exception.
    private func fetchAddress(mode: BlockMode) -> PhysicalAddress? {
        state.pc = withoutTag(state.pc)
        let pc = state.pc
        guard pc & 3 == 0 else {
            takeException(.pcAlignment, returnAddress: pc, faultAddress: pc)
            return nil
        }
        guard let page = fetchPage(pc, isEL0: mode.isEL0) else { return nil }
        // After the faults of the fetch itself: DDI 0487, D1.3.5.5.
        if state.system.pointee.pstate & PSTATE.il != 0 {
            takeException(.illegalExecutionState, returnAddress: pc, faultAddress: nil)
            return nil
        }
        return page | pc & 0xFFF
    }

    /// The instructions from the PC to the end of its page; nil if fetching them took an exception.
    func fetchWords(mode: BlockMode) -> UnsafePointer<UInt32>? {
        fetchAddress(mode: mode).map(words(at:))
    }

    /// Instructions in memory.
    ///
    /// - Precondition: `physical` is in memory and a multiple of 4.
    private func words(at physical: PhysicalAddress) -> UnsafePointer<UInt32> {
        guard let pointer = memory.code(at: physical) else { preconditionFailure("code is in memory") }
        // Safe: see the precondition.
        return pointer.assumingMemoryBound(to: UInt32.self)
    }

    /// The block at the PC, found or made; nil if the PC is to be looked up again: mostly because fetching took an
    /// exception, after which it is another.
    @inline(never)
    func findBlock(mode: BlockMode) -> Block? {
        guard let physical = fetchAddress(mode: mode) else {
            debugger.noteStep()
            return nil
        }
        let pc = state.pc
        if debugger.isActive {
            if stopsForDebugger() { return nil }
            if let limit = debugger.limitOfBlock(at: pc) { return transientBlock(physical, mode: mode, limit: limit) }
        }
        let entry = JumpCache.entry(pc, mode: mode, in: context.jumpCache)
        let block: Block
        if let known = knownBlocks.find(physical, mode: mode), known.isValid {
            block = known
        } else if let found = codeCache.find(physical, mode: mode) {
            block = found
        } else if contendedFetches > 0, physical & TLBGeometry.pageMask == contendedPage {
            contendedFetches -= 1
            return transientBlock(physical, mode: mode)
        } else {
            let made = makeBlock(physical, mode: mode)
            // Other CPUs' requests may have been done meanwhile: if the translation is gone, the PC is looked up again.
            let page = context.physicalInstructionPage(pc, level: Self.fetchLevel(isEL0: mode.isEL0))
            guard page == physical & TLBGeometry.pageMask else { return nil }
            guard let made else { return transientBlock(physical, mode: mode) }
            block = made
        }
        // The PC is aligned, without a tag, and translates: `fetchAddress` has seen to it.
        entry[0] = pc
        entry[1] = UInt64(UInt(bitPattern: block.base))
        JumpCache.Filled.insert(entry, in: context.jumpCache)
        context.noteExecuted(pc, mode: mode)
        // A debugger's breakpoints are at virtual addresses, and blocks that end before one are not for everybody.
        if !debugger.isActive { knownBlocks.insert(block, at: physical, mode: mode) }
        return block
    }

    /// The exception level by which translations of instruction addresses are told apart.
    static func fetchLevel(isEL0: Bool) -> UInt64 { isEL0 ? 0 : 1 }

    /// The physical page that holds the instruction at `pc`; nil after an instruction abort.
    private func fetchPage(_ pc: UInt64, isEL0: Bool) -> PhysicalAddress? {
        let level = Self.fetchLevel(isEL0: isEL0)
        if let page = context.physicalInstructionPage(pc, level: level) { return page }
        var walkMemory = WalkMemory(memory: memory)
        let access = TranslationAccess(.execute, privileged: !isEL0)
        switch regime.translate(pc, for: access, pan: false, memory: &walkMemory) {
        case .failure(let fault):
            takeException(.instructionAbort(fault.status, fromEL0: isEL0), returnAddress: pc, faultAddress: pc)
            return nil
        case .success(let translation):
            let page = translation.physicalAddress & TLBGeometry.pageMask
            if !memory.contains(page, count: 1 << TLBGeometry.pageShift) {
                guard memory.contents(at: page, count: 1 << TLBGeometry.pageShift) != nil else {
                    takeException(
                        .instructionAbort(.externalAbort, fromEL0: isEL0), returnAddress: pc, faultAddress: pc)
                    return nil
                }
                context.holdsROM = true
            }
            context.setPhysicalInstructionPage(
                pc, level: level, to: page, sizeLog2: translation.sizeShift)
            return page
        }
    }

    /// How often a block is made again because its page was written meanwhile. Each time the other CPUs are waited for.
    private static let attempts = 3
    /// How many blocks of such a page are then made without an attempt to keep them.
    private static let contendedFetchLimit = 1000

    /// Lowers the block at a physical address in memory; nil if other CPUs write to its page faster than that.
    private func makeBlock(_ physical: PhysicalAddress, mode: BlockMode) -> Block? {
        var attempts = 0
        while attempts < Self.attempts {
            let generation = codeCache.generation
            // From now on writes to the page are noticed, but by CPUs whose software TLB allows them already: those
            // are waited for, so that no instruction is read that such a write may change.
            let page = physical & TLBGeometry.pageMask
            if codeCache.watch[physical].bitwiseOr(WatchByte.hasBlocks) & WatchByte.mayBeWritten != 0 {
                vm.broadcast(.dropWrites(page), from: self)
                dropWrites(to: page)
                vm.waitForRequests(from: self)
                codeCache.forgetWrites(to: page, since: generation)
            }
            let limit = Int(0x1000 - (physical & 0xFFF)) / 4
            let count = builder.build(
                from: words(at: physical), limit: limit, isEL0: mode.isEL0, stackIsMisaligned: mode.stackIsMisaligned)
            let insertion = codeCache.insert(
                physical, mode: mode, instructionCount: count, operations: builder.operations, since: generation)
            switch insertion {
            case .done(let block): return block
            case .stale: attempts += 1
            case .full: vm.flushCode(from: self)
            }
        }
        contendedPage = physical & TLBGeometry.pageMask
        contendedFetches = Self.contendedFetchLimit
        return nil
    }

    /// A block at a physical address, made for this time only, outside the code cache: code beside data that other CPUs
    /// write all the time would never get into that. What it writes over itself it need not see before an ISB, which
    /// ends a block.
    private func transientBlock(_ physical: PhysicalAddress, mode: BlockMode, limit: Int = .max) -> Block {
        forgetLinks()
        let limit = min(limit, Int(0x1000 - (physical & 0xFFF)) / 4)
        let count = builder.build(
            from: words(at: physical), limit: limit, isEL0: mode.isEL0, stackIsMisaligned: mode.stackIsMisaligned)
        let block = Block(base: stepMemory)
        block.initialize(
            physicalAddress: physical, instructionCount: count, operations: builder.operations, hostCode: 0,
            patience: .max)
        return block
    }

    /// Notes the exception that an operation comes to. A function of its own, and not inlined, so that the
    /// interpreter's dispatch has no values to prepare for code that is hardly ever reached.
    @inline(never)
    func record(_ syndrome: Syndrome, _ faultAddress: UInt64? = nil) {
        pendingSyndrome = syndrome
        pendingFaultAddress = faultAddress
    }

    /// Ends the instruction at `operation` of `block` by the exception that its access recorded; returns how many
    /// instructions of the block were executed before it.
    @inline(never)
    func takeRecordedException(
        at operation: UnsafeMutablePointer<Operation>, pc: UInt64
    ) -> Int {
        let index = Block(base: state.block).instructionIndex(of: operation)
        undoStep()
        // The caller counts what is tried; that is not executed, and is tried again.
        if _slowPath(pendingWatchpoint != nil), stopsAtWatchpoint(pc: pc &+ UInt64(index) &* 4) { return index &- 1 }
        takeException(
            pendingSyndrome, returnAddress: pc &+ UInt64(index) &* 4, faultAddress: pendingFaultAddress)
        return index
    }

    /// WFI, WFE or YIELD, with the PC after it. Returns an exit if the run is to end.
    func wait(_ which: WaitOpcode, isBudgeted: Bool) -> Exit? {
        if isEL0 && which != .yield {
            let allowed = state.system.pointee.sctlrEL1 & (which == .wfi ? SCTLR.nTWI : SCTLR.nTWE) != 0
            if !allowed {
                // Only what would wait is trapped.
                if which == .wfe && takeEvent() { return nil }
                takeException(.waitTrapped(isWFE: which == .wfe), returnAddress: state.pc &- 4, faultAddress: nil)
                return nil
            }
        }
        // Who steps over it does not want to wait; that it may end at any time the architecture allows.
        if debugger.holdsInterrupts { return nil }
        if which == .wfi {
            updateTimers()
            if hasPendingInterrupt { return nil }
            return .waitForInterrupt(deadline: nextTimerEvent == .max ? nil : nextTimerEvent)
        }
        if which == .wfe { return waitForEvent(isBudgeted: isBudgeted) }
        // Whoever yields waits for another CPU: let that run.
        if isBudgeted { return .budgetExhausted }
        yieldThread()
        return nil
    }
}
