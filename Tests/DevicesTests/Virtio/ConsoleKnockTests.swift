// When the virtio console hands on what it is sent: once its driver reads. The drivers are those of Linux's
// virtio_console.c, which throws away what comes before it has made its port.

import Devices
import Hypervisor
import Synchronization
import Testing

@Suite("virtio console before somebody reads")
struct ConsoleKnockTests {
    private final class Host: Sendable {
        let rooms = Atomic<Int>(0)
        let time = Atomic<UInt64>(1000)
    }

    /// A driver with VIRTIO_F_EVENT_IDX whose receive queue is full of buffers of 16 bytes.
    private struct Bench {
        let host = Host()
        let console: ConsoleDevice
        let driver: TestDriver
        let buffers: [TestDescriptor]
        var queue: TestQueue { driver.queues[0] }
        var rooms: Int { host.rooms.load(ordering: .relaxed) }

        init() throws {
            let host = host
            console = ConsoleDevice(
                output: { _ in }, onRoom: { host.rooms.add(1, ordering: .relaxed) },
                now: { host.time.load(ordering: .relaxed) })
            let driver = try TestDriver(console)
            self.driver = driver
            try #require(driver.start(queueCount: 2))
            buffers = (0..<16).map { _ in driver.writable(16) }
            for buffer in buffers {
                driver.queues[0].add([buffer])
                if driver.queues[0].needsKick() { driver.notify(0) }
            }
        }

        /// Offers input, after the driver has added no buffer for a while.
        func receive(_ text: String) -> Int {
            _ = console.receive(text.utf8)
            host.time.add(1000, ordering: .relaxed)
            return console.receive(text.utf8)
        }

        /// Takes what the device gave back, and says that it did; returns the lengths.
        func take() -> [UInt32] {
            var lengths: [UInt32] = []
            while let used = queue.takeUsed() { lengths.append(used.length) }
            queue.setUsedEvent(queue.lastUsed)
            return lengths
        }

        /// Makes a buffer available again, and tells the device if it wants to know.
        func giveBack(_ buffer: TestDescriptor) -> Bool {
            queue.add([buffer])
            guard queue.needsKick() else { return false }
            driver.notify(0)
            return true
        }
    }

    @Test("What was typed before the driver has its port is there when it reads, whole")
    func thrownAway() throws {
        let bench = try Bench()
        for _ in 0..<3 {
            #expect(bench.receive("abc") == 0)
            #expect(bench.take() == [0], "nothing that could be thrown away")
        }
        #expect(bench.receive("abc") == 0)
        #expect(bench.take() == [0])
        let rooms = bench.rooms
        #expect(bench.giveBack(bench.buffers[3]))
        #expect(bench.rooms == rooms + 1)
        #expect(bench.console.receive("abc".utf8) == 3)
        #expect(bench.take() == [3])
        // From here on it is known.
        #expect(bench.console.receive("d".utf8) == 1)
        #expect(bench.take() == [1])
    }

    @Test("A driver that fills its queue is left in peace")
    func filling() throws {
        let bench = try Bench()
        for _ in 0..<16 {
            #expect(bench.console.receive("abc".utf8) == 0)
            bench.host.time.add(10, ordering: .relaxed)
            // The memory of buffers comes again and again, as that of what was thrown away would.
            _ = bench.giveBack(bench.buffers[0])
        }
        #expect(bench.queue.usedIndex == 0)
    }

    @Test("A terminal that nobody has opened is knocked at once, and has everything when somebody opens it")
    func notOpened() throws {
        let bench = try Bench()
        for _ in 0..<20 { #expect(bench.receive("abc") == 0) }
        #expect(bench.queue.usedIndex == 1)
        #expect(bench.take() == [0])
        #expect(bench.giveBack(bench.buffers[0]))
        #expect(bench.console.receive("abc".utf8) == 3)
    }

    @Test("A driver that answers within the interrupt has its input at once")
    func answersAtOnce() throws {
        let bench = try Bench()
        #expect(bench.receive("abc") == 0)
        #expect(bench.driver.takeInterrupt() == 1)
        #expect(bench.take() == [0])
        #expect(bench.giveBack(bench.buffers[0]))
        #expect(bench.console.receive("abc".utf8) == 3)
        #expect(bench.driver.takeInterrupt() == 1)
    }

    @Test("A driver with other buffers each time has its input after some knocks, and keeps most of its buffers")
    func otherBuffers() throws {
        let bench = try Bench()
        var knocks = 0
        while bench.console.receive("abc".utf8) == 0, knocks < 100 {
            bench.host.time.add(1000, ordering: .relaxed)
            knocks += bench.take().count
        }
        #expect(knocks == 8)
        #expect(bench.take() == [3])
    }

    @Test("After a reset, nothing is known of the next driver")
    func reset() throws {
        let bench = try Bench()
        #expect(bench.receive("abc") == 0)
        _ = bench.take()
        _ = bench.giveBack(bench.buffers[0])
        #expect(bench.console.receive("abc".utf8) == 3)
        try #require(bench.driver.start(queueCount: 2))
        let buffer = bench.driver.writable(16)
        bench.queue.add([buffer])
        #expect(bench.receive("abc") == 0)
        #expect(bench.take() == [0])
    }
}
