// What ACPI's generic event device tells the guest of: buttons, and another generation id. A device tree has no such
// thing.

import Boot
import Bytes
import Devices
import Hypervisor

struct EventComponent: Component {
    var registers: Range<PhysicalAddress>
    var spi: Int

    let name = "events"
    var windows: [Range<PhysicalAddress>] { [registers] }
    var spis: [Int] { [spi] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        ["base": hexadecimal(registers.lowerBound), "spi": "\(spi)"]
    }

    var description: [any BoardDevice] {
        [
            BoardDescription.EventDevice(
                .init(registers, spi: spi), powerButton: EventDevice.Event.powerButton.rawValue,
                sleepButton: EventDevice.Event.sleepButton.rawValue)
        ]
    }

    func make(_ parts: inout MachineParts) -> MadeComponent {
        let device = EventDevice(interrupt: parts.spi(spi))
        parts.eventDevice = device
        return MadeComponent(devices: [device], state: device, reset: { device.reset() })
    }
}
