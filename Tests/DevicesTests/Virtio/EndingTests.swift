// A guest may ask a device for more than can be done in any time that somebody waits. Each of these guests would keep
// its device busy for minutes; the run is told to end while the first of its requests is under way.

import Glibc
import HostSupport
import Hypervisor
import Synchronization
import Testing

@testable import Devices

/// Calls something once it is there.
private final class Trigger: Sendable {
    private let action = Mutex<(@Sendable () -> Void)?>(nil)

    func set(_ action: @escaping @Sendable () -> Void) { self.action.withLock { $0 = action } }
    func fire() { action.withLock { $0 }?() }
}

@Suite("The end of a run with requests under way")
struct EndingTests {
    private static let chainCount: UInt16 = 64
    private static let memoryByteCount: UInt64 = 64 << 20

    /// A driver with queues of 64, and buffers of 4 GiB less what `reserve` takes: the same 32 MiB of RAM again and
    /// again.
    private func start(_ device: any VirtioDevice, queueCount: Int = 1) throws -> TestDriver {
        let driver = try TestDriver(device, memoryByteCount: Self.memoryByteCount)
        // Without EVENT_IDX, so that a console is sent its input at once.
        let features = driver.deviceFeatures & ~Feature.eventIdx
        try #require(driver.start(features: features, queueCount: queueCount, queueSize: Self.chainCount))
        return driver
    }

    private static func hugeBuffer(flags: UInt16 = 0) -> [TestDescriptor] {
        let segment = TestDescriptor(address: TestDriver.base + 32 << 20, length: 32 << 20, flags: flags)
        return [TestDescriptor](repeating: segment, count: 127)
    }

    /// Makes the same chain available as often as the queue is long.
    private func fill(_ queue: TestQueue, _ driver: TestDriver, _ chain: [TestDescriptor]) {
        let table = driver.allocate(16 * chain.count)
        queue.storeTable(chain, at: table)
        for _ in 0..<Self.chainCount {
            queue.add([
                TestDescriptor(address: table, length: UInt32(16 * chain.count), flags: TestDescriptor.indirect)
            ])
        }
    }

    private func header(_ kind: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: kind >> (8 * $0)) } + [UInt8](repeating: 0, count: 12)
    }

    /// A block device on a sparse disk of 8 GiB, and 64 requests of `kind` with 4 GiB of data each.
    private func storm(
        _ kind: UInt32, flags: UInt16, disk: TemporaryDisk, synchronous: Bool, laboratory: DiskLaboratory? = nil,
        tell: @escaping @Sendable (DiskEvent) -> Void = { _ in }
    ) throws -> (BlockDevice, TestDriver) {
        let device = try BlockDevice(
            file: DiskFile(path: disk.path), serial: "", laboratory: laboratory, synchronous: synchronous, tell: tell)
        let driver = try start(device)
        let data = kind == 4 ? [] : Self.hugeBuffer(flags: flags)
        fill(driver.queues[0], driver, [driver.readable(header(kind))] + data + [driver.writable(1)])
        return (device, driver)
    }

    @Test("A read of 4 GiB is cut short, is not answered, and is the last")
    func read() throws {
        let disk = try TemporaryDisk(sectors: 16 << 20)
        let (device, driver) = try storm(0, flags: TestDescriptor.write, disk: disk, synchronous: false)
        driver.notify()
        while device.activity.reads == 0 { usleep(100) }
        driver.mmio.setEnding(true)
        try device.flush()
        #expect(device.activity.reads < 5)
        #expect(driver.queues[0].usedIndex < 5)
        #expect(UInt64(driver.queues[0].usedIndex) < device.activity.reads)
        #expect(device.activity.failures == 0)
        device.stop()
    }

    @Test("A write is cut short between two pieces, and what had been written stays")
    func write() throws {
        // Every piece reaches watched pages of the guest's when it is read; a write is seen on the disk only.
        let disk = try TemporaryDisk(sectors: 16 << 20)
        let (device, driver) = try storm(1, flags: 0, disk: disk, synchronous: false)
        driver.memory.write([UInt8](repeating: 0xA5, count: 4096), at: TestDriver.base + 32 << 20)
        driver.notify()
        while disk.read(at: 0, count: 1) != [0xA5] { usleep(100) }
        driver.mmio.setEnding(true)
        try device.flush()
        #expect(device.activity.writes == 1)
        #expect(driver.queues[0].usedIndex == 0)
        device.stop()
    }

    @Test(
        "After the request in which the run is told to end comes no other",
        arguments: [(1, DiskFaults.Request.write), (4, .flush)] as [(UInt32, DiskFaults.Request)])
    func storms(kind: UInt32, request: DiskFaults.Request) throws {
        let trigger = Trigger()
        let disk = try TemporaryDisk(sectors: 64)
        let laboratory = DiskLaboratory([0: DiskFaults(rules: [.init(request, 1, .fail(.inputOutput))])])
        let device = try BlockDevice(
            file: DiskFile(path: disk.path), serial: "", laboratory: laboratory, synchronous: true,
            tell: { _ in trigger.fire() })
        trigger.set { device.setEnding(true) }
        let driver = try start(device)
        let data = kind == 1 ? [driver.readable([UInt8](repeating: 1, count: 512))] : []
        fill(driver.queues[0], driver, [driver.readable(header(kind))] + data + [driver.writable(1)])
        driver.notify()
        #expect(device.activity.writes + device.activity.flushes == 1)
        #expect(driver.queues[0].usedIndex == 0)
        trigger.set {}
    }

    @Test("The next run has its disks again")
    func again() throws {
        let disk = try TemporaryDisk(sectors: 64)
        let device = try BlockDevice(file: DiskFile(path: disk.path), serial: "", synchronous: true)
        let driver = try start(device)
        driver.mmio.setEnding(true)
        driver.queues[0].add([driver.readable(header(4)), driver.writable(1)])
        driver.notify()
        #expect(driver.queues[0].usedIndex == 0)
        driver.mmio.setEnding(false)
        driver.notify()
        #expect(driver.queues[0].usedIndex == 1)
    }

    @Test("A laboratory takes no write that does not fit into memory")
    func laboratoryWrite() throws {
        let disk = try TemporaryDisk(sectors: 16 << 20)
        let laboratory = DiskLaboratory([0: DiskFaults(rules: [.init(.write, 9, .cut)])])
        let (device, driver) = try storm(1, flags: 0, disk: disk, synchronous: true, laboratory: laboratory)
        driver.notify()
        #expect(driver.queues[0].usedIndex == Self.chainCount)
        #expect(device.activity.failuresByReason == [EFBIG: UInt64(Self.chainCount)])
    }

    @Test("What a guest prints is left off after the piece in which the run is told to end")
    func consoleOutput() throws {
        let trigger = Trigger()
        let output = Atomic(0)
        let console = ConsoleDevice(output: { bytes in
            output.add(bytes.count, ordering: .relaxed)
            trigger.fire()
        })
        trigger.set { console.setEnding(true) }
        let driver = try start(console, queueCount: 2)
        fill(driver.queues[1], driver, Self.hugeBuffer())
        driver.notify(1)
        #expect(output.load(ordering: .relaxed) <= 1 << 16)
        #expect(driver.queues[1].usedIndex == 0)
        trigger.set {}
    }

    @Test("Input goes into huge buffers no further than it reaches, and past no more empty ones than the queue has")
    func consoleInput() throws {
        let console = ConsoleDevice(output: { _ in })
        let driver = try start(console, queueCount: 2)
        fill(driver.queues[0], driver, Self.hugeBuffer(flags: TestDescriptor.write))
        #expect(console.receive("abc".utf8) == 3)
        #expect(driver.queues[0].usedIndex == 1)

        // Each buffer that is used makes the available index look further ahead: the driver says so beforehand.
        let empty = try start(console, queueCount: 2)
        let queue = empty.queues[0]
        for _ in 0..<Self.chainCount { queue.add([empty.readable([0])]) }
        #expect(console.receive("abc".utf8) == 0)
        #expect(queue.usedIndex == Self.chainCount)
    }

    @Test("No buffer is filled with random bytes after the one in which the run is told to end")
    func entropy() throws {
        let trigger = Trigger()
        let device = EntropyDevice(source: TriggeringSource(trigger))
        trigger.set { device.setEnding(true) }
        let driver = try start(device)
        fill(driver.queues[0], driver, Self.hugeBuffer(flags: TestDescriptor.write))
        driver.notify()
        #expect(driver.queues[0].usedIndex == 1)
        trigger.set {}
    }

    @Test("A network card drops frames of 4 GiB unread, and puts a frame into the first bytes of a buffer of 4 GiB")
    func network() throws {
        let backend = try MemoryBackend()
        let device = try NetworkDevice(mac: MACAddress(virtualMachine: 1), mtu: 1500, backend: backend)
        let driver = try start(device, queueCount: 2)
        fill(driver.queues[1], driver, Self.hugeBuffer())
        fill(driver.queues[0], driver, Self.hugeBuffer(flags: TestDescriptor.write))
        backend.arrive(frame(100))
        while device.port.work().isImmediate {}
        #expect(driver.queues[1].usedIndex == Self.chainCount)
        #expect(backend.outgoing.isEmpty)
        #expect(driver.queues[0].usedIndex == 1)
        device.stop()
    }
}

/// A source that fires a trigger whenever it is asked.
private final class TriggeringSource: EntropySource {
    private let trigger: Trigger

    init(_ trigger: Trigger) { self.trigger = trigger }

    func next() -> UInt64 { 0 }

    func bytes(count: Int) -> [UInt8] {
        trigger.fire()
        return [UInt8](repeating: 0, count: count)
    }
}
