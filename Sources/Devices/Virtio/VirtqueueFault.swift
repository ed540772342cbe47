// What a driver can do to a virtqueue that leaves the device no way on but DEVICE_NEEDS_RESET.

import Bytes
import Hypervisor

/// Why a device asked its driver for a reset: the driver broke a rule of virtio 1.2.
public enum VirtqueueFault: Error, Hashable, Codable, Sendable, CustomStringConvertible {
    /// The queue's size is no power of two, or over what the device offers (§2.7).
    case queueSize(UInt32)
    /// One of the queue's three areas is misaligned or not wholly in RAM (§2.7).
    case queueAddress(PhysicalAddress)
    /// The available ring's index is further ahead than the ring is long (§2.7.6).
    case availableIndex(UInt16)
    /// A descriptor index is outside the descriptor table (§2.7.5).
    case descriptorIndex(UInt32)
    /// A descriptor chain has a loop, or is longer than the table that it is in (§2.7.5).
    case descriptorChainTooLong
    /// A descriptor's bytes are not wholly in RAM (§2.7.5).
    case bufferAddress(PhysicalAddress, byteCount: UInt32)
    /// The buffers of one chain come to more than 2³² bytes (§2.7.5).
    case bufferTooLong
    /// A device-readable descriptor follows a device-writable one (§2.7.4.2).
    case readableAfterWritable
    /// An indirect descriptor without the feature, in an indirect table, or with a next one (§2.7.5.3).
    case indirectNotAllowed
    /// The length of an indirect table is zero, no multiple of 16, or too great (§2.7.5.3).
    case indirectTableLength(UInt32)
    /// A request lacks the parts that its device type asks for.
    case requestFraming

    public var description: String {
        switch self {
        case .queueSize(let size): "the queue size \(size) is no power of two that the device offers"
        case .queueAddress(let address): "the queue area at \(hexadecimal(address)) is misaligned or outside RAM"
        case .availableIndex(let index): "the available index \(index) is further ahead than the ring is long"
        case .descriptorIndex(let index): "descriptor \(index) is outside its table"
        case .descriptorChainTooLong: "a descriptor chain is longer than its table"
        case .bufferAddress(let address, let count): "\(count) bytes at \(hexadecimal(address)) are not all in RAM"
        case .bufferTooLong: "a descriptor chain describes more than 4 GiB"
        case .readableAfterWritable: "a device-readable descriptor follows a device-writable one"
        case .indirectNotAllowed: "an indirect descriptor stands where none may"
        case .indirectTableLength(let length): "an indirect table is \(length) bytes long"
        case .requestFraming: "a request lacks its header or its status byte"
        }
    }
}
