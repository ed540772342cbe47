// What the firmware says of the cores' power-downs, asked as a guest would ask.

import PSCI

extension VirtualMachine {
    /// PSCI_STAT_COUNT and PSCI_STAT_RESIDENCY of every core's power-down; nil if the guest has neither.
    var powerDowns: [RunReport.PowerDown]? {
        guard configuration.psci.capabilities.isSuperset(of: .statistics) else { return nil }
        let state = PowerState(CompositeState(core: .powerDown), format: configuration.psci.powerStateFormat)
        func ask(_ function: Function, _ core: Int) -> UInt64 {
            let target = power.topology.affinities[core].rawValue
            let call = CallRegisters(function, .smc64, target, UInt64(state.rawValue))
            return firmware.call(call, caller: core).registers.x0
        }
        return (0..<configuration.cpuCount).map { core in
            RunReport.PowerDown(
                core: core, count: ask(.psciStatCount, core), microseconds: ask(.psciStatResidency, core))
        }
    }
}
