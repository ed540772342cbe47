// What a virtio device is, apart from how its driver reaches it.
//
// Responsible for: the protocol between a device type (virtio 1.2 §5) and the transport that hosts it, and the
// feature bits and device ids that both name. Not responsible for: registers (`VirtioMMIODevice`) or rings
// (`Virtqueue`).

import Hypervisor

/// The device types of virtio 1.2 §5 that exist here.
public enum VirtioDeviceID: UInt32, Sendable {
    /// An empty slot: a transport without a device behind it (§4.2.2).
    case none = 0
    case network = 1
    case block = 2
    case console = 3
    case entropy = 4
    case ninePTransport = 9
}

/// Feature bits (virtio 1.2 §2.2). Bits 0 to 23 belong to the device type, which adds its own in an extension.
public struct VirtioFeatures: OptionSet, Sendable, Hashable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The feature with number `bit` (0 to 63).
    public init(bit: UInt64) {
        rawValue = 1 << bit
    }

    /// VIRTIO_F_INDIRECT_DESC: a descriptor may point at a table of descriptors.
    public static let indirectDesc = Self(bit: 28)
    /// VIRTIO_F_EVENT_IDX: both sides say at which index they want the next notification.
    public static let eventIdx = Self(bit: 29)
    /// VIRTIO_F_VERSION_1: the driver speaks virtio 1.0 or later.
    public static let version1 = Self(bit: 32)

    /// What every device here offers, because transport and rings implement it.
    public static let common: Self = [.indirectDesc, .eventIdx, .version1]
}

/// A device of virtio 1.2 §5, hosted by a transport.
///
/// The transport calls from any vCPU's thread, and holds its own lock while it calls `setQueue`, `reset`, `save` and
/// `restore`: none may call back into the transport. Telling the driver something goes through the `Virtqueue`.
public protocol VirtioDevice: AnyObject, Sendable {
    var deviceID: VirtioDeviceID { get }

    /// The features of the device type that this device offers, without `VirtioFeatures.common`. Never changes.
    var features: VirtioFeatures { get }

    /// The greatest size of each virtqueue, a power of two up to 32768 (§2.7), by queue index. Never changes.
    var queueSizes: [UInt16] { get }

    /// The device configuration space (§2.5), little-endian. Read-only to the driver, and zero past its end.
    var configuration: [UInt8] { get }

    /// Another number after each change of `configuration` (§2.5.1). Zero as long as it never changes.
    var configurationGeneration: UInt32 { get }

    /// Hands over a live virtqueue once the driver has set DRIVER_OK, or takes it away (nil).
    ///
    /// When this returns, the device no longer touches the queue that was there before.
    func setQueue(_ queue: Virtqueue?, at index: Int)

    /// The driver has made buffers available in queue `index`; also called once when the queue starts.
    func queueNotified(_ index: Int)

    /// The driver has set DRIVER_OK, and has set up so many queues.
    func driverBecameReady(queueCount: Int)

    /// Back to the state after creation: when this returns, no queue is touched any more.
    func reset()

    /// The run is to end, and nobody waits for what the driver asked for; or (false) another one begins. How long a
    /// request is, is the driver's choice: a device that works on one looks at this often, and leaves the rest undone.
    /// Callable from any thread, and does not wait.
    func setEnding(_ isEnding: Bool)

    /// Finishes or puts back what is under way; when it returns, no queue is touched before `resume`, but within a
    /// notification.
    func quiesce()

    /// Goes on with what there is to do.
    func resume()

    /// Where it is in its queues, and what else it knows of its driver.
    func save() throws(DeviceStateError) -> DeviceState

    /// Takes over a state, with the queues as the transport has made them anew, by index. When it throws, nothing has
    /// changed.
    func restore(_ state: DeviceState, queues: [Virtqueue?]) throws(DeviceStateError)
}

extension VirtioDevice {
    public var configurationGeneration: UInt32 { 0 }

    public func driverBecameReady(queueCount: Int) {}

    /// For a device that does little for each call, whatever its driver asks for.
    public func setEnding(_ isEnding: Bool) {}

    /// For a device that only works within notifications.
    public func quiesce() {}
    public func resume() {}
}
