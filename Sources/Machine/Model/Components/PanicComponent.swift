// Where the guest says that it has crashed, and the way from there to the machine, which is made later.

import Boot
import Bytes
import Devices
import Hypervisor
import Synchronization

struct PanicComponent: Component {
    var registers: Range<PhysicalAddress>

    let name = "pvpanic"
    var windows: [Range<PhysicalAddress>] { [registers] }

    func facts(_ files: MeasuredFiles) -> [String: String] {
        ["base": hexadecimal(registers.lowerBound), "events": hexadecimal(PanicDevice.events.rawValue)]
    }

    var description: [any BoardDevice] { [BoardDescription.PanicNotifier(registers: registers)] }

    func make(_ parts: inout MachineParts) -> MadeComponent {
        let panics = parts.panicEvents
        let device = PanicDevice { panics.tell($0) }
        return MadeComponent(devices: [device])
    }
}

/// What a guest says of its kernel, connected once there is a machine to say it to.
final class PanicEvents: Sendable {
    private let hear = Mutex<@Sendable (PanicDevice.Event) -> Void>({ _ in })

    func connect(_ hear: @escaping @Sendable (PanicDevice.Event) -> Void) {
        self.hear.withLock { $0 = hear }
    }

    func tell(_ event: PanicDevice.Event) {
        hear.withLock(\.self)(event)
    }
}
