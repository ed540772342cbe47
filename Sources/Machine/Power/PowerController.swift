// The platform side of PSCI: what the firmware remembers, behind a lock, and how a core is started.
//
// Responsible for: atomic steps. Not responsible for what a call means (`PSCI`) nor for running cores
// (`VirtualMachine`): a start is passed on to the core.

import Hypervisor
import PSCI
import Synchronization

/// The cores of one machine, as `PSCI.Firmware` sees them.
final class PowerController: Platform, Sendable {
    let topology: Topology
    let state: Mutex<FirmwareState>
    private let ram: Range<PhysicalAddress>
    private let clock: any GuestClock
    private let withheldCores: Set<Int>
    private let entropySource: any EntropySource
    /// Has a core started.
    private let startCore: @Sendable (Int, CoreStart) -> Void

    init(
        _ configuration: MachineConfiguration, ram: Range<PhysicalAddress>, clock: any GuestClock,
        entropy: any EntropySource, startCore: @escaping @Sendable (Int, CoreStart) -> Void
    ) {
        topology = configuration.topology
        state = Mutex(FirmwareState(topology: topology, idleStates: configuration.psci.idleStates))
        self.ram = ram
        self.clock = clock
        withheldCores = configuration.laboratory.withheldCores
        entropySource = entropy
        self.startCore = startCore
    }

    /// All cores off but the first, which starts at `entry`.
    func boot(entry: UInt64, contextID: UInt64, isCold: Bool) {
        state.withLock { $0.boot(core: 0, isCold: isCold) }
        startCore(0, CoreStart(entry: entry, contextID: contextID))
    }

    // MARK: Platform

    func withState<Result: Sendable>(_ body: (inout FirmwareState) -> Result) -> Result {
        state.withLock { body(&$0) }
    }

    /// By the guest's own counter.
    var now: UInt64 { clock.rate.nanoseconds(forTicks: clock.counter) }

    func isValidEntryPoint(_ address: UInt64) -> Bool {
        ram.contains(address)
    }

    func isProtectedMemory(from base: UInt64, through last: UInt64) -> Bool {
        ram.contains(base) && ram.contains(last)
    }

    func isWithheld(_ core: Int) -> Bool { withheldCores.contains(core) }

    func start(core: Int, entryPoint: UInt64, contextID: UInt64, caller: Int) -> Bool {
        startCore(core, CoreStart(entry: entryPoint, contextID: contextID))
        return true
    }

    func entropy() -> UInt64? { entropySource.next() }
}
