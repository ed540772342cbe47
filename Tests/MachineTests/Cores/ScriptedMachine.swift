// A machine of scripted CPUs, with a clock that goes on when it is told.

import Devices
import DiskImages
import HostSupport
import Hypervisor
import PSCI
import Synchronization
import TestSupport

@testable import Machine

/// A host's clock that a test moves.
final class ManualClock: Sendable {
    private let value: Atomic<UInt64>

    init(_ start: UInt64 = 1_000_000_000_000) { value = Atomic(start) }

    var now: UInt64 { value.load(ordering: .sequentiallyConsistent) }

    func advance(by nanoseconds: UInt64) { value.wrappingAdd(nanoseconds, ordering: .sequentiallyConsistent) }
}

final class ScriptedMachine {
    let stage: Stage
    let backend: ScriptedBackend
    let machine: VirtualMachine
    let time = ManualClock()
    private let kernel: TemporaryFile
    private var thread: HostThread?

    /// - Parameters:
    ///   - scripts: for each CPU, from its first start on and over all others.
    ///   - cpuTime: what the process has taken of the host's CPUs, in nanoseconds.
    ///   - called: a firmware call was answered, and its effect comes next; on the caller's thread.
    init(
        _ scripts: [[Step]], stage: Stage = Stage(), clock: ClockKind = .host,
        capabilities: BackendCapabilities = [.instructionClock, .budget, .undefinedCalls],
        counterFrequency: UInt64? = nil, model: MachineModel = .virt1,
        cpuTime: @escaping @Sendable () -> UInt64 = { BootClock.cpuTimeOfProcess },
        called: (@Sendable (FirmwareCallEvent) -> Void)? = nil
    ) throws {
        kernel = try TemporaryFile([UInt8](repeating: 0, count: 4096))
        var configuration = MachineConfiguration(kernel: kernel.path, model: model)
        configuration.kernelFormat = .flat
        configuration.cpuCount = scripts.count
        configuration.memoryByteCount = 64 << 20
        configuration.clock = clock
        configuration.disks = [DiskConfiguration(path: kernel.path, isReadOnly: true, format: .raw)]
        self.stage = stage
        backend = ScriptedBackend(
            scripts, stage: stage, capabilities: capabilities, counterFrequency: counterFrequency)
        var events = MachineEvents()
        events.firmwareCall = called
        events.suspended = { event in
            switch event {
            case .suspended: stage.note(.suspended)
            case .woken(let reason): stage.note(.woken(reason))
            }
        }
        machine = try VirtualMachine(
            configuration, events: events, backend: backend, hostTime: { [time] in time.now }, cpuTime: cpuTime)
    }

    var cpus: [ScriptedCPU] { backend.vm?.cpus ?? [] }

    /// Starts a run on a thread of its own; it notes how it ended.
    func start() throws {
        let machine = machine
        let stage = stage
        thread = try HostThread { if let end = try? machine.run() { stage.note(.ended(end)) } }
    }

    /// Waits until the run has ended.
    @discardableResult
    func join() -> RunEnd? {
        thread?.join()
        thread = nil
        if case .ended(let end) = machine.state { return end }
        return nil
    }

    /// Runs to the end.
    func run() throws -> RunEnd? {
        try start()
        return join()
    }

    /// Lets the host's time go on.
    func advance(by nanoseconds: UInt64) {
        time.advance(by: nanoseconds)
        for core in machine.cores { core.parking.wake() }
    }

    /// Waits until a core does something of a kind. It is looked at again and again, as nobody tells of it.
    func wait(_ core: Int, _ condition: (CoreActivity) -> Bool) -> Bool {
        for _ in 0..<60_000 {
            if condition(machine.coreActivities[core]) { return true }
            stage.sleepBriefly()
        }
        return false
    }

    func wait(_ core: Int, for activity: CoreActivity) -> Bool { wait(core) { $0 == activity } }

    /// Ends the run.
    func stop() -> RunEnd? {
        machine.stop(because: .console)
        return join()
    }
}

extension Stage {
    /// A millisecond, between two looks at something that nobody tells of.
    func sleepBriefly() { Parking().wait(until: BootClock.now &+ 1_000_000) { false } }
}

extension CallRegisters {
    static let systemOff = CallRegisters(.systemOff, .smc32)
    static let systemReset = CallRegisters(.systemReset, .smc32)
    static let cpuOff = CallRegisters(.cpuOff, .smc32)
    static let version = CallRegisters(.psciVersion, .smc32)

    static func cpuOn(_ core: Int, _ start: CoreStart) -> CallRegisters {
        CallRegisters(.cpuOn, .smc64, UInt64(core), start.entry, start.contextID)
    }

    /// CPU_SUSPEND: standby, or power-down of the core in the original format.
    static let standby = CallRegisters(.cpuSuspend, .smc64)

    static func powerDown(_ start: CoreStart) -> CallRegisters {
        let state = PowerState(CompositeState(core: .powerDown), format: MachineModel.virt1.psci.powerStateFormat)
        return CallRegisters(.cpuSuspend, .smc64, UInt64(state.rawValue), start.entry, start.contextID)
    }

    static func systemSuspend(_ start: CoreStart) -> CallRegisters {
        CallRegisters(.systemSuspend, .smc64, start.entry, start.contextID)
    }
}

extension CoreStart {
    /// In RAM, and different for each number.
    static func number(_ number: UInt64) -> CoreStart {
        CoreStart(entry: 0x4100_0000 + number * 0x1000, contextID: number)
    }
}
