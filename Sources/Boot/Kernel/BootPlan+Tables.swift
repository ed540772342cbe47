// What firmware leaves in RAM for a guest: ACPI's and EFI's tables, or the generation id alone.
//
// Responsible for: their placements, and the EFI memory map that follows from all placements. Not responsible for: the
// tables.

import Hypervisor

extension BootPlan {
    /// How much of the end of RAM `board` needs for firmware.
    static func tableByteCount(_ board: BoardDescription) -> UInt64 {
        if board.acpi != nil { return 3 * TableMemory.blockSize }
        return board.generationID != nil ? TableMemory.blockSize : 0
    }

    /// What goes into the memory that firmware keeps.
    static func keptPlacements(
        _ board: BoardDescription, _ memory: TableMemory, facs: [UInt8]? = nil
    ) -> [Placement] {
        var placements: [Placement] = []
        if let facs { placements.append(Placement(content: .table(facs), range: memory.facs)) }
        if let id = board.generationID?.bytes, id.count == TableMemory.generationIDByteCount {
            placements.append(Placement(content: .table(id), range: memory.generationID))
        }
        return placements
    }

    /// The tree that a guest with ACPI gets, and what lies in RAM beside it.
    ///
    /// - Parameter treeSlot: where the tree may go.
    static func acpi(
        _ board: BoardDescription, _ acpi: BoardDescription.ACPI, treeSlot: Range<PhysicalAddress>
    ) throws(BootPlanError) -> (tree: DeviceTree, placements: [Placement]) {
        guard let memory = TableMemory(ram: board.memory.first) else { throw .unusableMemory }
        let tables = ACPITables(of: board, acpi: acpi, memory: memory)
        let map = EFIMemoryMap(
            ram: board.memory,
            others: [
                .init(type: .loaderData, range: treeSlot), .init(type: .loaderData, range: memory.efi),
                .init(type: .acpiReclaim, range: memory.tables), .init(type: .acpiNVS, range: memory.kept),
            ])
        let efi = EFITables(at: memory.efi.lowerBound, rsdp: tables.rsdp, memoryMap: map)
        let blocks: [(bytes: [UInt8], range: Range<PhysicalAddress>)] = [
            (efi.bytes, memory.efi), (tables.block, memory.tables),
        ]
        var placements: [Placement] = []
        for (bytes, range) in blocks {
            // Only a board with more devices than any machine of ours could need more.
            guard bytes.count <= range.count else { throw .tablesTooLarge(byteCount: bytes.count) }
            placements.append(
                Placement(
                    content: .table(bytes), range: range.lowerBound..<range.lowerBound + UInt64(bytes.count)))
        }
        placements += keptPlacements(board, memory, facs: tables.facs.bytes)
        return (DeviceTree(chosen: board.chosen, efi: efi), placements)
    }
}
