// The two queues of a port, and the bytes that go through them.
//
// Responsible for: handing on what the guest writes, as far as the host takes it, and what it is sent, as far as it has
// buffers. Not responsible for: who is on the host's side, and what the guest is told of that (`PortsDevice`).
//
// Follows virtio 1.2 §5.3.6. Two choices are QEMU's: what a guest writes while nobody is on the host's side goes
// nowhere, and it is sent nothing before it has opened its own.

import Hypervisor
import Synchronization

/// A port's queues. Its own lock: a port that waits holds up no other.
final class PortQueues: Sendable {
    private struct State {
        var receive: Virtqueue?
        var transmit: Virtqueue?
        /// How much of the next buffer that the guest wrote was taken before.
        var taken = 0
        var isGuestOpen = false
        var isHostOpen = false
        /// Whether nothing is moved but within notifications.
        var isParked = false
    }

    /// The most bytes that are handed to the host at once.
    private static let pieceByteCount = 1 << 16

    /// Takes what the guest wrote, and returns how much of it.
    private let output: @Sendable ([UInt8]) -> Int
    private let hasEnded: @Sendable () -> Bool
    private let state = Mutex(State())

    init(output: @escaping @Sendable ([UInt8]) -> Int, hasEnded: @escaping @Sendable () -> Bool) {
        self.output = output
        self.hasEnded = hasEnded
    }

    func setReceive(_ queue: Virtqueue?) { state.withLock { $0.receive = queue } }

    func setTransmit(_ queue: Virtqueue?) {
        state.withLock { state in
            state.transmit = queue
            state.taken = 0
        }
    }

    /// As it was made, but for who is on the host's side.
    ///
    /// - Returns: whether the guest had it open.
    func reset() -> Bool {
        state.withLock { state in
            defer { state = State(isHostOpen: state.isHostOpen, isParked: state.isParked) }
            return state.isGuestOpen
        }
    }

    /// - Returns: whether that is news.
    func setGuestOpen(_ isOpen: Bool) -> Bool {
        state.withLock { state in
            defer { state.isGuestOpen = isOpen }
            return state.isGuestOpen != isOpen
        }
    }

    func setHostOpen(_ isOpen: Bool) { state.withLock { $0.isHostOpen = isOpen } }
    func setParked(_ isParked: Bool) { state.withLock { $0.isParked = isParked } }

    /// Hands on what the guest has written.
    ///
    /// - Parameter isNotified: whether the guest asked for it just now.
    func transmit(isNotified: Bool) {
        state.withLock { state in
            guard isNotified || !state.isParked else { return }
            while !hasEnded(), let chain = state.transmit?.next(), let memory = state.transmit?.memory {
                guard handOn(chain, memory, &state) else {
                    state.transmit?.putBack()
                    break
                }
                state.taken = 0
                state.transmit?.complete(chain, written: 0)
            }
            state.transmit?.notifyDriver()
        }
    }

    /// Whether all of a buffer was taken.
    private func handOn(_ chain: DescriptorChain, _ memory: GuestMemory, _ state: inout State) -> Bool {
        guard state.isHostOpen else { return true }
        var isWhole = true
        var taken = state.taken
        chain.readable.split(at: taken).tail.forEachPiece(ofAtMost: Self.pieceByteCount, in: memory) { piece in
            let count = output(piece)
            taken += count
            isWhole = count == piece.count && !hasEnded()
            return isWhole
        }
        state.taken = taken
        return isWhole
    }

    /// Gives the guest what it is sent, and returns how much of it.
    func receive(_ bytes: [UInt8]) -> Int {
        state.withLock { state in
            guard !state.isParked, !bytes.isEmpty, var queue = state.receive else { return 0 }
            // A driver that knows of one port only cannot say that it is open.
            guard state.isGuestOpen || !queue.features.contains(.consoleMultiport) else { return 0 }
            defer { state.receive = queue }
            return queue.give(bytes)
        }
    }

    // MARK: Saving and restoring

    /// What is saved of a port's queues.
    struct Fields: Codable, Sendable {
        var taken: Int
        var isGuestOpen: Bool
    }

    var positions: [VirtqueuePosition?] {
        state.withLock { [$0.receive?.position(), $0.transmit?.position()] }
    }

    var fields: Fields {
        state.withLock { Fields(taken: $0.taken, isGuestOpen: $0.isGuestOpen) }
    }

    func restore(_ fields: Fields, receive: Virtqueue?, transmit: Virtqueue?) {
        state.withLock { state in
            state.receive = receive
            state.transmit = transmit
            state.taken = fields.taken
            state.isGuestOpen = fields.isGuestOpen
        }
    }
}
