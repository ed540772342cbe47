// virtio devices that go on with the queues of others: the driver is not told, and sees nothing of it.

import Glibc
import HostSupport
import Hypervisor
import TestSupport
import Testing

@testable import Devices

@Suite("A virtio device that goes on where another one was")
struct RestoredVirtioTests {
    private func header(_ kind: UInt32, sector: UInt8 = 0) -> [UInt8] {
        [UInt8(kind), 0, 0, 0, 0, 0, 0, 0, sector, 0, 0, 0, 0, 0, 0, 0]
    }

    // MARK: All of them

    @Test(
        "The new device saves the same as the old one, and the driver reads the same registers",
        arguments: [StateSubject.block, .network, .console, .ports, .share, .entropy])
    func registers(_ subject: StateSubject) throws {
        func device() throws -> any VirtioDevice {
            switch subject {
            case .block: try VirtioSubjects.block()
            case .network: try VirtioSubjects.network()
            case .console: VirtioSubjects.console()
            case .ports: VirtioSubjects.ports()
            case .share: try VirtioSubjects.share()
            default: VirtioSubjects.entropy()
            }
        }
        let first = try device()
        let driver = try StateSubject.driver(first, queueCount: first.queueSizes.count)
        driver.write(Register.queueSel, 0)
        driver.write(Register.deviceFeaturesSel, 1)
        // A card sends on a thread of its own, which may not have begun.
        if subject == .network {
            #expect(eventually { driver.queues[1].usedIndex == 3 && driver.read(Register.interruptStatus) != 0 })
        }
        func registers() -> [UInt64] {
            stride(from: 0, to: 0x200, by: 4).map { driver.mmio.read(offset: UInt64($0), size: 4, cpu: 0) }
        }
        driver.mmio.quiesce()
        let before = registers()
        let state = try driver.move(to: device())
        driver.mmio.quiesce()
        #expect(registers() == before)
        #expect(try driver.mmio.save() == state)
    }

    @Test(
        "A slot with another device, or none, refuses the state",
        arguments: [StateSubject.block, .network, .console, .ports, .share, .entropy])
    func otherDevice(_ subject: StateSubject) throws {
        let state = try subject.make().device.save()
        for other in StateSubject.allCases where other.rawValue != subject.rawValue && other != .gic {
            let device = try other.make().device
            guard device is VirtioMMIODevice else { continue }
            device.quiesce()
            #expect(throws: DeviceStateError.self) { try device.restore(state) }
        }
    }

    @Test(
        "What no driver can bring a slot to is refused, with the field's name",
        arguments: [
            ("\"status\":15", "\"status\":79", "registers.status"),
            ("\"status\":15", "\"status\":7", "registers.status"),
            ("\"driverFeatures\":5100273664", "\"driverFeatures\":805306368", "registers.driverFeatures"),
            ("\"driverFeatures\":5100273664", "\"driverFeatures\":5100273665", "registers.driverFeatures"),
            ("\"wantsUnknownFeatures\":false", "\"wantsUnknownFeatures\":true", "registers.driverFeatures"),
            ("\"queueNum\":16", "\"queueNum\":17", "registers.queues[0]"),
            ("\"queueNum\":16", "\"queueNum\":128", "registers.queues[0]"),
            ("\"queueNumMax\":64", "\"queueNumMax\":128", "registers.queues"),
            ("\"queueDevice\":107", "\"queueDevice\":207", "registers.queues[0]"),
            ("\"interruptStatus\":1", "\"interruptStatus\":4", "interruptStatus"),
            ("\\\"nextAvailable\\\":3", "\\\"nextAvailable\\\":20", "queues[0].nextAvailable"),
            ("\\\"nextUsed\\\":3", "\\\"nextUsed\\\":4", "queues[0].nextAvailable"),
            ("\"queueReady\":true", "\"queueReady\":false", "queues[0]"),
        ])
    func nonsense(old: String, new: String, field: String) throws {
        let driver = try StateSubject.driver(VirtioSubjects.entropy(), queueCount: 1)
        var state = try driver.mmio.save()
        let before = state
        state.fields = try #require(
            StateText.replacing(old, in: state.fields, by: new), "\(old) is not in \(state.fields)")
        #expect(throws: DeviceStateError.impossible(field)) { try driver.mmio.restore(state) }
        #expect(try driver.mmio.save() == before)
    }

    @Test("What waits to be acknowledged, and a fault, are those of the old device")
    func notifications() throws {
        let driver = try StateSubject.driver(VirtioSubjects.entropy(), queueCount: 1)
        #expect(driver.interrupt.level)
        driver.queues[0].publish(1000)
        driver.notify()
        let fault = driver.mmio.fault
        #expect(fault != nil)
        try driver.move(to: VirtioSubjects.entropy())
        #expect(driver.interrupt.level)
        #expect(driver.mmio.fault == fault)
        #expect(driver.status & Status.needsReset != 0)
        #expect(driver.takeInterrupt() == 0b11)
        #expect(!driver.interrupt.level)
    }

    // MARK: Disks

    @Test("Requests go on at the new disk, each is answered once, whichever device began it", arguments: [true, false])
    func disk(synchronous: Bool) throws {
        let disk = try TemporaryDisk(sectors: 64)
        func device() throws -> BlockDevice {
            try BlockDevice(file: DiskFile(path: disk.path), serial: "", synchronous: synchronous)
        }
        var current = try device()
        let driver = try TestDriver(current)
        try #require(driver.start(queueSize: 16))
        let queue = driver.queues[0]
        for round in UInt8(0)..<40 {
            let content = [UInt8](repeating: round + 1, count: 512)
            queue.add([driver.readable(header(1, sector: round)), driver.readable(content), driver.writable(1)])
            if queue.needsKick() { driver.notify() }
            if round % 3 == 0 {
                // A disk is locked by who has it.
                driver.mmio.quiesce()
                let old = current
                let state = try driver.mmio.save()
                old.stop()
                current = try device()
                try driver.move(to: current, with: state)
            }
            try current.flush()
            let used = try #require(queue.takeUsed())
            #expect(used.length == 1)
            #expect(queue.takeUsed() == nil)
            #expect(disk.read(at: Int(round) * 512, count: 512) == content)
        }
    }

    @Test("A long request is put back, and done from its beginning by the new device")
    func longRequest() throws {
        let disk = try TemporaryDisk(sectors: 16 << 20)
        let first = try BlockDevice(file: DiskFile(path: disk.path), serial: "", synchronous: false)
        let driver = try TestDriver(first, memoryByteCount: 64 << 20)
        try #require(driver.start(queueSize: 16))
        // 4 GiB less a little, into the same 32 MiB again and again.
        let segment = TestDescriptor(
            address: TestDriver.base + 32 << 20, length: 32 << 20, flags: TestDescriptor.write)
        let status = driver.writable(1)
        let pieces = [driver.readable(header(0))] + [TestDescriptor](repeating: segment, count: 127) + [status]
        driver.queues[0].addIndirect(pieces, table: driver.allocate(16 * pieces.count))
        driver.notify()
        while first.activity.reads == 0 { usleep(100) }
        driver.mmio.quiesce()
        #expect(driver.queues[0].usedIndex == 0)
        let state = try driver.mmio.save()
        #expect(try driver.mmio.save() == state)
        #expect(state.fields.contains("\\\"nextAvailable\\\":0"))
        first.stop()

        // A shorter one in its place: the driver has it still in its hands, and a table is read when it is taken.
        let second = try BlockDevice(file: DiskFile(path: disk.path), serial: "", synchronous: true)
        let short = [driver.readable(header(0)), driver.writable(512), status]
        let entry: UInt64 = try #require(driver.memory.load(at: driver.queues[0].descriptors))
        driver.queues[0].storeTable(short, at: entry)
        driver.queues[0].store(
            TestDescriptor(address: entry, length: 48, flags: TestDescriptor.indirect), inSlot: 0)
        try driver.move(to: second, with: state)
        #expect(driver.queues[0].usedIndex == 1)
        #expect(driver.bytes(status) == [0])
        #expect(driver.interrupt.level)
    }

    @Test("A disk that is quiesced and resumed does what it was asked for meanwhile")
    func pausedDisk() throws {
        let disk = try TemporaryDisk(sectors: 64)
        let device = try BlockDevice(file: DiskFile(path: disk.path), serial: "", synchronous: false)
        let driver = try TestDriver(device)
        try #require(driver.start(queueSize: 16))
        driver.mmio.quiesce()
        driver.queues[0].add([driver.readable(header(0)), driver.writable(512), driver.writable(1)])
        driver.notify()
        try device.flush()
        #expect(driver.queues[0].usedIndex == 0)
        driver.mmio.resume()
        try device.flush()
        #expect(driver.queues[0].usedIndex == 1)
    }

    // MARK: Networks

    private func card(_ backend: MemoryBackend) throws -> NetworkDevice {
        try NetworkDevice(mac: MACAddress(virtualMachine: 1), mtu: 1500, backend: backend)
    }

    @Test("A frame for which there was no buffer, and one that the network did not take, go on with the new card")
    func frames() throws {
        let backend = try MemoryBackend()
        let first = try card(backend)
        let driver = try TestDriver(first)
        try #require(driver.start(queueCount: 2))
        let (receive, transmit) = (driver.queues[0], driver.queues[1])
        let arriving = frame(100)
        let leaving = frame(200, seed: 2)
        // Too small a buffer: it is taken, and waits for more.
        receive.add([driver.writable(64)])
        backend.setBusy(true)
        backend.arrive(arriving)
        transmit.add([driver.readable([UInt8](repeating: 0, count: 12) + leaving)])
        driver.notify(0)
        driver.notify(1)
        #expect(eventually { backend.waitingCount == 0 && receive.availEvent == 1 && transmit.availEvent == 0 })

        let next = try MemoryBackend()
        let state = try driver.move(to: card(next))
        #expect(state.fields.contains("\\\"receivedFrame\\\":["))
        #expect(eventually { next.outgoing == [leaving] && transmit.usedIndex == 1 })
        #expect(receive.usedIndex == 0)
        receive.add([driver.writable(64)])
        driver.notify(0)
        #expect(eventually { receive.usedIndex == 2 })
        #expect(backend.outgoing == [])
    }

    @Test("A card whose link had gone says that it is up again, and one whose link goes with the move that it is down")
    func link() throws {
        let gone = try MemoryBackend()
        let driver = try TestDriver(card(gone))
        try #require(driver.start(queueCount: 2))
        func isUp() -> Bool { driver.mmio.read(offset: Register.configuration + 6, size: 2, cpu: 0) == 1 }
        gone.go()
        driver.notify(0)
        #expect(eventually { driver.read(Register.configGeneration) == 1 })
        #expect(!isUp())
        #expect(eventually { driver.interrupt.level })
        _ = driver.takeInterrupt()

        try driver.move(to: card(MemoryBackend()))
        #expect(isUp())
        #expect(driver.read(Register.configGeneration) == 2)
        #expect(driver.takeInterrupt() == 0b10)

        // As it was: nothing to be said.
        try driver.move(to: card(MemoryBackend()))
        #expect(driver.read(Register.configGeneration) == 2)
        #expect(driver.takeInterrupt() == 0)
    }

    @Test("A card that is quiesced moves nothing, and all of it afterwards")
    func pausedCard() throws {
        let backend = try MemoryBackend()
        let device = try card(backend)
        let driver = try TestDriver(device)
        try #require(driver.start(queueCount: 2))
        driver.mmio.quiesce()
        driver.queues[1].add([driver.readable([UInt8](repeating: 0, count: 12) + frame(100))])
        #expect(device.port.work() == .none)
        #expect(driver.queues[1].usedIndex == 0)
        driver.mmio.resume()
        #expect(eventually { backend.outgoing == [frame(100)] })
    }

    // MARK: Console

    @Test("A console whose driver was found to read hands input on at once")
    func console() throws {
        let sink = ByteSink()
        func device() -> ConsoleDevice {
            ConsoleDevice(output: sink.append, now: { 1000 })
        }
        let first = device()
        let driver = try TestDriver(first)
        // Without EVENT_IDX the driver cannot be asked whether it reads.
        try #require(driver.start(features: driver.deviceFeatures & ~Feature.eventIdx, queueCount: 2))
        let buffers = (0..<4).map { _ in driver.writable(16) }
        for buffer in buffers { driver.queues[0].add([buffer]) }
        #expect(first.receive("one".utf8) == 3)
        let second = device()
        let state = try driver.move(to: second)
        #expect(state.fields.contains("\\\"isOpen\\\":true"))
        #expect(second.receive("two".utf8) == 3)
        #expect(driver.queues[0].usedIndex == 2)
        #expect(driver.bytes(buffers[0]).prefix(3) == Array("one".utf8)[...])
        #expect(driver.bytes(buffers[1]).prefix(3) == Array("two".utf8)[...])
        driver.queues[1].add([driver.readable(Array("out".utf8))])
        driver.notify(1)
        #expect(sink.bytes == Array("out".utf8))
    }

    @Test("Input that came while a console was quiesced is asked for when it goes on")
    func pausedConsole() throws {
        let rooms = RecordingLine()
        let device = ConsoleDevice(output: { _ in }, onRoom: { rooms.line.set(true) }, now: { 0 })
        let driver = try TestDriver(device)
        try #require(driver.start(features: driver.deviceFeatures & ~Feature.eventIdx, queueCount: 2))
        driver.queues[0].add([driver.writable(16)])
        rooms.line.set(false)
        device.quiesce()
        #expect(device.receive("abc".utf8) == 0)
        #expect(driver.queues[0].usedIndex == 0)
        device.resume()
        #expect(rooms.level)
        #expect(device.receive("abc".utf8) == 3)
    }

    // MARK: Entropy

    @Test("Buffers that the driver adds after the move are filled, and none twice")
    func entropy() throws {
        let driver = try TestDriver(VirtioSubjects.entropy())
        try #require(driver.start())
        for round in UInt16(0)..<70 {
            driver.queues[0].add([driver.writable(16)])
            if driver.queues[0].needsKick() { driver.notify() }
            #expect(driver.queues[0].usedIndex == round + 1)
            if round % 5 == 0 { try driver.move(to: VirtioSubjects.entropy()) }
        }
    }
}
