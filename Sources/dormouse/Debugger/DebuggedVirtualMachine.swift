// A machine as debuggers see it.
//
// Responsible for: what the server asks for, in the words of `VirtualMachine`. Not responsible for: what debuggers say.

import GDBServer
import Hypervisor
import Machine

/// What a debugger has a say in.
struct DebuggedVirtualMachine: DebuggedMachine {
    /// What else wants to know.
    struct Observer: Sendable {
        /// The guest is stopped, or goes on.
        var paused: @Sendable (Bool) -> Void = { _ in }
        /// Does what a line for the monitor says.
        var monitor: @Sendable (String) -> String? = { _ in nil }
    }

    private let machine: VirtualMachine
    private let session: Session
    private let observer: Observer

    /// How long a debugger waits for the guest to stop, in milliseconds: until its kernel is loaded, when it begins.
    private static let patience: UInt64 = 5000

    init(_ machine: VirtualMachine, _ session: Session, _ observer: Observer) {
        self.machine = machine
        self.session = session
        self.observer = observer
    }

    var cpuCount: Int { machine.configuration.cpuCount }
    var breakpointLimit: Int { machine.breakpointLimit }
    var watchpointLimit: Int { machine.watchpointLimit }

    func activity(of cpu: Int) -> String {
        let activities = machine.coreActivities
        return activities.indices.contains(cpu) ? activities[cpu].words : ""
    }

    func stop() {
        machine.stopForDebugger(milliseconds: Self.patience)
        observer.paused(true)
    }

    func resume(_ cpus: [DebuggedResumption], breakpoints: Set<UInt64>, watchpoints: Set<DebuggedWatchpoint>) {
        let resumptions = cpus.map { resumption -> CoreResumption in
            switch resumption {
            case .held: .held
            case .goesOn: .goesOn
            case .steps: .steps
            }
        }
        // A step is none of others' business.
        if !resumptions.contains(.held) { observer.paused(false) }
        machine.resume(
            resumptions, breakpoints: breakpoints,
            watchpoints: Set(watchpoints.map { Watchpoint(kind: .init($0.kind), range: $0.range) }))
    }

    func registers(of cpu: Int) -> DebuggedRegisters? {
        machine.debugRegisters(ofCore: cpu).map { registers in
            var shown = DebuggedRegisters()
            shown.x = registers.x
            shown.sp = registers.sp
            shown.pc = registers.pc
            shown.cpsr = UInt32(truncatingIfNeeded: registers.pstate)
            shown.v = registers.v
            shown.fpsr = registers.fpsr
            shown.fpcr = registers.fpcr
            return shown
        }
    }

    func setRegisters(_ registers: DebuggedRegisters, of cpu: Int) -> Bool {
        var new = CPURegisters()
        new.x = registers.x
        new.sp = registers.sp
        new.pc = registers.pc
        new.pstate = UInt64(registers.cpsr)
        new.v = registers.v
        new.fpsr = registers.fpsr
        new.fpcr = registers.fpcr
        return machine.setDebugRegisters(new, ofCore: cpu)
    }

    func read(_ space: DebuggedSpace, at address: UInt64, count: Int) -> [UInt8] {
        machine.debugRead(Self.address(space, address), count: count)
    }

    func write(_ bytes: [UInt8], _ space: DebuggedSpace, at address: UInt64) -> Bool {
        machine.debugWrite(bytes, to: Self.address(space, address))
    }

    private static func address(_ space: DebuggedSpace, _ address: UInt64) -> DebuggedAddress {
        switch space {
        case .virtual(let cpu): .virtual(address, core: cpu)
        case .physical: .physical(address)
        }
    }

    func monitor(_ line: String) -> String? { observer.monitor(line) }
    func kill() { session.stop(.monitor) }
}

extension Watchpoint.Kind {
    fileprivate init(_ kind: DebuggedWatchpoint.Kind) {
        self =
            switch kind {
            case .write: .write
            case .read: .read
            case .access: .access
            }
    }
}

extension DebuggedStop {
    /// - Parameters:
    ///   - core: the one that stopped.
    ///   - stop: why.
    init(_ core: Int, _ stop: DebugStop) {
        var access: Access?
        if case .watchpoint(let watchpoint, let address) = stop {
            let kind: DebuggedWatchpoint.Kind =
                switch watchpoint.kind {
                case .write: .write
                case .read: .read
                case .access: .access
                }
            access = Access(kind: kind, address: address)
        }
        self.init(cpu: core, signal: .trap, access: access)
    }
}

extension CoreActivity {
    /// For people.
    fileprivate var words: String {
        switch self {
        case .off: "off"
        case .starting: "starting"
        case .running: "running"
        case .waiting, .waitingForEvent: "waiting"
        case .standby: "standby"
        case .poweredDown: "powered down"
        case .systemSuspended: "suspended"
        case .paused(let activity): activity.words
        case .ended: "ended"
        }
    }
}
