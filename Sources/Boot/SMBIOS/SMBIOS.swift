// SMBIOS: who made the machine, and what is in it, as system management asks for it.
//
// Responsible for: the tables, as a pure function of a few values. Not responsible for: where they lie in memory, and
// who tells the guest of them: firmware does.
//
// Follows DMTF DSP0134 3.7.1: §5.2.2 for the entry point, chapter 7 for the structures, whose numbers and names are used
// here. They are as 3.1.1 had them, and say so: that is enough, and every reader knows it.

import Bytes
import Hypervisor

/// What the tables say.
public struct SMBIOS: Sendable, Hashable {
    /// For people: who makes the machine and its parts.
    public var manufacturer: String
    /// What the machine is called.
    public var product: String
    /// The version of the program that makes it.
    public var version: String
    /// The system's UUID, 16 bytes in the order in which they are written as text (RFC 9562).
    public var uuid: [UInt8]
    /// Whether the guest's firmware is UEFI.
    public var hasUEFI: Bool
    /// All of one socket.
    public var coreCount: Int
    /// MIDR_EL1, as every core has it.
    public var mainID: UInt64
    /// RAM, in whole MiB each.
    public var memory: [Range<PhysicalAddress>]
    /// Free text for programs, such as systemd's credentials. Of each, NULs are dropped, and nothing is said of one that
    /// is empty.
    public var oemStrings: [String]

    /// The names by which QEMU's fw_cfg has entry point and tables, and firmware looks for them.
    package static let entryPointName = "etc/smbios/smbios-anchor"
    package static let tablesName = "etc/smbios/smbios-tables"

    /// - Precondition: the UUID has 16 bytes.
    public init(
        manufacturer: String = "Dormouse", product: String, version: String, uuid: [UInt8], hasUEFI: Bool,
        coreCount: Int, mainID: UInt64, memory: [Range<PhysicalAddress>], oemStrings: [String] = []
    ) {
        precondition(uuid.count == 16, "a UUID has 16 bytes")
        self.manufacturer = manufacturer
        self.product = product
        self.version = version
        self.uuid = uuid
        self.hasUEFI = hasUEFI
        self.coreCount = coreCount
        self.mainID = mainID
        self.memory = memory
        self.oemStrings = oemStrings
    }

    /// The structures, one behind the other.
    public var tables: [UInt8] {
        var structures = [platformFirmware, system, chassis, processor]
        structures += oemStructures
        structures.append(memoryArray)
        structures += memory.indices.map(memoryDevice)
        structures += memory.indices.map(mappedAddress)
        structures += [bootInformation, SMBIOSStructure(.endOfTable, handle: 0x7F00)]
        return structures.flatMap(\.bytes)
    }

    /// The 64-bit entry point (§5.2.2) of tables that lie at `address`; firmware that places them itself takes any.
    public func entryPoint(tablesAt address: PhysicalAddress = 0) -> [UInt8] {
        let (length, checksumOffset): (UInt8, Int) = (0x18, 5)
        let (majorVersion, minorVersion, documentRevision): (UInt8, UInt8, UInt8) = (3, 1, 1)
        let entryPointRevision: UInt8 = 1
        var bytes = Array("_SM3_".utf8)
        bytes += [0, length, majorVersion, minorVersion, documentRevision, entryPointRevision, 0]
        bytes.append(littleEndian: UInt32(tables.count))
        bytes.append(littleEndian: address)
        bytes[checksumOffset] = bytes.checksum
        return bytes
    }
}
