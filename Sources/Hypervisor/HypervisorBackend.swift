// What a machine asks of a back end beyond its CPUs.
//
// Responsible for: the protocols of a back end and of its machine-wide part, what a machine hands over, and what one
// back end can do and another cannot. A machine knows a back end by these and by `VirtualCPU`, and by nothing else. Not
// responsible for any one back end: `Emulator` is one; KVM would be another.

import Arm64

/// What runs guests' code: a factory of the machine-wide part.
public protocol HypervisorBackend: Sendable {
    /// For people, to follow "the back end": `emulator`.
    var name: String { get }

    /// What it can do.
    var capabilities: BackendCapabilities { get }

    /// CNTFRQ_EL0 in Hz, if the back end cannot choose it: hardware has the host's. nil: any.
    var counterFrequency: UInt64? { get }

    /// An interrupt controller of the back end's own, where that is a part of it (KVM's VGIC); nil if it takes the
    /// machine's. What it makes here it gets back by `BackendConfiguration.ownInterruptController`.
    func makeInterruptController(
        _ place: InterruptControllerPlace
    ) throws(BackendError) -> (any InterruptController)?

    /// Makes a machine's CPUs and what they share. Nothing runs yet.
    func makeVM(_ configuration: BackendConfiguration) throws(BackendError) -> any BackendVM
}

extension HypervisorBackend {
    public var counterFrequency: UInt64? { nil }

    public func makeInterruptController(
        _ place: InterruptControllerPlace
    ) throws(BackendError) -> (any InterruptController)? { nil }
}

/// The machine-wide part of a back end: what its CPUs share. What it makes of the guest's memory it forgets when it is
/// told of a write (`GuestMemory.observer`); a reset of the guest is one of RAM and of each CPU.
public protocol BackendVM: AnyObject, Sendable {
    /// One for each CPU, by index. Each may be run by one thread at a time.
    var virtualCPUs: [any VirtualCPU] { get }

    /// Bytes that the back end takes now for what the guest's code became; 0 if it executes that as it is.
    var codeByteCount: Int { get }
}

/// What a back end can do that another one cannot. To ask a back end for what it lacks is an error when the machine is
/// made.
public struct BackendCapabilities: OptionSet, Sendable, Hashable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// `BackendConfiguration.clock` may be an `InstructionClock`: the back end counts instructions, and two runs are
    /// the same.
    public static let instructionClock = BackendCapabilities(rawValue: 1 << 0)
    /// `VirtualCPU.run` comes back once its budget is used up, so that one thread can run several CPUs in turn.
    public static let budget = BackendCapabilities(rawValue: 1 << 1)
    /// `VirtualCPU.injectUndefinedInstruction`: an HVC or SMC that the machine has no use for can be undefined.
    public static let undefinedCalls = BackendCapabilities(rawValue: 1 << 2)
    /// The back end waits for wake requests itself (`VirtualCPU.waitForWakeRequest`). Otherwise the machine waits, and
    /// asks the interrupt controller.
    public static let wakeRequests = BackendCapabilities(rawValue: 1 << 3)
    /// Its CPUs are `DebuggableCPU`s.
    public static let debugging = BackendCapabilities(rawValue: 1 << 4)
    /// `BackendConfiguration.takesSemihostingCalls`.
    public static let semihosting = BackendCapabilities(rawValue: 1 << 5)

    /// Each one that is in the set, in words.
    fileprivate var words: [String] {
        [
            (Self.instructionClock, "count the guest's instructions"),
            (.budget, "stop a guest after a number of instructions"),
            (.undefinedCalls, "make the calls of another conduit undefined"),
            (.wakeRequests, "wait for wake requests"),
            (.debugging, "stop a guest for a debugger"),
            (.semihosting, "take semihosting calls"),
        ].compactMap { contains($0.0) ? $0.1 : nil }
    }
}

/// Why a back end cannot run a machine.
public enum BackendError: Error, CustomStringConvertible {
    case memory(GuestMemoryError)
    /// It lacks what was asked for.
    case cannot(BackendCapabilities, backend: String)
    /// It cannot present the CPU.
    case cpuModel(String, backend: String)
    /// Its counter has another frequency than the machine model promises, in Hz.
    case counterFrequency(UInt64, promised: UInt64, backend: String)
    /// The host failed.
    case host(String)

    public var description: String {
        switch self {
        case .memory(let error): error.description
        case .cannot(let capabilities, let backend):
            "the back end \(backend) cannot \(capabilities.words.joined(separator: ", nor "))"
        case .cpuModel(let model, let backend): "the back end \(backend) has no CPU \(model)"
        case .counterFrequency(let frequency, let promised, let backend):
            "the counter of the back end \(backend) has \(frequency) Hz, and the machine model promises \(promised) Hz"
        case .host(let text): text
        }
    }
}

/// The interrupt lines that a CPU's own timers drive.
public struct TimerLines: Sendable {
    public var virtualTimer: InterruptLine
    public var physicalTimer: InterruptLine

    public init(virtualTimer: InterruptLine, physicalTimer: InterruptLine) {
        self.virtualTimer = virtualTimer
        self.physicalTimer = physicalTimer
    }
}

/// What a back end makes a machine of.
public struct BackendConfiguration: Sendable {
    public var cpuCount: Int
    public var model: CPUModel
    public var memory: GuestMemory
    /// What answers where there is no RAM. The back end makes the accesses itself, on the thread of the CPU.
    public var bus: PhysicalBus
    /// An `InstructionClock` is driven by the back end.
    public var clock: any GuestClock
    public var entropy: any EntropySource
    /// The system registers of the machine's interrupt controller, if it has one.
    public var interruptController: (any InterruptControllerInterface)?
    /// What the back end made by `makeInterruptController`.
    public var ownInterruptController: (any InterruptController)?
    /// Called once for each CPU.
    public var timerLines: @Sendable (Int) -> TimerLines
    /// Whether two runs are to be the same: requests and the end of a budget are noticed at points that only depend on
    /// the guest's state.
    public var isRepeatable = false
    /// Whether `VirtualCPU.run` comes back with HLT #0xF000 of EL1, which is undefined otherwise.
    public var takesSemihostingCalls = false
    /// Called when an event was sent to a CPU whose `run` has returned `Exit.waitForEvent`, on the sender's thread.
    public var eventSent: @Sendable (Int) -> Void = { _ in }

    public init(
        cpuCount: Int, model: CPUModel, memory: GuestMemory, bus: PhysicalBus, clock: any GuestClock,
        entropy: any EntropySource, interruptController: (any InterruptControllerInterface)?,
        timerLines: @escaping @Sendable (Int) -> TimerLines
    ) {
        self.cpuCount = cpuCount
        self.model = model
        self.memory = memory
        self.bus = bus
        self.clock = clock
        self.entropy = entropy
        self.interruptController = interruptController
        self.timerLines = timerLines
    }
}
