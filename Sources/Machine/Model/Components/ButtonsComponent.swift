// Buttons of a machine that a device tree describes: pins of a PL061, as QEMU's board has them.

import Boot
import Bytes
import Devices
import Hypervisor

struct ButtonsComponent: Component {
    /// Where the buttons are: QEMU's board has its one at the first of these.
    static let powerPin = 3
    static let sleepPin = 4

    var registers: Range<PhysicalAddress>
    var spi: Int

    let name = "buttons"
    var windows: [Range<PhysicalAddress>] { [registers] }
    var spis: [Int] { [spi] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        [
            "base": hexadecimal(registers.lowerBound), "spi": "\(spi)", "power": "\(Self.powerPin)",
            "sleep": "\(Self.sleepPin)",
        ]
    }

    var description: [any BoardDevice] {
        [
            BoardDescription.Buttons(
                .init(registers, spi: spi), powerPin: UInt32(Self.powerPin), sleepPin: UInt32(Self.sleepPin))
        ]
    }

    func make(_ parts: inout MachineParts) -> MadeComponent {
        let pins = PL061(interrupt: parts.spi(spi))
        parts.buttons = pins
        return MadeComponent(devices: [pins], state: pins, reset: { pins.reset() })
    }
}
