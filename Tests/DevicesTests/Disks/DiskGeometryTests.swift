import Bytes
import Hypervisor
import Testing

@testable import Devices

@Suite("The size of a disk")
struct DiskGeometryTests {
    /// `capacity` and `blk_size` of `struct virtio_blk_config` (virtio 1.2 §5.2.4).
    private func numbers(_ geometry: DiskGeometry) -> (capacity: UInt64, blockSize: UInt32) {
        let bytes = BlockDevice.configuration(geometry, BlockDevice.features(isReadOnly: false))
        return (UInt64(littleEndianBytes: bytes[0..<8]), UInt32(littleEndianBytes: bytes[20..<24]))
    }

    @Test("A device with blocks of 4096 bytes says so to the guest, and counts in sectors of 512 all the same")
    func blocks() {
        #expect(numbers(DiskGeometry(byteCount: 1 << 30, blockByteCount: 4096)) == (1 << 21, 4096))
        #expect(numbers(DiskGeometry(byteCount: 1 << 30)) == (1 << 21, 512))
    }

    @Test("An image file has blocks of 512 bytes, wherever it lies")
    func file() throws {
        let disk = try TemporaryDisk(sectors: 64)
        #expect(try DiskFile.geometry(ofDiskAt: disk.path) == DiskGeometry(byteCount: 64 * 512, blockByteCount: 512))
        #expect(try DiskFile(path: disk.path).geometry == DiskGeometry(byteCount: 64 * 512))
    }
}
