// Buttons at the pins of a PL061.

extension BoardDescription {
    /// A PL061 with a power and a sleep button. ACPI has buttons of its own (`EventDevice`).
    package struct Buttons: BoardDevice, Hashable {
        /// KEY_POWER and KEY_SLEEP of Linux's input-event-codes.h.
        private static let powerKey: UInt32 = 116
        private static let sleepKey: UInt32 = 142
        private static let handle = PHandle(3)
        /// GPIO_ACTIVE_HIGH of gpio/gpio.txt.
        private static let activeHigh: UInt32 = 0

        package var device: Device
        package var powerPin: UInt32
        package var sleepPin: UInt32

        package init(_ device: Device, powerPin: UInt32, sleepPin: UInt32) {
            self.device = device
            self.powerPin = powerPin
            self.sleepPin = sleepPin
        }

        package var hasPeripheralClock: Bool { true }

        /// gpio/pl061-gpio.yaml and input/gpio-keys.yaml.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            var pins = DeviceTreeNode.primecell("gpio", "arm,pl061", device, clocks: ["apb_pclk"])
            pins["gpio-controller"] = .empty
            pins["#gpio-cells"] = .cells(2)
            pins["phandle"] = .phandles(Self.handle)
            var keys = DeviceTreeNode("gpio-keys")
            keys["compatible"] = .string("gpio-keys")
            keys.children = [
                key("button-power", "Power Button", Self.powerKey, powerPin),
                key("button-sleep", "Sleep Button", Self.sleepKey, sleepPin),
            ]
            return [pins, keys]
        }

        private func key(_ name: String, _ label: String, _ code: UInt32, _ pin: UInt32) -> DeviceTreeNode {
            var node = DeviceTreeNode(name)
            node["label"] = .string(label)
            node["linux,code"] = .cells(code)
            node["gpios"] = .cells(Self.handle.rawValue, pin, Self.activeHigh)
            return node
        }
    }
}
