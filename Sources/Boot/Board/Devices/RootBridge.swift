// A PCI root bridge, as a device tree has it.

import Hypervisor

extension BoardDescription {
    /// A root bridge of one bus, whose devices have no interrupts.
    package struct RootBridge: BoardDevice, Hashable {
        /// ECAM, 1 MiB.
        package var configuration: Range<PhysicalAddress>
        package var ports: Range<PhysicalAddress>
        package var memory: Range<PhysicalAddress>

        package init(
            configuration: Range<PhysicalAddress>, ports: Range<PhysicalAddress>, memory: Range<PhysicalAddress>
        ) {
            self.configuration = configuration
            self.ports = ports
            self.memory = memory
        }

        /// `phys.hi` of an address, which says its space (IEEE 1275's PCI Bus Binding, section 2.2.1.1).
        private enum Space {
            static let ports: UInt32 = 0x0100_0000
            static let memory: UInt32 = 0x0200_0000
        }

        /// pci/host-generic-pci.yaml. edk2 takes a bridge only if it has windows of both kinds.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            func window(_ space: UInt32, _ range: Range<PhysicalAddress>, at address: UInt64) -> [UInt32] {
                let numbers = [address, range.lowerBound, range.upperBound - range.lowerBound]
                return [space] + numbers.flatMap { [UInt32($0 >> 32), UInt32(truncatingIfNeeded: $0)] }
            }
            var node = DeviceTreeNode("pcie", at: configuration.lowerBound)
            node["compatible"] = .string("pci-host-ecam-generic")
            node["device_type"] = .string("pci")
            node["reg"] = .reg(configuration)
            node["bus-range"] = .cells(0, 0)
            node["#address-cells"] = .cells(3)
            node["#size-cells"] = .cells(2)
            node["ranges"] = .cells(
                window(Space.ports, ports, at: 0) + window(Space.memory, memory, at: memory.lowerBound))
            node["dma-coherent"] = .empty
            return [node]
        }
    }
}
