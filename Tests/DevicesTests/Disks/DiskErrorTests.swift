// What is said of a host's storage that fails, and the disk that waits for it.

import Glibc
import Hypervisor
import Synchronization
import Testing

@testable import Devices

/// What a disk said.
private final class Events: Sendable {
    private let events = Mutex<[DiskEvent]>([])
    var all: [DiskEvent] { events.withLock { $0 } }
    func add(_ event: DiskEvent) { events.withLock { $0.append(event) } }
}

@Suite("Disks whose host fails")
struct DiskErrorTests {
    private static func rules(_ numbers: ClosedRange<UInt64>, _ request: DiskFaults.Request = .write) -> DiskFaults {
        DiskFaults(rules: numbers.map { .init(request, $0, .fail($0 % 2 == 0 ? .inputOutput : .noSpace)) })
    }

    private struct Bench {
        let disk: TemporaryDisk
        let device: BlockDevice
        let driver: TestDriver
        let events = Events()

        init(_ faults: DiskFaults, onError: DiskErrorPolicy, synchronous: Bool = true) throws {
            disk = try TemporaryDisk(sectors: 32)
            let events = events
            device = try BlockDevice(
                file: DiskFile(path: disk.path), serial: "", clears: true, laboratory: DiskLaboratory([0: faults]),
                onError: onError, retryMilliseconds: 20, synchronous: synchronous, tell: { events.add($0) })
            driver = try TestDriver(device)
            try #require(driver.start(queueSize: 64))
        }

        /// Makes a request available; returns where its status will be.
        func add(_ kind: UInt8, sector: UInt8 = 0, _ data: [TestDescriptor] = []) -> TestDescriptor {
            let status = driver.writable(1)
            let header = [kind, 0, 0, 0, 0, 0, 0, 0, sector, 0, 0, 0, 0, 0, 0, 0]
            driver.queues[0].add([driver.readable(header)] + data + [status])
            return status
        }

        func write(sector: UInt8, fill: UInt8) -> TestDescriptor {
            add(1, sector: sector, [driver.readable([UInt8](repeating: fill, count: 512))])
        }

        func failed(_ code: Int32) -> DiskFileError { .failed(operation: "write", path: disk.path, errno: code) }
    }

    @Test("Of many requests that fail, the first for each reason is told of, and each is counted")
    func warnings() throws {
        let bench = try Bench(Self.rules(1...7), onError: .report)
        let statuses = (0..<7).map { bench.write(sector: $0, fill: 1) }
        bench.driver.notify()
        #expect(statuses.map { bench.driver.bytes($0)[0] } == [1, 1, 1, 1, 1, 1, 1])
        #expect(bench.events.all == [.failed(bench.failed(ENOSPC)), .failed(bench.failed(EIO))])
        #expect(bench.device.activity.failuresByReason == [ENOSPC: 4, EIO: 3])
    }

    @Test("A write is kept until the host can do it, and the guest is not told of any error", arguments: [true, false])
    func held(synchronous: Bool) throws {
        let bench = try Bench(Self.rules(1...3), onError: .stop, synchronous: synchronous)
        let statuses = [bench.write(sector: 3, fill: 7), bench.write(sector: 4, fill: 8)]
        bench.driver.notify()
        try bench.device.flush()
        #expect(statuses.map { bench.driver.bytes($0)[0] } == [0, 0])
        #expect(bench.disk.read(at: 3 * 512, count: 1) + bench.disk.read(at: 4 * 512, count: 1) == [7, 8])
        #expect(bench.events.all == [.held(bench.failed(ENOSPC)), .released])
        #expect(bench.device.activity.failures == 0)
        #expect(bench.device.activity.writes == 2)
        bench.device.stop()
    }

    @Test("A read is kept, too")
    func heldRead() throws {
        let bench = try Bench(Self.rules(1...1, .read), onError: .stop)
        let buffer = bench.driver.writable(512)
        let status = bench.add(0, [buffer])
        bench.driver.notify()
        #expect(bench.driver.bytes(status) == [0])
        #expect(bench.driver.bytes(buffer).allSatisfy { $0 == 0 })
        #expect(bench.events.all.count == 2)
    }

    @Test("A discard is kept, too")
    func heldDiscard() throws {
        let bench = try Bench(Self.rules(1...1), onError: .stop)
        let status = bench.add(11, [bench.driver.readable(BlockDriver.range(1, 1))])
        bench.driver.notify()
        #expect(bench.driver.bytes(status) == [0])
        #expect(bench.events.all == [.held(bench.failed(ENOSPC)), .released])
    }

    @Test("A flush that failed is reported and not tried again")
    func flush() throws {
        let bench = try Bench(Self.rules(1...1, .flush), onError: .stop)
        let status = bench.add(4)
        bench.driver.notify()
        #expect(bench.driver.bytes(status) == [1])
        #expect(bench.events.all == [.failed(.failed(operation: "flush", path: bench.disk.path, errno: ENOSPC))])
    }

    @Test("The end of the run ends the wait for the host, and the request is not answered")
    func endWhileHeld() throws {
        let bench = try Bench(Self.rules(1...1_000), onError: .stop, synchronous: false)
        let status = bench.write(sector: 1, fill: 1)
        bench.driver.notify()
        while bench.events.all.isEmpty { usleep(1000) }
        bench.driver.mmio.setEnding(true)
        try bench.device.flush()
        #expect(bench.driver.bytes(status) == [0xEE])
        #expect(bench.events.all == [.held(bench.failed(ENOSPC)), .released])
        #expect(bench.device.activity.failures == 0)
        bench.device.stop()
    }
}
