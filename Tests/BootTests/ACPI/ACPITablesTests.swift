import Foundation
import Testing

@testable import Boot

@Suite("ACPI tables")
struct ACPITablesTests {
    /// A board under a name, so that a failure does not print all of it.
    struct NamedBoard: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let board: BoardDescription

        init(_ name: String, _ board: BoardDescription) {
            testDescription = name
            self.board = board
        }
    }

    private static let boards: [NamedBoard] = {
        var bare = BoardDescription.withACPI(virtioSlots: 0)
        bare.devices.removeAll { !($0 is BoardDescription.EventDevice) }
        var smc = BoardDescription.withACPI(virtioSlots: 1)
        smc.power = .init(majorVersion: 1, conduit: .smc)
        var idle = BoardDescription.withACPI(cpus: (0..<64).map { $0 }, virtioSlots: 1)
        idle.power.idle = idleStates
        var described = BoardDescription.withACPI(cpus: [0, 1, 0x100], virtioSlots: 1)
        described.acpi?.performanceInterrupt = .ppi(7)
        described.acpi?.topology = topology
        described.devices.removeAll { $0 is BoardDescription.RealTimeClock }
        described.devices.append(
            BoardDescription.RealTimeClock(
                .init(registers: 0x0901_0000..<0x0901_1000, interrupt: .spi(2)), acpiForm: .primeCell))
        return [
            NamedBoard("topology and a PrimeCell clock", described), NamedBoard("one CPU", .withACPI()),
            NamedBoard("no devices", bare), NamedBoard("PSCI by SMC", smc),
            NamedBoard("64 CPUs with all idle states", idle),
            NamedBoard(
                "64 CPUs in clusters, 256 GiB",
                .withACPI(cpus: (0..<64).map { ($0 / 16) << 8 | $0 % 16 }, memoryMiB: 256 << 10)),
        ]
    }()

    /// Three CPUs in two clusters, with 32 KiB of each kind of cache.
    private static let topology = BoardDescription.Topology(
        clusters: [0, 0, 1],
        caches: [
            .init(kind: .data, sets: 128, associativity: 4, lineByteCount: 64),
            .init(kind: .instruction, sets: 128, associativity: 4, lineByteCount: 64),
        ])

    private static let idleStates: BoardDescription.Idle = {
        func state(_ name: String, _ parameter: UInt32, losesContext: Bool) -> BoardDescription.Idle.State {
            .init(
                name: name, suspendParameter: parameter, entryLatency: 100, exitLatency: 300, minimumResidency: 5000,
                losesContext: losesContext)
        }
        return BoardDescription.Idle(
            cpuStates: [
                state("core-retention", 1, losesContext: false), state("core-power-down", 0x1_0002, losesContext: true),
            ],
            clusterStates: [state("cluster-power-down", 0x101_0022, losesContext: true)],
            systemStates: [state("system-power-down", 0x201_0222, losesContext: true)],
            clusters: [Int](repeating: 0, count: 64), hasDomains: false)
    }()

    private static func tables(_ board: BoardDescription) throws -> ACPITables {
        ACPITables(
            of: board, acpi: try #require(board.acpi), memory: try #require(TableMemory(ram: board.memory.first)))
    }

    @Test("iasl takes every table apart and together again without a warning", .needsASLCompiler, arguments: boards)
    func roundTrip(_ named: NamedBoard) throws {
        let tables = try Self.tables(named.board)
        // The RSDP is no table that stands in a file of its own.
        for table in tables.tables.dropFirst() + [tables.facs] {
            let result = try ASLCompiler.roundTrip(table.bytes)
            #expect(Self.complaints(result) == [], "\(table.name)")
            #expect(Self.withoutAuthor(result.bytes) == Self.withoutAuthor(table.bytes), "\(table.name)")
        }
    }

    /// The lines in which `iasl` finds fault with something.
    private static func complaints(_ result: ASLCompiler.RoundTrip) -> [String] {
        result.messages.split(separator: "\n").map(String.init).filter { line in
            ["error", "warning", "remark", "invalid", "incorrect"].contains { line.lowercased().contains($0) }
                && !line.contains("0 Errors, 0 Warnings, 0 Remarks")
                // It looks for the names that other tables have in their headers, and a FACS has no such header.
                && !line.contains("header for [FACS]")
        }
    }

    /// A table but for its checksum and for who compiled it.
    private static func withoutAuthor(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count > ACPITable.headerSize else { return bytes }
        return Array(bytes[..<9] + bytes[10..<28] + bytes[ACPITable.headerSize...])
    }

    @Test("iasl does complain of a table with a fault, so that its silence means something", .needsASLCompiler)
    func complaint() throws {
        var bytes = try #require(try Self.tables(.withACPI()).tables.first { $0.name == "APIC" }).bytes
        // The length of the first structure.
        bytes[45] = 0xFF
        #expect(Self.complaints(try ASLCompiler.roundTrip(bytes)) != [])
    }

    @Test("Every table's bytes add up to zero, and its length is the header's", arguments: boards)
    func checksums(_ named: NamedBoard) throws {
        let tables = try Self.tables(named.board)
        for table in tables.tables {
            #expect(table.bytes.reduce(0, &+) == 0, "\(table.name)")
            #expect(table.address % 16 == 0)
            guard table.name != "RSDP" else { continue }
            #expect(Array(table.bytes.prefix(4)) == Array(table.name.utf8))
            #expect(table.bytes.word(at: 4) == table.bytes.count, "\(table.name)")
        }
        let rsdp = try #require(tables.tables.first).bytes
        // ACPI 6.5, section 5.2.5.3: the first 20 bytes have a checksum of their own.
        #expect(rsdp.prefix(20).reduce(0, &+) == 0)
        #expect(rsdp.count == 36 && rsdp.word(at: 20) == 36)
        #expect(tables.facs.address % 64 == 0)
    }

    @Test("From the RSDP, all tables are found in the bytes that go into RAM", arguments: boards)
    func chain(_ named: NamedBoard) throws {
        let tables = try Self.tables(named.board)
        let block = tables.block
        func at(_ address: UInt64) -> [UInt8] { Array(block.dropFirst(Int(address - tables.rsdp))) }
        let xsdt = at(at(tables.rsdp).long(at: 24))
        #expect(Array(xsdt.prefix(4)) == Array("XSDT".utf8))
        let listed = stride(from: 36, to: xsdt.word(at: 4), by: 8).map { xsdt.long(at: $0) }
        let names = listed.map { String(decoding: at($0).prefix(4), as: UTF8.self) }
        #expect(
            names == ["FACP", "APIC", "GTDT"] + (named.board.acpi?.topology == nil ? [] : ["PPTT"])
                + (named.board.serialPort == nil ? [] : ["SPCR"]))
        let fadt = at(listed[0])
        // ACPI 6.5, table 5.9: X_FIRMWARE_CTRL and X_DSDT.
        #expect(fadt.long(at: 132) == tables.facs.address)
        #expect(Array(at(fadt.long(at: 140)).prefix(4)) == Array("DSDT".utf8))
    }

    @Test("The FADT says that the hardware is reduced, and how PSCI is called")
    func fadt() throws {
        for (conduit, flags) in [(.hvc, 3), (.smc, 1)] as [(BoardDescription.PowerInterface.Conduit, UInt8)] {
            let bytes = FADT.bytes(facs: 0, dsdt: 0, power: .init(majorVersion: 1, conduit: conduit))
            #expect(bytes.count == 276)
            #expect(bytes.word(at: 112) & 1 << 20 != 0)
            #expect(bytes[129] == flags)
        }
    }

    @Test("The hardware signature stands where ACPI says")
    func signature() {
        let bytes = FACS.bytes(hardwareSignature: 0xC0FF_EE01)
        #expect(bytes.count == 64)
        #expect(bytes.word(at: 4) == 64)
        #expect(bytes.word(at: 8) == 0xC0FF_EE01)
        #expect(bytes[32] == 2)
    }

    @Test("The disassembly names every device with its registers and its interrupt", .needsASLCompiler)
    func devices() throws {
        let tables = try Self.tables(.withACPI(cpus: [0, 1]))
        let source = try ASLCompiler.roundTrip(
            try #require(tables.tables.first { $0.name == "DSDT" }).bytes
        ).source
        for id in ["ACPI0007", "ARMH0011", "LNRO0005", "ACPI0013", "PNP0C0C", "PNP0C0E", "ACPI000E"] {
            #expect(source.contains("\"\(id)\""))
        }
        for slot in 0..<32 {
            #expect(source.contains("0x0A00" + hexadecimal(slot * 0x200, digits: 4) + ","))
            #expect(source.contains("0x000000" + hexadecimal(48 + slot, digits: 2) + ",\n"))
        }
        #expect(source.components(separatedBy: "\"LNRO0005\"").count == 33)
        #expect(source.components(separatedBy: "\"ACPI0007\"").count == 3)
        #expect(source.components(separatedBy: "_CCA, One").count == 33)
        // 512 MiB above 1 GiB, less 64 KiB, plus a page.
        #expect(source.contains("0x5FFF1000"))
    }

    /// ACPI 6.5, section 5.2.30: a package without a parent, clusters in it, CPUs as leaves with the MADT's ids and
    /// their caches.
    @Test("The disassembly has the clusters, in them the CPUs, and each CPU's own caches", .needsASLCompiler)
    func topology() throws {
        let board = try #require(Self.boards.first).board
        let tables = try Self.tables(board)
        let source = try ASLCompiler.roundTrip(try #require(tables.tables.first { $0.name == "PPTT" }).bytes).source
        func values(_ name: String) -> [UInt32] {
            source.split(separator: "\n").compactMap { line in
                let parts = line.split(separator: " : ")
                guard parts.count == 2, let label = parts[0].split(separator: "]").last,
                    label.trimmingCharacters(in: .whitespaces) == name
                else { return nil }
                return UInt32(parts[1].trimmingCharacters(in: .whitespaces), radix: 16)
            }
        }
        // The package at 36, clusters and CPUs behind it.
        let parents = values("Parent")
        #expect(parents.count == 6 && parents[0] == 0 && parents[1] == 36)
        #expect(Set(parents[2...3]).count == 1 && parents[4] == 36)
        #expect(values("Size") == Array(repeating: 32768, count: 6))
        #expect(values("Number of Sets") == Array(repeating: 128, count: 6))
        #expect(values("Line Size") == Array(repeating: 64, count: 6))
        #expect(values("ACPI Processor ID").suffix(4) == [0, 1, 0, 2])
        #expect(values("Private Resource Number") == [0, 0, 2, 2, 0, 2])
    }

    @Test("The MADT says by which interrupt each CPU's performance monitors would speak", .needsASLCompiler)
    func performanceInterrupt() throws {
        let board = try #require(Self.boards.first).board
        let madt = try #require(try Self.tables(board).tables.first { $0.name == "APIC" })
        let source = try ASLCompiler.roundTrip(madt.bytes).source
        // PPI 7 is INTID 23 (Arm's Base System Architecture, table "PPI assignments").
        #expect(source.components(separatedBy: "Performance Interrupt : 00000017").count == 4)
    }

    /// DEN0048, section 3: WFI comes first, the others are entered by their power_state.
    @Test("The disassembly has every idle state, by its power_state, and every CPU returns them", .needsASLCompiler)
    func idleStates() throws {
        var board = BoardDescription.withACPI(cpus: [0, 1])
        board.power.idle = Self.idleStates
        let dsdt = try #require(try Self.tables(board).tables.first { $0.name == "DSDT" })
        let source = try ASLCompiler.roundTrip(dsdt.bytes).source
        let parameters = source.matches(of: /0x0*([0-9A-F]+), *\/\/ Address\n *0x03, *\/\/ Access Size/)
        #expect(parameters.map { String($0.1) } == ["FFFFFFFF", "1", "10002", "1010022", "2010222"])
        #expect(source.components(separatedBy: "Method (_LPI").count == 3)
        let result = try ASLCompiler.evaluate(["\\_SB.C001._LPI"], dsdt: dsdt.bytes)
        #expect(result[0].contains("Contains 8 Elements"), "\(result)")
    }

    private func hexadecimal(_ value: Int, digits: Int) -> String {
        let text = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: digits - text.count) + text
    }
}
