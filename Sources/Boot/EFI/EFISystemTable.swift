// The EFI system table, as a guest sees it that was started by a boot loader: UEFI 2.10, section 4.3.
//
// Responsible for: the table, the configuration tables that it names, and the vendor's name. There are no services,
// neither at boot nor at run time.

import Bytes
import Hypervisor

/// System table, configuration tables and memory map in one block.
struct EFITables {
    /// The whole block, which begins with the system table.
    let bytes: [UInt8]
    let systemTable: PhysicalAddress
    let memoryMap: Range<PhysicalAddress>

    private static let signature = Array("IBI SYST".utf8)
    /// 2.10.
    private static let revision: UInt32 = 2 << 16 | 100
    private static let systemTableSize = 120
    private static let crcOffset = 16
    private static let vendor = "Dormouse"

    /// Where in the block everything is.
    private enum Offset {
        static let vendor = 0x100
        static let configurationTables = 0x200
        static let runtimeProperties = 0x300
        static let memoryMap = 0x1000
    }

    init(at base: PhysicalAddress, rsdp: PhysicalAddress, memoryMap map: EFIMemoryMap) {
        let configuration: [(EFIGUID, PhysicalAddress)] = [
            (.acpi, rsdp), (.runtimeProperties, base + UInt64(Offset.runtimeProperties)),
        ]
        var block = Self.systemTable(base: base, configurationCount: configuration.count)
        block.append(zeros: Offset.vendor - block.count)
        for unit in Self.vendor.utf16 + [0] { block.append(littleEndian: unit) }
        block.append(zeros: Offset.configurationTables - block.count)
        for (guid, table) in configuration {
            block.append(contentsOf: guid.bytes)
            block.append(littleEndian: table)
        }
        block.append(zeros: Offset.runtimeProperties - block.count)
        block.append(contentsOf: Self.runtimeProperties)
        block.append(zeros: Offset.memoryMap - block.count)
        let mapBytes = map.bytes
        block.append(contentsOf: mapBytes)
        bytes = block
        systemTable = base
        let mapStart = base + UInt64(Offset.memoryMap)
        memoryMap = mapStart..<mapStart + UInt64(mapBytes.count)
    }

    private static func systemTable(base: PhysicalAddress, configurationCount: Int) -> [UInt8] {
        var table = signature
        table.append(littleEndian: revision)
        table.append(littleEndian: UInt32(systemTableSize))
        // The CRC, which comes last, and a reserved field.
        table.append(zeros: 8)
        table.append(littleEndian: base + UInt64(Offset.vendor))
        table.append(littleEndian: UInt32(1))
        table.append(zeros: 4)
        // No consoles (a handle and an interface each), no runtime services, no boot services.
        table.append(zeros: 3 * 16 + 2 * 8)
        table.append(littleEndian: UInt64(configurationCount))
        table.append(littleEndian: base + UInt64(Offset.configurationTables))
        table.replace(at: crcOffset, littleEndian: CRC32.ieee(table))
        return table
    }

    /// EFI_RT_PROPERTIES_TABLE: version, length, and a set of services with nothing in it. Without it a guest believes
    /// that all are there, and calls them.
    private static var runtimeProperties: [UInt8] {
        UInt16(1).littleEndianBytes + UInt16(8).littleEndianBytes + UInt32(0).littleEndianBytes
    }
}
