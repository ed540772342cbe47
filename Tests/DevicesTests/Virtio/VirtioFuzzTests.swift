import Glibc
import HostSupport
import Hypervisor
import NinePFS
import Synchronization
import Testing

@testable import Devices

/// SplitMix64: random numbers that are the same in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// A guest that does anything: the process must neither trap nor hang, and the device must come back after a reset.
@Suite("virtio against a random guest")
struct VirtioFuzzTests {
    private static let memoryByteCount: UInt64 = 64 << 10
    /// The rings are below.
    private static let indirectTable = TestDriver.base + 0x4000
    private static let buffers = TestDriver.base + 0x5000

    private func interestingValue(_ random: inout SeededGenerator) -> UInt64 {
        switch UInt8.random(in: 0..<8, using: &random) {
        case 0: 0
        case 1: UInt64.max
        case 2: UInt64(UInt32.max)
        case 3: 1 << UInt64.random(in: 0..<64, using: &random)
        case 4: UInt64.random(in: 0..<64, using: &random)
        case 5: TestDriver.base + Self.memoryByteCount - UInt64.random(in: 0..<32, using: &random)
        case 6: TestDriver.base + UInt64.random(in: 0..<Self.memoryByteCount, using: &random)
        default: UInt64.random(in: 0...UInt64.max, using: &random)
        }
    }

    /// A request that could be right, with its descriptors in the queue's table or in an indirect one.
    private func addRequest(to queue: TestQueue, driver: TestDriver, random: inout SeededGenerator) {
        func piece(_ limit: UInt32, flags: UInt16) -> TestDescriptor {
            TestDescriptor(
                address: Self.buffers + UInt64.random(in: 0..<0x7000, using: &random),
                length: UInt32.random(in: 0..<limit, using: &random), flags: flags)
        }
        // What a block device takes for a header, and others for data.
        let header = TestDescriptor(address: Self.buffers + UInt64.random(in: 0..<0x7000, using: &random), length: 16)
        driver.memory.store(UInt64.random(in: 0..<15, using: &random), at: header.address)
        driver.memory.store(UInt64.random(in: 0..<40, using: &random), at: header.address + 8)
        var pieces = [header]
        for _ in 0..<UInt8.random(in: 0..<3, using: &random) { pieces.append(piece(1024, flags: 0)) }
        for _ in 0..<UInt8.random(in: 0..<3, using: &random) {
            pieces.append(piece(1024, flags: TestDescriptor.write))
        }
        pieces.append(piece(514, flags: TestDescriptor.write))
        if queue.usesIndirectDesc, Bool.random(using: &random) {
            queue.addIndirect(pieces, table: Self.indirectTable)
        } else {
            queue.add(pieces)
        }
    }

    /// Spoils one number of the rings or of the indirect table.
    private func spoil(_ queue: TestQueue, driver: TestDriver, random: inout SeededGenerator) {
        let value = interestingValue(&random)
        switch UInt8.random(in: 0..<4, using: &random) {
        case 0:
            let offset = UInt64.random(in: 0..<queue.end - queue.descriptors, using: &random)
            driver.memory.store(UInt16(truncatingIfNeeded: value), at: queue.descriptors + offset)
        case 1:
            let slot = UInt64.random(in: 0..<UInt64(queue.size), using: &random)
            driver.memory.store(value, at: queue.descriptors + 16 * slot)
        case 2:
            let offset = UInt64.random(in: 0..<64, using: &random)
            driver.memory.store(UInt16(truncatingIfNeeded: value), at: Self.indirectTable + offset)
        default:
            queue.publish(UInt16(truncatingIfNeeded: value))
        }
    }

    /// Plays random guests, `rounds` of them. `settle` waits until the device has done what it was told to.
    private func run(
        _ device: any VirtioDevice, queueCount: Int, rounds: Int, seed: UInt64, leastFaults: Int = 4,
        completes: Bool = true, settle: () throws -> Void = {}
    ) throws {
        var random = SeededGenerator(state: seed)
        var completed = 0
        var faults: Set<String> = []
        for _ in 0..<rounds {
            let driver = try TestDriver(device, memoryByteCount: Self.memoryByteCount)
            let features = driver.deviceFeatures & (random.next() | Feature.version1)
            try #require(driver.start(features: features, queueCount: queueCount))
            for _ in 0..<UInt8.random(in: 1...32, using: &random) {
                let queue = try #require(driver.queues.randomElement(using: &random))
                for _ in 0..<UInt8.random(in: 0..<4, using: &random) {
                    addRequest(to: queue, driver: driver, random: &random)
                }
                if UInt8.random(in: 0..<8, using: &random) == 0 {
                    spoil(queue, driver: driver, random: &random)
                }
                driver.notify(queue.index)
                if UInt8.random(in: 0..<16, using: &random) == 0 {
                    driver.mmio.write(
                        offset: UInt64.random(in: 0..<0x110, using: &random) & ~3, size: 4,
                        value: interestingValue(&random), cpu: 0)
                }
                try settle()
            }
            if let fault = driver.mmio.fault { faults.insert("\(fault)".filter { $0.isLetter && !$0.isHexDigit }) }
            completed += driver.queues.reduce(0) { $0 + Int($1.usedIndex) }
            driver.mmio.reset()
            #expect(!driver.interrupt.level)
            #expect(driver.status == 0)
        }
        // Neither everything nor nothing was refused.
        #expect(completed > rounds || !completes)
        #expect(faults.count >= leastFaults)
    }

    @Test("A block device survives a random guest", arguments: [true, false])
    func block(synchronous: Bool) throws {
        let disk = try TemporaryDisk(sectors: 32)
        let device = try BlockDevice(
            file: DiskFile(path: disk.path), serial: "fuzz", clears: true, synchronous: synchronous)
        try run(device, queueCount: 1, rounds: 400, seed: synchronous ? 1 : 2) { try device.flush() }
        device.stop()
        #expect(disk.read(at: 0, count: 1 << 20).count == 32 * 512)
    }

    @Test("A console survives a random guest")
    func console() throws {
        let console = ConsoleDevice(output: { _ in })
        try run(console, queueCount: 2, rounds: 400, seed: 3)
        #expect(console.receive("x".utf8) == 0)
    }

    @Test("A share survives a random guest, which does not come to fids by chance", arguments: [true, false])
    func share(synchronous: Bool) throws {
        let device = try NinePDevice(
            tag: "fuzz", server: NinePServer(NinePShare(path: "/tmp", isReadOnly: true)),
            synchronous: synchronous)
        // Without a worker what is asked for is done at once.
        if synchronous { try run(device, queueCount: 1, rounds: 400, seed: 9, leastFaults: 1, completes: false) }
        for message in VirtioSubjects.shareMessages {
            let driver = try TestDriver(device)
            try #require(driver.start())
            driver.queues[0].add([driver.readable(message), driver.writable(7)])
            driver.notify()
            while driver.queues[0].takeUsed() == nil { usleep(100) }
        }
        device.stop()
    }

    @Test("A device with ports survives a random guest, and a host that takes and sends at random")
    func ports() throws {
        let taken = Mutex(SeededGenerator(state: 8))
        let device = PortsDevice(
            ports: [ConsolePort(number: 0, isConsole: true), ConsolePort(number: 2, name: "agent")],
            output: { _, bytes in taken.withLock { Int.random(in: 0...bytes.count, using: &$0) } })
        var random = SeededGenerator(state: 7)
        try run(device, queueCount: 8, rounds: 400, seed: 7) {
            let port = Int.random(in: -1..<5, using: &random)
            device.setHostOpen(Bool.random(using: &random), at: port)
            _ = device.receive([UInt8](repeating: 7, count: Int.random(in: 0..<64, using: &random)), at: port)
            device.hostTakes(port)
        }
        #expect(device.receive([1], at: 2) == 0)
    }

    @Test("A network device survives a random guest, whose frames come back to it")
    func network() throws {
        let backend = try MemoryBackend(echoes: true)
        let device = try NetworkDevice(mac: MACAddress(virtualMachine: 1), mtu: 1500, backend: backend)
        var random = SeededGenerator(state: 6)
        try run(device, queueCount: 2, rounds: 400, seed: 6) {
            backend.arrive(frame(Int.random(in: 0..<1600, using: &random)))
            while device.port.work().isImmediate {}
        }
        device.stop()
        #expect(backend.outgoing.count > 100)
        #expect(backend.outgoing.allSatisfy { (14...1518).contains($0.count) })
    }

    @Test("An entropy device survives a random guest")
    func entropy() throws {
        try run(EntropyDevice(source: CountingSource()), queueCount: 1, rounds: 400, seed: 4)
    }

    @Test("Any sequence of register accesses is answered, and a driver can start afterwards")
    func registers() throws {
        var random = SeededGenerator(state: 5)
        let driver = try TestDriver(EntropyDevice(source: CountingSource()), memoryByteCount: Self.memoryByteCount)
        for _ in 0..<100 {
            for _ in 0..<2000 {
                let offset =
                    UInt8.random(in: 0..<16, using: &random) == 0
                    ? interestingValue(&random) : UInt64.random(in: 0..<0x80, using: &random) * 4
                let size = [1, 2, 4, 4, 4, 4, 8][Int.random(in: 0..<7, using: &random)]
                if Bool.random(using: &random) {
                    let value = driver.mmio.read(offset: offset, size: size, cpu: 0)
                    #expect(size == 8 || value < 1 << (8 * UInt64(size)))
                } else {
                    driver.mmio.write(offset: offset, size: size, value: interestingValue(&random), cpu: 0)
                }
            }
            // Whatever state that left: a driver's own reset mends it.
            #expect(driver.negotiate(Feature.version1))
        }
        driver.mmio.reset()
        let queue = TestQueue(memory: driver.memory, index: 0, size: 4, base: TestDriver.base)
        #expect(driver.negotiate(Feature.version1))
        #expect(driver.setUp(queue))
        driver.addStatus(Status.driverOK)
        queue.add([TestDescriptor(address: TestDriver.base + 0x8000, length: 8, flags: TestDescriptor.write)])
        driver.notify()
        #expect(queue.takeUsed()?.length == 8)
    }
}
