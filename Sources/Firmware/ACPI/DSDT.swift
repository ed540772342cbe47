// DSDT: the devices of a board, in AML. ACPI 6.5, section 5.2.11.1.
//
// Responsible for: naming every device the way that Linux knows it. The clock is in DSDT+Clock.swift, idle states are in
// DSDT+Idle.swift.

import Hypervisor

enum DSDT {
    /// From 2 on, integers in AML have 64 bits.
    private static let revision: UInt8 = 2

    static func bytes(of board: BoardDescription, events: BoardDescription.EventDevice, memory: FirmwareMemory)
        -> [UInt8]
    {
        let idleStates = idleStates(board.power.idle)
        var devices = idleStates.map { [capabilities, $0] } ?? []
        devices += board.cpus.indices.map { processor($0, hasIdleStates: idleStates != nil) }
        if let uart = board.uart { devices.append(serialPort(uart)) }
        if let rtc = board.rtc { devices.append(clock(rtc)) }
        devices += board.virtio.enumerated().map(virtio)
        devices += [button("PWRB", "PNP0C0C"), button("SLPB", "PNP0C0E")]
        if board.generationID != nil { devices.append(generationID(at: memory.generationID.lowerBound)) }
        devices.append(eventDevice(events, notifiesGenerationID: board.generationID != nil))
        var table = ACPITable("DSDT", revision: revision)
        table.body.append(contentsOf: AML.scope("\\_SB", devices).bytes)
        return table.bytes
    }

    /// Section 8.4: the unique id is the one that the MADT has.
    private static func processor(_ index: Int, hasIdleStates: Bool) -> AML {
        .device(
            "C" + hexadecimal(index, digits: 3),
            [hardwareID("ACPI0007"), uniqueID(index)] + (hasIdleStates ? [idleStatesOfCPU] : []))
    }

    /// Arm's Server Base System Architecture: a PL011 that firmware has set up.
    private static func serialPort(_ uart: BoardDescription.Device) -> AML {
        .device(
            "COM0",
            [hardwareID("ARMH0011"), uniqueID(0), .resources(.memory(uart.registers), .interrupt(uart.interrupt))])
    }

    /// The id that Linux's and UEFI's drivers of virtio-mmio have. Its accesses to memory are coherent (section 6.2.17).
    private static func virtio(_ slot: Int, _ device: BoardDescription.Device) -> AML {
        .device(
            "VR" + hexadecimal(slot, digits: 2),
            [
                hardwareID("LNRO0005"), uniqueID(slot), .name("_CCA", .integer(1)),
                .resources(.memory(device.registers), .interrupt(device.interrupt)),
            ])
    }

    /// Section 4.8.2.2: control-method buttons.
    private static func button(_ name: String, _ id: String) -> AML { .device(name, [hardwareID(id)]) }

    /// Microsoft's "Virtual Machine Generation ID": the address of 16 bytes, its low half first.
    private static func generationID(at address: PhysicalAddress) -> AML {
        .device(
            "VGID",
            [
                // Drivers look for the compatible id; its spelling is Microsoft's.
                hardwareID("DRMS0001"), .name("_CID", .string("VM_Gen_Counter")),
                .name("_DDN", .string("VM_Gen_Counter")),
                .name("ADDR", .package([.integer(address & 0xFFFF_FFFF), .integer(address >> 32)])),
            ])
    }

    /// Section 5.6.9: the generic event device. Its one interrupt stays until the register was read, which clears it.
    private static func eventDevice(_ device: BoardDescription.EventDevice, notifiesGenerationID: Bool) -> AML {
        /// What a button says that was pressed (section 4.8.2.2), and a generation id that is another one.
        let statusChanged: UInt64 = 0x80
        var notifications = [("PWRB", device.powerButton), ("SLPB", device.sleepButton)]
        if notifiesGenerationID { notifications.append(("VGID", device.generationID)) }
        return .device(
            "GED",
            [
                hardwareID("ACPI0013"), uniqueID(0), .resources(.interrupt(device.device.interrupt)),
                .registers("EREG", at: device.device.registers.prefix(4), ["EVTS"]),
                .method(
                    "_EVT", arguments: 1,
                    [.store(.object("EVTS"), in: .local(0))]
                        + notifications.map { object, bit in
                            .when(
                                .and(.local(0), .integer(UInt64(bit))), [.notify("\\_SB." + object, statusChanged)])
                        }),
            ])
    }

    static func hardwareID(_ id: String) -> AML { .name("_HID", .string(id)) }
    static func uniqueID(_ number: Int) -> AML { .name("_UID", .integer(UInt64(number))) }

    private static func hexadecimal(_ number: Int, digits: Int) -> String {
        let text = String(number, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}

extension Range<PhysicalAddress> {
    /// The first `byteCount` bytes.
    func prefix(_ byteCount: UInt64) -> Range { lowerBound..<Swift.min(upperBound, lowerBound + byteCount) }
}
