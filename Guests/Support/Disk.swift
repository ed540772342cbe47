// The first disk of the board: virtio-blk over virtio-mmio, one request at a time, polled.
//
// Follows virtio 1.2 §2.7 (split virtqueues), §4.2 (MMIO) and §5.2 (block). With the MMU off every access is to Device
// memory, so rings and buffers are accessed word by word, in an area of RAM that is nobody else's.

import _Volatile

/// A virtio block device.
struct Disk {
    /// Bytes of a sector.
    static var sectorByteCount: UInt64 { 512 }
    /// The most that one request moves.
    static var maximumByteCount: UInt64 { 1 << 16 }

    private static var transport: UInt { 0x0A00_0000 }
    /// Where rings and buffers are: 16 MiB above the start of RAM, far above the guest itself.
    private static var area: UInt { 0x4100_0000 }
    private static var queueSize: UInt32 { 4 }

    private enum Register {
        static var magicValue: UInt { 0x000 }
        static var deviceID: UInt { 0x008 }
        static var deviceFeatures: UInt { 0x010 }
        static var deviceFeaturesSel: UInt { 0x014 }
        static var driverFeatures: UInt { 0x020 }
        static var driverFeaturesSel: UInt { 0x024 }
        static var queueSel: UInt { 0x030 }
        static var queueNum: UInt { 0x038 }
        static var queueReady: UInt { 0x044 }
        static var queueNotify: UInt { 0x050 }
        static var status: UInt { 0x070 }
        static var queueDesc: UInt { 0x080 }
        static var queueDriver: UInt { 0x090 }
        static var queueDevice: UInt { 0x0A0 }
        static var capacity: UInt { 0x100 }
    }

    /// Offsets in the area.
    private enum Offset {
        static var descriptors: UInt { 0x0000 }
        static var available: UInt { 0x1000 }
        static var used: UInt { 0x2000 }
        static var header: UInt { 0x3000 }
        static var status: UInt { 0x3100 }
        static var data: UInt { 0x1_0000 }
    }

    private enum Command: UInt32 {
        case read = 0
        case write = 1
        case flush = 4
    }

    /// Where a request's data is: read and written by whoever asks.
    static var data: UInt { area + Offset.data }

    private var requestCount: UInt16 = 0

    /// Brings the device up; nil if there is none.
    init?() {
        guard Self.load(Register.magicValue) == 0x7472_6976, Self.load(Register.deviceID) == 2 else { return nil }
        Self.store(0, Register.status)
        // ACKNOWLEDGE, DRIVER.
        Self.store(3, Register.status)
        // VIRTIO_BLK_F_FLUSH, VIRTIO_F_VERSION_1.
        Self.store(0, Register.driverFeaturesSel)
        Self.store(1 << 9, Register.driverFeatures)
        Self.store(1, Register.driverFeaturesSel)
        Self.store(1, Register.driverFeatures)
        // FEATURES_OK.
        Self.store(11, Register.status)
        guard Self.load(Register.status) & 8 != 0 else { return nil }
        var offset: UInt = 0
        while offset < 0x4000 {
            Self.memory(offset).store(0)
            offset += 4
        }
        Self.store(0, Register.queueSel)
        Self.store(Self.queueSize, Register.queueNum)
        Self.store(address: Self.area + Offset.descriptors, Register.queueDesc)
        Self.store(address: Self.area + Offset.available, Register.queueDriver)
        Self.store(address: Self.area + Offset.used, Register.queueDevice)
        Self.store(1, Register.queueReady)
        // DRIVER_OK.
        Self.store(15, Register.status)
    }

    /// Features 0 to 31 that the device offers, and those from 32 up.
    var features: UInt64 {
        Self.store(0, Register.deviceFeaturesSel)
        let low = Self.load(Register.deviceFeatures)
        Self.store(1, Register.deviceFeaturesSel)
        return UInt64(Self.load(Register.deviceFeatures)) << 32 | UInt64(low)
    }

    /// In sectors.
    var capacity: UInt64 {
        UInt64(Self.load(Register.capacity + 4)) << 32 | UInt64(Self.load(Register.capacity))
    }

    /// Reads into `data`; false if the device fails.
    mutating func read(sector: UInt64, byteCount: UInt64) -> Bool { request(.read, sector, byteCount) }

    /// Writes from `data`.
    mutating func write(sector: UInt64, byteCount: UInt64) -> Bool { request(.write, sector, byteCount) }

    /// Waits until everything that was written is on stable storage.
    mutating func flush() -> Bool { request(.flush, 0, 0) }

    private mutating func request(_ command: Command, _ sector: UInt64, _ byteCount: UInt64) -> Bool {
        guard byteCount <= Self.maximumByteCount else { return false }
        Self.memory(Offset.header).store(command.rawValue)
        Self.memory(Offset.header + 4).store(0)
        Self.memory(Offset.header + 8).store(UInt32(truncatingIfNeeded: sector))
        Self.memory(Offset.header + 12).store(UInt32(truncatingIfNeeded: sector >> 32))
        Self.memory(Offset.status).store(0xFF)
        let hasData = byteCount > 0
        // VIRTQ_DESC_F_NEXT is 1, F_WRITE is 2.
        describe(0, at: Offset.header, byteCount: 16, flags: 1, next: hasData ? 1 : 2)
        if hasData {
            describe(
                1, at: Offset.data, byteCount: UInt32(truncatingIfNeeded: byteCount),
                flags: command == .read ? 3 : 1, next: 2)
        }
        describe(2, at: Offset.status, byteCount: 1, flags: 2, next: 0)
        // The head is always descriptor 0; the ring's entries stay zero, so that only the index moves.
        requestCount &+= 1
        memoryBarrier()
        Self.memory(Offset.available).store(UInt32(requestCount) << 16)
        memoryBarrier()
        Self.store(0, Register.queueNotify)
        while UInt16(truncatingIfNeeded: Self.memory(Offset.used).load() >> 16) != requestCount {}
        memoryBarrier()
        return Self.memory(Offset.status).load() & 0xFF == 0
    }

    private func describe(_ index: UInt, at offset: UInt, byteCount: UInt32, flags: UInt32, next: UInt32) {
        let place = Offset.descriptors + index * 16
        let address = UInt64(Self.area + offset)
        Self.memory(place).store(UInt32(truncatingIfNeeded: address))
        Self.memory(place + 4).store(UInt32(truncatingIfNeeded: address >> 32))
        Self.memory(place + 8).store(byteCount)
        Self.memory(place + 12).store(next << 16 | flags)
    }

    private static func memory(_ offset: UInt) -> VolatileMappedRegister<UInt32> {
        VolatileMappedRegister(unsafeBitPattern: area + offset)
    }

    private static func load(_ register: UInt) -> UInt32 {
        VolatileMappedRegister<UInt32>(unsafeBitPattern: transport + register).load()
    }

    private static func store(_ value: UInt32, _ register: UInt) {
        VolatileMappedRegister<UInt32>(unsafeBitPattern: transport + register).store(value)
    }

    private static func store(address: UInt, _ register: UInt) {
        store(UInt32(truncatingIfNeeded: address), register)
        store(UInt32(truncatingIfNeeded: UInt64(address) >> 32), register + 4)
    }
}
