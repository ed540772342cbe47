// The virtio console: one port of bytes in both directions.
//
// Responsible for: moving bytes between the guest and whoever is on the host's side. Not responsible for: what they
// mean, or where they go. VIRTIO_CONSOLE_F_SIZE, F_MULTIPORT and F_EMERG_WRITE are not offered.
//
// Follows virtio 1.2 §5.3.

import Glibc
import Hypervisor
import Synchronization

/// A console device (virtio 1.2 §5.3) with one port.
public final class ConsoleDevice: VirtioDevice {
    /// The virtqueues of port 0 (§5.3.2).
    private enum Queue: Int {
        case receive = 0
        case transmit = 1
    }

    private struct Receiver {
        var queue: Virtqueue?
        var knock = ConsoleKnock(now: 0)
        /// Whether no input is taken for now, and whether some was refused therefore.
        var isParked = false
        var hasRefused = false

        mutating func start(_ queue: Virtqueue?, _ knock: ConsoleKnock) {
            self.queue = queue
            self.knock = knock
        }
    }

    /// The most bytes that are handed to `output` at once.
    private static let maximumOutputByteCount = 1 << 16

    public let deviceID = VirtioDeviceID.console
    public static let features: VirtioFeatures = []
    public let features: VirtioFeatures = ConsoleDevice.features
    public static let queueSizes: [UInt16] = [128, 128]
    public let queueSizes: [UInt16] = ConsoleDevice.queueSizes
    /// `struct virtio_console_config` (§5.3.4): no field is valid without a feature.
    public let configuration = [UInt8](repeating: 0, count: 12)

    private let output: @Sendable ([UInt8]) -> Void
    private let onRoom: @Sendable () -> Void
    private let now: @Sendable () -> UInt64
    private let receiver = Mutex(Receiver())
    private let transmitQueue = Mutex<Virtqueue?>(nil)
    private let isEnding = Atomic(false)

    /// A console.
    ///
    /// - Parameters:
    ///   - output: called with what the guest writes, in order, on the vCPU's thread. It must not wait for the guest,
    ///     nor reset the device.
    ///   - onRoom: called on the vCPU's thread when the guest may take input again, after `receive` took less than
    ///     it was given; also at other times.
    ///   - now: milliseconds on a clock that does not go back.
    public init(
        output: @escaping @Sendable ([UInt8]) -> Void, onRoom: @escaping @Sendable () -> Void = {},
        now: @escaping @Sendable () -> UInt64 = monotonicMilliseconds
    ) {
        self.output = output
        self.onRoom = onRoom
        self.now = now
    }

    /// Gives the guest input, and returns how many of `bytes` it took: fewer if it has no room, none before its driver
    /// reads (`ConsoleKnock`). What it did not take is to be offered again when there is room, and now and then.
    /// Callable from any thread.
    public func receive(_ bytes: some Collection<UInt8>) -> Int {
        receiver.withLock { receiver in
            guard !receiver.isParked else {
                receiver.hasRefused = true
                return 0
            }
            guard !bytes.isEmpty, var queue = receiver.queue else { return 0 }
            defer { receiver.queue = queue }
            guard receiver.knock.isAnswered(&queue, now: now()) else { return 0 }
            return queue.give(Array(bytes))
        }
    }

    public func setQueue(_ queue: Virtqueue?, at index: Int) {
        switch Queue(rawValue: index) {
        case .receive: receiver.withLock { $0.start(queue, ConsoleKnock(now: now())) }
        case .transmit: transmitQueue.withLock { $0 = queue }
        case nil: break
        }
    }

    public func queueNotified(_ index: Int) {
        switch Queue(rawValue: index) {
        case .receive: onRoom()
        case .transmit: transmit()
        case nil: break
        }
    }

    public func reset() {
        receiver.withLock { $0.start(nil, ConsoleKnock(now: 0)) }
        transmitQueue.withLock { $0 = nil }
    }

    public func setEnding(_ isEnding: Bool) {
        self.isEnding.store(isEnding, ordering: .releasing)
    }

    private func transmit() {
        transmitQueue.withLock { queue in
            while !hasEnded, let chain = queue?.next(), let memory = queue?.memory {
                chain.readable.forEachPiece(ofAtMost: Self.maximumOutputByteCount, in: memory) { piece in
                    output(piece)
                    return !hasEnded
                }
                if hasEnded { return }
                queue?.complete(chain, written: 0)
            }
            queue?.notifyDriver()
        }
    }

    private var hasEnded: Bool { isEnding.load(ordering: .acquiring) }
}

extension ConsoleDevice {
    private static let kind = DeviceState.Kind("virtio-console", version: 1)

    private struct Fields: Codable, Sendable {
        var queues: [VirtqueuePosition?]
        var knock: ConsoleKnock
    }

    /// What the guest writes is taken within its notifications; what it is sent waits outside until `resume`.
    public func quiesce() {
        receiver.withLock { $0.isParked = true }
    }

    public func resume() {
        let hasRefused = receiver.withLock { receiver in
            defer {
                receiver.isParked = false
                receiver.hasRefused = false
            }
            return receiver.hasRefused
        }
        if hasRefused { onRoom() }
    }

    public func save() throws(DeviceStateError) -> DeviceState {
        let (receive, knock) = receiver.withLock { ($0.queue?.position(), $0.knock) }
        let transmit = transmitQueue.withLock { $0?.position() }
        return try DeviceState(Self.kind, Fields(queues: [receive, transmit], knock: knock))
    }

    public func restore(_ state: DeviceState, queues: [Virtqueue?]) throws(DeviceStateError) {
        let fields = try state.fields(Fields.self, of: Self.kind)
        let queues = try Virtqueue.restored(queues, to: fields.queues)
        let knock = try fields.knock.restored(now: now())
        receiver.withLock { $0.start(queues[Queue.receive.rawValue], knock) }
        transmitQueue.withLock { $0 = queues[Queue.transmit.rawValue] }
    }
}

/// The host's monotonic clock.
@Sendable
public func monotonicMilliseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1000 &+ UInt64(time.tv_nsec) / 1_000_000
}
