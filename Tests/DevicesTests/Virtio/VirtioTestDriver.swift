// A driver for the tests: it drives the registers in the order of Linux's drivers/virtio/virtio_mmio.c and keeps split
// rings as virtio 1.2 §2.7 lays them out. Offsets and bits are the specification's, written out again on purpose.

import Devices
import Hypervisor
import Synchronization

/// Register offsets of virtio 1.2 §4.2.2.
enum Register {
    static let magicValue: UInt64 = 0x000
    static let version: UInt64 = 0x004
    static let deviceID: UInt64 = 0x008
    static let vendorID: UInt64 = 0x00C
    static let deviceFeatures: UInt64 = 0x010
    static let deviceFeaturesSel: UInt64 = 0x014
    static let driverFeatures: UInt64 = 0x020
    static let driverFeaturesSel: UInt64 = 0x024
    static let queueSel: UInt64 = 0x030
    static let queueNumMax: UInt64 = 0x034
    static let queueNum: UInt64 = 0x038
    static let queueReady: UInt64 = 0x044
    static let queueNotify: UInt64 = 0x050
    static let interruptStatus: UInt64 = 0x060
    static let interruptACK: UInt64 = 0x064
    static let status: UInt64 = 0x070
    static let queueDescLow: UInt64 = 0x080
    static let queueDriverLow: UInt64 = 0x090
    static let queueDeviceLow: UInt64 = 0x0A0
    static let shmSel: UInt64 = 0x0AC
    static let queueReset: UInt64 = 0x0C0
    static let configGeneration: UInt64 = 0x0FC
    static let configuration: UInt64 = 0x100
}

enum Status {
    static let acknowledge: UInt32 = 1
    static let driver: UInt32 = 2
    static let driverOK: UInt32 = 4
    static let featuresOK: UInt32 = 8
    static let needsReset: UInt32 = 64
}

enum Feature {
    static let indirectDesc: UInt64 = 1 << 28
    static let eventIdx: UInt64 = 1 << 29
    static let version1: UInt64 = 1 << 32
}

/// An interrupt line that remembers.
final class RecordingLine: Sendable {
    private let state = Mutex((level: false, risings: 0))

    var level: Bool { state.withLock { $0.level } }
    /// How often the line went from low to high.
    var risings: Int { state.withLock { $0.risings } }

    var line: InterruptLine {
        InterruptLine { [self] level in
            state.withLock { state in
                if level, !state.level { state.risings += 1 }
                state.level = level
            }
        }
    }
}

/// One descriptor, as a test wants it.
struct TestDescriptor {
    static let next: UInt16 = 1
    static let write: UInt16 = 2
    static let indirect: UInt16 = 4

    var address: UInt64
    var length: UInt32
    var flags: UInt16 = 0
    var next: UInt16 = 0
}

/// The driver's side of a split virtqueue.
final class TestQueue {
    let memory: GuestMemory
    let index: UInt32
    let size: UInt16
    let descriptors: UInt64
    let available: UInt64
    let used: UInt64
    var usesEventIdx = false
    var usesIndirectDesc = false

    private(set) var availableIndex: UInt16 = 0
    private(set) var lastUsed: UInt16 = 0
    private var nextDescriptor: UInt16 = 0
    private var kickedIndex: UInt16 = 0

    init(memory: GuestMemory, index: UInt32, size: UInt16, base: UInt64) {
        self.memory = memory
        self.index = index
        self.size = size
        descriptors = base
        available = base + 16 * UInt64(size)
        used = (available + 6 + 2 * UInt64(size) + 3) & ~3
        memory.write([UInt8](repeating: 0, count: Int(end - base)), at: base)
    }

    /// The first byte after the used area.
    var end: UInt64 { used + 6 + 8 * UInt64(size) }

    var usedIndex: UInt16 { load(at: used + 2) }
    var availEvent: UInt16 { load(at: used + 4 + 8 * UInt64(size)) }

    func setUsedEvent(_ value: UInt16) {
        store(value, at: available + 4 + 2 * UInt64(size))
    }

    func setAvailableFlags(_ value: UInt16) {
        store(value, at: available)
    }

    func store(_ descriptor: TestDescriptor, at address: UInt64) {
        memory.store(descriptor.address, at: address)
        memory.store(descriptor.length, at: address + 8)
        memory.store(descriptor.flags, at: address + 12)
        memory.store(descriptor.next, at: address + 14)
    }

    func store(_ descriptor: TestDescriptor, inSlot index: UInt16) {
        store(descriptor, at: descriptors + 16 * UInt64(index))
    }

    /// What driver and device both use at a time, as a real driver's accesses are: whole, and in order.
    ///
    /// Safe: an atomic UInt16 has the size and alignment of a UInt16.
    private func word(at address: UInt64) -> UnsafeMutablePointer<Atomic<UInt16>>? {
        memory.pointer(at: address, count: 2)?.assumingMemoryBound(to: Atomic<UInt16>.self)
    }

    private func store(_ value: UInt16, at address: UInt64) {
        word(at: address)?.pointee.store(value.littleEndian, ordering: .releasing)
    }

    private func load(at address: UInt64) -> UInt16 {
        UInt16(littleEndian: word(at: address)?.pointee.load(ordering: .acquiring) ?? 0)
    }

    /// Puts `head` into the available ring, and publishes the index.
    func makeAvailable(_ head: UInt16) {
        memory.store(head, at: available + 4 + 2 * UInt64(availableIndex % size))
        availableIndex &+= 1
        publish(availableIndex)
    }

    func publish(_ index: UInt16) {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        store(index, at: available + 2)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// Chains `pieces` in the queue's own table and makes them available; returns the head.
    @discardableResult
    func add(_ pieces: [TestDescriptor]) -> UInt16 {
        let head = nextDescriptor
        for (position, piece) in pieces.enumerated() {
            var descriptor = piece
            let slot = (head + UInt16(position)) % size
            if position + 1 < pieces.count {
                descriptor.flags |= TestDescriptor.next
                descriptor.next = (slot + 1) % size
            }
            store(descriptor, inSlot: slot)
        }
        nextDescriptor = (head + UInt16(pieces.count)) % size
        makeAvailable(head)
        return head
    }

    /// Chains `pieces` in an indirect table at `table`.
    @discardableResult
    func addIndirect(_ pieces: [TestDescriptor], table: UInt64) -> UInt16 {
        storeTable(pieces, at: table)
        return add([
            TestDescriptor(address: table, length: UInt32(16 * pieces.count), flags: TestDescriptor.indirect)
        ])
    }

    /// Chains `pieces` in a table at `table`, and does nothing else.
    func storeTable(_ pieces: [TestDescriptor], at table: UInt64) {
        for (position, piece) in pieces.enumerated() {
            var descriptor = piece
            if position + 1 < pieces.count {
                descriptor.flags |= TestDescriptor.next
                descriptor.next = UInt16(position + 1)
            }
            store(descriptor, at: table + 16 * UInt64(position))
        }
    }

    /// Whether the device wants to be told of what was added since the last kick (§2.7.10.1).
    func needsKick() -> Bool {
        defer { kickedIndex = availableIndex }
        guard usesEventIdx else { return load(at: used) & 1 == 0 }
        return availableIndex &- availEvent &- 1 < availableIndex &- kickedIndex
    }

    /// The next used element, if there is one.
    func takeUsed() -> (id: UInt32, length: UInt32)? {
        guard usedIndex != lastUsed else { return nil }
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let element = used + 4 + 8 * UInt64(lastUsed % size)
        lastUsed &+= 1
        guard let id = memory.load(UInt32.self, at: element), let length = memory.load(UInt32.self, at: element + 4)
        else { return nil }
        return (id, length)
    }
}

/// A driver of one virtio-mmio slot, with its own guest memory.
final class TestDriver {
    static let base: UInt64 = 0x4000_0000

    let memory: GuestMemory
    private(set) var mmio: VirtioMMIODevice
    private(set) var interrupt = RecordingLine()
    private(set) var queues: [TestQueue] = []
    /// Where the next piece of guest memory may go.
    private var free: UInt64

    init(_ device: (any VirtioDevice)?, memoryByteCount: UInt64 = 16 << 20) throws {
        memory = try GuestMemory(base: Self.base, byteCount: memoryByteCount)
        mmio = VirtioMMIODevice(memory: memory, interrupt: interrupt.line, device: device)
        free = Self.base
    }

    /// Goes on with another device in the same slot of the same memory, which takes the state of the old one over.
    /// Returns that state.
    @discardableResult
    func move(to device: (any VirtioDevice)?) throws -> DeviceState {
        mmio.quiesce()
        let state = try mmio.save()
        try move(to: device, with: state)
        return state
    }

    /// The same, with a state that was saved before.
    func move(to device: (any VirtioDevice)?, with state: DeviceState) throws {
        interrupt = RecordingLine()
        mmio = VirtioMMIODevice(memory: memory, interrupt: interrupt.line, device: device)
        mmio.quiesce()
        try mmio.restore(state)
        mmio.resume()
    }

    func read(_ register: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: mmio.read(offset: register, size: 4, cpu: 0))
    }

    func write(_ register: UInt64, _ value: UInt32) {
        mmio.write(offset: register, size: 4, value: UInt64(value), cpu: 0)
    }

    /// Writes a 64-bit address to a pair of registers.
    func write(_ register: UInt64, address: UInt64) {
        write(register, UInt32(truncatingIfNeeded: address))
        write(register + 4, UInt32(truncatingIfNeeded: address >> 32))
    }

    var status: UInt32 { read(Register.status) }

    func addStatus(_ bits: UInt32) {
        write(Register.status, status | bits)
    }

    var deviceFeatures: UInt64 {
        write(Register.deviceFeaturesSel, 1)
        let high = UInt64(read(Register.deviceFeatures))
        write(Register.deviceFeaturesSel, 0)
        return high << 32 | UInt64(read(Register.deviceFeatures))
    }

    func writeDriverFeatures(_ features: UInt64) {
        write(Register.driverFeaturesSel, 1)
        write(Register.driverFeatures, UInt32(features >> 32))
        write(Register.driverFeaturesSel, 0)
        write(Register.driverFeatures, UInt32(truncatingIfNeeded: features))
    }

    /// Reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK; returns whether the device took the features.
    @discardableResult
    func negotiate(_ features: UInt64) -> Bool {
        write(Register.status, 0)
        addStatus(Status.acknowledge)
        addStatus(Status.driver)
        writeDriverFeatures(features)
        addStatus(Status.featuresOK)
        return status & Status.featuresOK != 0
    }

    /// Lays queue `index` out in guest memory and enables it; returns whether the device says that it is.
    @discardableResult
    func setUp(_ queue: TestQueue) -> Bool {
        write(Register.queueSel, queue.index)
        guard read(Register.queueReady) == 0, read(Register.queueNumMax) >= UInt32(queue.size) else { return false }
        write(Register.queueNum, UInt32(queue.size))
        write(Register.queueDescLow, address: queue.descriptors)
        write(Register.queueDriverLow, address: queue.available)
        write(Register.queueDeviceLow, address: queue.used)
        write(Register.queueReady, 1)
        return read(Register.queueReady) == 1
    }

    /// Brings the device up with `features` (or all that it offers) and queues of `queueSize`.
    @discardableResult
    func start(features: UInt64? = nil, queueCount: Int = 1, queueSize: UInt16 = 16) -> Bool {
        let features = features ?? deviceFeatures
        guard negotiate(features) else { return false }
        queues = (0..<queueCount).map { index in
            let queue = TestQueue(
                memory: memory, index: UInt32(index), size: queueSize, base: allocate(Int(queueSize) * 32 + 64))
            queue.usesEventIdx = features & Feature.eventIdx != 0
            queue.usesIndirectDesc = features & Feature.indirectDesc != 0
            return queue
        }
        guard queues.allSatisfy(setUp) else { return false }
        addStatus(Status.driverOK)
        return status & Status.driverOK != 0
    }

    /// An unused piece of guest memory, 16-byte aligned.
    func allocate(_ count: Int) -> UInt64 {
        defer { free = (free + UInt64(count) + 15) & ~15 }
        return free
    }

    /// A descriptor for device-readable `bytes`, put into new guest memory.
    func readable(_ bytes: some Collection<UInt8>) -> TestDescriptor {
        let address = allocate(bytes.count)
        memory.write(bytes, at: address)
        return TestDescriptor(address: address, length: UInt32(bytes.count))
    }

    /// A descriptor for `count` new device-writable bytes, filled with 0xEE.
    func writable(_ count: Int) -> TestDescriptor {
        let address = allocate(count)
        memory.write([UInt8](repeating: 0xEE, count: count), at: address)
        return TestDescriptor(address: address, length: UInt32(count), flags: TestDescriptor.write)
    }

    func bytes(_ descriptor: TestDescriptor) -> [UInt8] {
        memory.read(at: descriptor.address, count: Int(descriptor.length)) ?? []
    }

    /// Notifies the device of queue `index`, whether it asked for that or not.
    func notify(_ index: UInt32 = 0) {
        write(Register.queueNotify, index)
    }

    /// The interrupt handler: what is pending, acknowledged.
    func takeInterrupt() -> UInt32 {
        let pending = read(Register.interruptStatus)
        write(Register.interruptACK, pending)
        return pending
    }
}

/// Collects what a device hands out, on whatever thread.
final class ByteSink: Sendable {
    private let collected = Mutex<[UInt8]>([])

    var bytes: [UInt8] { collected.withLock { $0 } }

    func append(_ bytes: [UInt8]) {
        collected.withLock { $0 += bytes }
    }
}

/// An entropy source that counts: 0, 1, 2 …
final class CountingSource: EntropySource {
    private let count = Atomic<UInt64>(0)

    func next() -> UInt64 {
        count.wrappingAdd(1, ordering: .relaxed).oldValue
    }
}

func atomicFence() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
}
