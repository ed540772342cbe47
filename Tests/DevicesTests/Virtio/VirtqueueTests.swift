import Devices
import Hypervisor
import Synchronization
import Testing

@Suite("Split virtqueues")
struct VirtqueueTests {
    /// A console whose transmit queue (1) shows what a device reads from buffers.
    private func makeConsole() throws -> (driver: TestDriver, output: ByteSink) {
        let output = ByteSink()
        return (try TestDriver(ConsoleDevice(output: output.append)), output)
    }

    /// An entropy device whose queue (0) shows what a device writes into buffers.
    private func makeEntropy() throws -> TestDriver {
        try TestDriver(EntropyDevice(source: CountingSource()))
    }

    @Test("The pieces of a buffer are read in order, however it is cut")
    func readsPieces() throws {
        let (driver, output) = try makeConsole()
        #expect(driver.start(queueCount: 2))
        let text = [UInt8]("to be read in order".utf8)
        for cut in [[19], [1, 18], [0, 19], [7, 0, 12]] {
            var rest = text[...]
            let pieces = cut.map { count in
                defer { rest = rest.dropFirst(count) }
                return driver.readable(rest.prefix(count))
            }
            driver.queues[1].add(pieces)
        }
        driver.notify(1)
        #expect(output.bytes == text + text + text + text)
        // §2.7.8.2: nothing was written.
        for _ in 0..<4 {
            #expect(driver.queues[1].takeUsed()?.length == 0)
        }
        #expect(driver.queues[1].takeUsed() == nil)
    }

    @Test("The pieces of a buffer are written in order, and the used length is their sum")
    func writesPieces() throws {
        let driver = try makeEntropy()
        #expect(driver.start())
        let pieces = [3, 0, 8, 5].map(driver.writable)
        let after = driver.writable(1)
        let head = driver.queues[0].add(pieces)
        driver.notify()
        let used = try #require(driver.queues[0].takeUsed())
        #expect(used.id == UInt32(head))
        #expect(used.length == 16)
        #expect(pieces.flatMap(driver.bytes) == [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        #expect(driver.bytes(after) == [0xEE])
    }

    @Test("An indirect table is followed, also after direct descriptors and at an odd address")
    func indirect() throws {
        let (driver, output) = try makeConsole()
        #expect(driver.start(queueCount: 2))
        let queue = driver.queues[1]
        let pieces = ["in", "di", "rect"].map { driver.readable($0.utf8) }
        queue.addIndirect(pieces, table: driver.allocate(64) + 1)
        let table = driver.allocate(64)
        queue.storeTable(pieces, at: table)
        // The write flag on a descriptor that refers to a table is ignored (§2.7.5.3.2).
        queue.add([
            driver.readable("not ".utf8),
            TestDescriptor(address: table, length: 48, flags: TestDescriptor.indirect | TestDescriptor.write),
        ])
        driver.notify(1)
        #expect(String(decoding: output.bytes, as: UTF8.self) == "indirectnot indirect")
        #expect(driver.mmio.fault == nil)
    }

    @Test("An indirect table may have more descriptors than the queue", arguments: [17, 256, 1024])
    func longIndirect(count: Int) throws {
        let (driver, output) = try makeConsole()
        #expect(driver.start(queueCount: 2))
        let piece = driver.readable([1, 2])
        driver.queues[1].addIndirect(
            [TestDescriptor](repeating: piece, count: count), table: driver.allocate(16 * count))
        driver.notify(1)
        #expect(output.bytes.count == 2 * count)
    }

    @Test("Ring indices wrap at 2¹⁶, and nothing is lost or repeated", arguments: [true, false])
    func wraparound(eventIdx: Bool) throws {
        let driver = try makeEntropy()
        #expect(driver.start(features: eventIdx ? Feature.version1 | Feature.eventIdx : Feature.version1, queueSize: 4))
        let queue = driver.queues[0]
        let buffer = driver.writable(8)
        var expected: UInt64 = 0
        while expected < 66_000 {
            let count = expected % 3 + 1
            for _ in 0..<count { queue.add([buffer]) }
            if queue.needsKick() { driver.notify() }
            for _ in 0..<count {
                let used = try #require(queue.takeUsed())
                try #require(used.length == 8)
                expected += 1
            }
            try #require(queue.takeUsed() == nil)
            try #require(driver.memory.load(UInt64.self, at: buffer.address) == expected - 1)
            if eventIdx { queue.setUsedEvent(queue.lastUsed) }
            try #require(driver.takeInterrupt() == 1)
        }
        #expect(queue.usedIndex == UInt16(truncatingIfNeeded: expected))
    }

    @Test("With EVENT_IDX, the device says which buffer it wants to hear of next")
    func availEvent() throws {
        let driver = try makeEntropy()
        #expect(driver.start())
        let queue = driver.queues[0]
        #expect(queue.availEvent == 0)
        for count: UInt16 in 1...5 {
            queue.add([driver.writable(8)])
            #expect(queue.needsKick())
            driver.notify()
            #expect(queue.availEvent == count)
        }
    }

    @Test("With EVENT_IDX, the driver is notified when used_event is passed, and only then")
    func usedEvent() throws {
        let driver = try makeEntropy()
        #expect(driver.start())
        let queue = driver.queues[0]
        func complete(_ count: Int) {
            for _ in 0..<count { queue.add([driver.writable(8)]) }
            driver.notify()
        }
        queue.setUsedEvent(2)
        complete(1)
        #expect(driver.takeInterrupt() == 0)
        complete(1)
        #expect(driver.takeInterrupt() == 0)
        // The third used buffer has index 2.
        complete(1)
        #expect(driver.takeInterrupt() == 1)
        complete(3)
        #expect(driver.takeInterrupt() == 0)
        // In the middle of several at once.
        queue.setUsedEvent(8)
        complete(6)
        #expect(driver.takeInterrupt() == 1)
        // The flag of the other scheme is ignored (§2.7.7.2).
        queue.setAvailableFlags(1)
        queue.setUsedEvent(12)
        complete(1)
        #expect(driver.takeInterrupt() == 1)
    }

    @Test("Without EVENT_IDX, the driver is notified unless it set NO_INTERRUPT")
    func noInterruptFlag() throws {
        let driver = try makeEntropy()
        #expect(driver.start(features: Feature.version1))
        let queue = driver.queues[0]
        queue.setAvailableFlags(1)
        queue.add([driver.writable(8)])
        driver.notify()
        #expect(queue.takeUsed() != nil)
        #expect(driver.takeInterrupt() == 0)
        queue.setAvailableFlags(0)
        queue.add([driver.writable(8)])
        driver.notify()
        #expect(driver.takeInterrupt() == 1)
        // A notification that brought nothing is not answered.
        driver.notify()
        #expect(driver.takeInterrupt() == 0)
    }

    @Test("The back end hears of everything that a device writes")
    func observedWrites() throws {
        let driver = try makeEntropy()
        #expect(driver.start())
        let buffer = TestDriver.base + 0x10_0FFC
        driver.queues[0].add([TestDescriptor(address: buffer, length: 8, flags: TestDescriptor.write)])
        let observer = WriteObserver()
        driver.memory.observer = observer
        driver.notify()
        let heard = observer.heard
        #expect(heard.contains { $0.contains(buffer) && $0.contains(buffer + 7) })
        // The element, and the index that makes it count.
        let used = driver.queues[0].used
        #expect(heard.contains { $0.contains(used + 4) && $0.contains(used + 11) })
        #expect(heard.contains { $0.contains(used + 2) })
    }
}

@Suite("Hostile virtqueues")
struct HostileVirtqueueTests {
    /// Something that a driver must not do, and what the device says about it.
    struct Offence: CustomTestStringConvertible {
        let testDescription: String
        let fault: VirtqueueFault
        var features: UInt64 = Feature.version1 | Feature.eventIdx | Feature.indirectDesc
        let commit: @Sendable (TestDriver, TestQueue) -> Void
    }

    private static let ramEnd = TestDriver.base + (64 << 20)

    private static func indirect(
        _ description: String, _ fault: VirtqueueFault, _ pieces: [TestDescriptor], length: UInt32? = nil,
        flags: UInt16 = TestDescriptor.indirect
    ) -> Offence {
        Offence(testDescription: description, fault: fault) { driver, queue in
            let table = driver.allocate(16 * pieces.count)
            for (index, piece) in pieces.enumerated() {
                queue.store(piece, at: table + 16 * UInt64(index))
            }
            queue.store(
                TestDescriptor(address: table, length: length ?? UInt32(16 * pieces.count), flags: flags), inSlot: 0)
            queue.makeAvailable(0)
        }
    }

    private static func direct(_ description: String, _ fault: VirtqueueFault, _ pieces: [TestDescriptor]) -> Offence {
        Offence(testDescription: description, fault: fault) { _, queue in
            for (index, piece) in pieces.enumerated() {
                queue.store(piece, inSlot: UInt16(index))
            }
            queue.makeAvailable(0)
        }
    }

    private static let good = TestDescriptor(address: TestDriver.base, length: 1, flags: TestDescriptor.write)

    static let offences: [Offence] = [
        Offence(testDescription: "head outside the table", fault: .descriptorIndex(16)) { _, queue in
            queue.makeAvailable(16)
        },
        Offence(testDescription: "available index too far ahead", fault: .availableIndex(17)) { _, queue in
            queue.publish(17)
        },
        Offence(testDescription: "available index going back", fault: .availableIndex(0xFFFF)) { _, queue in
            queue.publish(0xFFFF)
        },
        direct(
            "next outside the table", .descriptorIndex(0xFFFF),
            [TestDescriptor(address: TestDriver.base, length: 1, flags: TestDescriptor.next, next: 0xFFFF)]),
        direct(
            "chain that loops on itself", .descriptorChainTooLong,
            [TestDescriptor(address: TestDriver.base, length: 1, flags: TestDescriptor.next, next: 0)]),
        direct(
            "chain that loops over two", .descriptorChainTooLong,
            [
                TestDescriptor(address: TestDriver.base, length: 0, flags: TestDescriptor.next, next: 1),
                TestDescriptor(address: TestDriver.base, length: 0, flags: TestDescriptor.next, next: 0),
            ]),
        direct(
            "buffer below RAM", .bufferAddress(TestDriver.base - 1, byteCount: 2),
            [TestDescriptor(address: TestDriver.base - 1, length: 2, flags: TestDescriptor.write)]),
        direct(
            "buffer over RAM's end", .bufferAddress(ramEnd - 1, byteCount: 2),
            [TestDescriptor(address: ramEnd - 1, length: 2, flags: TestDescriptor.write)]),
        direct(
            "buffer around the end of the address space", .bufferAddress(UInt64.max, byteCount: UInt32.max),
            [TestDescriptor(address: UInt64.max, length: UInt32.max, flags: TestDescriptor.write)]),
        direct(
            "readable after writable", .readableAfterWritable,
            [
                TestDescriptor(
                    address: TestDriver.base, length: 1, flags: TestDescriptor.write | TestDescriptor.next, next: 1),
                TestDescriptor(address: TestDriver.base, length: 1),
            ]),
        Offence(testDescription: "more than 4 GiB", fault: .bufferTooLong) { driver, queue in
            let all = TestDescriptor(address: TestDriver.base, length: 64 << 20, flags: TestDescriptor.write)
            queue.addIndirect([TestDescriptor](repeating: all, count: 65), table: driver.allocate(65 * 16))
        },
        indirect("empty indirect table", .indirectTableLength(0), [good], length: 0),
        indirect("crooked indirect table", .indirectTableLength(17), [good, good], length: 17),
        indirect("endless indirect table", .indirectTableLength(UInt32.max - 15), [good], length: UInt32.max - 15),
        indirect("indirect table too long", .indirectTableLength(16 * 1025), [good], length: 16 * 1025),
        indirect(
            "indirect with next", .indirectNotAllowed, [good], flags: TestDescriptor.indirect | TestDescriptor.next),
        indirect(
            "indirect in indirect", .indirectNotAllowed,
            [TestDescriptor(address: TestDriver.base, length: 16, flags: TestDescriptor.indirect)]),
        indirect(
            "indirect loop", .descriptorChainTooLong,
            [TestDescriptor(address: TestDriver.base, length: 1, flags: TestDescriptor.next, next: 0)]),
        indirect(
            "indirect next outside its table", .descriptorIndex(2),
            [TestDescriptor(address: TestDriver.base, length: 1, flags: TestDescriptor.next, next: 2), good]),
        direct(
            "indirect table outside RAM", .bufferAddress(ramEnd - 16, byteCount: 32),
            [TestDescriptor(address: ramEnd - 16, length: 32, flags: TestDescriptor.indirect)]),
        Offence(
            testDescription: "indirect without the feature", fault: .indirectNotAllowed,
            features: Feature.version1
        ) { driver, queue in
            queue.addIndirect([driver.writable(1)], table: driver.allocate(16))
        },
    ]

    @Test("A broken rule makes the device ask for a reset, and a reset makes all well", arguments: offences)
    func offence(_ offence: Offence) throws {
        let driver = try TestDriver(EntropyDevice(source: CountingSource()), memoryByteCount: 64 << 20)
        #expect(driver.start(features: offence.features))
        let queue = driver.queues[0]
        offence.commit(driver, queue)
        driver.notify()
        #expect(driver.mmio.fault == offence.fault)
        #expect(driver.status & Status.needsReset != 0)
        // §2.1.2: a configuration change notification.
        #expect(driver.takeInterrupt() == 2)
        #expect(queue.usedIndex == 0)
        // The queue is dead, whatever comes.
        queue.publish(1)
        driver.notify()
        #expect(queue.usedIndex == 0)
        #expect(driver.takeInterrupt() == 0)

        #expect(driver.start())
        #expect(driver.status & Status.needsReset == 0)
        driver.queues[0].add([driver.writable(8)])
        driver.notify()
        #expect(driver.queues[0].takeUsed()?.length == 8)
    }

    @Test("Buffers before the broken one were completed")
    func earlierBuffers() throws {
        let driver = try TestDriver(EntropyDevice(source: CountingSource()))
        #expect(driver.start())
        let queue = driver.queues[0]
        queue.add([driver.writable(8)])
        queue.makeAvailable(99)
        driver.notify()
        #expect(queue.takeUsed()?.length == 8)
        #expect(driver.mmio.fault == .descriptorIndex(99))
    }

    @Test("A fault says in words what the driver did")
    func faultText() {
        #expect(
            VirtqueueFault.bufferAddress(0x1000, byteCount: 2).description == "2 bytes at 0x1000 are not all in RAM")
    }
}
