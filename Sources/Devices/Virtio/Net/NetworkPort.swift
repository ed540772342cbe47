// What a network device and its thread share: both queues, and the backend between which frames move.
//
// Responsible for: moving frames, a bounded number at a time, and noticing that the network is gone. Not responsible
// for: when (`PollingThread`).

import Glibc
import HostSupport
import Hypervisor
import Synchronization

/// What went through a network device, seen from the guest. What was dropped on the way does not count.
public struct NetworkActivity: Sendable, Hashable {
    /// Frames that the guest received.
    public var receivedFrames: UInt64 = 0
    /// Their bytes, as `EthernetFrame` counts them.
    public var receivedBytes: UInt64 = 0
    /// Frames of the guest that the network took.
    public var sentFrames: UInt64 = 0
    public var sentBytes: UInt64 = 0

    public init() {}
}

/// The state of a network device.
final class NetworkPort: Sendable {
    /// Frames in each direction that are moved before others get a turn.
    private static let frameLimit = 256

    private struct State {
        /// nil: the link is down.
        var backend: (any NetworkBackend)?
        var receive = ReceiveQueue()
        /// From the network, and without a buffer so far.
        var receivedFrame: [UInt8]?
        var transmit: Virtqueue?
        /// From the guest, and not taken by the backend so far.
        var transmitted: DescriptorChain?
        /// Whether frames wait on both sides until `resume`.
        var isParked = false
        /// What the guest was told of the link last.
        var isLinkSaidUp = true
        var activity = NetworkActivity()
    }

    private let maximumFrameByteCount: Int
    private let onLinkDown: @Sendable (String) -> Void
    private let state: Mutex<State>
    private let linkUp = Atomic(true)
    /// How often the link's state changed.
    private let changes = Atomic<UInt32>(0)

    init(backend: any NetworkBackend, mtu: UInt16, onLinkDown: @escaping @Sendable (String) -> Void) {
        maximumFrameByteCount = Int(mtu) + EthernetFrame.maximumOverheadByteCount
        self.onLinkDown = onLinkDown
        state = Mutex(State(backend: backend))
    }

    var isLinkUp: Bool { linkUp.load(ordering: .acquiring) }
    var generation: UInt32 { changes.load(ordering: .acquiring) }
    /// Since the device was made.
    var activity: NetworkActivity { state.withLock(\.activity) }

    // MARK: Queues

    /// Waits for frames that are being moved.
    func setReceiveQueue(_ queue: Virtqueue?) {
        state.withLock { state in
            state.receive = ReceiveQueue(queue)
            state.receivedFrame = nil
            // A driver that looked at the status before it was up may have missed the change.
            if !isLinkUp { queue?.notifyConfigurationChange() }
        }
    }

    func setTransmitQueue(_ queue: Virtqueue?) {
        state.withLock { state in
            state.transmit = queue
            state.transmitted = nil
        }
    }

    /// Lets the backend go without a word.
    func close() {
        state.withLock { $0.backend = nil }
    }

    // MARK: Moving frames

    /// Moves frames both ways, after poll(2) found `events`, and returns what to wait for.
    func work(_ events: Int16 = 0) -> PollInterest {
        var reason: String?
        let interest = state.withLock { state in
            guard !state.isParked else { return PollInterest.none }
            do throws(NetworkBackendError) {
                return try work(&state, events)
            } catch {
                reason = error.description
                takeLinkDown(&state)
                return .none
            }
        }
        if let reason { onLinkDown(reason) }
        return interest
    }

    private func work(_ state: inout State, _ events: Int16) throws(NetworkBackendError) -> PollInterest {
        defer {
            state.transmit?.notifyDriver()
            state.receive.notifyDriver()
        }
        let hasMoreToTransmit = try transmit(&state)
        let hasMoreToReceive = try receive(&state)
        guard let backend = state.backend else {
            return PollInterest(descriptor: -1, events: 0, isImmediate: hasMoreToTransmit)
        }
        // What had come before was received just now, as far as there were buffers. The rest is lost; at its end the
        // backend says why.
        if events & Int16(POLLHUP | POLLERR | POLLNVAL) != 0, !hasMoreToReceive {
            for _ in 0..<Self.frameLimit { _ = try backend.receive() }
            throw NetworkBackendError("the network has gone")
        }
        let isFlushed = try backend.flush()
        var wanted: Int32 = 0
        if state.receivedFrame == nil { wanted |= POLLIN }
        if !isFlushed || state.transmitted != nil { wanted |= POLLOUT }
        return PollInterest(
            descriptor: backend.descriptor, events: Int16(wanted),
            isImmediate: hasMoreToReceive || hasMoreToTransmit)
    }

    /// Moves frames from the guest; returns whether there may be more that the backend takes. Without a backend they
    /// are dropped, and the guest gets its buffers back.
    private func transmit(_ state: inout State) throws(NetworkBackendError) -> Bool {
        for _ in 0..<Self.frameLimit {
            guard let chain = state.transmitted ?? state.transmit?.next() else { return false }
            if let backend = state.backend, let frame = frame(in: chain, of: state.transmit?.memory) {
                guard try backend.send(frame) else {
                    state.transmitted = chain
                    return false
                }
                state.activity.sentFrames += 1
                state.activity.sentBytes += UInt64(frame.count)
            }
            state.transmitted = nil
            state.transmit?.complete(chain, written: 0)
        }
        return state.transmit != nil
    }

    /// The frame in a buffer; nil if it is shorter or longer than any may be.
    private func frame(in chain: DescriptorChain, of memory: GuestMemory?) -> [UInt8]? {
        let count = chain.readable.byteCount - NetworkHeader.byteCount
        guard let memory, count >= EthernetFrame.headerByteCount, count <= maximumFrameByteCount else { return nil }
        return chain.readable.split(at: NetworkHeader.byteCount).tail.bytes(in: memory)
    }

    /// Moves frames to the guest; returns whether there may be more that it has buffers for.
    private func receive(_ state: inout State) throws(NetworkBackendError) -> Bool {
        for _ in 0..<Self.frameLimit {
            var next = state.receivedFrame
            if next == nil { next = try state.backend?.receive() }
            guard let frame = next else { return false }
            state.receivedFrame = nil
            guard frame.count >= EthernetFrame.headerByteCount, frame.count <= maximumFrameByteCount else { continue }
            switch state.receive.deliver(frame) {
            case .delivered:
                state.activity.receivedFrames += 1
                state.activity.receivedBytes += UInt64(frame.count)
            case .dropped: break
            case .waits:
                state.receivedFrame = frame
                return false
            }
        }
        return true
    }

    /// Tells the driver what has become of the link, if it was told otherwise.
    private func sayLink(_ state: inout State) {
        guard state.isLinkSaidUp != isLinkUp else { return }
        state.isLinkSaidUp = isLinkUp
        changes.wrappingAdd(1, ordering: .releasing)
        (state.receive.queue ?? state.transmit)?.notifyConfigurationChange()
    }

    private func takeLinkDown(_ state: inout State) {
        state.backend = nil
        state.receivedFrame = nil
        linkUp.store(false, ordering: .releasing)
        sayLink(&state)
        // A frame that the backend was to take, and all behind it, are lost.
        _ = try? transmit(&state)
        state.transmit?.notifyDriver()
    }
}

// MARK: Saving and restoring

extension NetworkPort {
    /// What is saved of a card. Its wire is the host's: what the next one has is said to the driver on `resume`.
    struct Fields: Codable, Sendable {
        var queues: [VirtqueuePosition?]
        /// From the network, and without a buffer so far.
        var receivedFrame: [UInt8]?
        var isLinkSaidUp: Bool
        var generation: UInt32
    }

    /// When it returns, no frame is moved before `resume`.
    func quiesce() {
        state.withLock { $0.isParked = true }
    }

    func resume() {
        state.withLock { state in
            state.isParked = false
            sayLink(&state)
        }
    }

    /// A frame from the guest that the network did not take yet is taken from its queue again, and so are empty
    /// buffers.
    var fields: Fields {
        state.withLock { state in
            let transmit = state.transmit?.position(held: state.transmitted == nil ? 0 : 1)
            return Fields(
                queues: [state.receive.position, transmit], receivedFrame: state.receivedFrame,
                isLinkSaidUp: state.isLinkSaidUp, generation: generation)
        }
    }

    /// - Parameter queues: of the receiver and the transmitter, as the transport has made them.
    func restore(_ fields: Fields, queues: [Virtqueue?]) throws(DeviceStateError) {
        let queues = try Virtqueue.restored(queues, to: fields.queues)
        if let frame = fields.receivedFrame {
            let isPossible = (EthernetFrame.headerByteCount...maximumFrameByteCount).contains(frame.count)
            try DeviceStateError.check(isPossible && queues[0] != nil, "receivedFrame")
        }
        state.withLock { state in
            state.receive = ReceiveQueue(queues[0])
            state.receivedFrame = fields.receivedFrame
            state.transmit = queues[1]
            state.transmitted = nil
            state.isLinkSaidUp = fields.isLinkSaidUp
        }
        changes.store(fields.generation, ordering: .releasing)
    }
}
