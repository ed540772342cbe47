// GTDT: the CPUs' generic timers. ACPI 6.5, section 5.2.25; revision 2, without the virtual EL2 timer.

import Bytes

enum GTDT {
    private static let revision: UInt8 = 2
    /// Of an address: the counter has no registers in memory.
    private static let notThere = UInt64.max
    /// Level-triggered, active high, never off (table 5.118): bit 2 alone.
    private static let alwaysOn: UInt32 = 1 << 2

    static func bytes(timer: BoardDescription.Timer) -> [UInt8] {
        var table = ACPITable("GTDT", revision: revision)
        table.body.append(littleEndian: notThere)
        table.body.append(littleEndian: UInt32(0))
        for interrupt in [timer.secure, timer.physical, timer.virtual, timer.hypervisor] {
            table.body.append(littleEndian: interrupt.gsi)
            table.body.append(littleEndian: alwaysOn)
        }
        table.body.append(littleEndian: notThere)
        // No platform timers, and so nowhere that they would be described.
        table.body.append(littleEndian: UInt32(0))
        table.body.append(littleEndian: UInt32(0))
        return table.bytes
    }
}
