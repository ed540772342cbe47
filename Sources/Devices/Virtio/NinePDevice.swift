// The virtio 9P transport: a share of the host's, by a tag that the guest mounts.
//
// Responsible for: taking messages from the queue and putting answers into it. Not responsible for: what they say
// (`NinePServer`).
//
// Follows virtio 1.2 §5.9 and, where that says nothing, Linux's net/9p/trans_virtio.c: a message is the device-readable
// part of a buffer, its answer the device-writable one.

import Bytes
import HostSupport
import Hypervisor
import NinePFS
import Synchronization

extension VirtioFeatures {
    /// VIRTIO_9P_MOUNT_TAG: the configuration has a tag.
    public static let ninePMountTag = Self(bit: 0)
}

/// A 9P transport (virtio 1.2 §5.9).
public final class NinePDevice: VirtioDevice {
    /// Most bytes of a tag; Linux takes no longer one.
    public static let tagLimit = 255
    /// Messages that are carried out before others have their turn with the queue.
    private static let batchCount = 64
    private static let sizeByteCount = 4

    public let deviceID = VirtioDeviceID.ninePTransport
    public static let features: VirtioFeatures = [.ninePMountTag]
    public let features: VirtioFeatures = NinePDevice.features
    public static let queueSizes: [UInt16] = [128]
    public let queueSizes: [UInt16] = NinePDevice.queueSizes
    /// `struct virtio_9p_config`: the tag's length, and the tag.
    public let configuration: [UInt8]

    private let transport: Transport
    /// nil: messages are carried out within the notification.
    private let worker: WorkerThread?
    private let lost: @Sendable () -> Void

    /// A share.
    ///
    /// - Parameters:
    ///   - tag: what the guest mounts it by, of up to `tagLimit` bytes.
    ///   - server: serves it.
    ///   - synchronous: whether messages are carried out within the notification.
    ///   - lost: called on a vCPU's thread when the driver goes on without a queue. Linux's driver does so after the
    ///     guest suspended or hibernated (`virtio_device_restore` of its drivers/virtio/virtio.c, for a driver that has
    ///     no `restore`): it uses the queue that it had, of which no device knows any more, and waits for ever.
    public init(
        tag: String, server: NinePServer, synchronous: Bool, lost: @escaping @Sendable () -> Void = {}
    ) throws(HostResourceError) {
        self.lost = lost
        let bytes = Array(tag.utf8.prefix(Self.tagLimit))
        configuration = UInt16(bytes.count).littleEndianBytes + bytes
        let transport = Transport(server)
        self.transport = transport
        worker = synchronous ? nil : try WorkerThread { transport.work(isNotified: false) }
    }

    deinit { stop() }

    /// Ends the thread; the device answers no more. May be called again.
    public func stop() {
        worker?.stop()
        transport.server.reset()
    }

    public func setQueue(_ queue: Virtqueue?, at index: Int) { transport.setQueue(queue) }

    public func queueNotified(_ index: Int) { goOn(isNotified: true) }

    private func goOn(isNotified: Bool) {
        guard let worker else {
            while transport.work(isNotified: isNotified) {}
            return
        }
        worker.wake()
    }

    public func driverBecameReady(queueCount: Int) { if queueCount == 0 { lost() } }

    public func reset() {
        transport.setQueue(nil)
        transport.server.reset()
    }

    public func setEnding(_ isEnding: Bool) { transport.setEnding(isEnding) }

    // MARK: The queue

    /// What the device and its thread share.
    private final class Transport: Sendable {
        private struct State {
            var queue: Virtqueue?
            var isParked = false
        }

        let server: NinePServer
        private let state = Mutex(State())
        private let isEnding = Atomic(false)

        init(_ server: NinePServer) { self.server = server }

        /// Waits for the message that is carried out.
        func setQueue(_ queue: Virtqueue?) { state.withLock { $0.queue = queue } }
        func setParked(_ isParked: Bool) { state.withLock { $0.isParked = isParked } }
        func setEnding(_ isEnding: Bool) { self.isEnding.store(isEnding, ordering: .releasing) }

        var position: VirtqueuePosition? { state.withLock { $0.queue?.position() } }

        /// Carries messages out; returns whether there may be more.
        func work(isNotified: Bool) -> Bool {
            state.withLock { state in
                guard isNotified || !state.isParked else { return false }
                defer { state.queue?.notifyDriver() }
                for _ in 0..<NinePDevice.batchCount {
                    guard !isEnding.load(ordering: .acquiring), let chain = state.queue?.next(),
                        let memory = state.queue?.memory
                    else { return false }
                    guard let message = Self.message(in: chain, of: memory) else {
                        state.queue?.fail(.requestFraming)
                        return false
                    }
                    let answer = server.answer(message, limit: chain.writable.byteCount)
                    state.queue?.complete(chain, written: chain.writable.write(answer[...], in: memory))
                }
                return true
            }
        }

        /// The message in a buffer; nil if it is not all there. What is longer than any may be is cut.
        private static func message(in chain: DescriptorChain, of memory: GuestMemory) -> [UInt8]? {
            let start = chain.readable.split(at: NinePDevice.sizeByteCount).head.bytes(in: memory)
            guard start.count == NinePDevice.sizeByteCount else { return nil }
            let size = Int(UInt32(littleEndianBytes: start))
            guard size >= NinePServer.headerByteCount, size <= chain.readable.byteCount else { return nil }
            return chain.readable.split(at: min(size, NinePServer.messageByteLimit + 1)).head.bytes(in: memory)
        }
    }
}

extension NinePDevice {
    private static let kind = DeviceState.Kind("virtio-9p", version: 1)

    private struct Fields: Codable, Sendable {
        var queues: [VirtqueuePosition?]
        var session: NinePServer.Saved
    }

    public func quiesce() { transport.setParked(true) }

    public func resume() {
        transport.setParked(false)
        goOn(isNotified: false)
    }

    public func save() throws(DeviceStateError) -> DeviceState {
        try DeviceState(Self.kind, Fields(queues: [transport.position], session: transport.server.saved))
    }

    public func restore(_ state: DeviceState, queues: [Virtqueue?]) throws(DeviceStateError) {
        let fields = try state.fields(Fields.self, of: Self.kind)
        let queues = try Virtqueue.restored(queues, to: fields.queues)
        try DeviceStateError.check(transport.server.restore(fields.session), "session")
        transport.setQueue(queues[0])
    }
}
