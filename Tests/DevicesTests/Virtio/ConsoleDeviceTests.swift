import Devices
import Hypervisor
import Synchronization
import Testing

@Suite("virtio console")
struct ConsoleDeviceTests {
    private final class Host: Sendable {
        let output = ByteSink()
        let rooms = Atomic<Int>(0)
    }

    private func makeConsole(start: Bool = true) throws -> (console: ConsoleDevice, driver: TestDriver, host: Host) {
        let host = Host()
        let console = ConsoleDevice(
            output: { host.output.append($0) }, onRoom: { host.rooms.wrappingAdd(1, ordering: .relaxed) })
        let driver = try TestDriver(console)
        if start { try #require(self.start(driver)) }
        return (console, driver, host)
    }

    /// Starts a driver of which it cannot be known whether it reads.
    private func start(_ driver: TestDriver) -> Bool {
        driver.start(features: driver.deviceFeatures & ~Feature.eventIdx, queueCount: 2)
    }

    @Test("A console has id 3, two queues and nothing but the common features")
    func identification() throws {
        let (_, driver, _) = try makeConsole()
        #expect(driver.read(Register.deviceID) == 3)
        #expect(driver.deviceFeatures == Feature.indirectDesc | Feature.eventIdx | Feature.version1)
        driver.write(Register.queueSel, 1)
        #expect(driver.read(Register.queueNumMax) > 0)
        driver.write(Register.queueSel, 2)
        #expect(driver.read(Register.queueNumMax) == 0)
    }

    @Test("What the guest writes comes out, whole and in order")
    func output() throws {
        let (_, driver, host) = try makeConsole()
        driver.queues[1].add([driver.readable("hello, ".utf8)])
        driver.queues[1].add([driver.readable("wor".utf8), driver.readable("ld".utf8)])
        driver.notify(1)
        #expect(String(decoding: host.output.bytes, as: UTF8.self) == "hello, world")
        #expect(driver.takeInterrupt() == 1)
    }

    @Test("A large buffer comes out whole")
    func largeOutput() throws {
        let (_, driver, host) = try makeConsole()
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        driver.queues[1].add([driver.readable(bytes)])
        driver.notify(1)
        #expect(host.output.bytes == bytes)
    }

    @Test("Input fills the guest's buffers, as far as they go")
    func input() throws {
        let (console, driver, _) = try makeConsole()
        let buffers = [driver.writable(4), driver.writable(4)]
        for buffer in buffers { driver.queues[0].add([buffer]) }
        driver.notify(0)
        #expect(console.receive("abc".utf8) == 3)
        let first = try #require(driver.queues[0].takeUsed())
        #expect(first.length == 3)
        #expect(driver.takeInterrupt() == 1)
        #expect(driver.bytes(buffers[0]) == Array("abc".utf8) + [0xEE])
        // Only the second buffer is left.
        #expect(console.receive("defghi".utf8) == 4)
        #expect(driver.queues[0].takeUsed()?.length == 4)
        #expect(driver.bytes(buffers[1]) == Array("defg".utf8))
        #expect(console.receive("hi".utf8) == 0)
    }

    @Test("The host is told when there is room again")
    func room() throws {
        let (console, driver, host) = try makeConsole()
        #expect(console.receive("x".utf8) == 0)
        let before = host.rooms.load(ordering: .relaxed)
        driver.queues[0].add([driver.writable(8)])
        #expect(driver.queues[0].needsKick())
        driver.notify(0)
        #expect(host.rooms.load(ordering: .relaxed) == before + 1)
        #expect(console.receive("x".utf8) == 1)
    }

    @Test("The host may answer at once when there is room")
    func answerFromRoom() throws {
        let holder = Mutex<ConsoleDevice?>(nil)
        let taken = Atomic<Int>(0)
        let console = ConsoleDevice(
            output: { _ in },
            onRoom: { taken.wrappingAdd(holder.withLock { $0 }?.receive("hi".utf8) ?? 0, ordering: .relaxed) })
        holder.withLock { $0 = console }
        let driver = try TestDriver(console)
        try #require(start(driver))
        driver.queues[0].add([driver.writable(8)])
        driver.notify(0)
        #expect(taken.load(ordering: .relaxed) == 2)
        #expect(driver.queues[0].takeUsed()?.length == 2)
        holder.withLock { $0 = nil }
    }

    @Test("No input is taken before the driver is up, nor after a reset")
    func withoutDriver() throws {
        let (console, driver, host) = try makeConsole(start: false)
        #expect(console.receive("x".utf8) == 0)
        try #require(start(driver))
        driver.queues[0].add([driver.writable(8)])
        driver.mmio.reset()
        #expect(console.receive("x".utf8) == 0)
        driver.queues[1].add([driver.readable("gone".utf8)])
        driver.notify(1)
        #expect(host.output.bytes.isEmpty)
    }

    @Test("A receive buffer that the device may not write takes nothing, and ends nothing")
    func readOnlyReceiveBuffer() throws {
        let (console, driver, _) = try makeConsole()
        driver.queues[0].add([driver.readable([0])])
        driver.queues[0].add([driver.writable(2)])
        driver.notify(0)
        #expect(console.receive("ab".utf8) == 2)
        #expect(driver.queues[0].takeUsed()?.length == 0)
        #expect(driver.queues[0].takeUsed()?.length == 2)
    }
}
