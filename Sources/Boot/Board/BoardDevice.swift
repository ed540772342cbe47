// A device as firmware describes it, whichever way it describes the machine.
//
// Responsible for: what a description has to say. One file for each device is in Board/Devices; a device that only one
// machine has may be described there.

import Hypervisor

/// Something of a board that a guest is told of: all that is said of it, in a device tree and in ACPI's tables.
package protocol BoardDevice: Sendable {
    /// Its nodes below the root of a device tree; none if a device tree has no words for it.
    func nodes(on board: BoardDescription) -> [DeviceTreeNode]

    /// Its objects in ACPI's `\_SB`; none if ACPI has none for it.
    func objects(on board: BoardDescription) -> [AML]

    /// What the event device says of it.
    var notifications: [BoardDescription.Notification] { get }

    /// Whether it runs from the fixed clock that a device tree gives PrimeCell devices.
    var hasPeripheralClock: Bool { get }
}

extension BoardDevice {
    package func nodes(on board: BoardDescription) -> [DeviceTreeNode] { [] }
    package func objects(on board: BoardDescription) -> [AML] { [] }
    package var notifications: [BoardDescription.Notification] { [] }
    package var hasPeripheralClock: Bool { false }
}

extension BoardDescription {
    /// What an event of the event device means to a guest: an object in `\_SB` hears of it.
    package struct Notification: Sendable, Hashable {
        /// The bit of the event device's register.
        package var event: UInt32
        package var object: String
        /// What the object is told. 0x80 for a button that was pressed (ACPI 6.5, section 4.8.2.2), and for most
        /// others.
        package var value: UInt64

        package init(event: UInt32, object: String, value: UInt64 = 0x80) {
            self.event = event
            self.object = object
            self.value = value
        }
    }

    /// The first device of a kind.
    package func device<Kind: BoardDevice>(_ kind: Kind.Type) -> Kind? {
        devices.lazy.compactMap { $0 as? Kind }.first
    }
}
