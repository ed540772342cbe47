// FADT: the Fixed ACPI Description Table. ACPI 6.5, section 5.2.9.
//
// The machine is hardware-reduced (section 4.1): of the fixed hardware of a PC there is nothing, so that most fields
// stay zero.

import Bytes
import Hypervisor

enum FADT {
    private static let byteCount = 276
    /// 6.3: the last with this length.
    private static let majorVersion: UInt8 = 6
    private static let minorVersion: UInt8 = 3

    /// Addresses of 64 bits (X_FIRMWARE_CTRL, X_DSDT).
    static let facsOffset = 132
    static let dsdtOffset = 140

    private enum Offset {
        static let flags = 112
        static let armBootArchitecture = 129
        static let minorVersion = 131
        static let hypervisorVendor = 268
    }

    /// Fixed feature flags (table 5.10).
    private enum Flag {
        /// The buttons are devices in the DSDT.
        static let powerButtonIsDevice: UInt32 = 1 << 4
        static let sleepButtonIsDevice: UInt32 = 1 << 5
        static let hardwareReduced: UInt32 = 1 << 20
    }

    /// Arm boot architecture flags (table 5.12).
    private enum ArmFlag {
        static let psciCompliant: UInt16 = 1 << 0
        static let psciUsesHVC: UInt16 = 1 << 1
    }

    static func bytes(facs: PhysicalAddress, dsdt: PhysicalAddress, power: BoardDescription.PowerInterface) -> [UInt8] {
        var table = ACPITable("FACP", revision: majorVersion)
        table.body.append(zeros: byteCount - table.body.count)
        table.body.replace(
            at: Offset.flags,
            littleEndian: Flag.powerButtonIsDevice | Flag.sleepButtonIsDevice | Flag.hardwareReduced)
        table.body.replace(
            at: Offset.armBootArchitecture,
            littleEndian: ArmFlag.psciCompliant | (power.conduit == .hvc ? ArmFlag.psciUsesHVC : 0))
        table.body.replace(at: Offset.minorVersion, littleEndian: minorVersion)
        table.body.replace(at: facsOffset, littleEndian: facs)
        table.body.replace(at: dsdtOffset, littleEndian: dsdt)
        table.body.replaceSubrange(
            Offset.hypervisorVendor..<Offset.hypervisorVendor + ACPITable.oemTableID.count, with: ACPITable.oemTableID)
        return table.bytes
    }
}
