// The way from the disks to the machine, which is made after them.

import Devices
import Synchronization

/// What the disks say, connected once there is a machine to say it to.
final class DiskEvents: Sendable {
    private let hear = Mutex<@Sendable (DiskEvent, Int) -> Void>({ _, _ in })

    func connect(_ hear: @escaping @Sendable (DiskEvent, Int) -> Void) {
        self.hear.withLock { $0 = hear }
    }

    func tell(_ event: DiskEvent, ofDisk index: Int) {
        hear.withLock(\.self)(event, index)
    }
}
