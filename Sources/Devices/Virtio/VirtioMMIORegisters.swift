// The names and places of the registers of a virtio device over MMIO.
//
// Follows virtio 1.2 §4.2.2, Table 4.1. Linux calls the same registers VIRTIO_MMIO_*.

import Hypervisor

/// A control register, by its offset from the window's base. All are 32 bits wide.
enum VirtioMMIORegister: UInt64 {
    case magicValue = 0x000
    case version = 0x004
    case deviceID = 0x008
    case vendorID = 0x00C
    case deviceFeatures = 0x010
    case deviceFeaturesSel = 0x014
    case driverFeatures = 0x020
    case driverFeaturesSel = 0x024
    case queueSel = 0x030
    case queueNumMax = 0x034
    case queueNum = 0x038
    case queueReady = 0x044
    case queueNotify = 0x050
    case interruptStatus = 0x060
    case interruptACK = 0x064
    case status = 0x070
    case queueDescLow = 0x080
    case queueDescHigh = 0x084
    case queueDriverLow = 0x090
    case queueDriverHigh = 0x094
    case queueDeviceLow = 0x0A0
    case queueDeviceHigh = 0x0A4
    case shmSel = 0x0AC
    case shmLenLow = 0x0B0
    case shmLenHigh = 0x0B4
    case shmBaseLow = 0x0B8
    case shmBaseHigh = 0x0BC
    case queueReset = 0x0C0
    case configGeneration = 0x0FC

    /// Where the device configuration space begins.
    static let configuration: UInt64 = 0x100
}

/// The registers of one virtqueue, as the driver fills them in.
struct QueueRegisters: Sendable, Codable {
    /// QueueNumMax.
    let queueNumMax: UInt16
    var queueNum: UInt32
    var queueReady = false
    /// The descriptor area.
    var queueDesc: PhysicalAddress = 0
    /// The driver area, which holds the available ring.
    var queueDriver: PhysicalAddress = 0
    /// The device area, which holds the used ring.
    var queueDevice: PhysicalAddress = 0

    init(queueNumMax: UInt16) {
        self.queueNumMax = queueNumMax
        queueNum = UInt32(queueNumMax)
    }

    /// The queue's size, if it is a power of two that the device offers.
    var validSize: UInt16? {
        guard queueNum.nonzeroBitCount == 1, queueNum <= UInt32(queueNumMax) else { return nil }
        return UInt16(queueNum)
    }

    /// Stores to one of the registers that describe the queue; others are left alone.
    mutating func store(_ value: UInt32, to register: VirtioMMIORegister) {
        switch register {
        case .queueNum: queueNum = value
        case .queueDescLow: queueDesc.setLow(value)
        case .queueDescHigh: queueDesc.setHigh(value)
        case .queueDriverLow: queueDriver.setLow(value)
        case .queueDriverHigh: queueDriver.setHigh(value)
        case .queueDeviceLow: queueDevice.setLow(value)
        case .queueDeviceHigh: queueDevice.setHigh(value)
        default: break
        }
    }
}

extension UInt64 {
    /// Bits 31 to 0.
    var low: UInt32 { UInt32(truncatingIfNeeded: self) }
    /// Bits 63 to 32.
    var high: UInt32 { UInt32(truncatingIfNeeded: self >> 32) }

    mutating func setLow(_ value: UInt32) {
        self = UInt64(high) << 32 | UInt64(value)
    }

    mutating func setHigh(_ value: UInt32) {
        self = UInt64(value) << 32 | UInt64(low)
    }
}
