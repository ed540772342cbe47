// One buffer that a driver made available: the walk over its descriptors, with every step checked.
//
// Follows virtio 1.2 §2.7.5 (descriptor table) and §2.7.5.3 (indirect descriptors). Each descriptor is read from
// guest memory once, so that what was checked is what is used, whatever the guest writes meanwhile.

import Hypervisor

/// The flags of a descriptor (§2.7.5).
struct DescriptorFlags: OptionSet {
    let rawValue: UInt16

    static let next = Self(rawValue: 1)
    static let write = Self(rawValue: 2)
    static let indirect = Self(rawValue: 4)
}

/// `struct virtq_desc` of §2.7.5, copied out of guest memory.
struct Descriptor {
    static let byteCount = 16

    let address: PhysicalAddress
    let length: UInt32
    let flags: DescriptorFlags
    let next: UInt16
}

/// A table of descriptors in guest memory: the queue's own, or an indirect one.
struct DescriptorTable {
    private let base: UnsafeRawPointer
    /// Descriptors in the table.
    let count: Int

    /// A table of `count` descriptors at `address`; nil if it is not wholly in RAM.
    init?(memory: GuestMemory, address: PhysicalAddress, count: Int) {
        guard let pointer = memory.pointer(at: address, count: UInt64(count * Descriptor.byteCount)) else { return nil }
        base = UnsafeRawPointer(pointer)
        self.count = count
    }

    /// The descriptor at `index`, as it is now.
    func descriptor(at index: Int) throws(VirtqueueFault) -> Descriptor {
        guard index < count else { throw .descriptorIndex(UInt32(truncatingIfNeeded: index)) }
        // Safe: the table has `count` descriptors and was found to be wholly in RAM. An indirect table need not be
        // aligned.
        let pointer = base + index * Descriptor.byteCount
        return Descriptor(
            address: UInt64(littleEndian: pointer.loadUnaligned(as: UInt64.self)),
            length: UInt32(littleEndian: pointer.loadUnaligned(fromByteOffset: 8, as: UInt32.self)),
            flags: DescriptorFlags(
                rawValue: UInt16(littleEndian: pointer.loadUnaligned(fromByteOffset: 12, as: UInt16.self))),
            next: UInt16(littleEndian: pointer.loadUnaligned(fromByteOffset: 14, as: UInt16.self)))
    }
}

/// A buffer that the driver made available: a device-readable part, then a device-writable one.
public struct DescriptorChain: Sendable {
    /// The most descriptors of an indirect table. virtio sets no limit but the queue size, which Linux does not keep
    /// to for indirect tables; this is what the host takes in one call.
    static let maximumIndirectCount = 1024
    /// The most bytes of a chain (§2.7.5).
    static let maximumByteCount = 1 << 32

    /// The index of the first descriptor: what the used ring names the buffer by.
    let head: UInt16
    /// What the device may read.
    private(set) var readable = GuestBuffers()
    /// What the device may write.
    private(set) var writable = GuestBuffers()

    /// Walks the chain that starts at `head` in the queue's own table.
    init(
        head: UInt16, table: DescriptorTable, memory: GuestMemory, allowsIndirect: Bool
    ) throws(VirtqueueFault) {
        self.head = head
        try walk(table, from: head, memory: memory, allowsIndirect: allowsIndirect)
    }

    private mutating func walk(
        _ table: DescriptorTable, from first: UInt16, memory: GuestMemory, allowsIndirect: Bool
    ) throws(VirtqueueFault) {
        var index = Int(first)
        // No chain without a loop has more descriptors than its table.
        for _ in 0..<table.count {
            let descriptor = try table.descriptor(at: index)
            if descriptor.flags.contains(.indirect) {
                guard allowsIndirect, !descriptor.flags.contains(.next) else { throw .indirectNotAllowed }
                let indirect = try indirectTable(descriptor, memory: memory)
                return try walk(indirect, from: 0, memory: memory, allowsIndirect: false)
            }
            try append(descriptor, memory: memory)
            guard descriptor.flags.contains(.next) else { return }
            index = Int(descriptor.next)
        }
        throw .descriptorChainTooLong
    }

    private func indirectTable(
        _ descriptor: Descriptor, memory: GuestMemory
    ) throws(VirtqueueFault) -> DescriptorTable {
        let (count, remainder) = Int(descriptor.length).quotientAndRemainder(dividingBy: Descriptor.byteCount)
        guard count > 0, remainder == 0, count <= Self.maximumIndirectCount else {
            throw .indirectTableLength(descriptor.length)
        }
        guard let table = DescriptorTable(memory: memory, address: descriptor.address, count: count) else {
            throw .bufferAddress(descriptor.address, byteCount: descriptor.length)
        }
        return table
    }

    private mutating func append(_ descriptor: Descriptor, memory: GuestMemory) throws(VirtqueueFault) {
        guard memory.contains(descriptor.address, count: UInt64(descriptor.length)) else {
            throw .bufferAddress(descriptor.address, byteCount: descriptor.length)
        }
        let count = Int(descriptor.length)
        guard readable.byteCount + writable.byteCount + count <= Self.maximumByteCount else { throw .bufferTooLong }
        if descriptor.flags.contains(.write) {
            writable.append(address: descriptor.address, count: count)
        } else {
            guard writable.segments.isEmpty else { throw .readableAfterWritable }
            readable.append(address: descriptor.address, count: count)
        }
    }
}
