// GTDT: the CPUs' generic timers, and a watchdog. ACPI 6.5, section 5.2.25; revision 2, without the virtual EL2 timer.

import Bytes

enum GTDT {
    private static let revision: UInt8 = 2
    /// Of an address: the counter has no registers in memory.
    private static let notThere = UInt64.max
    /// Level-triggered, active high, never off (table 5.118): bit 2 alone.
    private static let alwaysOn: UInt32 = 1 << 2

    /// Of a watchdog's structure (table 5.124), whose interrupt's flags are zero: level-triggered, active high.
    private static let watchdogType: UInt8 = 1
    private static let watchdogByteCount: UInt16 = 28
    /// Where the first structure is, behind the fields of the revision.
    private static let firstStructure: UInt32 = 96

    static func bytes(timer: BoardDescription.Timer, watchdog: BoardDescription.Watchdog?) -> [UInt8] {
        var table = ACPITable("GTDT", revision: revision)
        table.body.append(littleEndian: notThere)
        table.body.append(littleEndian: UInt32(0))
        for interrupt in [timer.secure, timer.physical, timer.virtual, timer.hypervisor] {
            table.body.append(littleEndian: interrupt.gsi)
            table.body.append(littleEndian: alwaysOn)
        }
        table.body.append(littleEndian: notThere)
        guard let watchdog else {
            // No platform timers, and so nowhere that they would be described.
            table.body.append(littleEndian: UInt32(0))
            table.body.append(littleEndian: UInt32(0))
            return table.bytes
        }
        table.body.append(littleEndian: UInt32(1))
        table.body.append(littleEndian: firstStructure)
        table.body.append(watchdogType)
        table.body.append(littleEndian: watchdogByteCount)
        table.body.append(0)
        table.body.append(littleEndian: watchdog.refresh.lowerBound)
        table.body.append(littleEndian: watchdog.control.lowerBound)
        table.body.append(littleEndian: watchdog.interrupt.gsi)
        table.body.append(littleEndian: UInt32(0))
        return table.bytes
    }
}
