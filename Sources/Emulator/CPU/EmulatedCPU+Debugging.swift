// Breakpoints, watchpoints and steps for a debugger outside the guest, of which the guest sees nothing.
//
// Guest memory is not changed, and no block knows of a breakpoint: a page with one, by its virtual address, never gets
// into the jump cache, so every way into it leads to the dispatcher, since links never leave a page. There, blocks of
// such a page are made for one use, up to the next breakpoint; a step is a block of one instruction. So a CPU that has
// neither pays nothing but a look where a block is not in the jump cache.
//
// A page with a watchpoint never gets into the software TLB's entries for fast accesses, so that each access to it is
// looked at on the slow way; one that is watched fails as by a fault of the page, and the CPU stops in place of the
// exception. Whoever goes on from there takes the watchpoint away, steps, and puts it back.
//
// Not responsible for: software step and breakpoints of the guest's own (`EmulatedCPU+SoftwareStep`).

import Arm64
import Hypervisor
import Synchronization

/// What a debugger wants of a CPU, as the CPU's own thread looks at it.
struct DebuggerView {
    enum Step {
        case none
        /// The next instruction is the one.
        case due
        /// It was executed; the CPU stops before another one.
        case done
    }

    /// Ascending.
    private var breakpoints: [UInt64] = []
    /// Virtual addresses of their pages.
    private var pages: Set<UInt64> = []
    private var step = Step.none
    private var watchpoints: [Watchpoint] = []
    /// Virtual addresses of the pages that watchpoints are on.
    private var watchedPages: Set<UInt64> = []
    /// Whether there is anything to look at.
    private(set) var isActive = false

    init() {}

    init(_ debugging: CPUDebugging) {
        breakpoints = debugging.breakpoints.sorted()
        pages = Set(breakpoints.map { $0 & TLBGeometry.pageMask })
        step = debugging.steps ? .due : .none
        watchpoints = debugging.watchpoints.sorted { $0.range.lowerBound < $1.range.lowerBound }
        for watchpoint in watchpoints {
            let last = (watchpoint.range.upperBound &- 1) & TLBGeometry.pageMask
            var page = watchpoint.range.lowerBound & TLBGeometry.pageMask
            watchedPages.insert(page)
            while page != last {
                page &+= 1 << TLBGeometry.pageShift
                watchedPages.insert(page)
            }
        }
        isActive = step != .none || !breakpoints.isEmpty
    }

    /// Whether interrupts wait, and waiting ends at once: while an instruction is stepped.
    @inline(__always)
    var holdsInterrupts: Bool { step != .none }

    /// Why the CPU stops before the instruction at `pc`, if it does.
    mutating func stop(at pc: UInt64) -> DebugStop? {
        switch step {
        case .done:
            step = .none
            isActive = !breakpoints.isEmpty
            return .stepped
        case .due: return nil
        case .none: return pages.contains(pc & TLBGeometry.pageMask) && isBreakpoint(pc) ? .breakpoint : nil
        }
    }

    private func isBreakpoint(_ pc: UInt64) -> Bool {
        let index = firstIndex(notBelow: pc)
        return index < breakpoints.count && breakpoints[index] == pc
    }

    private func firstIndex(notBelow address: UInt64) -> Int {
        var (low, high) = (0, breakpoints.count)
        while low < high {
            let middle = (low + high) / 2
            if breakpoints[middle] < address { low = middle + 1 } else { high = middle }
        }
        return low
    }

    var hasWatchpoints: Bool { !watchpoints.isEmpty }

    /// Whether accesses to a page have to be looked at.
    func watches(page: UInt64) -> Bool { watchedPages.contains(page) }

    /// What an access does that is watched, if it is.
    ///
    /// - Parameters:
    ///   - address: without a tag.
    ///   - size: in bytes; it does not go beyond the end of addresses.
    ///   - isWrite: and it may read as well.
    func stop(atAccess address: UInt64, size: Int, isRead: Bool, isWrite: Bool) -> DebugStop? {
        for watchpoint in watchpoints {
            let last = address &+ UInt64(size - 1)
            guard address < watchpoint.range.upperBound, last >= watchpoint.range.lowerBound else { continue }
            let isMeant =
                switch watchpoint.kind {
                case .write: isWrite
                case .read: isRead
                case .access: true
                }
            if isMeant { return .watchpoint(watchpoint, address: max(address, watchpoint.range.lowerBound)) }
        }
        return nil
    }

    /// The CPU stops in place of an instruction.
    mutating func noteWatchpoint() {
        step = .none
        isActive = !breakpoints.isEmpty
    }

    /// How many instructions a block at `pc` may have that is made for one use; nil if any block will do. The
    /// instruction at `pc` itself is executed in any case.
    mutating func limitOfBlock(at pc: UInt64) -> Int? {
        if step != .none {
            step = .done
            return 1
        }
        guard pages.contains(pc & TLBGeometry.pageMask) else { return nil }
        let index = firstIndex(notBelow: pc &+ 4)
        guard index < breakpoints.count else { return .max }
        return Int(clamping: (breakpoints[index] &- pc) / 4)
    }

    /// An instruction was executed that no block of ours had, or there was an exception in its place.
    mutating func noteStep() {
        if step == .due { step = .done }
    }
}

extension EmulatedCPU {
    /// More than people set; looked through at every block of a page that has one.
    public var breakpointLimit: Int { 4096 }
    /// The same of accesses to their pages.
    public var watchpointLimit: Int { 64 }

    public func setDebugging(_ debugging: CPUDebugging) {
        debuggerOrders.withLock { $0 = debugging }
        hasDebuggerOrders.store(true, ordering: .sequentiallyConsistent)
        if isRunning { requestExit() }
    }

    /// Takes over what a debugger wants, before the first block of a `run`.
    func takeDebuggerOrders() {
        hasDebuggerOrders.store(false, ordering: .sequentiallyConsistent)
        let hadWatchpoints = debugger.hasWatchpoints
        debugger = DebuggerView(debuggerOrders.withLock(\.self))
        pendingWatchpoint = nil
        if hadWatchpoints || debugger.hasWatchpoints { invalidateAllTranslations() }
        forgetBlocks()
    }

    /// Whether the CPU stops before the instruction at its PC; it does so when it looks at its requests next.
    func stopsForDebugger() -> Bool {
        guard let stop = debugger.stop(at: withoutTag(state.pc)) else { return false }
        pendingDebugStop = stop
        forgetLinks()
        // What the dispatcher takes for a lookup that came to nothing.
        state.slice &+= 1
        raiseRequest()
        return true
    }

    /// Whether the CPU stops in place of an access, which then fails as by a fault. Called once it is known that the
    /// access is allowed.
    ///
    /// - Parameter tagged: its address.
    @inline(__always)
    func stopsForAccess(_ tagged: UInt64, size: Int, isRead: Bool, isWrite: Bool) -> Bool {
        guard _slowPath(debugger.hasWatchpoints) else { return false }
        return stopsForWatchedAccess(tagged, size: size, isRead: isRead, isWrite: isWrite)
    }

    @inline(never)
    private func stopsForWatchedAccess(_ tagged: UInt64, size: Int, isRead: Bool, isWrite: Bool) -> Bool {
        pendingWatchpoint = debugger.stop(
            atAccess: withoutTag(tagged), size: size, isRead: isRead, isWrite: isWrite)
        return pendingWatchpoint != nil
    }

    /// Stops before the instruction at `pc`, whose access is watched, if that is why it could not be completed.
    func stopsAtWatchpoint(pc: UInt64) -> Bool {
        guard let stop = pendingWatchpoint else { return false }
        pendingWatchpoint = nil
        debugger.noteWatchpoint()
        pendingDebugStop = stop
        state.pc = pc
        forgetLinks()
        raiseRequest()
        return true
    }

    func takeDebugStop() -> DebugStop? {
        defer { pendingDebugStop = nil }
        return pendingDebugStop
    }

    public var translationRegime: TranslationRegime { regime }

    public var debugRegisters: CPURegisters {
        var registers = CPURegisters()
        for index in registers.x.indices { registers.x[index] = state.x[index] }
        registers.sp = stackPointer
        registers.pc = state.pc
        registers.pstate = processorState
        for index in registers.v.indices { registers.v[index] = state.q(UInt8(index)) }
        registers.fpsr = state.fpsr
        registers.fpcr = state.fpcr
        return registers
    }

    public func setDebugRegisters(_ registers: CPURegisters) -> Bool {
        let new = PSTATE(rawValue: registers.pstate)
        guard configuration.model.pstate.effective(registers.pstate) == registers.pstate, new.mode != nil,
            UInt64(registers.fpcr) & ~configuration.model.fpcr.writable == 0,
            UInt64(registers.fpsr) & ~FloatingPointRegister.fpsrWritable == 0,
            registers.x.count == 31, registers.v.count == 32
        else { return false }
        pstate = new
        for index in registers.x.indices { state.x[index] = registers.x[index] }
        state.x[Int(CPUState.Register.sp)] = registers.sp
        state.pc = registers.pc
        for index in registers.v.indices { state.setQ(UInt8(index), registers.v[index]) }
        state.fpsr = registers.fpsr
        state.fpcr = registers.fpcr
        return true
    }
}
