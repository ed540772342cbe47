// One software CPU: its state, and how other threads reach it.
//
// Responsible for: creation, reset, the register view of `VirtualCPU`, requests from outside, and counting. The other
// files of this folder each hold one more responsibility: memory, exceptions, system registers, timers, interpreter.

import Arm64
import Glibc
import Hypervisor
import Synchronization

/// A virtual CPU that executes A64 in software.
///
/// Members that `VirtualCPU` says are callable from any thread use atomics or locks; all others belong to the thread
/// that is in `run`.
public final class EmulatedCPU: DebuggableCPU, @unchecked Sendable {
    public let index: Int
    let configuration: BackendConfiguration
    let codeCache: CodeCache
    #if arch(x86_64)
    /// Safe: it is the machine's, which outlives its CPUs. Nobody wants to count a reference at each way in.
    let translator: Unmanaged<Translator>?
    #endif
    /// Whether blocks become host code when they are hot.
    let translatesHotBlocks: Bool
    /// The machine, which owns this CPU.
    unowned let vm: EmulatedVM
    let romChanges: ROMChanges
    /// Whether there is no other CPU, which would have to be told of anything.
    let isAlone: Bool

    let state = CPUState.allocate()
    let memory: GuestMemory
    @exclusivity(unchecked) var bus: PhysicalBus.View
    let clock: any GuestClock
    /// The clock, if this CPU drives it.
    let instructionClock: InstructionClock?
    @exclusivity(unchecked) var builder: BlockBuilder

    // Translation.
    @exclusivity(unchecked) var regime = TranslationRegime(sctlr: 0, tcr: 0, ttbr0: 0, ttbr1: 0, mair: 0)
    @exclusivity(unchecked) var contexts: [TranslationContext] = []
    @exclusivity(unchecked) var context: TranslationContext
    @exclusivity(unchecked) var contextUses: UInt64 = 0
    @exclusivity(unchecked) var recentPages: RecentPages
    let knownBlocks = KnownBlocks()

    /// Where a block outside the code cache is (of a stepped instruction, or of a page that is written all the time),
    /// and whether an instruction is being stepped.
    let stepMemory = UnsafeMutableRawPointer.allocate(byteCount: EmulatedCPU.stepByteCount, alignment: 16)
    /// The page that other CPUs write too often for blocks of it to be kept, and how many are still made without
    /// trying.
    var contendedPage: PhysicalAddress = 0
    var contendedFetches = 0
    @exclusivity(unchecked) var stepIsUnderWay = false
    /// What the block being executed was made for.
    @exclusivity(unchecked) var currentMode = BlockMode(rawValue: 0)
    /// What its accesses are checked as.
    @exclusivity(unchecked) var privilege = AccessPrivilege.el1
    /// The syndrome and fault address of the access that just failed.
    @exclusivity(unchecked) var pendingSyndrome = Syndrome.undefined
    @exclusivity(unchecked) var pendingFaultAddress: UInt64?

    /// Whether a translation was dropped since the dispatcher last looked for a block: what is executed may be on a
    /// page that its address does not lead to any more, and is not linked with what that leads to.
    @exclusivity(unchecked) var hasDroppedTranslations = false

    /// Whether there was a TLBI that the next DSB completes: other CPUs may have been asked for it, too.
    @exclusivity(unchecked) var hasUncompletedInvalidation = false

    // Timers.
    /// The counter value at which some timer's condition becomes true; `.max` if none will.
    @exclusivity(unchecked) var nextTimerEvent: UInt64 = .max
    @exclusivity(unchecked) var virtualTimerOutput: TimerOutput
    @exclusivity(unchecked) var physicalTimerOutput: TimerOutput

    // Events: see `EmulatedCPU+Events`.
    /// The event register.
    let eventRegister = Atomic(false)
    /// Whether `run` has returned `Exit.waitForEvent` and was not called since.
    let waitsForEvent = Atomic(false)
    /// The counter when the event register was last found to be clear, or cleared: edges of the event stream after that
    /// count.
    @exclusivity(unchecked) var eventStreamSeen: UInt64 = 0
    @exclusivity(unchecked) var monitorWait = MonitorWait()

    // A debugger outside the guest: see `EmulatedCPU+Debugging`.
    let debuggerOrders = Mutex(CPUDebugging())
    let hasDebuggerOrders = Atomic(false)
    @exclusivity(unchecked) var debugger = DebuggerView()
    /// Why the CPU stops, when it looks next.
    @exclusivity(unchecked) var pendingDebugStop: DebugStop?
    /// What the access that has just failed would have come to.
    @exclusivity(unchecked) var pendingWatchpoint: DebugStop?

    // Counting.
    /// Guest instructions executed before the current `run`, and within it up to the last slice.
    @exclusivity(unchecked) var retired: UInt64 = 0
    /// Of those, how many the instruction clock was told of.
    @exclusivity(unchecked) var published: UInt64 = 0

    // Requests from other threads.
    private let mailbox = Mutex(CPUMailbox())
    private let posted = Atomic<UInt64>(0)
    private let completed = Atomic<UInt64>(0)
    private let romChangesDone = Atomic<UInt64>(0)
    private let running = Atomic<Bool>(false)
    private let exitRequested = Atomic<Bool>(false)

    init(index: Int, of vm: EmulatedVM) {
        let configuration = vm.configuration
        self.vm = vm
        self.index = index
        self.configuration = configuration
        codeCache = vm.codeCache
        romChanges = vm.romChanges
        isAlone = configuration.cpuCount == 1
        builder = BlockBuilder(for: configuration.model)
        #if arch(x86_64)
        translator = vm.translator.map(Unmanaged.passUnretained)
        translatesHotBlocks = translator != nil
        #else
        translatesHotBlocks = false
        #endif
        memory = configuration.memory
        bus = configuration.bus.view()
        clock = configuration.clock
        instructionClock = configuration.clock as? InstructionClock
        let timerLines = configuration.timerLines(index)
        virtualTimerOutput = TimerOutput(timerLines.virtualTimer)
        physicalTimerOutput = TimerOutput(timerLines.physicalTimer)
        context = TranslationContext()
        recentPages = RecentPages(in: state)
        contexts = [context]
        state.system.initialize(to: SystemState())
        #if arch(x86_64)
        prepareForTranslator()
        #endif
        reset(entry: 0, context: 0)
    }

    deinit {
        state.deallocate()
        stepMemory.deallocate()
    }

    // MARK: VirtualCPU

    public func run(budget: Int?) -> Exit {
        // The order matters: whoever posts a request and then sees this CPU not running relies on it being serviced
        // before any guest code.
        running.store(true, ordering: .sequentiallyConsistent)
        defer { running.store(false, ordering: .sequentiallyConsistent) }
        raiseRequest()
        if waitsForEvent.load(ordering: .relaxed) { endWaitForEvent() }
        // After it is known to run, so that orders which come later are followed by a request to exit.
        if hasDebuggerOrders.load(ordering: .sequentiallyConsistent) { takeDebuggerOrders() }
        return HostFloatModes.withDefaults { interpret(budget: budget) }
    }

    public func requestExit() {
        exitRequested.store(true, ordering: .releasing)
        raiseRequest()
    }

    public func setInterruptPending(_ pending: Bool) {
        interruptFlag.pointee.store(pending ? 1 : 0, ordering: .sequentiallyConsistent)
        if pending { raiseRequest() }
    }

    public var hasPendingInterrupt: Bool {
        interruptFlag.pointee.load(ordering: .sequentiallyConsistent) != 0
    }

    public func register(_ index: Int) -> UInt64 {
        (0..<31).contains(index) ? state.x[index] : 0
    }

    public func setRegister(_ index: Int, _ value: UInt64) {
        if (0..<31).contains(index) { state.x[index] = value }
    }

    public var stackPointer: UInt64 { state.x[31] }
    public var processorState: UInt64 { UInt64(pstate.rawValue) }

    public var programCounter: UInt64 {
        get { state.pc }
        set { state.pc = newValue }
    }

    public var instructionCount: UInt64 { retired }

    public func reset(entry: UInt64, context: UInt64) {
        for register in 0..<32 { state.x[register] = 0 }
        for register in 0..<UInt8(32) { state.setQ(register, SIMD2(0, 0)) }
        state.nzcv = 0
        state.fpcr = 0
        state.fpsr = 0
        state.system.pointee = SystemState()
        let sctlr = configuration.model.sctlr.effective(SCTLR.reset)
        state.system.pointee.sctlrEL1 = sctlr
        state.x[0] = context
        state.pc = entry
        regime = TranslationRegime(
            sctlr: sctlr, tcr: 0, ttbr0: 0, ttbr1: 0, mair: 0,
            physicalAddressBits: configuration.model.physicalAddressBits)
        invalidateAllTranslations()
        selectContext()
        updateTimers()
        resetEvents()
    }

    public func injectUndefinedInstruction() {
        takeException(.undefined, returnAddress: state.pc &- 4, faultAddress: nil)
    }

    // MARK: Requests

    /// Whether another thread, or the end of a slice, wants attention. In the state block, for generated code.
    private var requestFlag: UnsafeMutablePointer<Atomic<UInt32>> {
        // Safe: the offset is 4-byte aligned inside the block, and `Atomic<UInt32>` has the layout of a UInt32.
        (state.base + CPUState.Offset.request).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    private var interruptFlag: UnsafeMutablePointer<Atomic<UInt32>> {
        // Safe: as above.
        (state.base + CPUState.Offset.interrupt).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    /// Whether somebody wants attention.
    @inline(__always)
    var isRequested: Bool { requestFlag.pointee.load(ordering: .relaxed) != 0 }

    /// Makes the CPU look at its requests before its next block. Callable from any thread.
    func raiseRequest() {
        requestFlag.pointee.store(1, ordering: .sequentiallyConsistent)
    }

    /// Puts a request into the mailbox. Callable from any thread.
    func post(_ request: CPURequest) {
        mailbox.withLock {
            $0.post(request)
            posted.store($0.posted, ordering: .sequentiallyConsistent)
        }
        raiseRequest()
    }

    var postedRequests: UInt64 { posted.load(ordering: .sequentiallyConsistent) }
    var completedRequests: UInt64 { completed.load(ordering: .sequentiallyConsistent) }
    var isRunning: Bool { running.load(ordering: .sequentiallyConsistent) }

    /// The changes of ROM that this CPU knows of: see `serviceROMChanges`.
    var servicedROMChanges: UInt64 {
        get { romChangesDone.load(ordering: .sequentiallyConsistent) }
        set { romChangesDone.store(newValue, ordering: .sequentiallyConsistent) }
    }

    /// Does what other CPUs asked for. On this CPU's thread only, between blocks.
    func serviceRequests() {
        requestFlag.pointee.store(0, ordering: .sequentiallyConsistent)
        serviceROMChanges()
        guard postedRequests != completedRequests else { return }
        let requests = mailbox.withLock { $0.take() }
        if requests.invalidatesEverything { invalidateAllTranslations() }
        for invalidation in requests.invalidations { invalidate(invalidation) }
        // The instructions of these pages are not read before this is done: see `makeBlock`.
        if requests.dropsAllWrites { dropAllWrites() }
        for page in requests.unwritablePages { dropWrites(to: page) }
        if requests.releasesBlocks { releaseBlocks() }
        completed.store(requests.posted, ordering: .sequentiallyConsistent)
    }

    /// What is held of other CPUs' requests, for tests.
    var heldRequests: CPUMailbox { mailbox.withLock { $0 } }

    /// True once after `requestExit`.
    func takeExitRequest() -> Bool {
        exitRequested.exchange(false, ordering: .acquiringAndReleasing)
    }

    /// Forgets every block's address.
    func releaseBlocks() {
        forgetLinks()
        forgetBlocks()
    }

    /// Forgets where blocks are, but for the one that is executed.
    func forgetBlocks() {
        for context in contexts { context.invalidateJumpCache() }
        knownBlocks.forget()
    }

    // MARK: Counting

    /// Tells the instruction clock of what was executed since the last time.
    func publishInstructions() {
        guard let instructionClock else { return }
        instructionClock.advance(by: retired - published)
        published = retired
    }
}

// What a person who looks for a guest's mistake wants to see.
extension EmulatedCPU {
    public var stateDescription: String {
        func hex(_ value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        let system = state.system.pointee
        var lines = ["cpu\(index) pc=\(hex(state.pc)) sp=\(hex(state.x[31])) pstate=\(hex(pstate.rawValue))"]
        for row in 0..<8 {
            let registers = (row * 4..<min(row * 4 + 4, 31)).map { "x\($0)=\(hex(state.x[$0]))" }
            lines.append(registers.joined(separator: " "))
        }
        lines.append(
            "elr=\(hex(system.elrEL1)) spsr=\(hex(system.spsrEL1)) esr=\(hex(system.esrEL1)) far=\(hex(system.farEL1))")
        lines.append(
            "sctlr=\(hex(system.sctlrEL1)) ttbr0=\(hex(system.ttbr0EL1)) ttbr1=\(hex(system.ttbr1EL1))"
                + " vbar=\(hex(system.vbarEL1))")
        return lines.joined(separator: "\n")
    }
}
