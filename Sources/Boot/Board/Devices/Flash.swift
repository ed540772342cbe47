// Banks of NOR flash: firmware's code, and its variables.

import Hypervisor

extension BoardDescription {
    /// One or more banks with the Intel command set.
    package struct Flash: BoardDevice, Hashable {
        package var banks: [Range<PhysicalAddress>]
        /// Bytes of the bus.
        package var bankWidth: UInt32

        package init(banks: [Range<PhysicalAddress>], bankWidth: UInt32) {
            self.banks = banks
            self.bankWidth = bankWidth
        }

        /// mtd/mtd-physmap.yaml. UEFI, whose variables are in it, hides it from the operating system.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            guard let first = banks.first else { return [] }
            var node = DeviceTreeNode("flash", at: first.lowerBound)
            node["compatible"] = .string("cfi-flash")
            node["reg"] = .reg(banks)
            node["bank-width"] = .cells(bankWidth)
            return [node]
        }
    }
}
