// The device's side of a split virtqueue.
//
// Responsible for: the available and used rings in guest memory, and when the driver is notified. Not responsible
// for: what is in the buffers (the devices), or the registers that set a queue up (`VirtioMMIODevice`).
//
// Follows virtio 1.2 §2.7. The driver is another thread of this process, a vCPU, and may be hostile: ring indices are
// exchanged with acquire and release order, every value is read once, and what breaks a rule ends the queue with
// DEVICE_NEEDS_RESET rather than the process.

import Hypervisor
import Synchronization

/// A live split virtqueue, as its device sees it. Used by one thread at a time: the device keeps it under a lock.
///
/// `@unchecked Sendable` because of the host pointers, which point into guest memory that never moves and that
/// `memory` keeps alive.
public struct Virtqueue: @unchecked Sendable {
    /// Where things are in the two rings (§2.7.6, §2.7.8), in bytes.
    private enum Layout {
        static let flags = 0
        static let index = 2
        static let ring = 4
        static let availableEntryByteCount = 2
        static let usedEntryByteCount = 8
        /// flags, idx and the event index after the ring.
        static let fixedByteCount = 6

        static let descriptorAlignment: UInt64 = 16
        static let availableAlignment: UInt64 = 2
        static let usedAlignment: UInt64 = 4

        /// VIRTQ_AVAIL_F_NO_INTERRUPT.
        static let noInterrupt: UInt16 = 1
    }

    /// The greatest size of a split virtqueue (§2.7).
    static let maximumSize: UInt32 = 32768

    /// The memory that the queue and its buffers are in.
    let memory: GuestMemory
    /// What driver and device agreed on.
    let features: VirtioFeatures
    /// Entries in each ring, a power of two.
    let size: UInt16

    private let notifications: DeviceNotifications
    private let descriptors: DescriptorTable
    private let available: UnsafeMutableRawPointer
    private let used: UnsafeMutableRawPointer
    private let usedAddress: PhysicalAddress

    /// Free-running indices, which wrap at 2¹⁶ as the rings' own do.
    private var nextAvailable: UInt16 = 0
    private var nextUsed: UInt16 = 0
    /// `nextUsed` when the driver was last considered for a notification.
    private var consideredUsed: UInt16 = 0
    private var isBroken = false

    /// Checks what the driver wrote into the queue registers.
    init(
        registers: QueueRegisters, features: VirtioFeatures, memory: GuestMemory, notifications: DeviceNotifications
    ) throws(VirtqueueFault) {
        guard let size = registers.validSize else { throw .queueSize(registers.queueNum) }

        func area(
            _ address: PhysicalAddress, alignment: UInt64, byteCount: Int
        ) throws(VirtqueueFault) -> UnsafeMutableRawPointer {
            guard address % alignment == 0, let pointer = memory.pointer(at: address, count: UInt64(byteCount)) else {
                throw .queueAddress(address)
            }
            return pointer
        }
        _ = try area(registers.queueDesc, alignment: Layout.descriptorAlignment, byteCount: 0)
        guard let table = DescriptorTable(memory: memory, address: registers.queueDesc, count: Int(size)) else {
            throw .queueAddress(registers.queueDesc)
        }
        descriptors = table
        available = try area(
            registers.queueDriver, alignment: Layout.availableAlignment,
            byteCount: Layout.fixedByteCount + Layout.availableEntryByteCount * Int(size))
        used = try area(
            registers.queueDevice, alignment: Layout.usedAlignment,
            byteCount: Layout.fixedByteCount + Layout.usedEntryByteCount * Int(size))
        usedAddress = registers.queueDevice
        self.memory = memory
        self.features = features
        self.size = size
        self.notifications = notifications
    }

    /// The next buffer that the driver made available; nil if there is none, or the queue is broken.
    ///
    /// When there is none, the driver has been asked to notify the device of the next one.
    public mutating func next() -> DescriptorChain? {
        guard !isBroken else { return nil }
        var index = loadAcquire(available + Layout.index)
        if index == nextAvailable {
            guard features.contains(.eventIdx) else { return nil }
            storeRelease(nextAvailable, at: used + usedRingEnd)
            memory.didWrite(at: usedAddress + UInt64(usedRingEnd), count: UInt64(MemoryLayout<UInt16>.size))
            // The driver makes a buffer available and then reads avail_event; we write avail_event and then look for
            // a buffer. Full order on both sides makes sure that at least one sees the other.
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            index = loadAcquire(available + Layout.index)
            if index == nextAvailable { return nil }
        }
        do throws(VirtqueueFault) {
            guard index &- nextAvailable <= size else { throw .availableIndex(index) }
            let slot = Int(nextAvailable % size)
            // Safe: the slot is less than the size that the available area was checked for.
            let head = (available + Layout.ring + slot * Layout.availableEntryByteCount).load(as: UInt16.self)
            let chain = try DescriptorChain(
                head: UInt16(littleEndian: head), table: descriptors, memory: memory,
                allowsIndirect: features.contains(.indirectDesc))
            nextAvailable &+= 1
            return chain
        } catch {
            fail(error)
            return nil
        }
    }

    /// A buffer that the device is done with: the first `written` bytes of its device-writable part are written.
    struct UsedBuffer {
        var chain: DescriptorChain
        var written: Int
    }

    /// Gives a buffer back to the driver, with the first `written` bytes of its device-writable part written.
    public mutating func complete(_ chain: DescriptorChain, written: Int) {
        complete(CollectionOfOne(UsedBuffer(chain: chain, written: written)))
    }

    /// Gives buffers back to the driver, which sees all of them or none.
    mutating func complete(_ buffers: some Collection<UsedBuffer>) {
        guard !isBroken else { return }
        for buffer in buffers {
            let offset = Layout.ring + Int(nextUsed % size) * Layout.usedEntryByteCount
            let entry = used + offset
            // Safe: the slot is less than the size that the used area was checked for, which is 4-byte aligned.
            entry.storeBytes(of: UInt32(buffer.chain.head).littleEndian, as: UInt32.self)
            entry.storeBytes(of: UInt32(clamping: buffer.written).littleEndian, toByteOffset: 4, as: UInt32.self)
            nextUsed &+= 1
            memory.didWrite(at: usedAddress + UInt64(offset), count: UInt64(Layout.usedEntryByteCount))
        }
        storeRelease(nextUsed, at: used + Layout.index)
        memory.didWrite(at: usedAddress, count: UInt64(Layout.ring))
    }

    /// Takes the last `count` chains that `next` gave as not taken: they come again, in the same order.
    mutating func putBack(_ count: Int = 1) {
        nextAvailable &-= UInt16(truncatingIfNeeded: count)
    }

    /// Tells the driver that the device's configuration has changed.
    func notifyConfigurationChange() {
        notifications.configurationChanged()
    }

    /// Gives the driver bytes, as far as it has made buffers available, and notifies it.
    ///
    /// - Parameter bytes: what the buffers are filled with, one after the other.
    /// - Returns: how many of them went into buffers.
    mutating func give(_ bytes: [UInt8]) -> Int {
        var rest = bytes[...]
        // No more buffers than the driver can have made available before: it may add empty ones for ever.
        var left = size
        while !rest.isEmpty, left > 0, let chain = next() {
            left -= 1
            let count = chain.writable.write(rest, in: memory)
            rest = rest.dropFirst(count)
            complete(chain, written: count)
        }
        notifyDriver()
        return bytes.count - rest.count
    }

    /// Sends a used buffer notification, if buffers were completed since the last call and the driver wants to know.
    public mutating func notifyDriver() {
        guard !isBroken, nextUsed != consideredUsed else { return }
        let old = consideredUsed
        consideredUsed = nextUsed
        // As in `next`: the used index must be out before the driver's wish is read.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if features.contains(.eventIdx) {
            let usedEvent = loadAcquire(available + availableRingEnd)
            // §2.7.10: only if the index that the driver waits for is among those just passed.
            guard nextUsed &- usedEvent &- 1 < nextUsed &- old else { return }
        } else {
            guard loadAcquire(available + Layout.flags) & Layout.noInterrupt == 0 else { return }
        }
        notifications.usedBuffer()
    }

    /// The driver's own index: how many buffers it has made available so far, which wraps.
    var availableIndex: UInt16 { loadAcquire(available + Layout.index) }

    /// Whether the driver has looked at everything that was given back to it. Only one with VIRTIO_F_EVENT_IDX says so.
    var isDriverUpToDate: Bool {
        features.contains(.eventIdx) && loadAcquire(available + availableRingEnd) == nextUsed
    }

    /// Whether one of the buffers that are available begins at one of `addresses`. If not, the driver is asked to
    /// notify the device of the next one.
    mutating func hasAvailable(at addresses: [PhysicalAddress]) -> Bool {
        guard !isBroken else { return false }
        var position = nextAvailable
        // The second time after the driver was asked: it may have added one meanwhile.
        for _ in 0..<2 {
            let index = loadAcquire(available + Layout.index)
            guard index &- nextAvailable <= size else { return false }
            while position != index {
                // Safe: the slot is less than the size that the available area was checked for.
                let entry = available + Layout.ring + Int(position % size) * Layout.availableEntryByteCount
                let head = Int(UInt16(littleEndian: entry.load(as: UInt16.self)))
                if let descriptor = try? descriptors.descriptor(at: head), addresses.contains(descriptor.address) {
                    return true
                }
                position &+= 1
            }
            guard features.contains(.eventIdx) else { return false }
            storeRelease(index, at: used + usedRingEnd)
            memory.didWrite(at: usedAddress + UInt64(usedRingEnd), count: UInt64(MemoryLayout<UInt16>.size))
            atomicMemoryFence(ordering: .sequentiallyConsistent)
        }
        return false
    }

    /// What is saved of the queue. The driver was considered for a notification of all that was used: a device does
    /// that before it lets go of the queue.
    var position: VirtqueuePosition {
        get { VirtqueuePosition(nextAvailable: nextAvailable, nextUsed: nextUsed, isBroken: isBroken) }
        set {
            nextAvailable = newValue.nextAvailable
            nextUsed = newValue.nextUsed
            consideredUsed = newValue.nextUsed
            isBroken = newValue.isBroken
        }
    }

    /// Gives up on the queue: the driver broke a rule, and the device needs a reset.
    mutating func fail(_ fault: VirtqueueFault) {
        isBroken = true
        notifications.needsReset(fault)
    }

    /// Where used_event is in the available area.
    private var availableRingEnd: Int { Layout.ring + Int(size) * Layout.availableEntryByteCount }
    /// Where avail_event is in the used area.
    private var usedRingEnd: Int { Layout.ring + Int(size) * Layout.usedEntryByteCount }
}

// Safe, both: the callers pass 2-byte aligned addresses inside areas that were checked to be RAM; an atomic UInt16 has
// the size and alignment of a UInt16; the guest's own accesses are single host accesses.

private func loadAcquire(_ pointer: UnsafeMutableRawPointer) -> UInt16 {
    UInt16(littleEndian: pointer.assumingMemoryBound(to: Atomic<UInt16>.self).pointee.load(ordering: .acquiring))
}

private func storeRelease(_ value: UInt16, at pointer: UnsafeMutableRawPointer) {
    pointer.assumingMemoryBound(to: Atomic<UInt16>.self).pointee.store(value.littleEndian, ordering: .releasing)
}
