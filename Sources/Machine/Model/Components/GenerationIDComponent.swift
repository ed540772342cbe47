// The machine's generation id: 16 bytes in RAM, and a wire that says that they are others.

import Boot
import Bytes
import Devices
import Hypervisor

struct GenerationIDComponent: Component {
    var bytes: [UInt8]
    /// With a device tree only; with ACPI the event device tells of it.
    var spi: Int
    /// The machine's RAM, from whose size follows where the bytes are.
    var ram: Range<PhysicalAddress>

    let name = "generation-id"
    var windows: [Range<PhysicalAddress>] { [] }
    var spis: [Int] { [spi] }

    /// Where the bytes are; nil if RAM has no room for them.
    var address: PhysicalAddress? { BoardDescription.GenerationID.address(inRAM: ram) }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        guard let address else { return [:] }
        return ["address": hexadecimal(address), "value": GenerationID.text(of: bytes)]
    }

    var description: [any BoardDevice] {
        [
            BoardDescription.GenerationID(
                bytes: bytes, interrupt: .spi(UInt32(spi)), event: EventDevice.Event.generationID.rawValue)
        ]
    }

    func make(_ parts: inout MachineParts) -> MadeComponent {
        parts.generationIDInterrupt = parts.spi(spi)
        return MadeComponent()
    }
}
