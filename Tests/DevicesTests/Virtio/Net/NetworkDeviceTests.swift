import Glibc
import HostSupport
import Hypervisor
import Synchronization
import Testing

@testable import Devices

/// Feature bits of virtio 1.2 §5.1.3.
private enum NetFeature {
    static let mtu: UInt64 = 1 << 3
    static let mac: UInt64 = 1 << 5
    static let mrgRxbuf: UInt64 = 1 << 15
    static let status: UInt64 = 1 << 16
}

/// A driver of a network device whose other end is in memory. `work` does what the device's thread does.
private struct NetworkBench {
    static let headerByteCount = 12

    let backend: MemoryBackend
    let device: NetworkDevice
    let driver: TestDriver
    let reasons = Reasons()
    var receive: TestQueue { driver.queues[0] }
    var transmit: TestQueue { driver.queues[1] }

    final class Reasons: Sendable {
        let all = Mutex<[String]>([])
        private let parking = Parking()

        func add(_ reason: String) {
            all.withLock { $0.append(reason) }
            parking.wake()
        }

        /// Those that there are, once there is one: the device's own thread may have seen it first, and says so when
        /// everything else is done.
        func first() -> [String] {
            parking.wait(until: BootClock.now &+ 20_000_000_000) { all.withLock { !$0.isEmpty } }
            return all.withLock { $0 }
        }
    }

    init(mtu: UInt16 = 1500, withoutFeatures: UInt64 = 0, start: Bool = true, queueSize: UInt16 = 16) throws {
        backend = try MemoryBackend()
        let reasons = reasons
        device = try NetworkDevice(
            mac: #require(MACAddress("52:54:00:ab:cd:ef")), mtu: mtu, backend: backend,
            onLinkDown: { reasons.add($0) })
        driver = try TestDriver(device)
        if start { try #require(self.start(withoutFeatures: withoutFeatures, queueSize: queueSize)) }
    }

    func start(withoutFeatures: UInt64 = 0, queueSize: UInt16 = 16) -> Bool {
        driver.start(features: driver.deviceFeatures & ~withoutFeatures, queueCount: 2, queueSize: queueSize)
    }

    func work(_ events: Int32 = 0) {
        while device.port.work(Int16(events)).isImmediate {}
    }

    /// Sends a frame as one buffer with its header.
    func send(_ frame: [UInt8]) {
        transmit.add([driver.readable([UInt8](repeating: 0, count: Self.headerByteCount) + frame)])
    }

    /// The 16-bit configuration field at `offset`.
    func configuration(_ offset: UInt64) -> UInt64 {
        driver.mmio.read(offset: Register.configuration + offset, size: 2, cpu: 0)
    }
}

/// The header of §5.1.6 in front of a received frame: no offload, and the number of buffers at offset 10.
private func header(bufferCount: UInt8) -> [UInt8] {
    [UInt8](repeating: 0, count: 10) + [bufferCount, 0]
}

@Suite("virtio network device")
struct NetworkDeviceTests {
    // MARK: Configuration

    @Test("A card has id 1, two queues, and says its address, its MTU and that its link is up")
    func identification() throws {
        let bench = try NetworkBench(mtu: 9000)
        #expect(bench.driver.read(Register.deviceID) == 1)
        #expect(
            bench.driver.deviceFeatures
                == NetFeature.mtu | NetFeature.mac | NetFeature.mrgRxbuf | NetFeature.status | Feature.indirectDesc
                | Feature.eventIdx | Feature.version1)
        let mac = (0..<6).map { bench.driver.mmio.read(offset: Register.configuration + $0, size: 1, cpu: 0) }
        #expect(mac == [0x52, 0x54, 0x00, 0xAB, 0xCD, 0xEF])
        #expect(bench.configuration(6) == 1)
        #expect(bench.configuration(10) == 9000)
        #expect(bench.driver.read(Register.configGeneration) == 0)
        bench.driver.write(Register.queueSel, 2)
        #expect(bench.driver.read(Register.queueNumMax) == 0)
    }

    // MARK: Sending

    @Test("What the guest sends goes out without its header, in order")
    func sending() throws {
        let bench = try NetworkBench()
        bench.send(frame(60, seed: 1))
        bench.send(frame(1514, seed: 2))
        bench.driver.notify(1)
        bench.work()
        #expect(bench.backend.outgoing == [frame(60, seed: 1), frame(1514, seed: 2)])
        #expect(bench.transmit.takeUsed()?.length == 0)
        #expect(bench.transmit.takeUsed()?.length == 0)
        #expect(bench.driver.takeInterrupt() == 1)
    }

    @Test("Header and frame may be cut anywhere, and lie in an indirect table")
    func anyFraming() throws {
        let bench = try NetworkBench()
        let bytes = [UInt8](repeating: 0, count: 12) + frame(100)
        bench.transmit.add([
            bench.driver.readable(bytes[..<5]), bench.driver.readable(bytes[5..<13]),
            bench.driver.readable(bytes[13..<14]), bench.driver.readable(bytes[14...]),
        ])
        bench.transmit.addIndirect(
            [bench.driver.readable(bytes[..<12]), bench.driver.readable(bytes[12...])],
            table: bench.driver.allocate(64))
        bench.driver.notify(1)
        bench.work()
        #expect(bench.backend.outgoing == [frame(100), frame(100)])
    }

    @Test(
        "Buffers too short for a frame, or longer than the MTU allows, are given back and sent nowhere",
        arguments: [0, 1, 11, 12, 25, 12 + 1519, 1 << 20])
    func wrongLength(count: Int) throws {
        let bench = try NetworkBench()
        bench.transmit.add([bench.driver.readable([UInt8](repeating: 0, count: count))])
        bench.send(frame(14))
        bench.send(frame(1518))
        bench.driver.notify(1)
        bench.work()
        #expect(bench.backend.outgoing == [frame(14), frame(1518)])
        #expect(bench.transmit.usedIndex == 3)
        #expect(bench.driver.mmio.fault == nil)
    }

    @Test("What a busy host does not take waits, and keeps its place")
    func busy() throws {
        let bench = try NetworkBench()
        bench.backend.setBusy(true)
        bench.send(frame(60, seed: 1))
        bench.send(frame(60, seed: 2))
        bench.driver.notify(1)
        bench.work()
        #expect(bench.transmit.usedIndex == 0)
        let interest = bench.device.port.work()
        #expect(interest.events & Int16(POLLOUT) != 0 && !interest.isImmediate)
        bench.backend.setBusy(false)
        bench.work(POLLOUT)
        #expect(bench.backend.outgoing == [frame(60, seed: 1), frame(60, seed: 2)])
        #expect(bench.transmit.usedIndex == 2)
        #expect(bench.device.port.work().events & Int16(POLLOUT) == 0)
    }

    // MARK: Receiving

    @Test(
        "A frame that arrives is in the guest's buffer, behind a header that says one buffer", arguments: [true, false])
    func receiving(mergeable: Bool) throws {
        let bench = try NetworkBench(withoutFeatures: mergeable ? 0 : NetFeature.mrgRxbuf)
        let buffers = [[bench.driver.writable(12), bench.driver.writable(1514)], [bench.driver.writable(1526)]]
        for buffer in buffers { bench.receive.add(buffer) }
        bench.backend.arrive(frame(60, seed: 1))
        bench.backend.arrive(frame(1514, seed: 2))
        bench.work()
        #expect(bench.receive.takeUsed()?.length == 72)
        #expect(bench.receive.takeUsed()?.length == 1526)
        #expect(bench.driver.bytes(buffers[0][0]) == header(bufferCount: 1))
        #expect(bench.driver.bytes(buffers[0][1]).starts(with: frame(60, seed: 1) + [0xEE]))
        #expect(bench.driver.bytes(buffers[1][0]) == header(bufferCount: 1) + frame(1514, seed: 2))
        #expect(bench.driver.takeInterrupt() == 1)
    }

    @Test("A frame waits for a buffer, and others behind it")
    func withoutBuffers() throws {
        let bench = try NetworkBench()
        bench.backend.arrive(frame(60, seed: 1))
        bench.backend.arrive(frame(60, seed: 2))
        bench.work()
        #expect(bench.backend.waitingCount == 1)
        #expect(bench.device.port.work().events & Int16(POLLIN) == 0)
        let buffers = (0..<3).map { _ in bench.driver.writable(1526) }
        for buffer in buffers { bench.receive.add([buffer]) }
        #expect(bench.receive.needsKick())
        bench.work()
        #expect(bench.receive.usedIndex == 2)
        #expect(bench.driver.bytes(buffers[0]).starts(with: header(bufferCount: 1) + frame(60, seed: 1)))
        #expect(bench.driver.bytes(buffers[1]).starts(with: header(bufferCount: 1) + frame(60, seed: 2)))
        #expect(bench.device.port.work().events & Int16(POLLIN) != 0)
    }

    @Test("A frame larger than the next buffer is lost, and the buffer stays for one that fits")
    func tooLargeForBuffer() throws {
        let bench = try NetworkBench(withoutFeatures: NetFeature.mrgRxbuf)
        let buffer = bench.driver.writable(100)
        bench.receive.add([buffer])
        bench.backend.arrive(frame(89, seed: 1))
        bench.work()
        #expect(bench.receive.usedIndex == 0 && bench.backend.waitingCount == 0)
        bench.backend.arrive(frame(88, seed: 2))
        bench.work()
        #expect(bench.receive.takeUsed()?.length == 100)
        #expect(bench.driver.bytes(buffer) == header(bufferCount: 1) + frame(88, seed: 2))
    }

    @Test("With mergeable buffers a frame fills as many as it takes, all but the last to the end")
    func mergeable() throws {
        let bench = try NetworkBench()
        let buffers = [200, 100, 0, 500, 300].map(bench.driver.writable)
        for buffer in buffers { bench.receive.add([buffer]) }
        bench.backend.arrive(frame(600))
        bench.work()
        #expect((0..<4).map { _ in bench.receive.takeUsed()?.length } == [200, 100, 0, 312])
        #expect(bench.receive.takeUsed() == nil)
        #expect(buffers[..<4].flatMap(bench.driver.bytes).prefix(612) == (header(bufferCount: 4) + frame(600))[...])
        #expect(bench.driver.bytes(buffers[3]).dropFirst(312).allSatisfy { $0 == 0xEE })
    }

    @Test("With mergeable buffers a frame waits until there are enough, and none is used before")
    func mergeableWaits() throws {
        let bench = try NetworkBench()
        bench.receive.add([bench.driver.writable(100)])
        bench.backend.arrive(frame(150))
        bench.work()
        #expect(bench.receive.usedIndex == 0)
        bench.receive.add([bench.driver.writable(100)])
        bench.work()
        #expect(bench.receive.takeUsed()?.length == 100)
        #expect(bench.receive.takeUsed()?.length == 62)
    }

    @Test("A frame larger than all buffers that there can be is lost, and does not hold up the next")
    func tooLargeForRing() throws {
        let bench = try NetworkBench(queueSize: 4)
        let buffers = (0..<4).map { _ in bench.driver.writable(100) }
        for buffer in buffers { bench.receive.add([buffer]) }
        bench.backend.arrive(frame(1000, seed: 1))
        bench.backend.arrive(frame(50, seed: 2))
        bench.work()
        #expect(bench.receive.takeUsed()?.length == 62)
        #expect(bench.driver.bytes(buffers[0]).starts(with: header(bufferCount: 1) + frame(50, seed: 2)))
        #expect(bench.receive.takeUsed() == nil)
    }

    @Test("What went through is counted both ways, and nothing that was lost")
    func activity() throws {
        let bench = try NetworkBench(withoutFeatures: NetFeature.mrgRxbuf)
        #expect(bench.device.activity == NetworkActivity())
        bench.send(frame(60, seed: 1))
        // Too short, and waiting for a host that takes nothing.
        bench.send(frame(13))
        bench.driver.notify(1)
        bench.work()
        bench.backend.setBusy(true)
        bench.send(frame(100, seed: 2))
        bench.work()
        #expect(bench.device.activity.sentFrames == 1 && bench.device.activity.sentBytes == 60)
        bench.backend.setBusy(false)
        bench.work()
        #expect(bench.device.activity.sentFrames == 2 && bench.device.activity.sentBytes == 160)

        bench.receive.add([bench.driver.writable(1526)])
        bench.receive.add([bench.driver.writable(100)])
        // One that fits, one too large for the buffer that is there, one too long, one that fits, one without a buffer.
        for count in [1514, 200, 1519, 80, 70] { bench.backend.arrive(frame(count)) }
        bench.work()
        #expect(bench.device.activity.receivedFrames == 2 && bench.device.activity.receivedBytes == 1594)
        bench.receive.add([bench.driver.writable(1526)])
        bench.work()
        #expect(bench.device.activity.receivedFrames == 3 && bench.device.activity.receivedBytes == 1664)
    }

    @Test(
        "Frames that are none, or longer than the MTU allows, do not reach the guest", arguments: [0, 13, 1519, 65553])
    func wrongFrames(count: Int) throws {
        let bench = try NetworkBench()
        for _ in 0..<8 { bench.receive.add([bench.driver.writable(65536)]) }
        bench.backend.arrive(frame(count))
        bench.backend.arrive(frame(1518, seed: 2))
        bench.work()
        #expect(bench.receive.takeUsed()?.length == 1530)
        #expect(bench.receive.takeUsed() == nil)
    }

    @Test("A ring that breaks the rules ends in DEVICE_NEEDS_RESET, and a reset mends it")
    func brokenRing() throws {
        let bench = try NetworkBench()
        bench.receive.add([TestDescriptor(address: 0, length: 100, flags: TestDescriptor.write)])
        bench.backend.arrive(frame(60))
        bench.work()
        #expect(bench.driver.status & Status.needsReset != 0)
        #expect(bench.driver.mmio.fault == .bufferAddress(0, byteCount: 100))
        #expect(bench.start())
        bench.receive.add([bench.driver.writable(1526)])
        bench.backend.arrive(frame(60))
        bench.work()
        #expect(bench.receive.usedIndex == 1)
    }

    // MARK: Reset

    @Test("Without a driver what arrives is lost, and so is what waited when the device was reset")
    func reset() throws {
        let bench = try NetworkBench(start: false)
        bench.backend.arrive(frame(60, seed: 1))
        bench.work()
        #expect(bench.backend.waitingCount == 0)

        try #require(bench.start())
        bench.backend.arrive(frame(60, seed: 2))
        bench.work()
        bench.backend.setBusy(true)
        bench.send(frame(60, seed: 3))
        bench.work()
        bench.driver.mmio.reset()
        bench.backend.setBusy(false)
        bench.work()
        #expect(bench.backend.outgoing.isEmpty)

        try #require(bench.start())
        let buffer = bench.driver.writable(1526)
        bench.receive.add([buffer])
        bench.work()
        #expect(bench.receive.usedIndex == 0)
        bench.backend.arrive(frame(60, seed: 4))
        bench.work()
        #expect(bench.driver.bytes(buffer).starts(with: header(bufferCount: 1) + frame(60, seed: 4)))
    }

    @Test("A device that is reset again and again while frames come leaves the memory alone in between")
    func resetWhileBusy() throws {
        let sockets = try SocketPair()
        defer { close(sockets.theirs) }
        let device = try NetworkDevice(
            mac: MACAddress(virtualMachine: 1), mtu: 1500,
            backend: StreamSocketBackend(descriptor: sockets.ours) { "gone" })
        let driver = try TestDriver(device)
        var received = 0
        for _ in 0..<50 {
            try #require(driver.start(queueCount: 2))
            let buffers = (0..<8).map { _ in driver.writable(200) }
            for buffer in buffers { driver.queues[0].add([buffer]) }
            driver.notify(0)
            for seed in 0..<4 { try #require(sockets.write(streamed(frame(60, seed: seed)))) }
            // Now and then it has time to arrive.
            usleep(UInt32.random(in: 0..<1000))
            driver.mmio.reset()
            received += Int(driver.queues[0].usedIndex)
            for buffer in buffers { driver.memory.write([UInt8](repeating: 0xEE, count: 200), at: buffer.address) }
            for seed in 0..<4 { try #require(sockets.write(streamed(frame(60, seed: seed)))) }
            usleep(100)
            #expect(buffers.allSatisfy { driver.bytes($0).allSatisfy { $0 == 0xEE } })
            #expect(!driver.interrupt.level)
        }
        #expect(received > 0)
    }

    // MARK: The link

    @Test("When the network goes, the link is down, the driver is told, and what it sends comes back to it")
    func linkDown() throws {
        let bench = try NetworkBench()
        bench.receive.add([bench.driver.writable(1526)])
        bench.backend.arrive(frame(60))
        bench.backend.go()
        bench.backend.setBusy(true)
        bench.send(frame(60))
        bench.work(POLLHUP)
        // What had arrived before still counts.
        #expect(bench.receive.usedIndex == 1)
        #expect(bench.reasons.first() == ["unplugged"])
        #expect(bench.configuration(6) == 0)
        #expect(bench.configuration(10) == 1500)
        #expect(bench.driver.read(Register.configGeneration) == 1)
        // A used buffer notification and a configuration change notification (§4.2.2).
        #expect(bench.driver.takeInterrupt() == 3)
        #expect(bench.transmit.usedIndex == 1)

        for _ in 0..<4 { bench.send(frame(60)) }
        bench.driver.notify(1)
        bench.work()
        #expect(bench.transmit.usedIndex == 5)
        #expect(bench.driver.status & Status.needsReset == 0)
        #expect(bench.reasons.all.withLock { $0.count } == 1)
    }

    @Test("A driver that starts when the link is down finds it down, and so does one after a reset")
    func linkDownBeforeDriver() throws {
        let bench = try NetworkBench(start: false)
        bench.backend.go()
        bench.work()
        #expect(!bench.driver.interrupt.level)
        for _ in 0..<2 {
            try #require(bench.start())
            #expect(bench.configuration(6) == 0)
            // In case it had looked before it was up.
            #expect(bench.driver.takeInterrupt() == 2)
        }
    }

    // MARK: The thread

    @Test("The device's thread moves frames both ways, and sees that the peer has gone")
    func thread() throws {
        let sockets = try SocketPair()
        let reason = Mutex<String?>(nil)
        let device = try NetworkDevice(
            mac: MACAddress(virtualMachine: 1), mtu: 1500,
            backend: StreamSocketBackend(descriptor: sockets.ours) { "gone" },
            onLinkDown: { text in reason.withLock { $0 = text } })
        let driver = try TestDriver(device)
        try #require(driver.start(queueCount: 2))
        driver.queues[1].add([driver.readable([UInt8](repeating: 0, count: 12) + frame(60, seed: 1))])
        driver.notify(1)
        #expect(sockets.read(64) == streamed(frame(60, seed: 1)))

        #expect(sockets.write(streamed(frame(60, seed: 2))))
        usleep(10_000)
        let buffer = driver.writable(200)
        driver.queues[0].add([buffer])
        driver.notify(0)
        #expect(eventually { driver.queues[0].usedIndex == 1 })
        #expect(driver.bytes(buffer).starts(with: header(bufferCount: 1) + frame(60, seed: 2)))

        close(sockets.theirs)
        #expect(eventually { reason.withLock { $0 } == "gone" })
        #expect(driver.mmio.read(offset: Register.configuration + 6, size: 2, cpu: 0) == 0)
        device.stop()
    }

    @Test("A guest that sends more than the peer takes is held up, and nothing is lost or out of order")
    func backPressure() throws {
        let sockets = try SocketPair()
        defer { close(sockets.theirs) }
        let device = try NetworkDevice(
            mac: MACAddress(virtualMachine: 1), mtu: 65520,
            backend: StreamSocketBackend(descriptor: sockets.ours) { "gone" })
        let driver = try TestDriver(device)
        try #require(driver.start(queueCount: 2, queueSize: 256))
        let buffer = driver.readable([UInt8](repeating: 0, count: 12) + frame(60_000))
        for _ in 0..<200 { driver.queues[1].add([buffer]) }
        driver.notify(1)
        usleep(50_000)
        // 12 MB are far more than a socket and the backend hold.
        #expect(driver.queues[1].usedIndex < 200)
        for _ in 0..<200 { #expect(sockets.read(60_004) == streamed(frame(60_000))) }
        #expect(eventually { driver.queues[1].usedIndex == 200 })
    }
}
