// A driver of the virtio block device, for tests.

import Devices
import DiskImages
import Testing

/// A driver of a block device, with requests of virtio 1.2 §5.2.6.
struct BlockDriver {
    enum Kind {
        static let read: UInt32 = 0
        static let write: UInt32 = 1
        static let flush: UInt32 = 4
        static let getID: UInt32 = 8
        static let discard: UInt32 = 11
        static let writeZeroes: UInt32 = 13
    }

    static let readOnlyFeature: UInt64 = 1 << 5
    static let flushFeature: UInt64 = 1 << 9
    static let clearingFeatures: UInt64 = 1 << 13 | 1 << 14

    let disk: TemporaryDisk
    let device: BlockDevice
    let driver: TestDriver
    var queue: TestQueue { driver.queues[0] }

    init(
        sectors: Int = 64, readOnly: Bool = false, serial: String = "serial", synchronous: Bool = true,
        withoutFeatures: UInt64 = 0, clears: Bool = false, onDevice path: String? = nil,
        format: DiskFormat? = nil, laboratory: DiskLaboratory? = nil
    ) throws {
        disk = try TemporaryDisk(sectors: sectors)
        device = try BlockDevice(
            file: DiskFile(path: path ?? disk.path, readOnly: readOnly, format: format), serial: serial, clears: clears,
            laboratory: laboratory, synchronous: synchronous)
        driver = try TestDriver(device)
        try #require(driver.start(features: driver.deviceFeatures & ~withoutFeatures, queueSize: 64))
    }

    /// `struct virtio_blk_discard_write_zeroes` of virtio 1.2 §5.2.6.
    static func range(_ sector: UInt64, _ count: UInt32, flags: UInt32 = 0) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: sector >> (8 * $0)) }
            + (0..<4).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
            + (0..<4).map { UInt8(truncatingIfNeeded: flags >> (8 * $0)) }
    }

    func header(_ kind: UInt32, sector: UInt64) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: kind >> (8 * $0)) } + [0, 0, 0, 0]
            + (0..<8).map { UInt8(truncatingIfNeeded: sector >> (8 * $0)) }
    }

    /// Makes a request available, and returns where its status will be.
    func add(_ kind: UInt32, sector: UInt64 = 0, data: [TestDescriptor] = []) -> TestDescriptor {
        let status = driver.writable(1)
        queue.add([driver.readable(header(kind, sector: sector))] + data + [status])
        return status
    }

    /// Executes a request, and returns its status and the used length.
    func execute(
        _ kind: UInt32, sector: UInt64 = 0, data: [TestDescriptor] = []
    ) throws -> (status: UInt8, length: UInt32) {
        let status = add(kind, sector: sector, data: data)
        driver.notify()
        try device.flush()
        let used = try #require(queue.takeUsed())
        return (driver.bytes(status)[0], used.length)
    }
}
