import Bytes
import Testing

@testable import Boot

/// Firmware that places ACPI's tables: what edk2 and SeaBIOS do with the three files.
private struct Firmware {
    var memory: [UInt64: [UInt8]] = [:]
    private var addresses: [String: UInt64] = [:]
    private(set) var commands: [UInt32] = []

    init(_ files: ACPIFiles, tablesAt tables: UInt64, rsdpAt rsdp: UInt64) throws {
        let contents = [ACPIFiles.tablesName: files.tables, ACPIFiles.rsdpName: files.rsdp]
        try #require(files.loader.count % 128 == 0)
        for start in stride(from: 0, to: files.loader.count, by: 128) {
            let entry = Array(files.loader[start..<start + 128])
            let command = entry.littleEndian(at: 0, as: UInt32.self)
            commands.append(command)
            let file = Self.name(entry, at: 4)
            switch command {
            case 1:
                let alignment = UInt64(entry.littleEndian(at: 60, as: UInt32.self))
                let isLow = entry[64] == 2
                let address = isLow ? rsdp : tables
                #expect(alignment > 0 && address % alignment == 0)
                addresses[file] = address
                memory[address] = contents[file] ?? []
            case 2:
                let base = try #require(addresses[file])
                let target = try #require(addresses[Self.name(entry, at: 60)])
                let offset = Int(entry.littleEndian(at: 116, as: UInt32.self))
                try #require(entry[120] == 8)
                let old = try #require(memory[base]?.littleEndian(at: offset, as: UInt64.self))
                memory[base]?.replace(at: offset, littleEndian: old + target)
            case 3:
                let base = try #require(addresses[file])
                let offset = Int(entry.littleEndian(at: 60, as: UInt32.self))
                let first = Int(entry.littleEndian(at: 64, as: UInt32.self))
                let count = Int(entry.littleEndian(at: 68, as: UInt32.self))
                // Firmware does not clear what is there.
                let sum = try #require(memory[base])[first..<first + count].reduce(0, &+)
                memory[base]?[offset] = 0 &- sum
            default: Issue.record("command \(command)")
            }
        }
    }

    private static func name(_ entry: [UInt8], at offset: Int) -> String {
        String(decoding: entry[offset..<offset + 56].prefix { $0 != 0 }, as: UTF8.self)
    }

    /// What is at an address.
    func bytes(_ address: UInt64, _ count: Int) throws -> [UInt8] {
        for (base, bytes) in memory where address >= base && address - base + UInt64(count) <= UInt64(bytes.count) {
            return Array(bytes[Int(address - base)..<Int(address - base) + count])
        }
        throw BootPlanError.unusableMemory
    }

    /// A table with a header, whose sum has to be zero.
    func table(_ address: UInt64) throws -> [UInt8] {
        let length = Int(try bytes(address, 8).littleEndian(at: 4, as: UInt32.self))
        let table = try bytes(address, length)
        #expect(table.reduce(0, &+) == 0)
        return table
    }
}

@Suite("ACPI's tables for firmware that places them")
struct ACPIFilesTests {
    private func board() -> BoardDescription {
        var board = BoardDescription.withACPI(cpus: [0, 1])
        board.devices.removeAll { $0 is BoardDescription.GenerationID }
        return board
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes.prefix(4), as: UTF8.self) }

    @Test(
        "Wherever firmware puts them, every pointer leads to its table and every sum is zero",
        arguments: [(0x5C00_0000, 0x5D00_0000), (0x1_8000_0000, 0xF_0000)] as [(UInt64, UInt64)])
    func placed(tables: UInt64, rsdp: UInt64) throws {
        let files = try #require(ACPIFiles(of: board()))
        let firmware = try Firmware(files, tablesAt: tables, rsdpAt: rsdp)
        let pointer = try firmware.bytes(rsdp, 36)
        #expect(String(decoding: pointer.prefix(8), as: UTF8.self) == "RSD PTR ")
        #expect(pointer.reduce(0, &+) == 0 && pointer.prefix(20).reduce(0, &+) == 0)
        let xsdt = try firmware.table(pointer.littleEndian(at: 24))
        #expect(text(xsdt) == "XSDT")
        let listed = try stride(from: 36, to: xsdt.count, by: 8).map { offset in
            try firmware.table(xsdt.littleEndian(at: offset))
        }
        #expect(listed.map(text) == ["FACP", "APIC", "GTDT", "SPCR"])
        // ACPI 6.5, table 5.9: X_FIRMWARE_CTRL and X_DSDT.
        let facs: UInt64 = listed[0].littleEndian(at: 132)
        #expect(facs % 64 == 0)
        let control = try firmware.bytes(facs, 64)
        #expect(text(control) == "FACS")
        #expect(control.littleEndian(at: 8, as: UInt32.self) == 0xC0FF_EE01)
        #expect(text(try firmware.table(listed[0].littleEndian(at: 140))) == "DSDT")
        // The files are read before anything is done to them.
        #expect(firmware.commands.prefix(2) == [1, 1])
    }

    @Test("They are the tables that a guest without firmware finds, but for their addresses")
    func same() throws {
        let board = board()
        let acpi = try #require(board.acpi)
        let memory = try #require(TableMemory(ram: board.memory.first))
        let own = ACPITables(of: board, acpi: acpi, memory: memory)
        let files = try #require(ACPIFiles(of: board))
        let firmware = try Firmware(files, tablesAt: 0x5C00_0000, rsdpAt: 0x5D00_0000)
        for table in own.tables where ["DSDT", "APIC", "GTDT", "SPCR"].contains(table.name) {
            let found = try firmware.bytes(0x5C00_0000 + table.address - own.rsdp, table.bytes.count)
            #expect(found == table.bytes, "\(table.name)")
        }
    }

    @Test("A board that is described by a device tree has none")
    func deviceTree() { #expect(ACPIFiles(of: .virt()) == nil) }
}
