// The other end of a port: carries bytes between the guest and whoever is connected.
//
// Responsible for: clients one after the other, as with QEMU; whether one is there, which the guest is told; that what
// waits on either side has a bound. Not responsible for: the port (`PortsDevice`), or how ends are opened (`RelayEnd`).
//
// What a console's peer does not read is lost, as with QEMU: Linux waits for a console with its interrupts off. What
// another port's peer does not read waits, and the guest's port with it.

import Glibc
import HostSupport
import QEMUMonitor
import Synchronization

/// What a relay does to the guest's side.
struct RelayedPort: Sendable {
    /// Gives the guest bytes, and returns how many it took.
    var send: @Sendable ([UInt8]) -> Int
    /// Says whether somebody is at the other end.
    var setOpen: @Sendable (Bool) -> Void = { _ in }
    /// Says that more is taken of what the guest writes.
    var takesMore: @Sendable () -> Void = {}
}

/// Carries the bytes of one port, on a thread of its own.
final class PortRelay: Sendable {
    /// Bytes that wait for the guest before its peer is not read, and for a peer before the guest's port waits.
    private static let pendingByteCount = 1 << 16
    /// The same for a console, whose guest does not wait.
    private static let consoleByteCount = 1 << 20
    /// How long a peer has at the end to read what is left.
    private static let patience = Duration.milliseconds(500)
    /// Until another client is taken after the host had no descriptor for one.
    private static let pause = Duration.milliseconds(100)

    /// What both threads know.
    private struct Shared {
        var isPeerThere = false
        /// What the guest wrote, and its peer has not taken.
        var output: [UInt8] = []
        /// Whether the guest has more.
        var hasMore = false
        var deadline: ContinuousClock.Instant?
    }

    /// What the thread knows.
    private struct Work {
        var peer: RelayPeer?
        /// For the guest.
        var input: [UInt8] = []
        var paused: ContinuousClock.Instant?
    }

    private let end: RelayEnd
    private let isLossy: Bool
    private let shared = Mutex(Shared())
    private let first = Mutex<RelayPeer?>(nil)
    private let wakeUp: WakeUp
    private let isDone = Mutex(false)
    private let done = Parking()

    /// - Parameters:
    ///   - end: what is at the other end; is this one's from now on.
    ///   - isLossy: whether what does not fit is lost, rather than waiting.
    init(_ end: RelayEnd, isLossy: Bool) throws(HostResourceError) {
        self.end = end
        self.isLossy = isLossy
        wakeUp = try WakeUp()
        if case .peer(let peer) = end { first.withLock { $0 = peer } }
    }

    /// Waits for the first client; without a limit.
    func waitForClient() {
        guard case .listening(let socket, _) = end else { return }
        first.withLock { first in
            while first == nil {
                _ = StreamSocket.readable([socket], until: nil)
                if case .connection(let client) = socket.accept() { first = .socket(client) }
            }
        }
    }

    // MARK: The guest's threads

    /// Takes what the guest wrote, and returns how much of it. What is written while nobody is there goes nowhere.
    func take(_ bytes: [UInt8]) -> Int {
        if case .peer(.null) = end { return bytes.count }
        let count = shared.withLock { shared in
            guard shared.isPeerThere else { return bytes.count }
            let limit = isLossy ? Self.consoleByteCount : Self.pendingByteCount
            let count = min(bytes.count, max(0, limit - shared.output.count))
            shared.output += bytes.prefix(count)
            if isLossy { return bytes.count }
            if count < bytes.count { shared.hasMore = true }
            return count
        }
        wakeUp.signal()
        return count
    }

    /// The guest may take what it is sent.
    func guestIsReady() { wakeUp.signal() }

    // MARK: The thread

    /// Starts the thread, which ends after `finish`.
    func start(_ port: RelayedPort) throws(HostResourceError) {
        try HostThread.start { [self] in
            var work = Work()
            if let peer = first.withLock({ $0 }) { meet(peer, &work, port) }
            first.withLock { $0 = nil }
            if isLossy { port.setOpen(true) }
            while turn(&work, port) {}
            abandon()
            isDone.withLock { $0 = true }
            done.wake()
        }
    }

    /// Removes what others would find.
    func abandon() {
        if case .listening(_, let path?) = end { StreamSocket.removeSocket(at: path) }
    }

    /// The guest writes no more: carries what it has written, and leaves whoever is connected. To be called once, if
    /// the thread was started.
    func finish() {
        shared.withLock { $0.deadline = ContinuousClock.now.advanced(by: Self.patience) }
        wakeUp.signal()
        // One that hangs in a write is left behind.
        done.wait(until: BootClock.now &+ 1_000_000_000) { isDone.withLock { $0 } }
    }

    private func meet(_ peer: RelayPeer, _ work: inout Work, _ port: RelayedPort) {
        work.peer = peer
        shared.withLock { $0.isPeerThere = true }
        if !isLossy { port.setOpen(true) }
    }

    private func leave(_ work: inout Work, _ port: RelayedPort) {
        work.peer = nil
        shared.withLock { shared in
            shared.hasMore = false
            shared.isPeerThere = false
            shared.output = []
        }
        // What the guest still has is lost with it.
        if !isLossy { port.setOpen(false) }
    }

    /// Carries what there is, after waiting for some; false at the end.
    private func turn(_ work: inout Work, _ port: RelayedPort) -> Bool {
        let (hasOutput, deadline) = shared.withLock { (!$0.output.isEmpty, $0.deadline) }
        var polled = [pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0)]
        let reads = work.input.count < Self.pendingByteCount
        if let peer = work.peer {
            polled.append(
                pollfd(
                    fd: peer.descriptor,
                    events: Int16(reads && peer.isRead ? POLLIN : 0) | Int16(hasOutput ? POLLOUT : 0), revents: 0))
        } else if work.paused == nil, deadline == nil, let waits = end.arrivals {
            polled.append(pollfd(fd: waits, events: Int16(POLLIN), revents: 0))
        }
        poll(&polled, nfds_t(polled.count), Self.milliseconds(until: [work.paused, deadline].compactMap(\.self).min()))
        if polled[0].revents != 0 { wakeUp.clear() }
        let now = ContinuousClock.now
        if let until = work.paused, until <= now { work.paused = nil }
        let events = polled.count > 1 ? polled[1].revents : 0
        if let peer = work.peer {
            if !exchange(with: peer, events, reads: reads, &work, port) { leave(&work, port) }
        } else if events != 0 {
            arrive(&work, port, now)
        }
        if !work.input.isEmpty {
            let count = port.send(work.input)
            work.input.removeFirst(count)
        }
        guard let deadline else { return true }
        return deadline > now && work.peer != nil && shared.withLock { !$0.output.isEmpty }
    }

    /// Somebody connects, or opens the terminal.
    private func arrive(_ work: inout Work, _ port: RelayedPort, _ now: ContinuousClock.Instant) {
        switch end {
        case .listening(let socket, _):
            switch socket.accept() {
            case .connection(let client): meet(.socket(client), &work, port)
            case .nobody: break
            case .noDescriptor: work.paused = now.advanced(by: Self.pause)
            }
        case .terminal(let terminal): if terminal.isOpened() { meet(.terminal(terminal), &work, port) }
        case .peer: break
        }
    }

    /// Reads and writes what there is; false if the peer is gone.
    private func exchange(
        with peer: RelayPeer, _ events: Int16, reads: Bool, _ work: inout Work, _ port: RelayedPort
    ) -> Bool {
        let isGone = events & Int16(POLLHUP | POLLERR | POLLNVAL) != 0
        if events & Int16(POLLIN) != 0 || isGone && peer.isRead {
            guard reads else { return !isGone }
            switch peer.read(limit: Self.pendingByteCount) {
            // What else it said before it went is read in the next turn.
            case .bytes(let bytes): work.input += bytes
            case .nothing: if isGone { return false }
            case .end: return false
            }
        } else if isGone {
            return false
        }
        // Never more than the room of one turn: others are to have their turn with the lock.
        let output = shared.withLock { Array($0.output.prefix(Self.pendingByteCount)) }
        guard !output.isEmpty, events & Int16(POLLOUT) != 0 else { return true }
        guard let count = peer.write(output) else { return false }
        let hasMore = shared.withLock { shared in
            shared.output.removeFirst(min(count, shared.output.count))
            guard shared.hasMore, shared.output.count <= Self.pendingByteCount / 2 else { return false }
            shared.hasMore = false
            return true
        }
        if hasMore { port.takesMore() }
        return true
    }

    private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let (seconds, attoseconds) = ContinuousClock.now.duration(to: deadline).components
        return max(0, Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1))
    }
}
