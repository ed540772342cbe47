// A back end whose CPUs do what a script says: a second conformer of the protocols, with which the machine around the
// CPUs is tested without a guest.

import Arm64
import Hypervisor
import PSCI
import Synchronization

@testable import Machine

/// What a scripted CPU does next.
enum Step: Sendable {
    /// HVC, or SMC, with these registers.
    case call(CallRegisters)
    case secureCall(CallRegisters)
    case waitForInterrupt(until: UInt64?)
    case waitForEvent
    /// Executes instructions until a gate opens. Nobody opens the gate "never".
    case computeUntil(String)
    /// Executes instructions for so many turns.
    case compute(turns: Int)
    /// Executes instructions until an exit is requested, does this, and comes back.
    case interrupted(@Sendable () -> Void)
    /// Sets the virtual timer's compare value.
    case setTimer(UInt64)
    case perform(@Sendable (ScriptedCPU) -> Void)
    case note(String)
    case fail(String)
}

final class ScriptedCPU: VirtualCPU {
    let index: Int
    let configuration: BackendConfiguration
    private let stage: Stage
    private let script: [Step]
    private let controller: ScriptedController?

    /// What belongs to the thread of `run`, behind a lock all the same: tests look at it.
    private struct State {
        var position = 0
        var registers: [UInt64] = Array(repeating: 0, count: 31)
        var programCounter: UInt64 = 0
        var expectsAnswer = false
        var runCount = 0
        var timer: UInt64?
        var executed: UInt64 = 0
        /// Turns of the step that is being done.
        var turns = 0
    }
    private let state = Mutex(State())
    private let exitRequested = Atomic(false)
    private let interruptPending = Atomic(false)
    private let eventPending = Atomic(false)
    private let rests = Atomic(0)
    private let timerLine: InterruptLine

    init(
        index: Int, of configuration: BackendConfiguration, stage: Stage, script: [Step],
        controller: ScriptedController?
    ) {
        self.index = index
        self.configuration = configuration
        self.stage = stage
        self.script = script
        self.controller = controller
        timerLine = configuration.timerLines(index).virtualTimer
    }

    /// How often `run` was called.
    var runCount: Int { state.withLock(\.runCount) }

    func run(budget: Int?) -> Exit {
        state.withLock { $0.runCount += 1 }
        if exitRequested.exchange(false, ordering: .acquiringAndReleasing) { return .interrupted }
        let answer = state.withLock { state -> ReturnCode? in
            defer { state.expectsAnswer = false }
            return state.expectsAnswer ? ReturnCode(rawValue: Int32(truncatingIfNeeded: state.registers[0])) : nil
        }
        if let answer { stage.note(.answer(index, answer)) }
        while true {
            let position = state.withLock(\.position)
            switch position < script.count ? script[position] : .computeUntil("never") {
            case .call(let registers):
                set(registers)
                return .hypercall(immediate: 0)
            case .secureCall(let registers):
                set(registers)
                return .secureMonitorCall(immediate: 0)
            case .waitForInterrupt(let deadline):
                next()
                if !hasPendingInterrupt { return .waitForInterrupt(deadline: deadline) }
            case .waitForEvent:
                next()
                if !eventPending.exchange(false, ordering: .acquiringAndReleasing) {
                    return .waitForEvent(deadline: nil)
                }
            case .computeUntil(let gate):
                if let exit = compute(until: gate, budget) { return exit }
                next()
            case .compute(let turns):
                advance(by: budget ?? 0)
                let isDone = state.withLock { state in
                    state.turns += 1
                    return state.turns >= turns
                }
                if isDone { next() }
                return .budgetExhausted
            case .interrupted(let body):
                _ = compute(until: "never", nil)
                next()
                body()
                return .interrupted
            case .setTimer(let value):
                next()
                state.withLock { $0.timer = value }
            case .perform(let body):
                next()
                body(self)
            case .note(let text):
                next()
                stage.note(.note(index, text))
            case .fail(let reason):
                next()
                return .failed(reason: reason)
            }
        }
    }

    // MARK: StatefulDevice

    /// What a machine sees of it: the script is the test's.
    private struct Fields: Codable {
        var registers: [UInt64]
        var programCounter: UInt64
    }
    private static let kind = DeviceState.Kind("scripted-cpu", version: 1)

    func save() throws(DeviceStateError) -> DeviceState {
        let fields = state.withLock { Fields(registers: $0.registers, programCounter: $0.programCounter) }
        return try DeviceState(Self.kind, fields)
    }

    func restore(_ saved: DeviceState) throws(DeviceStateError) {
        let fields = try saved.fields(Fields.self, of: Self.kind)
        try DeviceStateError.check(fields.registers.count == 31, "registers")
        state.withLock {
            $0.registers = fields.registers
            $0.programCounter = fields.programCounter
        }
    }

    private func next() { state.withLock { $0.position += 1 } }

    private func set(_ registers: CallRegisters) {
        state.withLock { state in
            state.registers.replaceSubrange(0..<4, with: [registers.x0, registers.x1, registers.x2, registers.x3])
            state.expectsAnswer = true
            state.position += 1
        }
    }

    /// nil once the gate is open.
    private func compute(until gate: String, _ budget: Int?) -> Exit? {
        if stage.isOpen(gate) { return nil }
        if let budget {
            advance(by: budget)
            return .budgetExhausted
        }
        stage.wait { exitRequested.load(ordering: .acquiring) || stage.isOpen(gate) }
        return exitRequested.exchange(false, ordering: .acquiringAndReleasing) ? .interrupted : nil
    }

    private func advance(by instructions: Int) {
        (configuration.clock as? InstructionClock)?.advance(by: UInt64(instructions))
        state.withLock { $0.executed += UInt64(instructions) }
    }

    /// How often the machine came to rest.
    var restCount: Int { rests.load(ordering: .sequentiallyConsistent) }

    func rest() { rests.wrappingAdd(1, ordering: .sequentiallyConsistent) }

    func requestExit() {
        exitRequested.store(true, ordering: .releasing)
        stage.changed()
    }

    func setInterruptPending(_ pending: Bool) { interruptPending.store(pending, ordering: .sequentiallyConsistent) }
    var hasPendingInterrupt: Bool { interruptPending.load(ordering: .sequentiallyConsistent) }
    var hasWakeUpEvent: Bool { eventPending.load(ordering: .sequentiallyConsistent) }

    /// SEV of another CPU.
    func sendEvent() {
        eventPending.store(true, ordering: .sequentiallyConsistent)
        configuration.eventSent(index)
    }

    var nextTimerDeadline: UInt64? {
        guard let timer = state.withLock(\.timer) else { return nil }
        let isDue = configuration.clock.counter >= timer
        timerLine.set(isDue)
        return isDue ? nil : timer
    }

    func waitForWakeRequest() -> Bool {
        stage.wait {
            exitRequested.load(ordering: .acquiring) || controller?.hasWakeRequest(cpu: index) ?? false
        }
        return !exitRequested.exchange(false, ordering: .acquiringAndReleasing)
    }

    func register(_ index: Int) -> UInt64 { state.withLock { $0.registers[index] } }
    func setRegister(_ index: Int, _ value: UInt64) { state.withLock { $0.registers[index] = value } }
    let stackPointer: UInt64 = 0x5000
    let processorState: UInt64 = 0x3C5

    var programCounter: UInt64 {
        get { state.withLock(\.programCounter) }
        set { state.withLock { $0.programCounter = newValue } }
    }
    var instructionCount: UInt64 { state.withLock(\.executed) }

    func reset(entry: UInt64, context: UInt64) {
        state.withLock { $0.expectsAnswer = false }
        stage.note(.reset(index, CoreStart(entry: entry, contextID: context)))
    }

    func powerUp(entry: UInt64, context: UInt64) {
        state.withLock { $0.expectsAnswer = false }
        stage.note(.powerUp(index, CoreStart(entry: entry, contextID: context)))
    }

    func injectUndefinedInstruction() {
        state.withLock { $0.expectsAnswer = false }
        stage.note(.undefined(index))
    }

    var stateDescription: String { "scripted cpu\(index)" }

    // MARK: The machine's GICv3

    /// Routes an SPI to this CPU and enables it, and lets the CPU interface take interrupts.
    func enable(spi: Int) {
        let intid = UInt64(32 + spi)
        write(0x6000 + 8 * intid, 8, UInt64(index))
        setUp(Virt1Layout.distributor.lowerBound, intid)
    }

    /// The same for the virtual timer's PPI.
    func enableTimer() {
        setUp(Virt1Layout.redistributorBase + UInt64(index) * 0x2_0000 + 0x1_0000, 27)
    }

    /// Makes an SPI edge-triggered: GICD_ICFGR.
    func makeEdge(spi: Int) {
        let intid = UInt64(32 + spi)
        write(0xC00 + 4 * (intid / 16), 4, 0b10 << (2 * (intid % 16)))
    }

    private func setUp(_ base: PhysicalAddress, _ intid: UInt64) {
        // GICD_CTLR.EnableGrp1; GICD_IGROUPR and GICD_ISENABLER, or GICR's; ICC_PMR_EL1 and ICC_IGRPEN1_EL1.
        write(0, 4, 0b10)
        for register: UInt64 in [0x80, 0x100] {
            write(base - Virt1Layout.distributor.lowerBound + register + 4 * (intid / 32), 4, 1 << (intid % 32))
        }
        _ = configuration.interruptController?.writeSystemRegister(0xC230, value: 0xF0, cpu: index)
        _ = configuration.interruptController?.writeSystemRegister(0xC667, value: 1, cpu: index)
    }

    /// Writes to the bus at an offset from the distributor.
    private func write(_ offset: UInt64, _ size: Int, _ value: UInt64) {
        let address = Virt1Layout.distributor.lowerBound + offset
        var view = configuration.bus.view()
        guard let region = view.region(at: address, size: size) else { return }
        region.device.write(offset: address - region.range.lowerBound, size: size, value: value, cpu: index)
    }
}

final class ScriptedVM: BackendVM {
    let cpus: [ScriptedCPU]

    init(_ cpus: [ScriptedCPU]) { self.cpus = cpus }

    var virtualCPUs: [any VirtualCPU] { cpus }
    var codeByteCount: Int { 0 }
}

/// An interrupt controller of the back end's own, of which only wake requests are of interest.
final class ScriptedController: InterruptController {
    private let stage: Stage
    private let requests = Mutex<Set<Int>>([])
    let poweredOn = Mutex<[Int]>([])

    init(stage: Stage) { self.stage = stage }

    func request(wakeOf cpu: Int) {
        requests.withLock { _ = $0.insert(cpu) }
        stage.changed()
    }

    func spi(_ n: Int) -> InterruptLine { .unconnected }
    func ppi(_ intid: Int, cpu: Int) -> InterruptLine { .unconnected }
    func reset() { requests.withLock { $0 = [] } }
    func powerOn(_ cpu: Int) { poweredOn.withLock { $0.append(cpu) } }
    func resetCPUInterface(_ cpu: Int) {}
    func hasWakeRequest(cpu: Int) -> Bool { requests.withLock { $0.contains(cpu) } }
    func awaitWakeRequest(cpu: Int) -> Bool { hasWakeRequest(cpu: cpu) }
}

/// Runs a script for each CPU. As hardware would be, it may have a part of the machine of its own.
final class ScriptedBackend: HypervisorBackend {
    let name = "script"
    let capabilities: BackendCapabilities
    let counterFrequency: UInt64?
    let stage: Stage
    let ownController: ScriptedController?
    private let scripts: [[Step]]
    private let made = Mutex<ScriptedVM?>(nil)

    init(
        _ scripts: [[Step]], stage: Stage, capabilities: BackendCapabilities, counterFrequency: UInt64? = nil
    ) {
        self.scripts = scripts
        self.stage = stage
        self.capabilities = capabilities
        self.counterFrequency = counterFrequency
        ownController = capabilities.contains(.wakeRequests) ? ScriptedController(stage: stage) : nil
    }

    var vm: ScriptedVM? { made.withLock(\.self) }

    func makeInterruptController(
        _ place: InterruptControllerPlace
    ) throws(BackendError) -> (any InterruptController)? { ownController }

    func makeVM(_ configuration: BackendConfiguration) throws(BackendError) -> any BackendVM {
        let vm = ScriptedVM(
            (0..<configuration.cpuCount).map { index in
                ScriptedCPU(
                    index: index, of: configuration, stage: stage,
                    script: index < scripts.count ? scripts[index] : [],
                    controller: configuration.ownInterruptController as? ScriptedController)
            })
        made.withLock { $0 = vm }
        return vm
    }
}
