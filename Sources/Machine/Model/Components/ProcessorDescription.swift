// What ACPI says of the cores beside that they are there. A device tree says nothing of it.

import Arm64
import Boot
import PSCI

struct ProcessorDescription: Sendable {
    /// INTID of the performance monitors' interrupt. There are no such monitors, but Linux looks for one at every core.
    var performanceINTID: Int?
    /// Whether clusters and caches are described.
    var hasTopology = false

    /// What a guest of `machine` finds beside the devices.
    func acpi(_ machine: MachineConfiguration) -> BoardDescription.ACPI {
        let cpu = machine.cpuModel
        let clusters = machine.topology.clusters
        return BoardDescription.ACPI(
            hardwareSignature: machine.hardwareSignature,
            performanceInterrupt: performanceINTID.map { .ppi(UInt32($0 - TimerComponent.firstPPI)) },
            topology: hasTopology
                ? BoardDescription.Topology(
                    clusters: machine.describedCores.map { clusters[$0] },
                    caches: cpu.caches.keys.sorted().compactMap { selection in
                        cpu.caches[selection].map { BoardDescription.Cache($0, selection: selection, of: cpu) }
                    }) : nil)
    }
}

extension BoardDescription.Cache {
    /// - Parameter selection: CSSELR_EL1, whose lowest bit says that it is an instruction cache.
    init(_ cache: CPUModel.Cache, selection: UInt64, of cpu: CPUModel) {
        let isSplit = cpu.caches[selection | 1] != nil
        self.init(
            kind: selection & 1 != 0 ? .instruction : isSplit ? .data : .unified,
            sets: UInt32(truncatingIfNeeded: cache.sets), associativity: UInt8(truncatingIfNeeded: cache.associativity),
            lineByteCount: 1 << UInt16(truncatingIfNeeded: cache.lineShift))
    }
}
