import Devices
import DiskImages
import Glibc
import Hypervisor
import Testing

private let ok: UInt8 = 0
private let ioError: UInt8 = 1
private let unsupported: UInt8 = 2

private func pattern(_ count: Int, seed: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31 &+ seed) ^ ($0 >> 8)) }
}

@Suite("virtio block device")
struct BlockDeviceTests {
    @Test("A disk that nobody says is raw becomes no qcow2 by what its guest writes", arguments: [nil, DiskFormat.raw])
    func becomesQcow2(format: DiskFormat?) throws {
        let block = try BlockDriver(format: format)
        var bytes = [UInt8](repeating: 7, count: 2048)
        bytes.replaceSubrange(0..<8, with: [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3])
        let before = block.disk.read(at: 0, count: 2048)
        // In pieces, of which none has all of the signature.
        let data = [bytes[..<3], bytes[3..<700], bytes[700...]].map { block.driver.readable(Array($0)) }
        let isRefused = format == nil
        #expect(try block.execute(BlockDriver.Kind.write, data: data).status == (isRefused ? 1 : 0))
        #expect(block.disk.read(at: 0, count: 2048) == (isRefused ? before : bytes))
        // Elsewhere, and of anything else, it means nothing.
        #expect(try block.execute(BlockDriver.Kind.write, sector: 1, data: data).status == 0)
        bytes[3] = 0
        #expect(try block.execute(BlockDriver.Kind.write, data: [block.driver.readable(bytes)]).status == 0)
        #expect(block.disk.read(at: 0, count: 2048) == bytes)
    }

    @Test("A disk says how large it is, and what it can do")
    func configuration() throws {
        let block = try BlockDriver(sectors: 4096)
        #expect(block.driver.read(Register.deviceID) == 2)
        // SEG_MAX, BLK_SIZE, FLUSH and the common features; not RO.
        #expect(
            block.driver.deviceFeatures
                == 1 << 2 | 1 << 6 | 1 << 9 | Feature.indirectDesc | Feature.eventIdx | Feature.version1)
        #expect(block.driver.mmio.read(offset: Register.configuration, size: 8, cpu: 0) == 4096)
        #expect(try BlockDriver(readOnly: true).driver.deviceFeatures & BlockDriver.readOnlyFeature != 0)
    }

    @Test("What is written is on the host's file and is read back", arguments: [true, false])
    func writeAndRead(synchronous: Bool) throws {
        let block = try BlockDriver(synchronous: synchronous)
        let data = pattern(2048)
        let written = try block.execute(BlockDriver.Kind.write, sector: 5, data: [block.driver.readable(data)])
        #expect(written == (ok, 1))
        #expect(block.disk.read(at: 5 * 512, count: 2048) == data)
        #expect(block.disk.read(at: 4 * 512, count: 512).allSatisfy { $0 == 0 })
        #expect(block.disk.read(at: 9 * 512, count: 512).allSatisfy { $0 == 0 })

        let buffer = block.driver.writable(2048)
        let read = try block.execute(BlockDriver.Kind.read, sector: 5, data: [buffer])
        #expect(read == (ok, 2049))
        #expect(block.driver.bytes(buffer) == data)
    }

    @Test("Data may be cut anywhere, and so may header and status")
    func anyFraming() throws {
        let block = try BlockDriver()
        let data = pattern(1024)
        let header = block.header(BlockDriver.Kind.write, sector: 3)
        let status = block.driver.writable(1)
        block.queue.add(
            [block.driver.readable(header[..<1]), block.driver.readable(header[1..<9])]
                + [block.driver.readable(header[9...] + data[..<3]), block.driver.readable(data[3..<700])]
                + [block.driver.readable(data[700...]), status])
        block.driver.notify()
        #expect(block.driver.bytes(status) == [ok])
        #expect(block.disk.read(at: 3 * 512, count: 1024) == data)

        // The status is the last byte of the last piece.
        let first = block.driver.writable(100)
        let last = block.driver.writable(925)
        block.queue.add([block.driver.readable(block.header(BlockDriver.Kind.read, sector: 3)), first, last])
        block.driver.notify()
        #expect(block.driver.bytes(first) + block.driver.bytes(last) == data + [ok])
    }

    @Test("A request may have more pieces than the host takes in one call")
    func manyPieces() throws {
        let block = try BlockDriver(sectors: 64)
        let data = pattern(32 * 512)
        block.disk.write(data, at: 512)
        let pieces = (0..<1022).map { block.driver.writable($0 == 0 ? 32 * 512 - 1021 * 16 : 16) }
        let status = block.driver.writable(1)
        block.queue.addIndirect(
            [block.driver.readable(block.header(BlockDriver.Kind.read, sector: 1))] + pieces + [status],
            table: block.driver.allocate(16 * 1024))
        block.driver.notify()
        #expect(block.driver.bytes(status) == [ok])
        #expect(pieces.flatMap(block.driver.bytes) == data)
    }

    @Test("The last sector is reachable, and nothing past it")
    func range() throws {
        let block = try BlockDriver(sectors: 8)
        func status(_ kind: UInt32, _ sector: UInt64, _ count: Int) throws -> UInt8 {
            let data =
                kind == BlockDriver.Kind.read
                ? block.driver.writable(count) : block.driver.readable([UInt8](repeating: 0xFF, count: count))
            return try block.execute(kind, sector: sector, data: [data]).status
        }
        for kind in [BlockDriver.Kind.read, BlockDriver.Kind.write] {
            #expect(try status(kind, 7, 512) == ok)
            #expect(try status(kind, 0, 4096) == ok)
            for (sector, count) in [
                (8, 512), (7, 1024), (0, 4608), (UInt64.max, 512), (UInt64.max / 512 + 1, 512), (1 << 63, 512),
            ] {
                #expect(try status(kind, sector, count) == ioError)
            }
        }
        var information = stat()
        #expect(stat(block.disk.path, &information) == 0)
        #expect(information.st_size == 4096)
    }

    @Test("Data that is no whole number of sectors is refused", arguments: [1, 511, 513, 1000])
    func partialSectors(count: Int) throws {
        let block = try BlockDriver()
        let buffer = block.driver.writable(count)
        #expect(try block.execute(BlockDriver.Kind.read, data: [buffer]).status == ioError)
        #expect(block.driver.bytes(buffer).allSatisfy { $0 == 0xEE })
        let data = block.driver.readable([UInt8](repeating: 0xFF, count: count))
        #expect(try block.execute(BlockDriver.Kind.write, data: [data]).status == ioError)
        #expect(block.disk.read(at: 0, count: 1024).allSatisfy { $0 == 0 })
    }

    @Test("A read-only disk is read, and refuses writes")
    func readOnly() throws {
        let block = try BlockDriver(readOnly: true)
        block.disk.write(pattern(512), at: 0)
        let data = block.driver.readable([UInt8](repeating: 0xFF, count: 512))
        #expect(try block.execute(BlockDriver.Kind.write, data: [data]).status == ioError)
        let buffer = block.driver.writable(512)
        #expect(try block.execute(BlockDriver.Kind.read, data: [buffer]).status == ok)
        #expect(block.driver.bytes(buffer) == pattern(512))
        #expect(try block.execute(BlockDriver.Kind.flush).status == ok)
    }

    @Test("Flush succeeds, with the feature and without", arguments: [0, BlockDriver.flushFeature])
    func flush(withoutFeatures: UInt64) throws {
        let block = try BlockDriver(withoutFeatures: withoutFeatures)
        let data = block.driver.readable(pattern(512))
        #expect(try block.execute(BlockDriver.Kind.write, data: [data]).status == ok)
        #expect(try block.execute(BlockDriver.Kind.flush) == (ok, 1))
    }

    @Test(
        "The identity is the serial, padded with zeros or cut to 20 bytes",
        arguments: [("disk-0", 6), ("", 0), ("12345678901234567890", 20), ("123456789012345678901234", 20)])
    func identity(serial: String, count: Int) throws {
        let block = try BlockDriver(serial: serial)
        let buffer = block.driver.writable(20)
        #expect(try block.execute(BlockDriver.Kind.getID, data: [buffer]) == (ok, 21))
        let expected = Array(serial.utf8.prefix(count)) + [UInt8](repeating: 0, count: 20 - count)
        #expect(block.driver.bytes(buffer) == expected)
    }

    @Test("An unknown request is unsupported", arguments: [2, 3, 5, 10, 11, 13, 14, 0x8000_0000, UInt32.max])
    func unknownType(kind: UInt32) throws {
        let block = try BlockDriver()
        let buffer = block.driver.writable(512)
        #expect(try block.execute(kind, data: [buffer]).status == unsupported)
        #expect(block.driver.bytes(buffer).allSatisfy { $0 == 0xEE })
    }

    @Test("A file that somebody made shorter gives an error, not a hang")
    func shortFile() throws {
        let block = try BlockDriver(sectors: 64)
        block.disk.truncate(byteCount: 512 + 100)
        let buffer = block.driver.writable(1024)
        let result = try block.execute(BlockDriver.Kind.read, data: [buffer])
        #expect(result == (ioError, 0))
        #expect(try block.execute(BlockDriver.Kind.read, data: [block.driver.writable(512)]).status == ok)
    }

    @Test("A request without room for header or status needs a reset")
    func framing() throws {
        let withoutStatus = try BlockDriver()
        withoutStatus.queue.add([
            withoutStatus.driver.readable(withoutStatus.header(BlockDriver.Kind.flush, sector: 0))
        ])
        withoutStatus.driver.notify()
        #expect(withoutStatus.driver.mmio.fault == .requestFraming)

        let withoutHeader = try BlockDriver()
        withoutHeader.queue.add([
            withoutHeader.driver.readable([UInt8](repeating: 0, count: 15)), withoutHeader.driver.writable(1),
        ])
        withoutHeader.driver.notify()
        #expect(withoutHeader.driver.mmio.fault == .requestFraming)
        #expect(withoutHeader.queue.usedIndex == 0)
    }

    @Test("The back end hears of what is read into memory")
    func observedReads() throws {
        let block = try BlockDriver()
        let buffer = block.driver.writable(512)
        let observer = WriteObserver()
        block.driver.memory.observer = observer
        _ = block.add(BlockDriver.Kind.read, data: [buffer])
        block.driver.notify()
        #expect(observer.heard.contains { $0.contains(buffer.address) && $0.contains(buffer.address + 511) })
    }

    @Test("Flush on the host waits for every request that was announced")
    func hostFlush() throws {
        let block = try BlockDriver(sectors: 2048, synchronous: false)
        let statuses = (0..<20).map { index in
            block.add(
                BlockDriver.Kind.write, sector: UInt64(index) * 64,
                data: [block.driver.readable(pattern(32768, seed: index))])
        }
        block.driver.notify()
        try block.device.flush()
        #expect(block.queue.usedIndex == 20)
        for (index, status) in statuses.enumerated() {
            #expect(block.driver.bytes(status) == [ok])
            #expect(block.disk.read(at: index * 32768, count: 32768) == pattern(32768, seed: index))
        }
    }

    @Test("A stopped device answers no more, and stopping and flushing again does no harm", arguments: [true, false])
    func stop(synchronous: Bool) throws {
        let block = try BlockDriver(synchronous: synchronous)
        block.device.stop()
        block.device.stop()
        _ = block.add(BlockDriver.Kind.flush)
        block.driver.notify()
        try block.device.flush()
        #expect(block.queue.takeUsed() == nil)
    }

    @Test("A reset with requests under way leaves guest memory alone afterwards")
    func resetUnderWay() throws {
        let block = try BlockDriver(sectors: 2048, synchronous: false)
        for round in 0..<50 {
            for _ in 0..<10 {
                _ = block.add(BlockDriver.Kind.read, data: [block.driver.writable(4096)])
            }
            block.driver.notify()
            if round % 2 == 0 { usleep(UInt32(round * 10)) }
            let queue = block.queue
            block.driver.mmio.reset()
            let used = queue.usedIndex
            usleep(200)
            #expect(queue.usedIndex == used)
            #expect(block.driver.interrupt.level == false)
            try #require(block.driver.start(queueSize: 64))
        }
    }

    @Test("With EVENT_IDX and a thread of its own, no notification is lost either way")
    func noLostNotifications() throws {
        let block = try BlockDriver(sectors: 64, synchronous: false)
        let queue = block.queue
        let buffer = block.driver.writable(512)
        let header = block.driver.readable(block.header(BlockDriver.Kind.read, sector: 1))
        let status = block.driver.writable(1)
        var inFlight = 0
        var completed = 0
        for _ in 0..<4000 {
            while inFlight < 16 {
                queue.add([header, buffer, status])
                inFlight += 1
                // Only when the device asks for it.
                if queue.needsKick() { block.driver.notify() }
            }
            // As Linux does: take all, ask for the next, and look again before sleeping.
            var deadline = 6_000_000
            while true {
                let before = completed
                while let used = queue.takeUsed() {
                    try #require(used.length == 513)
                    completed += 1
                    inFlight -= 1
                }
                if completed > before { break }
                queue.setUsedEvent(queue.lastUsed)
                atomicFence()
                if queue.usedIndex != queue.lastUsed { continue }
                while !block.driver.interrupt.level, deadline > 0 {
                    usleep(100)
                    deadline -= 1
                }
                try #require(deadline > 0, "no interrupt came")
                _ = block.driver.takeInterrupt()
            }
        }
        #expect(completed >= 4000)
    }
}
