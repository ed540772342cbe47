// Discards, and requests to write zeros, of virtio 1.2 §5.2.6: what a file and a block device are afterwards, and what is
// refused.

import Bytes
import Glibc
import TestSupport
import Testing

@testable import Devices

private let ok: UInt8 = 0
private let ioError: UInt8 = 1
private let unsupported: UInt8 = 2

@Suite("Discarding sectors of a disk and making them zero")
struct BlockClearingTests {
    /// VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP.
    private static let unmap: UInt32 = 1

    /// A disk of 64 sectors that are all full.
    private func full(
        synchronous: Bool = true, withoutFeatures: UInt64 = 0, sectors: Int = 64
    ) throws -> BlockDriver {
        let block = try BlockDriver(
            sectors: sectors, synchronous: synchronous, withoutFeatures: withoutFeatures, clears: true)
        block.disk.write([UInt8](repeating: 0xA5, count: sectors * 512), at: 0)
        return block
    }

    private func execute(_ block: BlockDriver, _ kind: UInt32, _ ranges: [[UInt8]]) throws -> UInt8 {
        try block.execute(kind, data: [block.driver.readable(ranges.flatMap(\.self))]).status
    }

    /// The numbers of the sectors that are all zero; nil if one is neither that nor what it was.
    private func zeroes(_ bytes: [UInt8]) -> Set<Int>? {
        var zeroes: Set<Int> = []
        for sector in 0..<bytes.count / 512 {
            switch Set(bytes[sector * 512..<(sector + 1) * 512]) {
            case [0]: zeroes.insert(sector)
            case [0xA5]: break
            default: return nil
            }
        }
        return zeroes
    }

    private func zeroes(_ block: BlockDriver) -> Set<Int>? { zeroes(block.disk.read(at: 0, count: 64 * 512)) }

    /// Units of 512 bytes that the file takes on the host.
    private func blockCount(_ block: BlockDriver) throws -> Int {
        var status = stat()
        #expect(stat(block.disk.path, &status) == 0)
        return Int(status.st_blocks)
    }

    @Test("A disk says how much may be discarded at once, if it can be written")
    func configuration() throws {
        let features = BlockDevice.features(isReadOnly: false, clears: true)
        #expect(features.rawValue & BlockDriver.clearingFeatures == BlockDriver.clearingFeatures)
        let bytes = BlockDevice.configuration(DiskGeometry(byteCount: 1 << 30), features)
        // max_discard_sectors, max_discard_seg, discard_sector_alignment, max_write_zeroes_sectors,
        // max_write_zeroes_seg; the last byte says that zeros may be unmapped (§5.2.4).
        let numbers = stride(from: 36, to: 56, by: 4).map { UInt32(littleEndianBytes: bytes[$0..<$0 + 4]) }
        #expect(numbers == [4_194_304, 32, 8, 4_194_304, 1])
        #expect(bytes[56] == 1)
        let large = BlockDevice.configuration(DiskGeometry(byteCount: 1 << 30, blockByteCount: 8192), features)
        #expect(UInt32(littleEndianBytes: large[44..<48]) == 16)

        for block in [try BlockDriver(), try BlockDriver(readOnly: true, clears: true)] {
            #expect(block.driver.deviceFeatures & BlockDriver.clearingFeatures == 0)
            #expect(block.driver.mmio.read(offset: Register.configuration + 36, size: 4, cpu: 0) == 0)
            #expect(try execute(block, BlockDriver.Kind.discard, [BlockDriver.range(0, 1)]) == unsupported)
        }
    }

    @Test("Sectors that are discarded need no room on the host, and read as zeros", arguments: [true, false])
    func discard(synchronous: Bool) throws {
        let block = try full(synchronous: synchronous)
        let before = try blockCount(block)
        let ranges = [BlockDriver.range(8, 8), BlockDriver.range(33, 1), BlockDriver.range(40, 0)]
        #expect(try execute(block, BlockDriver.Kind.discard, ranges) == ok)
        #expect(zeroes(block) == Set(8..<16).union([33]))
        #expect(try blockCount(block) == before - 8)
        #expect(block.device.activity.writes == 1)
        block.device.stop()
    }

    @Test("Zeros are written where they were asked for, and room is kept unless it may go", arguments: [0, unmap])
    func writeZeroes(flags: UInt32) throws {
        let block = try full()
        let before = try blockCount(block)
        #expect(try execute(block, BlockDriver.Kind.writeZeroes, [BlockDriver.range(15, 18, flags: flags)]) == ok)
        #expect(zeroes(block) == Set(15..<33))
        // A file system may need some more to say so.
        #expect(flags == 0 ? try blockCount(block) >= before : try blockCount(block) == before - 16)
    }

    @Test("A flag that is not known, or that is for zeros only, is not supported, and nothing is done")
    func flags() throws {
        let block = try full()
        let ranges = [BlockDriver.range(0, 8), BlockDriver.range(8, 8, flags: Self.unmap)]
        #expect(try execute(block, BlockDriver.Kind.discard, ranges) == unsupported)
        for flags in [2, 3, 0x8000_0000] as [UInt32] {
            for kind in [BlockDriver.Kind.discard, BlockDriver.Kind.writeZeroes] {
                #expect(try execute(block, kind, [BlockDriver.range(0, 8, flags: flags)]) == unsupported)
            }
        }
        #expect(zeroes(block) == [])
    }

    @Test("What is not on the disk, too much or no range is refused, and nothing is done")
    func bounds() throws {
        let block = try full()
        let good = BlockDriver.range(0, 8)
        let refused: [[[UInt8]]] = [
            [good, BlockDriver.range(64, 1)], [good, BlockDriver.range(63, 2)], [good, BlockDriver.range(.max, 1)],
            [good, BlockDriver.range(.max, .max)], [good, BlockDriver.range(1 << 55, 8)],
            [BlockDriver.range(0, (1 << 22) + 1)], [Array(good.dropLast())], [good, [0]],
            [[UInt8]](repeating: good, count: 33),
        ]
        for ranges in refused {
            #expect(try execute(block, BlockDriver.Kind.discard, ranges) == ioError)
        }
        #expect(try block.execute(BlockDriver.Kind.discard).status == ioError)
        #expect(try execute(block, BlockDriver.Kind.writeZeroes, [good, good]) == ioError)
        #expect(zeroes(block) == [])
        #expect(try execute(block, BlockDriver.Kind.discard, [[UInt8]](repeating: good, count: 32)) == ok)
        #expect(try execute(block, BlockDriver.Kind.discard, [BlockDriver.range(64, 0)]) == ok)
        #expect(zeroes(block) == Set(0..<8))
    }

    @Test("A driver that did not ask for the commands does not have them")
    func notNegotiated() throws {
        let block = try full(withoutFeatures: BlockDriver.clearingFeatures)
        for kind in [BlockDriver.Kind.discard, BlockDriver.Kind.writeZeroes] {
            #expect(try execute(block, kind, [BlockDriver.range(0, 8)]) == unsupported)
        }
        #expect(zeroes(block) == [])
    }

    @Test("A discard is flushed wherever a write would be")
    func flushes() throws {
        let through = try full()
        through.device.writeThrough(sectors: 20..<28)
        #expect(try execute(through, BlockDriver.Kind.discard, [BlockDriver.range(0, 8)]) == ok)
        // Each request of the driver's is followed by one flush of its own.
        #expect(through.device.activity.flushes == 1)
        let ranges = [BlockDriver.range(0, 8), BlockDriver.range(27, 8)]
        #expect(try execute(through, BlockDriver.Kind.discard, ranges) == ok)
        #expect(through.device.activity.flushes == 3)

        let without = try full(withoutFeatures: BlockDriver.flushFeature)
        #expect(try execute(without, BlockDriver.Kind.writeZeroes, [BlockDriver.range(0, 8)]) == ok)
        #expect(without.device.activity.flushes == 2)
    }

    @Test("Clearing stops between two pieces when the run is to end")
    func ending() throws {
        // 160 MiB, in pieces of 64 MiB.
        let disk = try TemporaryDisk(sectors: 320 << 10)
        let file = try DiskFile(path: disk.path)
        file.isEnding = true
        for clearing in [DiskClearing.discard, .writeZeroes(mayUnmap: false), .writeZeroes(mayUnmap: true)] {
            #expect(throws: DiskFileError.interrupted(path: disk.path)) {
                try file.clear([0..<(320 << 10)], clearing)
            }
        }
        file.isEnding = false
        disk.write([1], at: (160 << 20) - 1)
        try file.clear([0..<(320 << 10)], .discard)
        #expect(disk.read(at: (160 << 20) - 1, count: 1) == [0])
    }

    @Test("A power cut's writes are carried out although the run is to end")
    func writesOfZeros() throws {
        let disk = try TemporaryDisk(sectors: 64)
        disk.write([UInt8](repeating: 0xA5, count: 64 * 512), at: 0)
        let file = try DiskFile(path: disk.path)
        file.isEnding = true
        try file.write(DiskWrite(sector: 3, zeroedSectorCount: 4))
        #expect(zeroes(disk.read(at: 0, count: 64 * 512)) == Set(3..<7))
    }
}

@Suite(
    "Discarding sectors of a block device of the host",
    .needs(geteuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0, "this takes root and loop devices"))
struct BlockDeviceClearingTests {
    /// What a command says, in one line.
    private func output(_ command: String) throws -> String {
        let stream = try #require(popen(command, "r"))
        var line = [CChar](repeating: 0, count: 256)
        fgets(&line, 255, stream)
        #expect(pclose(stream) == 0, "\(command)")
        return String(decoding: line.prefix { $0 > 32 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    @Test("Whole blocks are let go or made zero; of parts of blocks zeros are written, and a discard leaves them")
    func blocks() throws {
        let image = try TemporaryDisk(sectors: 64)
        image.write([UInt8](repeating: 0xA5, count: 64 * 512), at: 0)
        let path = try output("losetup --find --show --sector-size 4096 \(image.path)")
        defer { _ = try? output("losetup --detach \(path)") }
        let file = try DiskFile(path: path)
        #expect(file.geometry.blockByteCount == 4096)
        try file.clear([8..<16], .discard)
        try file.clear([24..<32], .writeZeroes(mayUnmap: true))
        try file.clear([40..<48], .writeZeroes(mayUnmap: false))
        try file.clear([1..<3], .writeZeroes(mayUnmap: true))
        try file.clear([50..<52], .discard)
        try file.synchronize()
        let bytes = image.read(at: 0, count: 64 * 512)
        let zeroed = (0..<64).filter { sector in bytes[sector * 512..<(sector + 1) * 512].allSatisfy { $0 == 0 } }
        #expect(zeroed == Array(1..<3) + Array(8..<16) + Array(24..<32) + Array(40..<48))
        #expect(bytes.allSatisfy { $0 == 0 || $0 == 0xA5 })
        file.unlock()
    }
}
