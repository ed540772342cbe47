// vmclock: a page by which a guest knows the time, and whether it may trust its counter.

import Hypervisor

extension BoardDescription {
    /// A vmclock device.
    package struct ClockPage: BoardDevice, Hashable {
        package var page: Range<PhysicalAddress>
        /// Pulsed when the page has changed; with ACPI the event device does that.
        package var interrupt: Interrupt
        /// The event device's bit.
        package var event: UInt32

        package init(page: Range<PhysicalAddress>, interrupt: Interrupt, event: UInt32) {
            self.page = page
            self.interrupt = interrupt
            self.event = event
        }

        private static let objectName = "VCLK"

        /// ptp/amazon,vmclock.yaml.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            let risingEdge: UInt32 = 1
            var node = DeviceTreeNode("ptp", at: page.lowerBound)
            node["compatible"] = .string("amazon,vmclock")
            node["reg"] = .reg(page)
            node["interrupts"] = .cells(interrupt.cells.dropLast() + [risingEdge])
            return [node]
        }

        /// Drivers look for the hardware id, which is Amazon's; UAPI.13 names the compatible one.
        package func objects(on board: BoardDescription) -> [AML] {
            [
                .device(
                    Self.objectName,
                    [
                        .hardwareID("AMZNC10C"), .name("_CID", .string("VMCLOCK")),
                        .name("_DDN", .string("VMCLOCK")), .uniqueID(0), .resources(.memory(page)),
                    ])
            ]
        }

        package var notifications: [Notification] { [Notification(event: event, object: Self.objectName)] }
    }
}
