// The platform side of PSCI: what the firmware remembers, behind a lock, and how a core is started.
//
// Responsible for: atomic steps and start requests. Not responsible for what a call means (`PSCI`) nor for running cores
// (`VirtualMachine`).

import Hypervisor
import PSCI
import Synchronization

/// What a core that is to start begins with.
struct CoreStart: Sendable, Hashable, Codable {
    var entry: UInt64
    var contextID: UInt64
}

/// The cores of one machine, as `PSCI.Firmware` sees them.
final class PowerController: Platform, Sendable {
    struct Shared {
        var firmware: FirmwareState
        var starts: [CoreStart?]
    }

    let topology: Topology
    let shared: Mutex<Shared>
    let ram: Range<PhysicalAddress>
    private let clock: any GuestClock
    private let withheldCores: Set<Int>
    private let entropySource: any EntropySource
    /// Wakes the thread of a core.
    let wake: @Sendable (Int) -> Void

    init(
        _ configuration: MachineConfiguration, ram: Range<PhysicalAddress>, clock: any GuestClock,
        entropy: any EntropySource, wake: @escaping @Sendable (Int) -> Void
    ) {
        topology = configuration.topology
        shared = Mutex(
            Shared(
                firmware: FirmwareState(topology: topology, idleStates: configuration.psci.idleStates),
                starts: Array(repeating: nil, count: topology.coreCount)))
        self.ram = ram
        self.clock = clock
        withheldCores = configuration.laboratory.withheldCores
        entropySource = entropy
        self.wake = wake
    }

    /// All cores off but the first, which starts at `entry`.
    func boot(entry: UInt64, contextID: UInt64, isCold: Bool) {
        shared.withLock { shared in
            shared.firmware.boot(core: 0, isCold: isCold)
            for index in shared.starts.indices { shared.starts[index] = nil }
            shared.starts[0] = CoreStart(entry: entry, contextID: contextID)
        }
    }

    /// Takes the request to start `core`, if there is one.
    func takeStart(of core: Int) -> CoreStart? {
        shared.withLock { shared in
            defer { shared.starts[core] = nil }
            return shared.starts[core]
        }
    }

    func hasStart(of core: Int) -> Bool {
        shared.withLock { $0.starts[core] != nil }
    }

    // MARK: Platform

    func withState<Result: Sendable>(_ body: (inout FirmwareState) -> Result) -> Result {
        shared.withLock { body(&$0.firmware) }
    }

    /// The guest's own counter, which is in nanoseconds in every model.
    var now: UInt64 { clock.counter }

    func isValidEntryPoint(_ address: UInt64) -> Bool {
        ram.contains(address)
    }

    func isProtectedMemory(from base: UInt64, through last: UInt64) -> Bool {
        ram.contains(base) && ram.contains(last)
    }

    func isWithheld(_ core: Int) -> Bool { withheldCores.contains(core) }

    func start(core: Int, entryPoint: UInt64, contextID: UInt64, caller: Int) -> Bool {
        shared.withLock { $0.starts[core] = CoreStart(entry: entryPoint, contextID: contextID) }
        wake(core)
        return true
    }

    func entropy() -> UInt64? { entropySource.next() }
}
