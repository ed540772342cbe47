// The guest physical layout of the model `virt-1`.
//
//   0x0000_0000  flash, 2 × 64 MiB (reserved)
//   0x0800_0000  GICv3 distributor           0x080A_0000  redistributors, 128 KiB each
//   0x0900_0000  PL011, SPI 1                0x0901_0000  PL031, SPI 2
//   0x0903_0000  PL061 with buttons (only if they are asked for, with a device tree), SPI 7
//   0x0908_0000  events (only with ACPI), SPI 9
//   0x0912_0000  a watchdog (only if it is asked for): its control frame, and at 0x0913_0000 its refresh frame, SPI 12
//   0x0A00_0000  32 × virtio-mmio, 512 bytes each, SPI 16 and up
//   0x4000_0000  RAM; its last 192 KiB are firmware's with ACPI, its last 64 KiB with a generation id (SPI 10)
//
// It is the widely known `virt` layout, so that firmware and bare-metal images made for that find what they expect.
// A hibernated guest must find every address again: the model is frozen, and a golden test pins it.

import Devices
import Hypervisor

/// Where everything is in `virt-1`, as pure functions of the configuration.
enum Virt1Layout {
    static let distributor: Range<PhysicalAddress> = 0x0800_0000..<0x0801_0000
    static let redistributorBase: PhysicalAddress = 0x080A_0000
    static let redistributorStride: UInt64 = 0x2_0000
    static let uart: Range<PhysicalAddress> = 0x0900_0000..<0x0900_1000
    static let uartSPI = 1
    static let rtc: Range<PhysicalAddress> = 0x0901_0000..<0x0901_1000
    static let rtcSPI = 2
    static let buttons: Range<PhysicalAddress> = 0x0903_0000..<0x0903_1000
    static let buttonsSPI = 7
    static let events: Range<PhysicalAddress> = 0x0908_0000..<0x0908_1000
    static let eventsSPI = 9
    /// With a device tree only.
    static let generationIDSPI = 10
    static let watchdogControl: Range<PhysicalAddress> = 0x0912_0000..<0x0912_1000
    /// In a page of its own, whatever a guest's pages are.
    static let watchdogRefresh: Range<PhysicalAddress> = 0x0913_0000..<0x0913_1000
    static let watchdogSPI = 12
    static let virtioBase: PhysicalAddress = 0x0A00_0000
    static let virtioStride: UInt64 = 0x200
    static let virtioSlotCount = 32
    static let firstVirtioSPI = 16
    static let ramBase: PhysicalAddress = 0x4000_0000

    static let maximumCPUCount = 64
    /// Slots for disks, which take them from 0 up, and networks and what else is asked for, which take them from the
    /// last one down.
    static let maximumDiskCount = 30
    /// The two slots behind those are taken unless there is something instead.
    static let consoleSlot = 30
    static let entropySlot = 31

    /// INTIDs of the timers' PPIs.
    enum TimerINTID {
        static let hypervisor = 26
        static let virtual = 27
        static let secure = 29
        static let physical = 30
    }

    static func redistributors(cpuCount: Int) -> Range<PhysicalAddress> {
        redistributorBase..<redistributorBase + UInt64(cpuCount) * redistributorStride
    }

    static func virtio(slot: Int) -> Range<PhysicalAddress> {
        let base = virtioBase + UInt64(slot) * virtioStride
        return base..<base + virtioStride
    }

    static func virtioSPI(slot: Int) -> Int { firstVirtioSPI + slot }

    /// What the disk in a slot answers to VIRTIO_BLK_T_GET_ID.
    static func diskSerial(slot: Int) -> String { "dormouse-\(slot)" }
}
