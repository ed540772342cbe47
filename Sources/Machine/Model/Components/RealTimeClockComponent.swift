// The real-time clock: a PL031.

import Boot
import Bytes
import Devices
import Hypervisor

struct RealTimeClockComponent: Component {
    var registers: Range<PhysicalAddress>
    var spi: Int
    var revision: PL031.Revision
    /// What it is to ACPI.
    var acpiForm: BoardDescription.RealTimeClock.ACPIForm

    let name = "rtc"
    var windows: [Range<PhysicalAddress>] { [registers] }
    var spis: [Int] { [spi] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        [
            "base": hexadecimal(registers.lowerBound), "spi": "\(spi)",
            "peripheral-id": hexadecimal(revision.peripheralID),
        ]
    }

    var description: [any BoardDevice] {
        [
            BoardDescription.RealTimeClock(.init(registers, spi: spi), acpiForm: acpiForm)
        ]
    }

    func make(_ parts: inout MachineParts) -> MadeComponent {
        let alarmClock = parts.alarmClock
        let rtc = PL031(
            revision: revision, interrupt: parts.spi(spi), clock: parts.timeOfDay,
            alarmChanged: { alarmClock.alarmChanged() })
        parts.rtc = rtc
        return MadeComponent(devices: [rtc], state: rtc, reset: { rtc.reset() })
    }
}
