// What a debugger outside the guest asks of a CPU.
//
// Responsible for: the protocol, and its values. A back end on hardware can do all of it: KVM_SET_GUEST_DEBUG has
// breakpoints and steps, KVM_GET_ONE_REG the registers. Not responsible for: the debugger's own language, nor for which
// CPUs run meanwhile. What a guest does with its own debug registers (DDI 0487, D2) is another matter.

import Arm64

/// Why a CPU stopped for a debugger.
public enum DebugStop: Sendable, Hashable {
    /// The next instruction is at a breakpoint, and was not executed.
    case breakpoint
    /// The instruction that was asked for is done, or has come to an exception.
    case stepped
    /// The next instruction would access what is watched, and was not executed.
    ///
    /// - Parameters:
    ///   - watchpoint: what it would access.
    ///   - address: the first byte of that.
    case watchpoint(Watchpoint, address: UInt64)
}

/// Memory whose accesses a debugger wants to know of.
public struct Watchpoint: Sendable, Hashable {
    public enum Kind: Sendable, Hashable, CaseIterable {
        case write
        case read
        case access
    }

    public var kind: Kind
    /// Virtual addresses, whatever they lead to; at least one.
    public var range: Range<UInt64>

    /// - Parameters:
    ///   - kind: which accesses are meant.
    ///   - range: virtual addresses.
    public init(kind: Kind, range: Range<UInt64>) {
        self.kind = kind
        self.range = range
    }
}

/// What a debugger wants of a CPU.
public struct CPUDebugging: Sendable, Hashable {
    /// Virtual addresses of instructions before which the CPU stops, whatever they lead to.
    public var breakpoints: Set<UInt64>
    /// What is watched. Accesses of instructions alone are seen: not those of devices, of table walks and of caches.
    public var watchpoints: Set<Watchpoint>
    /// Whether it is to execute one instruction and stop; no interrupt is taken meanwhile. An instruction at a
    /// breakpoint is executed.
    public var steps: Bool

    public init(breakpoints: Set<UInt64> = [], watchpoints: Set<Watchpoint> = [], steps: Bool = false) {
        self.breakpoints = breakpoints
        self.watchpoints = watchpoints
        self.steps = steps
    }
}

/// The registers of a CPU that a debugger shows.
public struct CPURegisters: Sendable, Hashable {
    /// X0 to X30.
    public var x = [UInt64](repeating: 0, count: 31)
    /// The stack pointer that is in use.
    public var sp: UInt64 = 0
    public var pc: UInt64 = 0
    /// As SPSR_EL1 would have it.
    public var pstate: UInt64 = 0
    /// V0 to V31; the low half of each is its first lane.
    public var v = [SIMD2<UInt64>](repeating: SIMD2(0, 0), count: 32)
    public var fpsr: UInt32 = 0
    public var fpcr: UInt32 = 0

    public init() {}
}

/// A CPU that a debugger can look at: of back ends with `BackendCapabilities.debugging`.
public protocol DebuggableCPU: VirtualCPU {
    /// How many breakpoints it can have.
    var breakpointLimit: Int { get }
    /// How many watchpoints it can have.
    var watchpointLimit: Int { get }

    /// Its registers. For the thread of `run`, or while no thread is in it.
    var debugRegisters: CPURegisters { get }

    /// Sets its registers. For the thread of `run`, or while no thread is in it.
    ///
    /// - Parameter registers: all of them.
    /// - Returns: false, and nothing is changed, if a guest could not bring the CPU into this state.
    func setDebugRegisters(_ registers: CPURegisters) -> Bool

    /// How its addresses are translated now. For the thread of `run`, or while no thread is in it.
    var translationRegime: TranslationRegime { get }

    /// What it is to stop for, from its next `run` on, which returns `Exit.debug` then. It stays so over resets; a step
    /// is one. Callable from any thread.
    ///
    /// - Parameter debugging: instead of what was wanted before.
    func setDebugging(_ debugging: CPUDebugging)
}
