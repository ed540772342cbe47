// A watchdog, and the way from it to the machine, which is made later.

import Boot
import Bytes
import Devices
import Hypervisor
import Synchronization

struct WatchdogComponent: Component {
    var control: Range<PhysicalAddress>
    var refresh: Range<PhysicalAddress>
    var spi: Int

    let name = "watchdog"
    var windows: [Range<PhysicalAddress>] { [control, refresh] }
    var spis: [Int] { [spi] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        ["control": hexadecimal(control.lowerBound), "refresh": hexadecimal(refresh.lowerBound), "spi": "\(spi)"]
    }

    var description: [any BoardDevice] {
        [BoardDescription.Watchdog(control: control, refresh: refresh, interrupt: .spi(UInt32(spi)))]
    }

    func make(_ parts: inout MachineParts) -> MadeComponent {
        let time = parts.time
        let clock = parts.watchdogClock
        let events = parts.watchdogEvents
        let watchdog = GenericWatchdog(
            interrupt: parts.spi(spi), counter: { time().counter }, deadlineChanged: { clock.deadlineChanged() },
            expired: { events.tell() })
        parts.watchdog = watchdog
        return MadeComponent(
            devices: [watchdog.controlFrame, watchdog.refreshFrame], state: watchdog, reset: { watchdog.reset() })
    }
}

/// That the guest hangs, connected once there is a machine that does something about it.
final class WatchdogEvents: Sendable {
    private let hear = Mutex<@Sendable () -> Void>({})

    func connect(_ hear: @escaping @Sendable () -> Void) { self.hear.withLock { $0 = hear } }
    func tell() { hear.withLock(\.self)() }
}
