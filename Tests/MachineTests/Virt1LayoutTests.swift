import Devices
import Testing

@testable import Machine

/// The model is frozen: what a hibernated guest has found once, it must find again. The numbers are those of the widely known
/// `virt` machine, written out again on purpose.
@Suite("The layout of virt-1")
struct Virt1LayoutTests {
    @Test("Every device is where it always was")
    func addresses() {
        #expect(Virt1Layout.distributor == 0x0800_0000..<0x0801_0000)
        #expect(Virt1Layout.redistributors(cpuCount: 1) == 0x080A_0000..<0x080C_0000)
        #expect(Virt1Layout.redistributors(cpuCount: 64) == 0x080A_0000..<0x088A_0000)
        #expect(Virt1Layout.uart == 0x0900_0000..<0x0900_1000)
        #expect(Virt1Layout.rtc == 0x0901_0000..<0x0901_1000)
        #expect(Virt1Layout.virtio(slot: 0) == 0x0A00_0000..<0x0A00_0200)
        #expect(Virt1Layout.virtio(slot: 31) == 0x0A00_3E00..<0x0A00_4000)
        #expect(Virt1Layout.ramBase == 0x4000_0000)
    }

    @Test("Every interrupt is what it always was")
    func interrupts() {
        #expect(Virt1Layout.uartSPI == 1 && Virt1Layout.rtcSPI == 2)
        #expect(Virt1Layout.virtioSPI(slot: 0) == 16 && Virt1Layout.virtioSPI(slot: 31) == 47)
    }

    @Test("Networks take the slots from 29 down, console and entropy the two behind")
    func slots() {
        #expect((0..<3).map(Virt1Layout.networkSlot) == [29, 28, 27])
        #expect(Virt1Layout.consoleSlot == 30 && Virt1Layout.entropySlot == 31 && Virt1Layout.virtioSlotCount == 32)
        #expect(Virt1Layout.maximumDiskCount == 30)
    }

    @Test("The MAC address of a network follows from its slot, unless one is chosen")
    func macAddresses() {
        var configuration = MachineConfiguration(kernel: "unread")
        configuration.networks = [
            .init(.user), .init(.user, mac: .init("52:54:00:12:34:56")), .init(.tap(interface: "t")),
        ]
        #expect(
            configuration.networks.indices.map { configuration.macAddress(ofNetwork: $0).description }
                == ["52:54:00:00:00:1d", "52:54:00:12:34:56", "52:54:00:00:00:1b"])
    }
}
