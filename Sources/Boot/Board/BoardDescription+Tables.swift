// The tables that a board is described by, as something to compare: a guest that hibernated has to find the same ones
// again.

import Hypervisor

extension BoardDescription {
    /// The flattened device tree or all ACPI tables, without what is new at every boot or says nothing of the machine:
    /// `chosen` is the caller's to leave empty, the hardware signature and the generation id are left out. Empty if
    /// they cannot be made, which is an error of the boot that says more.
    public var tablesToCompare: [UInt8] {
        guard var acpi else { return (try? DeviceTree(for: self).flattened()) ?? [] }
        guard let memory = TableMemory(ram: self.memory.first) else { return [] }
        acpi.hardwareSignature = 0
        let tables = ACPITables(of: self, acpi: acpi, memory: memory)
        return tables.block + tables.facs.bytes
    }
}
