// The cores of a configuration: who they are, and which of them a guest is told of.

import Arm64
import PSCI

extension MachineConfiguration {
    /// The CPU, in clusters as PSCI's policy has them.
    var cpuModel: CPUModel {
        var cpu = cpu ?? model.cpu
        cpu.coresPerCluster = psci.coresPerCluster
        return cpu
    }

    /// MPIDR_EL1 of every core.
    var mpidrs: [UInt64] {
        let cpu = cpuModel
        return (0..<cpuCount).map { cpu.multiprocessorAffinity(cpu: $0) }
    }

    /// The cores and their clusters.
    var topology: Topology { Topology(mpidrs.map { Affinity(mpidr: $0) }) }

    /// The cores that firmware tables list: all but those that the laboratory hides, as a PSCI before 1.2 cannot say
    /// that a core is there and not to be had.
    var describedCores: [Int] {
        (0..<cpuCount).filter { psci.version >= .v1_2 || !laboratory.withheldCores.contains($0) }
    }
}
