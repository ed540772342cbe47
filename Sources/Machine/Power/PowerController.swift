// The platform side of PSCI: the states of the cores, and how one is started.
//
// Responsible for: atomic state transitions and start requests. Not responsible for what a call means (`PSCI`) nor for
// running cores (`VirtualMachine`).

import Arm64
import Hypervisor
import PSCI
import Synchronization

/// What a core that is to start begins with.
struct CoreStart: Sendable {
    var entry: UInt64
    var contextID: UInt64
}

/// The cores of one machine, as `PSCI.Firmware` sees them.
final class PowerController: Platform, Sendable {
    private struct Core {
        var state: CoreState
        var start: CoreStart?
    }

    private let cores: Mutex<[Core]>
    private let affinities: [Affinity]
    private let ram: Range<PhysicalAddress>
    private let entropySource: any EntropySource
    /// Wakes the thread of a core.
    private let wake: @Sendable (Int) -> Void

    init(
        cpuCount: Int, ram: Range<PhysicalAddress>, entropy: any EntropySource, wake: @escaping @Sendable (Int) -> Void
    ) {
        affinities = (0..<cpuCount).map { Affinity(mpidr: CPUModel.multiprocessorAffinity(cpu: $0)) }
        cores = Mutex(Array(repeating: Core(state: .off), count: cpuCount))
        self.ram = ram
        entropySource = entropy
        self.wake = wake
    }

    /// All cores off but the first, which starts at `entry`.
    func boot(entry: UInt64, contextID: UInt64) {
        cores.withLock { cores in
            for index in cores.indices { cores[index] = Core(state: .off) }
            cores[0] = Core(state: .onPending, start: CoreStart(entry: entry, contextID: contextID))
        }
    }

    /// Takes the request to start `core`, if there is one.
    func takeStart(of core: Int) -> CoreStart? {
        cores.withLock { cores in
            defer { cores[core].start = nil }
            return cores[core].start
        }
    }

    func hasStart(of core: Int) -> Bool {
        cores.withLock { $0[core].start != nil }
    }

    // MARK: Platform

    var coreCount: Int { affinities.count }

    func affinity(ofCore core: Int) -> Affinity { affinities[core] }

    func state(ofCore core: Int) -> CoreState {
        cores.withLock { $0[core].state }
    }

    func exchangeState(ofCore core: Int, from old: CoreState, to new: CoreState) -> CoreState {
        cores.withLock { cores in
            let found = cores[core].state
            if found == old { cores[core].state = new }
            return found
        }
    }

    func isValidEntryPoint(_ address: UInt64) -> Bool {
        ram.contains(address)
    }

    func start(core: Int, entryPoint: UInt64, contextID: UInt64, caller: Int) -> Bool {
        cores.withLock { $0[core].start = CoreStart(entry: entryPoint, contextID: contextID) }
        wake(core)
        return true
    }

    func entropy() -> UInt64? { entropySource.next() }
}
