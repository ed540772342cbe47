// The virtio network device: an Ethernet card whose wire ends in a `NetworkBackend`.
//
// Responsible for: the device's features and configuration, and its thread. Not responsible for: moving frames
// (`NetworkPort`), or what is at the other end.
//
// Follows virtio 1.2 §5.1. One pair of queues; no control queue, and no offload in either direction: a frame is what is
// on the wire, checksums included.

import Bytes
import HostSupport
import Hypervisor

extension VirtioFeatures {
    /// VIRTIO_NET_F_MTU: the configuration says what the greatest MTU is.
    public static let netMTU = Self(bit: 3)
    /// VIRTIO_NET_F_MAC: the configuration says what the MAC address is.
    public static let netMAC = Self(bit: 5)
    /// VIRTIO_NET_F_MRG_RXBUF: a frame may lie in several receive buffers.
    public static let netMrgRxbuf = Self(bit: 15)
    /// VIRTIO_NET_F_STATUS: the configuration says whether the link is up.
    public static let netStatus = Self(bit: 16)
}

/// A network device (virtio 1.2 §5.1).
public final class NetworkDevice: VirtioDevice {
    /// The virtqueues (§5.1.2).
    private enum Queue: Int {
        /// receiveq1.
        case receive = 0
        /// transmitq1.
        case transmit = 1
    }

    /// `struct virtio_net_config` (§5.1.4): offsets in bytes. What was not negotiated is zero.
    private enum Configuration {
        static let mac = 0
        static let status = 6
        static let mtu = 10
        static let byteCount = 24
        /// VIRTIO_NET_S_LINK_UP.
        static let linkUp: UInt16 = 1
    }

    private static let queueSize: UInt16 = 256
    /// What an MTU may be: from the least that IPv4 asks for (RFC 791) to what fits in an IP packet's own length.
    public static let mtuRange: ClosedRange<UInt16> = 68...65520

    public let deviceID = VirtioDeviceID.network
    public static let features: VirtioFeatures = [.netMTU, .netMAC, .netMrgRxbuf, .netStatus]
    public let features: VirtioFeatures = NetworkDevice.features
    public static let queueSizes: [UInt16] = [queueSize, queueSize]
    public let queueSizes: [UInt16] = NetworkDevice.queueSizes

    private let fixedConfiguration: [UInt8]
    let port: NetworkPort
    private let thread: PollingThread

    /// A card on the wire that `backend` is.
    ///
    /// - Parameters:
    ///   - mac: the card's address.
    ///   - mtu: the most bytes behind a frame's header, within `mtuRange`. Longer frames are dropped.
    ///   - backend: where frames go to and come from.
    ///   - onLinkDown: called on the device's thread, with the reason, when the network has gone for good.
    public init(
        mac: MACAddress, mtu: UInt16, backend: any NetworkBackend,
        onLinkDown: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(HostResourceError) {
        var configuration = [UInt8](repeating: 0, count: Configuration.byteCount)
        configuration.replaceSubrange(Configuration.mac..<MACAddress.byteCount, with: mac.bytes)
        configuration.replace(at: Configuration.mtu, littleEndian: mtu)
        fixedConfiguration = configuration
        let port = NetworkPort(backend: backend, mtu: mtu, onLinkDown: onLinkDown)
        self.port = port
        thread = try PollingThread { port.work($0) }
    }

    deinit {
        stop()
    }

    public var configuration: [UInt8] {
        var configuration = fixedConfiguration
        if port.isLinkUp { configuration.replace(at: Configuration.status, littleEndian: Configuration.linkUp) }
        return configuration
    }

    public var configurationGeneration: UInt32 { port.generation }

    public func setQueue(_ queue: Virtqueue?, at index: Int) {
        switch Queue(rawValue: index) {
        case .receive: port.setReceiveQueue(queue)
        case .transmit: port.setTransmitQueue(queue)
        case nil: break
        }
    }

    public func queueNotified(_ index: Int) {
        thread.wake()
    }

    public func reset() {
        port.setReceiveQueue(nil)
        port.setTransmitQueue(nil)
        // The thread may wait for what there is no use for any more.
        thread.wake()
    }

    /// What went through it since it was made. Waits for frames that are being moved.
    public var activity: NetworkActivity { port.activity }

    /// Ends the thread and closes the wire; the device answers no more. May be called again.
    public func stop() {
        thread.stop()
        port.close()
    }
}

extension NetworkDevice {
    private static let kind = DeviceState.Kind("virtio-net", version: 1)

    public func quiesce() { port.quiesce() }

    public func resume() {
        port.resume()
        thread.wake()
    }

    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, port.fields)
    }

    public func restore(_ state: DeviceState, queues: [Virtqueue?]) throws(DeviceStateError) {
        try port.restore(state.fields(NetworkPort.Fields.self, of: Self.kind), queues: queues)
    }
}
