// Boards for the tests, laid out as the widely known `virt` machine.

import Boot

extension BoardDescription {
    static let ramBase: UInt64 = 0x4000_0000

    /// A board with `cpus` and `memoryMiB` of RAM, and `virtioSlots` virtio-mmio transports.
    static func virt(
        cpus: [UInt64] = [0], memoryMiB: UInt64 = 512, virtioSlots: Int = 32, chosen: Chosen = Chosen()
    ) -> BoardDescription {
        BoardDescription(
            model: "test board", compatible: ["test,virt", "linux,dummy-virt"], cpus: cpus,
            memory: [ramBase..<ramBase + memoryMiB << 20],
            gic: GIC(
                distributor: 0x0800_0000..<0x0801_0000,
                redistributors: [0x080A_0000..<0x080A_0000 + UInt64(cpus.count) * 0x2_0000]),
            timer: Timer(secure: .ppi(13), physical: .ppi(14), virtual: .ppi(11), hypervisor: .ppi(10)),
            power: PowerInterface(majorVersion: 1, conduit: .hvc),
            devices: [
                SerialPort(Device(registers: 0x0900_0000..<0x0900_1000, interrupt: .spi(1))),
                RealTimeClock(
                    Device(registers: 0x0901_0000..<0x0901_1000, interrupt: .spi(2)), acpiForm: .timeAndAlarm),
            ]
                + (0..<virtioSlots).map { slot in
                    let base = 0x0A00_0000 + UInt64(slot) * 0x200
                    return VirtioTransport(
                        slot: slot, Device(registers: base..<base + 0x200, interrupt: .spi(16 + UInt32(slot))))
                },
            chosen: chosen)
    }

    /// The same board for a guest that is told of it by ACPI, with a generation id.
    static func withACPI(
        cpus: [UInt64] = [0], memoryMiB: UInt64 = 512, virtioSlots: Int = 32, chosen: Chosen = Chosen()
    ) -> BoardDescription {
        var board = virt(cpus: cpus, memoryMiB: memoryMiB, virtioSlots: virtioSlots, chosen: chosen)
        board.devices += [
            EventDevice(
                Device(registers: 0x0908_0000..<0x0908_1000, interrupt: .spi(9)), powerButton: 1, sleepButton: 2),
            GenerationID.test,
        ]
        board.acpi = ACPI(hardwareSignature: 0xC0FF_EE01)
        return board
    }
}

extension BoardDescription.GenerationID {
    static let test = Self(bytes: Array(0..<16), interrupt: .spi(10), event: 4)
}
