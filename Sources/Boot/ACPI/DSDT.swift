// DSDT: the devices of a board, in AML. ACPI 6.5, section 5.2.11.1.
//
// Responsible for: the CPUs, what the devices of the board have to say (Board/Devices), and the event device, which
// speaks for them. Idle states are in DSDT+Idle.swift.

import Hypervisor

enum DSDT {
    /// From 2 on, integers in AML have 64 bits.
    private static let revision: UInt8 = 2

    static func bytes(of board: BoardDescription) -> [UInt8] {
        let idleStates = idleStates(board.power.idle)
        var devices = idleStates.map { [capabilities, $0] } ?? []
        devices += board.cpus.indices.map { processor($0, hasIdleStates: idleStates != nil) }
        devices += board.devices.flatMap { $0.objects(on: board) }
        if let events = board.device(BoardDescription.EventDevice.self) {
            devices.append(eventDevice(events, notifications: board.devices.flatMap(\.notifications)))
        }
        var table = ACPITable("DSDT", revision: revision)
        table.body.append(contentsOf: AML.scope("\\_SB", devices).bytes)
        return table.bytes
    }

    /// Section 8.4: the unique id is the one that the MADT has.
    private static func processor(_ index: Int, hasIdleStates: Bool) -> AML {
        .device(
            "C" + AML.digits(index, count: 3),
            [.hardwareID("ACPI0007"), .uniqueID(index)] + (hasIdleStates ? [idleStatesOfCPU] : []))
    }

    /// Section 5.6.9: the generic event device. Its one interrupt stays until the register was read, which clears it.
    private static func eventDevice(
        _ device: BoardDescription.EventDevice, notifications: [BoardDescription.Notification]
    ) -> AML {
        .device(
            "GED",
            [
                .hardwareID("ACPI0013"), .uniqueID(0), .resources(.interrupt(device.device.interrupt)),
                .registers("EREG", at: device.device.registers.prefix(4), ["EVTS"]),
                .method(
                    "_EVT", arguments: 1,
                    [.store(.object("EVTS"), in: .local(0))]
                        + notifications.map { notification in
                            .when(
                                .and(.local(0), .integer(UInt64(notification.event))),
                                [.notify("\\_SB." + notification.object, notification.value)])
                        }),
            ])
    }
}

extension AML {
    package static func hardwareID(_ id: String) -> AML { .name("_HID", .string(id)) }
    package static func uniqueID(_ number: Int) -> AML { .name("_UID", .integer(UInt64(number))) }

    /// A number as a part of a name.
    package static func digits(_ number: Int, count: Int) -> String {
        let text = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
}

extension Range<PhysicalAddress> {
    /// The first `byteCount` bytes.
    package func prefix(_ byteCount: UInt64) -> Range { lowerBound..<Swift.min(upperBound, lowerBound + byteCount) }
}
