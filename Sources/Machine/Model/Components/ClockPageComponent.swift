// A vmclock: a page of ROM, and a wire that says that it has changed.

import Boot
import Bytes
import Devices
import Hypervisor

struct ClockPageComponent: Component {
    /// 64 KiB, so that it is whole pages to every guest.
    var page: Range<PhysicalAddress>
    /// With a device tree only; with ACPI the event device tells of it.
    var spi: Int
    /// Whether the guest's generation is in the page, too.
    var hasGeneration: Bool

    let name = "vmclock"
    var windows: [Range<PhysicalAddress>] { [] }
    var rom: [Range<PhysicalAddress>] { [page] }
    var spis: [Int] { [spi] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        [
            "base": hexadecimal(page.lowerBound), "size": "\(page.upperBound - page.lowerBound)", "spi": "\(spi)",
            "generation": hasGeneration ? "present" : "absent",
        ]
    }

    var description: [any BoardDevice] {
        [
            BoardDescription.ClockPage(
                page: page, interrupt: .spi(UInt32(spi)), event: EventDevice.Event.clockPage.rawValue)
        ]
    }

    func make(_ parts: inout MachineParts) throws(MachineError) -> MadeComponent {
        guard let rom = parts.memory.roms.first(where: { $0.range == page }) else {
            throw .host("the machine has no memory for its clock's page")
        }
        let (line, events, time) = (parts.spi(spi), parts.eventDevice, parts.time)
        let clock = VMClock(
            rom: rom, frequency: parts.configuration.model.counterFrequency,
            disruptionMarker: parts.entropy.next(),
            generation: hasGeneration ? parts.configuration.generationID.map(Self.generation) : nil,
            read: time,
            notify: {
                if let events {
                    events.raise(.clockPage)
                } else {
                    // Edge-triggered: the GIC keeps that it rose.
                    line.set(true)
                    line.set(false)
                }
            })
        parts.vmClock = clock
        return MadeComponent(state: clock, reset: { clock.reset() })
    }

    /// What the page has of a generation id: half of it is as random as all of it.
    static func generation(_ id: [UInt8]) -> UInt64 { UInt64(littleEndianBytes: id.prefix(8)) }
}
