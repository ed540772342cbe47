import Boot
import Devices
import Testing

@testable import Machine

@Suite("The model virt-1")
struct Virt1LayoutTests {
    /// Golden: a guest that hibernated has to find everything again, so a model that was released never changes.
    @Test("Everything lies where it lay when the model was released")
    func addresses() {
        #expect(Virt1Layout.distributor == 0x0800_0000..<0x0801_0000)
        #expect(Virt1Layout.redistributors(cpuCount: 2) == 0x080A_0000..<0x080E_0000)
        #expect(Virt1Layout.uart == 0x0900_0000..<0x0900_1000 && Virt1Layout.uartSPI == 1)
        #expect(Virt1Layout.rtc == 0x0901_0000..<0x0901_1000 && Virt1Layout.rtcSPI == 2)
        #expect(Virt1Layout.events == 0x0908_0000..<0x0908_1000 && Virt1Layout.eventsSPI == 9)
        #expect(Virt1Layout.generationIDSPI == 10)
        #expect(Virt1Layout.virtio(slot: 31) == 0x0A00_3E00..<0x0A00_4000 && Virt1Layout.virtioSPI(slot: 31) == 47)
        #expect(Virt1Layout.ramBase == 0x4000_0000)
        #expect(EventDevice.Event.powerButton.rawValue == 1)
        #expect(EventDevice.Event.sleepButton.rawValue == 2)
        #expect(EventDevice.Event.generationID.rawValue == 4)
    }

    @Test("Networks take the slots from 29 down, console and entropy the two behind, and disks those from 0 up")
    func slots() {
        #expect((0..<3).map(MachineModel.virt1.networkSlot) == [29, 28, 27])
        #expect(Virt1Layout.consoleSlot == 30 && Virt1Layout.entropySlot == 31 && Virt1Layout.virtioSlotCount == 32)
        #expect(Virt1Layout.maximumDiskCount == 30)
    }

    @Test("The MAC address of a network follows from its slot, unless one is chosen")
    func macAddresses() {
        var configuration = MachineConfiguration(kernel: "Image")
        configuration.networks = [
            NetworkConfiguration(.user), NetworkConfiguration(.user, mac: MACAddress("52:54:00:12:34:56")),
            NetworkConfiguration(.tap(interface: "t")),
        ]
        #expect(
            configuration.networks.indices.map { configuration.macAddress(ofNetwork: $0).description }
                == ["52:54:00:00:00:1d", "52:54:00:12:34:56", "52:54:00:00:00:1b"])
    }

    @Test("Where the generation id lies depends on RAM alone", arguments: HardwareDescription.allCases)
    func generationID(firmware: HardwareDescription) {
        var configuration = MachineConfiguration(kernel: "Image")
        configuration.hardwareDescription = firmware
        configuration.generationID = [UInt8](repeating: 7, count: 16)
        #expect(configuration.model.board(configuration, chosen: .init()).generationIDAddress == 0x5FFF_1000)
        configuration.cpuCount = 64
        configuration.memoryByteCount = 2 << 30
        #expect(configuration.model.board(configuration, chosen: .init()).generationIDAddress == 0xBFFF_1000)
    }

    @Test("A machine with a device tree and no generation id is described as it always was")
    func unchanged() {
        let board = MachineModel.virt1.board(MachineConfiguration(kernel: "Image"), chosen: .init())
        #expect(board.acpi == nil && board.generationIDAddress == nil)
    }
}
