// Watching what a guest writes: that is how an image in a swap file is found.

import Devices
import Synchronization
import Testing

@Suite("Watching for blocks on a disk")
struct BlockWatchTests {
    private static let ending = Array("S1SUSPEND\0".utf8)

    /// What was told, in its order.
    private final class Told: Sendable {
        private let places = Mutex<[UInt64]>([])

        func note(_ place: UInt64) { places.withLock { $0.append(place) } }

        func take() -> [UInt64] {
            places.withLock { places in
                defer { places = [] }
                return places
            }
        }
    }

    /// A disk of 64 sectors, whose device tells of blocks.
    private func watched(synchronous: Bool = true, readOnly: Bool = false) throws -> (BlockDriver, Told) {
        let block = try BlockDriver(readOnly: readOnly, synchronous: synchronous)
        let told = Told()
        block.device.watch(blocksEndingWith: Self.ending) { told.note($0) }
        return (block, told)
    }

    /// Blocks of 4096 bytes; those of `marked` end like a header.
    private func blocks(_ count: Int, marked: Set<Int>, byteCount: Int? = nil) -> [UInt8] {
        var bytes = [UInt8](repeating: 0x33, count: byteCount ?? count * 4096)
        for index in marked {
            bytes.replaceSubrange((index + 1) * 4096 - Self.ending.count..<(index + 1) * 4096, with: Self.ending)
        }
        return bytes
    }

    @Test("Each block of a write that ends so is told, by its end on the disk", arguments: [true, false])
    func each(synchronous: Bool) throws {
        let (block, told) = try watched(synchronous: synchronous)
        // From sector 3 on: a partition may begin anywhere.
        let data = block.driver.readable(blocks(3, marked: [0, 2]))
        #expect(try block.execute(BlockDriver.Kind.write, sector: 3, data: [data]).status == 0)
        let start: UInt64 = 3 * 512
        #expect(told.take() == [start + 4096, start + 12288])
        // Written again, it is told again: whoever keeps them knows which are new.
        #expect(try block.execute(BlockDriver.Kind.write, sector: 3, data: [data]).status == 0)
        #expect(told.take().count == 2)
    }

    @Test("A request that is cut into segments is one run of blocks")
    func segments() throws {
        let (block, told) = try watched()
        let bytes = blocks(3, marked: [1, 2])
        let pieces = [bytes[..<512], bytes[512..<5000], bytes[5000...]]
        let data = pieces.map { block.driver.readable($0) }
        #expect(try block.execute(BlockDriver.Kind.write, sector: 8, data: data).status == 0)
        let start: UInt64 = 8 * 512
        #expect(told.take() == [start + 8192, start + 12288])
    }

    @Test("Neither a read, nor such bytes elsewhere in a block, nor a block that is cut short is told")
    func others() throws {
        let (block, told) = try watched()
        block.disk.write(blocks(1, marked: [0]), at: 0)
        #expect(try block.execute(BlockDriver.Kind.read, data: [block.driver.writable(4096)]).status == 0)
        var bytes = blocks(2, marked: [])
        bytes.replaceSubrange(2000..<2000 + Self.ending.count, with: Self.ending)
        // Over the border of two blocks.
        bytes.replaceSubrange(4096 - 4..<4096 - 4 + Self.ending.count, with: Self.ending)
        // At the end of a request that is no whole block.
        bytes = Array(bytes.prefix(4096 + 512))
        bytes.replaceSubrange(bytes.count - Self.ending.count..<bytes.count, with: Self.ending)
        #expect(try block.execute(BlockDriver.Kind.write, data: [block.driver.readable(bytes)]).status == 0)
        #expect(told.take() == [])
    }

    @Test("Nothing is told of what is not on the disk")
    func beyond() throws {
        let (block, told) = try watched()
        let data = block.driver.readable(blocks(1, marked: [0]))
        for sector in [57, 64, 1 << 55, UInt64.max, UInt64.max / 512] {
            #expect(try block.execute(BlockDriver.Kind.write, sector: sector, data: [data]).status == 1)
            #expect(told.take() == [], "\(sector)")
        }
        // The last place where it fits.
        #expect(try block.execute(BlockDriver.Kind.write, sector: 56, data: [data]).status == 0)
        #expect(told.take() == [64 * 512])
    }

    @Test("Nothing is told of a write that was not done")
    func refused() throws {
        let (block, told) = try watched(readOnly: true)
        let data = block.driver.readable(blocks(1, marked: [0]))
        #expect(try block.execute(BlockDriver.Kind.write, data: [data]).status == 1)
        // Of one that is no whole number of sectors, either.
        let (other, toldOfOther) = try watched()
        let odd = other.driver.readable(blocks(1, marked: [0], byteCount: 4097))
        #expect(try other.execute(BlockDriver.Kind.write, data: [odd]).status == 1)
        #expect(told.take() == [] && toldOfOther.take() == [])
    }

    @Test("When it is told, the block is on the disk, and the guest does not know yet that it is")
    func order() throws {
        let block = try BlockDriver()
        // Safe: the device works within the notification, on this thread.
        nonisolated(unsafe) let (queue, disk) = (block.queue, block.disk)
        let seen = Mutex<[Bool]>([])
        block.device.watch(blocksEndingWith: Self.ending) { end in
            let written = disk.read(at: Int(end) - Self.ending.count, count: Self.ending.count) == Self.ending
            let isUsed = queue.takeUsed() != nil
            seen.withLock { $0 += [written, isUsed] }
        }
        let data = block.driver.readable(blocks(1, marked: [0]))
        #expect(try block.execute(BlockDriver.Kind.write, data: [data]).status == 0)
        #expect(seen.withLock(\.self) == [true, false])
    }

    @Test("Who watches is asked of each block, as it was before the write and as it is now", arguments: [true, false])
    func asked(isInLaboratory: Bool) throws {
        // In a laboratory, what was written and not flushed is what was there before.
        let laboratory = isInLaboratory ? DiskLaboratory([0: DiskFaults(rules: [.init(.flush, 99, .cut)])]) : nil
        let block = try BlockDriver(laboratory: laboratory)
        let told = Told()
        let asked = Mutex<[[UInt8]]>([])
        block.device.watch(blocksEndingWith: Self.ending) { before, after in
            asked.withLock { $0 += [before, after] }
            return before.last == 0x33
        } _: {
            told.note($0)
        }
        let plain = blocks(3, marked: [])
        let marked = blocks(3, marked: [1])
        for bytes in [plain, marked, marked] {
            let data = block.driver.readable(bytes)
            #expect(try block.execute(BlockDriver.Kind.write, sector: 8, data: [data]).status == 0)
        }
        let (old, new) = (Array(plain[4096..<8192]), Array(marked[4096..<8192]))
        #expect(asked.withLock(\.self) == [old, new, new, new])
        #expect(told.take() == [8 * 512 + 8192])
    }

    @Test("Of a request with more such blocks than any guest's, a few are looked at")
    func bound() throws {
        let block = try BlockDriver(sectors: 8 * 100)
        let told = Told()
        block.device.watch(blocksEndingWith: Self.ending) { told.note($0) }
        let data = block.driver.readable(blocks(100, marked: Set(0..<100)))
        #expect(try block.execute(BlockDriver.Kind.write, data: [data]).status == 0)
        #expect(told.take() == (1...16).map { $0 * 4096 })
    }
}
