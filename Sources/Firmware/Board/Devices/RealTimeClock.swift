// A PL031: the time of day.

extension BoardDescription {
    /// A PL031. In ACPI it is what a time and alarm device works with (DSDT+Clock.swift).
    package struct RealTimeClock: BoardDevice, Hashable {
        package var device: Device

        package init(_ device: Device) {
            self.device = device
        }

        package var hasPeripheralClock: Bool { true }

        /// rtc/arm,pl031.yaml.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            [.primecell("rtc", "arm,pl031", device, clocks: ["apb_pclk"])]
        }

        package func objects(on board: BoardDescription) -> [AML] { [DSDT.clock(device)] }
    }
}
