// What a machine asks of whatever runs guest code.
//
// Responsible for: the protocol of a virtual CPU, the reasons for which one comes back to the machine, and the sources
// of time and of entropy. Not responsible for: the machine-wide part (`HypervisorBackend`), any one back end, nor for
// what the machine does about an exit.

/// Why a vCPU stopped running guest code and returned to the machine.
public enum Exit: Sendable, Hashable {
    /// HVC #immediate, with the guest's PC already past it. Arguments are in x0 and up.
    case hypercall(immediate: UInt16)
    /// SMC #immediate, with the guest's PC already past it.
    case secureMonitorCall(immediate: UInt16)
    /// HLT #0xF000 of EL1, with the guest's PC already past it, if the machine takes semihosting calls.
    case semihostingCall
    /// WFI with nothing pending: nothing to do before an interrupt, or until the counter reaches `deadline`
    /// (in ticks of the guest's physical counter; nil if no timer is armed).
    case waitForInterrupt(deadline: UInt64?)
    /// WFE with nothing to wake it: nothing to do before `VirtualCPU.hasWakeUpEvent`, or until the counter reaches
    /// `deadline`.
    case waitForEvent(deadline: UInt64?)
    /// The budget given to `run` is used up.
    case budgetExhausted
    /// `requestExit` was called.
    case interrupted
    /// A debugger wanted it to stop here: `DebuggableCPU.setDebugging`.
    case debug(DebugStop)
    /// The guest cannot go on, and no exception handler of its own can help: it is the guest's fault.
    case failed(reason: String)
}

/// One virtual CPU. Used by one thread at a time, but for the members that say otherwise.
public protocol VirtualCPU: StatefulDevice, Sendable {
    /// Position in the machine, from 0.
    var index: Int { get }

    /// Runs guest code until there is a reason to come back.
    ///
    /// - Parameter budget: return `.budgetExhausted` soon after that many guest instructions, at a point that only
    ///   depends on the guest's state; nil for no limit.
    func run(budget: Int?) -> Exit

    /// Makes a `run` on another thread return `.interrupted` soon; if none is under way, the next one does at once.
    /// Callable from any thread.
    func requestExit()

    /// Drives the IRQ input of the core. Callable from any thread.
    func setInterruptPending(_ pending: Bool)

    /// Whether an interrupt is pending, masked or not: what ends a WFI. Callable from any thread.
    var hasPendingInterrupt: Bool { get }

    /// The counter value at which a timer of this CPU will interrupt; nil if none will. Looking at it drives the
    /// timers' lines, and tells an instruction clock of what was executed. For the thread of `run`, which waits in the
    /// CPU's stead.
    var nextTimerDeadline: UInt64? { get }

    /// Waits, on the thread of `run`, until the interrupt controller has a wake request for this CPU, whose context is
    /// lost or kept as the machine says; false if `requestExit` was called before. Only of back ends with
    /// `BackendCapabilities.wakeRequests`.
    func waitForWakeRequest() -> Bool

    /// Whether a WFE is over: an event was sent, or an interrupt is pending that is not masked. For the thread of
    /// `run`, after `Exit.waitForEvent`.
    var hasWakeUpEvent: Bool { get }

    /// General-purpose register 0 to 30.
    func register(_ index: Int) -> UInt64
    func setRegister(_ index: Int, _ value: UInt64)

    /// The program counter.
    var programCounter: UInt64 { get set }

    /// The stack pointer that is in use.
    var stackPointer: UInt64 { get }
    /// PSTATE, with its fields where SPSR_EL1 has them.
    var processorState: UInt64 { get }

    /// Guest instructions executed since creation.
    var instructionCount: UInt64 { get }

    /// Puts the core into the state of DEN0022 §6.4: EL1h, all interrupts masked, MMU and caches off, `entry` in
    /// the PC, `context` in x0.
    func reset(entry: UInt64, context: UInt64)

    /// The same for a CPU that lost its context while it waited; its timers go on as they were.
    func powerUp(entry: UInt64, context: UInt64)

    /// Gives back what the back end keeps of the guest only to be quick, and can make again: the machine has had next to
    /// nothing to do for a while. On the thread of `run`, between two of them.
    func rest()

    /// Takes the exception that an undefined instruction at the one just executed would have taken.
    func injectUndefinedInstruction()

    /// The whole register state as text, for people who look for a guest's mistake.
    var stateDescription: String { get }
}

extension VirtualCPU {
    public func waitForWakeRequest() -> Bool { false }

    public func rest() {}
}

/// The guest's time.
///
/// Implementations are called from any thread.
public protocol GuestClock: AnyObject, Sendable {
    /// CNTFRQ_EL0, in Hz.
    var frequency: UInt64 { get }
    /// The physical counter CNTPCT_EL0, in ticks of `frequency`. Never goes back.
    var counter: UInt64 { get }
}

/// A source of unpredictable bits for RNDR, TRNG and virtio-rng; seeded when a run must be deterministic.
public protocol EntropySource: AnyObject, Sendable {
    /// 64 fresh bits.
    func next() -> UInt64

    /// `count` fresh bytes.
    func bytes(count: Int) -> [UInt8]
}

extension EntropySource {
    /// Whole words of `next`, little-endian; what is left of the last one is dropped.
    public func bytes(count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            let word = next()
            for byte in 0..<8 {
                bytes.append(UInt8(truncatingIfNeeded: word >> (8 * byte)))
            }
        }
        bytes.removeLast(bytes.count - count)
        return bytes
    }
}
