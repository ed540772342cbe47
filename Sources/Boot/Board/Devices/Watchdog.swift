// A generic watchdog.

import Hypervisor

extension BoardDescription {
    /// A generic watchdog of Arm's base systems. ACPI has it in the GTDT, and no object for it.
    package struct Watchdog: BoardDevice, Hashable {
        package var control: Range<PhysicalAddress>
        package var refresh: Range<PhysicalAddress>
        /// WS0.
        package var interrupt: Interrupt

        package init(control: Range<PhysicalAddress>, refresh: Range<PhysicalAddress>, interrupt: Interrupt) {
            self.control = control
            self.refresh = refresh
            self.interrupt = interrupt
        }

        /// watchdog/arm,sbsa-gwdt.yaml.
        package func nodes(on board: BoardDescription) -> [DeviceTreeNode] {
            var node = DeviceTreeNode("watchdog", at: control.lowerBound)
            node["compatible"] = .string("arm,sbsa-gwdt")
            node["reg"] = .reg(control, refresh)
            node["interrupts"] = .cells(interrupt.cells)
            return [node]
        }
    }
}
