// The console device with ports. Messages are written out as virtio 1.2 §5.3.6.2 has them, and the driver does what
// Linux's virtio_console.c does: asks for the ports, takes each, and opens it when somebody does.

import Devices
import Hypervisor
import Synchronization
import Testing

@Suite("virtio console with ports")
struct PortsDeviceTests {
    /// Whoever is at the other ends: takes as many bytes as it has room for.
    private final class Host: Sendable {
        struct State {
            var output: [Int: [UInt8]] = [:]
            var room = Int.max
            var rooms: [Int] = []
            var opened: [String] = []
        }
        let state = Mutex(State())

        func take(_ port: Int, _ bytes: [UInt8]) -> Int {
            state.withLock { state in
                let count = min(state.room, bytes.count)
                state.room -= count
                state.output[port, default: []] += bytes.prefix(count)
                return count
            }
        }

        func text(_ port: Int) -> String {
            String(decoding: state.withLock { $0.output[port] ?? [] }, as: UTF8.self)
        }
        func setRoom(_ count: Int) { state.withLock { $0.room = count } }
        var rooms: [Int] { state.withLock { $0.rooms } }
        var opened: [String] { state.withLock { $0.opened } }
    }

    /// A device with a console and two ports, of which the numbers 2 and 3 have none.
    private struct Bench {
        static let ports = [
            ConsolePort(number: 0, isConsole: true), ConsolePort(number: 1, name: "org.one"),
            ConsolePort(number: 4, name: "org.four"),
        ]
        static let queueCount = 12
        /// Buffers for messages that the device has.
        private final class Outstanding { var buffers: [TestDescriptor] = [] }
        private let outstanding = Outstanding()
        let host = Host()
        let device: PortsDevice
        let driver: TestDriver

        init(start: Bool = true, ports: [ConsolePort] = Bench.ports) throws {
            let host = host
            device = PortsDevice(
                ports: ports, output: { host.take($0, $1) },
                onRoom: { port in host.state.withLock { $0.rooms.append(port) } },
                onGuestOpen: { port, isOpen in
                    host.state.withLock { $0.opened.append("\(port) \(isOpen ? "open" : "closed")") }
                })
            driver = try TestDriver(device)
            if start { try #require(driver.start(queueCount: Self.queueCount)) }
        }

        /// Sends a message to the device: id, event, value.
        func tell(_ id: UInt32, _ event: UInt16, _ value: UInt16) {
            let bytes = [
                UInt8(truncatingIfNeeded: id), UInt8(truncatingIfNeeded: id >> 8), UInt8(truncatingIfNeeded: id >> 16),
                UInt8(truncatingIfNeeded: id >> 24), UInt8(truncatingIfNeeded: event),
                UInt8(truncatingIfNeeded: event >> 8), UInt8(truncatingIfNeeded: value),
                UInt8(truncatingIfNeeded: value >> 8),
            ]
            driver.queues[3].add([driver.readable(bytes)])
            driver.notify(3)
            while driver.queues[3].takeUsed() != nil {}
        }

        /// Gives the device `count` buffers for messages, and returns what it put into them, as id, event, value and
        /// what follows.
        func hear(_ count: Int) -> [String] {
            for _ in 0..<count {
                outstanding.buffers.append(driver.writable(64))
                driver.queues[2].add(Array(outstanding.buffers.suffix(1)))
            }
            driver.notify(2)
            var texts: [String] = []
            while let used = driver.queues[2].takeUsed() {
                let bytes = Array(driver.bytes(outstanding.buffers.removeFirst()).prefix(Int(used.length)))
                let name = String(decoding: bytes.dropFirst(8), as: UTF8.self)
                texts.append("\(bytes[0]) \(bytes[4]) \(bytes[6])" + (name.isEmpty ? "" : " \(name)"))
            }
            return texts
        }

        /// The device was reset: it has no buffers any more.
        func forget() { outstanding.buffers = [] }

        /// The driver takes all ports, and somebody opens them.
        func open() {
            tell(0, 0, 1)
            for port in Self.ports { tell(UInt32(port.number), 3, 1) }
            _ = hear(12)
            for port in Self.ports { tell(UInt32(port.number), 6, 1) }
        }

        func transmitQueue(_ port: Int) -> Int { port == 0 ? 1 : 2 * port + 3 }
        func receiveQueue(_ port: Int) -> Int { transmitQueue(port) - 1 }

        func write(_ text: String, to port: Int) {
            let queue = transmitQueue(port)
            driver.queues[queue].add([driver.readable(Array(text.utf8))])
            driver.notify(UInt32(queue))
        }

        func used(_ queue: Int) -> Int {
            var count = 0
            while driver.queues[queue].takeUsed() != nil { count += 1 }
            return count
        }
    }

    @Test("The device is a console that offers VIRTIO_CONSOLE_F_MULTIPORT, with queues for each number that it says")
    func identification() throws {
        let bench = try Bench()
        #expect(bench.driver.read(Register.deviceID) == 3)
        #expect(bench.driver.deviceFeatures & 0b111 == 0b010)
        // max_nr_ports.
        #expect(bench.driver.read(Register.configuration + 4) == 5)
        bench.driver.write(Register.queueSel, 11)
        #expect(bench.driver.read(Register.queueNumMax) > 0)
        bench.driver.write(Register.queueSel, 12)
        #expect(bench.driver.read(Register.queueNumMax) == 0)
    }

    @Test(
        "A driver that asks is told the ports, and of each that it takes what it is, its name, and whether it is open")
    func discovery() throws {
        let bench = try Bench()
        bench.device.setHostOpen(true, at: 4)
        #expect(bench.hear(0) == [])
        bench.tell(0, 0, 1)
        #expect(bench.hear(9) == ["0 1 1", "1 1 1", "4 1 1"])
        bench.tell(0, 3, 1)
        #expect(bench.hear(0) == ["0 4 1"])
        bench.tell(1, 3, 1)
        bench.tell(4, 3, 1)
        #expect(bench.hear(0) == ["1 7 1 org.one", "4 7 1 org.four", "4 6 1"])
        bench.device.setHostOpen(true, at: 1)
        bench.device.setHostOpen(false, at: 4)
        #expect(bench.hear(0) == ["1 6 1", "4 6 0"])
        // What was told already is not told again.
        bench.device.setHostOpen(true, at: 1)
        #expect(bench.hear(4) == [])
    }

    @Test("Whoever is on the host's side is told when the guest opens a port and closes it, once each, and of a reset")
    func guestOpens() throws {
        let bench = try Bench()
        bench.open()
        #expect(bench.host.opened == ["0 open", "1 open", "4 open"])
        bench.tell(4, 6, 1)
        bench.tell(4, 6, 0)
        bench.tell(4, 6, 0)
        bench.tell(2, 6, 1)
        #expect(bench.host.opened.dropFirst(3) == ["4 closed"])
        bench.driver.write(Register.status, 0)
        #expect(bench.host.opened.dropFirst(4) == ["0 closed", "1 closed"])
        bench.driver.write(Register.status, 0)
        #expect(bench.host.opened.count == 6)
    }

    @Test("Messages wait for buffers, one of each kind however often they are asked for")
    func messagesWait() throws {
        let bench = try Bench()
        for _ in 0..<1000 {
            bench.tell(0, 0, 1)
            bench.tell(4, 3, 1)
            bench.device.setHostOpen(true, at: 4)
            bench.device.setHostOpen(false, at: 4)
        }
        bench.device.setHostOpen(true, at: 4)
        #expect(bench.hear(1) == ["0 1 1"])
        #expect(bench.hear(1) == ["1 1 1"])
        #expect(bench.hear(9) == ["4 1 1", "4 7 1 org.four", "4 6 1"])
    }

    @Test("A driver that gives no buffers for messages has the device keep no more of it, however much it says")
    func noBuffers() throws {
        let bench = try Bench()
        func say() {
            bench.tell(0, 0, 1)
            bench.tell(1, 3, 1)
            bench.device.setHostOpen(true, at: 1)
            bench.device.setHostOpen(false, at: 1)
        }
        say()
        // All that is due has to be in a state, or another device could not say it.
        let state = try bench.device.save()
        // As many messages as bring the queue's indices, of 16 bits, back to where they were.
        for _ in 0..<1 << 15 { say() }
        #expect(try bench.device.save() == state)
        #expect(bench.driver.mmio.fault == nil)
        // Of the ports that there are, and of what the one that was taken is called.
        #expect(bench.hear(9) == ["0 1 1", "1 1 1", "1 7 1 org.one", "4 1 1"])
    }

    @Test("A driver that fills the queue of messages while it is read has others wait for a part of it only")
    func endlessMessages() throws {
        struct Told: Equatable {
            var isOpen: Bool
            /// How many messages the device had taken.
            var taken: Int
        }
        let filler = QueueFiller()
        let told = Mutex<[Told]>([])
        let device = PortsDevice(
            ports: Bench.ports, output: { $1.count },
            onGuestOpen: { _, isOpen in told.withLock { $0.append(Told(isOpen: isOpen, taken: filler.taken)) } })
        let driver = try TestDriver(device)
        try #require(driver.start(queueCount: Bench.queueCount))
        // That port 1 is open, and that it is not.
        let messages = [1, 0].map { driver.readable([1, 0, 0, 0, 6, 0, $0, 0]) }
        let count = 10_001
        filler.fill(driver.queues[3], with: messages, count: count, in: driver.memory)
        driver.notify(3)
        #expect(driver.mmio.fault == nil)
        #expect(filler.taken == count)
        // Nobody waits for the lock while there are more than 256 messages, and nobody is told of each of them.
        let steps = zip([0] + told.withLock { $0.map(\.taken) }, told.withLock { $0.map(\.taken) }).map { $1 - $0 }
        #expect(steps.allSatisfy { (1...256).contains($0) }, "\(steps)")
        #expect(steps.count <= count / 256 + 1, "\(steps.count)")
        // What counts is what was said last.
        #expect(told.withLock(\.last) == Told(isOpen: true, taken: count))
    }

    @Test("What a driver says wrongly changes nothing, and the device goes on")
    func wrongMessages() throws {
        let bench = try Bench()
        for (id, event) in [(2, 3), (3, 6), (5, 3), (0xFFFF_FFFF, 6), (1, 1), (1, 2), (1, 4), (1, 7), (1, 99)] {
            bench.tell(UInt32(id), UInt16(event), 1)
        }
        bench.driver.queues[3].add([bench.driver.readable([0, 0, 0])])
        bench.driver.queues[3].add([bench.driver.writable(8)])
        bench.driver.notify(3)
        #expect(bench.hear(8) == [])
        #expect(bench.driver.mmio.fault == nil)
        bench.tell(0, 0, 1)
        #expect(bench.hear(0).count == 3)
    }

    @Test("What the guest writes comes out at the port that it wrote to, whole and in order")
    func output() throws {
        let bench = try Bench()
        for port in [0, 1, 4] { bench.device.setHostOpen(true, at: port) }
        bench.open()
        bench.write("hello, ", to: 4)
        bench.write("console", to: 0)
        bench.write("world", to: 4)
        #expect(bench.host.text(4) == "hello, world")
        #expect(bench.host.text(0) == "console")
        #expect(bench.host.text(1) == "")
        #expect(bench.used(bench.transmitQueue(4)) == 2)
    }

    @Test("A host that takes nothing more holds its port up, and no other; then it gets the rest, once")
    func slowHost() throws {
        let bench = try Bench()
        for port in [0, 1, 4] { bench.device.setHostOpen(true, at: port) }
        bench.open()
        bench.host.setRoom(3)
        bench.write("abcdef", to: 1)
        bench.write("ghi", to: 1)
        #expect(bench.host.text(1) == "abc")
        #expect(bench.used(bench.transmitQueue(1)) == 0)
        bench.host.setRoom(5)
        bench.write("other", to: 4)
        #expect(bench.host.text(4) == "other")
        bench.host.setRoom(1)
        bench.device.hostTakes(1)
        #expect(bench.host.text(1) == "abcd")
        bench.host.setRoom(100)
        bench.device.hostTakes(1)
        #expect(bench.host.text(1) == "abcdefghi")
        #expect(bench.used(bench.transmitQueue(1)) == 2)
    }

    @Test("What is written while nobody is at the other end goes nowhere, and what waited when they left is lost")
    func nobody() throws {
        let bench = try Bench()
        bench.open()
        bench.write("lost", to: 1)
        #expect(bench.used(bench.transmitQueue(1)) == 1)
        bench.device.setHostOpen(true, at: 1)
        bench.host.setRoom(2)
        bench.write("half", to: 1)
        bench.device.setHostOpen(false, at: 1)
        #expect(bench.used(bench.transmitQueue(1)) == 1)
        bench.host.setRoom(100)
        bench.device.setHostOpen(true, at: 1)
        bench.write("whole", to: 1)
        #expect(bench.host.text(1) == "hawhole")
    }

    @Test("A guest is sent nothing before it opens the port, and then what it has buffers for")
    func input() throws {
        let bench = try Bench()
        let queue = bench.receiveQueue(1)
        let buffers = [bench.driver.writable(4), bench.driver.writable(4)]
        for buffer in buffers { bench.driver.queues[queue].add([buffer]) }
        bench.driver.notify(UInt32(queue))
        #expect(bench.device.receive(Array("abcdef".utf8), at: 1) == 0)
        let rooms = bench.host.rooms.count
        bench.open()
        #expect(bench.host.rooms.dropFirst(rooms).contains(1))
        #expect(bench.device.receive(Array("abcdefghi".utf8), at: 1) == 8)
        #expect(bench.driver.bytes(buffers[1]) == Array("efgh".utf8))
        bench.tell(1, 6, 0)
        bench.driver.queues[queue].add([bench.driver.writable(4)])
        bench.driver.notify(UInt32(queue))
        #expect(bench.device.receive([1], at: 1) == 0)
    }

    @Test("There is nothing behind a number without a port")
    func absent() throws {
        let bench = try Bench()
        bench.open()
        bench.write("x", to: 2)
        #expect(bench.device.receive([1], at: 2) == 0)
        #expect(bench.device.receive([1], at: 5) == 0)
        #expect(bench.device.receive([1], at: -1) == 0)
        bench.device.setHostOpen(true, at: 2)
        bench.device.hostTakes(7)
        #expect(bench.host.text(2) == "")
    }

    @Test("A driver without VIRTIO_CONSOLE_F_MULTIPORT has port 0")
    func singlePort() throws {
        let bench = try Bench(start: false)
        let features = bench.driver.deviceFeatures & ~0b010
        try #require(bench.driver.start(features: features, queueCount: 2))
        bench.device.setHostOpen(true, at: 0)
        bench.write("out", to: 0)
        #expect(bench.host.text(0) == "out")
        bench.driver.queues[0].add([bench.driver.writable(4)])
        #expect(bench.device.receive([1, 2], at: 0) == 2)
    }

    @Test("After a reset the driver begins anew, and hears who is there")
    func reset() throws {
        let bench = try Bench()
        bench.device.setHostOpen(true, at: 1)
        bench.open()
        bench.driver.mmio.reset()
        #expect(bench.device.receive([1], at: 1) == 0)
        try #require(bench.driver.start(queueCount: Bench.queueCount))
        bench.tell(0, 0, 1)
        bench.tell(1, 3, 1)
        bench.forget()
        #expect(bench.hear(9) == ["0 1 1", "1 1 1", "1 7 1 org.one", "1 6 1", "4 1 1"])
    }

    @Test("Another device goes on in the middle of a buffer, and says that its own end is closed")
    func restored() throws {
        let bench = try Bench()
        for port in [0, 1, 4] { bench.device.setHostOpen(true, at: port) }
        bench.open()
        bench.host.setRoom(2)
        bench.write("abcd", to: 1)
        let host = Host()
        let other = PortsDevice(ports: Bench.ports, output: { host.take($0, $1) })
        other.setHostOpen(true, at: 1)
        other.setHostOpen(true, at: 0)
        let before = bench.hear(4)
        #expect(before == [])
        try bench.driver.move(to: other)
        #expect(host.text(1) == "cd")
        #expect(bench.hear(0) == ["4 6 0"])
    }
}

/// Another core of the guest's: whenever the device has taken a buffer of a queue, it makes the next one available, so
/// that the device finds the queue empty only when that is over.
private final class QueueFiller: GuestMemoryObserver {
    private struct State {
        var memory: GuestMemory?
        /// Where the indices of both rings are.
        var available: UInt64 = 0
        var used: UInt64 = 0
        var index: UInt16 = 0
        var taken = 0
        var left = 0
    }

    private let state = Mutex(State())

    /// How many buffers the device has given back.
    var taken: Int { state.withLock(\.taken) }

    /// Makes the first of `count` buffers available. They are `buffers`, in turn.
    func fill(_ queue: TestQueue, with buffers: [TestDescriptor], count: Int, in memory: GuestMemory) {
        for slot in 0..<queue.size {
            let head = slot % UInt16(buffers.count)
            queue.store(buffers[Int(head)], inSlot: head)
            memory.store(head, at: queue.available + 4 + 2 * UInt64(slot))
        }
        state.withLock { state in
            state.memory = memory
            state.available = queue.available + 2
            state.used = queue.used
            state.left = count
        }
        memory.observer = self
        makeAvailable()
    }

    func memoryWasWritten(_ range: Range<PhysicalAddress>) {
        let isTaken = state.withLock { state in
            // The used index, which has the flags beside it.
            guard range == state.used..<state.used + 4 else { return false }
            state.taken += 1
            return true
        }
        if isTaken { makeAvailable() }
    }

    private func makeAvailable() {
        let next: (memory: GuestMemory, index: UInt16, place: UInt64)? = state.withLock { state in
            guard state.left > 0, let memory = state.memory else { return nil }
            state.left -= 1
            state.index &+= 1
            return (memory, state.index, state.available)
        }
        // This is heard of again.
        if let next { next.memory.store(next.index, at: next.place) }
    }

    func romChangedMode(_ rom: GuestROM) {}
}
