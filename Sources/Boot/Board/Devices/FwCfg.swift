// fw_cfg: where firmware finds what the machine has for it.

import Hypervisor

extension BoardDescription {
    /// fw_cfg over MMIO.
    package struct FwCfg: BoardDevice, Hashable {
        package var registers: Range<PhysicalAddress>

        package init(_ registers: Range<PhysicalAddress>) {
            self.registers = registers
        }

        /// firmware/qemu,fw-cfg-mmio.yaml.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            var node = DeviceTreeNode("fw-cfg", at: registers.lowerBound)
            node["compatible"] = .string("qemu,fw-cfg-mmio")
            node["reg"] = .reg(registers)
            node["dma-coherent"] = .empty
            return [node]
        }

        /// QEMU's docs/specs/fw_cfg.rst has the id.
        package func objects(on board: BoardDescription) -> [AML] {
            [
                .device(
                    "FWCF",
                    [
                        .hardwareID("QEMU0002"), .name("_CCA", .integer(1)), .resources(.memory(registers)),
                    ])
            ]
        }
    }
}
