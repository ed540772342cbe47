// What a debugger can ask of a machine.
//
// Responsible for: the list, and its values. How it is done is whoever's who runs the machine. All of it is called on
// the server's thread, and returns soon.

/// A machine, as a debugger sees it: its CPUs are threads.
public protocol DebuggedMachine: Sendable {
    var cpuCount: Int { get }
    /// For people: what a CPU is doing.
    func activity(of cpu: Int) -> String
    /// Stops the guest, and waits for that as long as is reasonable.
    func stop()
    /// Lets the guest go on.
    ///
    /// - Parameters:
    ///   - cpus: what each CPU does, by index.
    ///   - breakpoints: virtual addresses before which every CPU stops, which the server is told then.
    ///   - watchpoints: memory before whose accesses it does so, too.
    func resume(_ cpus: [DebuggedResumption], breakpoints: Set<UInt64>, watchpoints: Set<DebuggedWatchpoint>)
    /// How many breakpoints there can be.
    var breakpointLimit: Int { get }
    /// How many watchpoints there can be.
    var watchpointLimit: Int { get }
    /// nil while the CPU does not stand still.
    func registers(of cpu: Int) -> DebuggedRegisters?
    /// - Returns: whether they are set.
    func setRegisters(_ registers: DebuggedRegisters, of cpu: Int) -> Bool
    /// Bytes of memory, no more than are there.
    func read(_ space: DebuggedSpace, at address: UInt64, count: Int) -> [UInt8]
    /// - Returns: whether all of them are written; if not, none is.
    func write(_ bytes: [UInt8], _ space: DebuggedSpace, at address: UInt64) -> Bool
    /// Does what a line for the monitor says; nil if there is no monitor.
    func monitor(_ line: String) -> String?
    /// Ends the run.
    func kill()
}

/// Memory whose accesses a debugger wants to know of.
public struct DebuggedWatchpoint: Sendable, Hashable {
    /// By the numbers of their packets.
    public enum Kind: UInt64, Sendable, CaseIterable {
        case write = 2
        case read = 3
        case access = 4

        /// In a stop reply.
        var word: String {
            switch self {
            case .write: "watch"
            case .read: "rwatch"
            case .access: "awatch"
            }
        }
    }

    public var kind: Kind
    /// Virtual addresses.
    public var range: Range<UInt64>
}

/// What a CPU does when the guest goes on.
public enum DebuggedResumption: Sendable, Hashable {
    case held
    case goesOn
    /// It executes one instruction.
    case steps
}

/// Which addresses are meant.
public enum DebuggedSpace: Sendable, Hashable {
    /// Those of a CPU, as they are translated there now.
    case virtual(cpu: Int)
    case physical
}

/// Why the guest has stopped.
public struct DebuggedStop: Sendable, Hashable {
    /// By GDB's numbers of signals.
    public enum Signal: UInt8, Sendable {
        /// Somebody asked for it.
        case interrupt = 2
        /// At a breakpoint, or after a step.
        case trap = 5
    }

    /// An access that is watched.
    public struct Access: Sendable, Hashable {
        public var kind: DebuggedWatchpoint.Kind
        public var address: UInt64

        /// - Parameters:
        ///   - kind: the watchpoint's.
        ///   - address: the first byte of what is watched.
        public init(kind: DebuggedWatchpoint.Kind, address: UInt64) {
            self.kind = kind
            self.address = address
        }
    }

    public var cpu: Int
    public var signal: Signal
    /// What it would do next, if that is why.
    public var access: Access?

    /// - Parameters:
    ///   - cpu: the one that has stopped the others.
    ///   - signal: why.
    ///   - access: what it would do next, if that is why.
    public init(cpu: Int, signal: Signal, access: Access? = nil) {
        self.cpu = cpu
        self.signal = signal
        self.access = access
    }
}

/// The registers of an A64 CPU.
public struct DebuggedRegisters: Sendable, Hashable {
    /// X0 to X30.
    public var x: [UInt64]
    public var sp: UInt64
    public var pc: UInt64
    public var cpsr: UInt32
    /// V0 to V31, the low half of each first.
    public var v: [SIMD2<UInt64>]
    public var fpsr: UInt32
    public var fpcr: UInt32

    /// All zero.
    public init() {
        x = [UInt64](repeating: 0, count: 31)
        (sp, pc, cpsr) = (0, 0, 0)
        v = [SIMD2<UInt64>](repeating: SIMD2(0, 0), count: 32)
        (fpsr, fpcr) = (0, 0)
    }
}
