// pvpanic: where a guest says that it has crashed.

import Hypervisor

extension BoardDescription {
    /// A pvpanic device over MMIO. It has no interrupt.
    package struct PanicNotifier: BoardDevice, Hashable {
        package var registers: Range<PhysicalAddress>

        package init(registers: Range<PhysicalAddress>) { self.registers = registers }

        /// misc/pvpanic-mmio.txt.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            var node = DeviceTreeNode("pvpanic", at: registers.lowerBound)
            node["compatible"] = .string("qemu,pvpanic-mmio")
            node["reg"] = .reg(registers)
            return [node]
        }

        /// The id by which Linux's pvpanic-mmio knows it; it takes whichever window _CRS names.
        package func objects(on board: BoardDescription) -> [AML] {
            [.device("PEVT", [.hardwareID("QEMU0001"), .uniqueID(0), .resources(.memory(registers))])]
        }
    }
}
