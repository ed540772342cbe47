// All ACPI tables of a board, as they lie in memory.
//
// Responsible for: which tables there are, and where each is in the blocks that `TableMemory` has for them. A pure
// function of the board: what a guest finds depends on nothing else.

import Bytes
import Hypervisor

/// The ACPI tables of a board.
struct ACPITables {
    /// A table and where it goes.
    struct Placed: Equatable {
        let name: String
        let address: PhysicalAddress
        let bytes: [UInt8]
    }

    /// In ascending order; the FACS, which a guest writes to, lies apart.
    let tables: [Placed]
    let facs: Placed
    /// Where a guest begins.
    var rsdp: PhysicalAddress { tables.first?.address ?? 0 }

    /// Where tables begin: the FACS has to, the others like it.
    static let alignment: UInt64 = 64

    init(of board: BoardDescription, acpi: BoardDescription.ACPI, memory: TableMemory) {
        self.init(of: board, acpi: acpi, facs: memory.facs.lowerBound, base: memory.tables.lowerBound)
    }

    /// The tables with the FACS at one address, and the others from another one on.
    init(
        of board: BoardDescription, acpi: BoardDescription.ACPI, facs facsAddress: PhysicalAddress,
        base: PhysicalAddress
    ) {
        facs = Placed(
            name: "FACS", address: facsAddress,
            bytes: FACS.bytes(hardwareSignature: acpi.hardwareSignature))
        var end = base + UInt64(RSDP.byteCount)
        func place(_ name: String, _ bytes: [UInt8]) -> Placed {
            let address = end.roundedUp(to: Self.alignment)
            end = address + UInt64(bytes.count)
            return Placed(name: name, address: address, bytes: bytes)
        }
        let dsdt = place("DSDT", DSDT.bytes(of: board))
        var listed = [
            place("FACP", FADT.bytes(facs: facs.address, dsdt: dsdt.address, power: board.power)),
            place(
                "APIC",
                MADT.bytes(
                    cpus: board.cpus, gic: board.gic, performanceInterrupt: acpi.performanceInterrupt)),
            place("GTDT", GTDT.bytes(timer: board.timer, watchdog: board.device(BoardDescription.Watchdog.self))),
        ]
        if let topology = acpi.topology { listed.append(place("PPTT", PPTT.bytes(topology: topology))) }
        if let port = board.serialPort { listed.append(place("SPCR", SPCR.bytes(uart: port.device))) }
        let xsdt = place("XSDT", XSDT.bytes(tables: listed.map(\.address)))
        let rsdp = Placed(
            name: "RSDP", address: base, bytes: RSDP.bytes(xsdt: xsdt.address))
        tables = [rsdp, dsdt] + listed + [xsdt]
    }

    /// All of `tables` in one piece, from the first one's address.
    var block: [UInt8] {
        var block: [UInt8] = []
        for table in tables {
            block.append(zeros: Int(table.address - rsdp) - block.count)
            block.append(contentsOf: table.bytes)
        }
        return block
    }
}
