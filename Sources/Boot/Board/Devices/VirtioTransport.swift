// A virtio-mmio transport, whether or not something is behind it.

extension BoardDescription {
    /// A virtio-mmio transport.
    package struct VirtioTransport: BoardDevice, Hashable {
        /// Which one, counted from 0.
        package var slot: Int
        package var device: Device

        package init(slot: Int, _ device: Device) {
            self.slot = slot
            self.device = device
        }

        /// virtio/mmio.yaml.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            var node = DeviceTreeNode("virtio", at: device.registers.lowerBound)
            node["compatible"] = .string("virtio,mmio")
            node["reg"] = .reg(device.registers)
            node["interrupts"] = .cells(device.interrupt.cells)
            node["dma-coherent"] = .empty
            return [node]
        }

        /// The id that Linux's and UEFI's drivers of virtio-mmio have. Its accesses to memory are coherent (section
        /// 6.2.17).
        package func objects(on board: BoardDescription) -> [AML] {
            [
                .device(
                    "VR" + AML.digits(slot, count: 2),
                    [
                        .hardwareID("LNRO0005"), .uniqueID(slot), .name("_CCA", .integer(1)),
                        .resources(.memory(device.registers), .interrupt(device.interrupt)),
                    ])
            ]
        }
    }
}
