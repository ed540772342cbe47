// MADT: the interrupt controller and the CPUs behind it. ACPI 6.5, section 5.2.12; revision 5 as in ACPI 6.3.

import Bytes
import Hypervisor

enum MADT {
    private static let revision: UInt8 = 5

    /// Interrupt controller structure types and their lengths (table 5.21).
    private enum Structure {
        static let gicCPUInterface: (type: UInt8, length: UInt8) = (0xB, 80)
        static let gicDistributor: (type: UInt8, length: UInt8) = (0xC, 24)
        static let gicRedistributors: (type: UInt8, length: UInt8) = (0xE, 16)
    }

    private static let gicVersion: UInt8 = 3
    private static let enabled: UInt32 = 1

    static func bytes(
        cpus: [UInt64], gic: BoardDescription.GIC, performanceInterrupt: BoardDescription.Interrupt? = nil
    ) -> [UInt8] {
        var table = ACPITable("APIC", revision: revision)
        // No local interrupt controller address, no flags: both are a PC's.
        table.body.append(zeros: 8)
        table.body.append(contentsOf: distributor(gic.distributor))
        for (index, affinity) in cpus.enumerated() {
            table.body.append(
                contentsOf: cpuInterface(
                    UInt32(truncatingIfNeeded: index), affinity: affinity,
                    performanceGSI: performanceInterrupt?.gsi ?? 0))
        }
        for region in gic.redistributors { table.body.append(contentsOf: redistributors(region)) }
        return table.bytes
    }

    /// Section 5.2.12.15.
    private static func distributor(_ range: Range<PhysicalAddress>) -> [UInt8] {
        var bytes = begin(Structure.gicDistributor)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: range.lowerBound)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(gicVersion)
        bytes.append(zeros: 3)
        return bytes
    }

    /// Section 5.2.12.14. A GICv3 without EL2 has system registers, and no addresses nor a maintenance interrupt to
    /// tell.
    private static func cpuInterface(_ index: UInt32, affinity: UInt64, performanceGSI: UInt32) -> [UInt8] {
        var bytes = begin(Structure.gicCPUInterface)
        bytes.append(littleEndian: index)
        bytes.append(littleEndian: index)
        bytes.append(littleEndian: enabled)
        // Parking protocol version.
        bytes.append(zeros: 4)
        // Level-triggered, as no flag says otherwise.
        bytes.append(littleEndian: performanceGSI)
        // Parked address, GICC, GICV, GICH, VGIC interrupt, GICR.
        bytes.append(zeros: 8 + 8 + 8 + 8 + 4 + 8)
        bytes.append(littleEndian: affinity)
        bytes.append(zeros: Int(Structure.gicCPUInterface.length) - bytes.count)
        return bytes
    }

    /// Section 5.2.12.17.
    private static func redistributors(_ range: Range<PhysicalAddress>) -> [UInt8] {
        var bytes = begin(Structure.gicRedistributors)
        bytes.append(littleEndian: range.lowerBound)
        bytes.append(littleEndian: UInt32(truncatingIfNeeded: range.upperBound - range.lowerBound))
        return bytes
    }

    private static func begin(_ structure: (type: UInt8, length: UInt8)) -> [UInt8] {
        [structure.type, structure.length, 0, 0]
    }
}
