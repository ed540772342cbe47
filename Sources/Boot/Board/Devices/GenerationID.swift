// A virtual machine's generation id: 16 bytes in RAM that firmware keeps (TableMemory).

import Hypervisor

extension BoardDescription {
    /// A guest that finds another id knows that it is a copy, and renews what must be unique.
    package struct GenerationID: BoardDevice, Hashable {
        /// 16, as they lie in memory.
        package var bytes: [UInt8]
        /// Pulsed when the id changes; with ACPI the event device does that.
        package var interrupt: Interrupt
        /// The event device's bit.
        package var event: UInt32

        package init(bytes: [UInt8], interrupt: Interrupt, event: UInt32) {
            self.bytes = bytes
            self.interrupt = interrupt
            self.event = event
        }

        /// rng/microsoft,vmgenid.yaml, and the memory that the guest has to leave alone.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            guard let memory = TableMemory(ram: board.memory.first) else { return [] }
            let risingEdge: UInt32 = 1
            var node = DeviceTreeNode("rng", at: memory.generationID.lowerBound)
            node["compatible"] = .string("microsoft,vmgenid")
            node["reg"] = .reg(memory.generationID)
            node["interrupts"] = .cells(interrupt.cells.dropLast() + [risingEdge])
            return [Self.reservedMemory(memory.kept), node]
        }

        /// Devicetree Specification, section 3.5: memory that the guest neither uses nor maps of its own accord.
        private static func reservedMemory(_ range: Range<PhysicalAddress>) -> DeviceTreeNode {
            var region = DeviceTreeNode("firmware", at: range.lowerBound)
            region["reg"] = .reg(range)
            region["no-map"] = .empty
            var node = DeviceTreeNode("reserved-memory")
            node["#address-cells"] = .cells(2)
            node["#size-cells"] = .cells(2)
            node["ranges"] = .empty
            node.children = [region]
            return node
        }

        private static let objectName = "VGID"

        /// Microsoft's "Virtual Machine Generation ID": the address of the bytes, its low half first.
        package func objects(on board: BoardDescription) -> [AML] {
            guard let address = board.generationIDAddress else { return [] }
            return [
                .device(
                    Self.objectName,
                    [
                        // Drivers look for the compatible id; its spelling is Microsoft's.
                        .hardwareID("DRMS0001"), .name("_CID", .string("VM_Gen_Counter")),
                        .name("_DDN", .string("VM_Gen_Counter")),
                        .name("ADDR", .package([.integer(address & 0xFFFF_FFFF), .integer(address >> 32)])),
                    ])
            ]
        }

        package var notifications: [Notification] { [Notification(event: event, object: Self.objectName)] }

        /// Where the bytes are; nil if `ram` has no room for what firmware keeps.
        package static func address(inRAM ram: Range<PhysicalAddress>) -> PhysicalAddress? {
            TableMemory(ram: ram)?.generationID.lowerBound
        }
    }

    /// What the board has of it; nil if there is none.
    var generationID: GenerationID? { device(GenerationID.self) }

    /// Where the 16 bytes of the generation id are, on a board that has one.
    package var generationIDAddress: PhysicalAddress? {
        generationID == nil ? nil : TableMemory(ram: memory.first)?.generationID.lowerBound
    }
}
