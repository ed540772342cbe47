// The virtio entropy device: random bytes for the guest.
//
// Follows virtio 1.2 §5.4. Where the bytes come from is the machine's business (`EntropySource`).

import Hypervisor
import Synchronization

/// An entropy device (virtio 1.2 §5.4).
public final class EntropyDevice: VirtioDevice {
    /// The most bytes of one buffer that are filled: the driver is told how many, and asks again (§5.4.6.2).
    private static let maximumByteCount = 1 << 16

    public let deviceID = VirtioDeviceID.entropy
    public static let features: VirtioFeatures = []
    public let features: VirtioFeatures = EntropyDevice.features
    public static let queueSizes: [UInt16] = [64]
    public let queueSizes: [UInt16] = EntropyDevice.queueSizes
    public let configuration: [UInt8] = []

    private let source: any EntropySource
    private let queue = Mutex<Virtqueue?>(nil)
    private let isEnding = Atomic(false)

    public init(source: any EntropySource) {
        self.source = source
    }

    public func setQueue(_ queue: Virtqueue?, at index: Int) {
        self.queue.withLock { $0 = queue }
    }

    public func queueNotified(_ index: Int) {
        queue.withLock { queue in
            while !isEnding.load(ordering: .acquiring), let chain = queue?.next(), let memory = queue?.memory {
                let bytes = source.bytes(count: min(chain.writable.byteCount, Self.maximumByteCount))
                queue?.complete(chain, written: chain.writable.write(bytes[...], in: memory))
            }
            queue?.notifyDriver()
        }
    }

    public func reset() {
        queue.withLock { $0 = nil }
    }

    public func setEnding(_ isEnding: Bool) {
        self.isEnding.store(isEnding, ordering: .releasing)
    }
}

extension EntropyDevice {
    private static let kind = DeviceState.Kind("virtio-rng", version: 1)

    public func save() throws(DeviceStateError) -> DeviceState {
        let queue = queue.withLock { $0?.position() }
        return try DeviceState(Self.kind, VirtqueuePositions(queues: [queue]))
    }

    public func restore(_ state: DeviceState, queues: [Virtqueue?]) throws(DeviceStateError) {
        let fields = try state.fields(VirtqueuePositions.self, of: Self.kind)
        let queues = try Virtqueue.restored(queues, to: fields.queues)
        queue.withLock { $0 = queues[0] }
    }
}
