// A PL011: the guest's console.

extension BoardDescription {
    /// A PL011, which firmware has turned on if ACPI describes it.
    package struct SerialPort: BoardDevice, Hashable {
        package var device: Device

        package init(_ device: Device) {
            self.device = device
        }

        package var hasPeripheralClock: Bool { true }

        /// serial/pl011.yaml.
        var node: DeviceTreeNode {
            .primecell("serial", "arm,pl011", device, clocks: ["uartclk", "apb_pclk"])
        }

        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] { [node] }

        /// Arm's Server Base System Architecture: a PL011 that firmware has set up.
        package func objects(on board: BoardDescription) -> [AML] {
            [
                .device(
                    "COM0",
                    [
                        .hardwareID("ARMH0011"), .uniqueID(0),
                        .resources(.memory(device.registers), .interrupt(device.interrupt)),
                    ])
            ]
        }
    }

    /// The console; nil if the board has none.
    var serialPort: SerialPort? { device(SerialPort.self) }
}
