// ACPI's tables for firmware that places them itself: as files, and with a script that says what to do to them.
//
// Responsible for: which pointers and checksums the firmware has to fill in. QEMU's include/hw/acpi/bios-linker-loader.h
// and hw/acpi/bios-linker-loader.c have the script's form; edk2 reads it in OvmfPkg/AcpiPlatformDxe. Not responsible
// for: the tables (`ACPITables`), nor for the guest's way to the files, which is fw_cfg.

import Bytes

/// The files that firmware makes ACPI's tables of.
package struct ACPIFiles: Sendable {
    /// Their names in fw_cfg.
    package static let tablesName = "etc/acpi/tables"
    package static let rsdpName = "etc/acpi/rsdp"
    package static let loaderName = "etc/table-loader"

    /// All tables but the RSDP, the FACS first. Pointers are offsets in this file.
    package let tables: [UInt8]
    package let rsdp: [UInt8]
    /// The script.
    package let loader: [UInt8]

    /// The files of `board`; nil if it is described by a device tree.
    package init?(of board: BoardDescription) {
        guard let acpi = board.acpi else { return nil }
        // At address zero, so that addresses are offsets: where the RSDP would be is the FACS.
        let placed = ACPITables(of: board, acpi: acpi, facs: 0, base: 0)
        var tables = placed.facs.bytes
        var script = LoaderScript()
        script.allocate(Self.tablesName, alignment: UInt32(ACPITables.alignment), inLowMemory: false)
        script.allocate(Self.rsdpName, alignment: 16, inLowMemory: true)
        var rsdp: [UInt8] = []
        var checksums: [(table: ACPITables.Placed, offset: Int)] = []
        for table in placed.tables {
            guard table.name != "RSDP" else {
                rsdp = table.bytes
                continue
            }
            var bytes = table.bytes
            let pointers = Self.pointers(in: table)
            for offset in pointers { script.addPointer(in: Self.tablesName, at: Int(table.address) + offset) }
            if !pointers.isEmpty {
                bytes[ACPITable.checksumOffset] = 0
                checksums.append((table, ACPITable.checksumOffset))
            }
            tables.append(zeros: Int(table.address) - tables.count)
            tables += bytes
        }
        for (table, offset) in checksums {
            let start = Int(table.address)
            script.addChecksum(in: Self.tablesName, at: start + offset, of: start..<start + table.bytes.count)
        }
        // Its first checksum is of what has no pointers.
        script.addPointer(in: Self.rsdpName, at: RSDP.xsdtOffset)
        rsdp[RSDP.extendedChecksumOffset] = 0
        script.addChecksum(in: Self.rsdpName, at: RSDP.extendedChecksumOffset, of: 0..<rsdp.count)
        self.tables = tables
        self.rsdp = rsdp
        loader = script.bytes
    }

    /// Where a table has addresses of 64 bits of others.
    private static func pointers(in table: ACPITables.Placed) -> [Int] {
        switch table.name {
        case "FACP": [FADT.facsOffset, FADT.dsdtOffset]
        case "XSDT": Array(stride(from: ACPITable.headerSize, to: table.bytes.count, by: 8))
        default: []
        }
    }
}

/// A script for the firmware: entries of 128 bytes.
private struct LoaderScript {
    private enum Command: UInt32 {
        case allocate = 1
        case addPointer = 2
        case addChecksum = 3
    }

    private static let entryByteCount = 128
    /// Of a file's name, its NUL included.
    private static let nameByteCount = 56
    private static let pointerByteCount: UInt8 = 8

    private(set) var bytes: [UInt8] = []

    /// Has the firmware find memory for a file, and read it: anywhere, or (`inLowMemory`) where a BIOS looks for a
    /// table.
    mutating func allocate(_ file: String, alignment: UInt32, inLowMemory: Bool) {
        append(.allocate, Self.name(file) + alignment.littleEndianBytes + [inLowMemory ? 2 : 1])
    }

    /// The offset in the tables' file that is at `offset` of `file` becomes an address.
    mutating func addPointer(in file: String, at offset: Int) {
        append(
            .addPointer,
            Self.name(file) + Self.name(ACPIFiles.tablesName) + UInt32(offset).littleEndianBytes
                + [Self.pointerByteCount])
    }

    /// The byte at `offset` becomes what makes the sum of `range` zero.
    mutating func addChecksum(in file: String, at offset: Int, of range: Range<Int>) {
        append(
            .addChecksum,
            Self.name(file) + UInt32(offset).littleEndianBytes + UInt32(range.lowerBound).littleEndianBytes
                + UInt32(range.count).littleEndianBytes)
    }

    private mutating func append(_ command: Command, _ arguments: [UInt8]) {
        bytes += command.rawValue.littleEndianBytes + arguments
        bytes.append(zeros: Self.entryByteCount - 4 - arguments.count)
    }

    private static func name(_ file: String) -> [UInt8] {
        Array(file.utf8) + [UInt8](repeating: 0, count: nameByteCount - file.utf8.count)
    }
}
