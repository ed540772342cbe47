// A serial port on a socket: carries bytes between this process's standard input and output, where the guest's console
// is, and whoever is connected.
//
// Responsible for: clients one after the other, as with QEMU; that what the guest writes while there is none goes
// nowhere; that a guest waits for a client that does not read, as for every reader of a console. Not responsible for:
// the console's own ends (`ConsoleInput`, `ConsoleOutput`).

import Glibc
import HostSupport
import QEMUMonitor
import Synchronization

/// Carries a console's bytes to a socket.
final class SerialRelay: Sendable {
    /// Bytes that wait for one side before the other is not read.
    private static let pendingByteCount = 1 << 16
    /// How long a client has at the end to read what is left.
    private static let patience = Duration.milliseconds(500)
    /// Until another client is taken after the host had no descriptor for one.
    private static let pause = Duration.milliseconds(100)

    private struct State {
        var client: StreamSocket?
        /// What the guest wrote, and what was typed.
        var output: [UInt8] = []
        var input: [UInt8] = []
        /// Nothing more comes from the guest.
        var isOver = false
    }

    private let access: MonitorEndpoint.Access
    /// The other end of standard input and output.
    private let console: StreamSocket
    private let first: Mutex<StreamSocket?>
    private let deadline = Mutex<ContinuousClock.Instant?>(nil)
    private let wakeUp: WakeUp
    private let isDone = Mutex(false)
    private let done = Parking()

    /// Makes standard input and output what this carries.
    ///
    /// - Parameter socket: is opened.
    init(_ socket: QEMUSocket) throws {
        access = try socket.open("serial")
        wakeUp = try WakeUp()
        let (ours, theirs) = try StandardStreams.pair("serial")
        console = theirs
        if case .connected(let client) = access { first = Mutex(client) } else { first = Mutex(nil) }
        dup2(ours.descriptor, STDOUT_FILENO)
        dup2(ours.descriptor, STDIN_FILENO)
    }

    /// Waits for the first client; without a limit.
    func waitForClient() {
        guard case .listening(let socket, _) = access else { return }
        first.withLock { first in
            while first == nil {
                _ = StreamSocket.readable([socket], until: nil)
                if case .connection(let client) = socket.accept() { first = client }
            }
        }
    }

    /// Starts the thread, which ends after `finish`.
    func start() throws(HostResourceError) {
        try HostThread.start { [self] in
            var state = State(client: first.withLock { $0 })
            first.withLock { $0 = nil }
            var paused: ContinuousClock.Instant?
            while turn(&state, &paused) {}
            abandon()
            isDone.withLock { $0 = true }
            done.wake()
        }
    }

    /// Removes what others would find.
    func abandon() {
        if case .listening(_, let path?) = access { StreamSocket.removeSocket(at: path) }
    }

    /// The guest writes no more: carries what it has written, and leaves whoever is connected. To be called once, if the
    /// thread was started.
    func finish() {
        // The last of our ends: the thread finds that nothing follows.
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        dup2(null, STDOUT_FILENO)
        dup2(null, STDIN_FILENO)
        close(null)
        deadline.withLock { $0 = ContinuousClock.now.advanced(by: Self.patience) }
        wakeUp.signal()
        done.wait(until: nil) { isDone.withLock { $0 } }
    }

    /// Carries what there is, after waiting for some; false at the end.
    private func turn(_ state: inout State, _ paused: inout ContinuousClock.Instant?) -> Bool {
        let end = deadline.withLock { $0 }
        var interests = [
            SocketInterest(
                socket: console, reads: !state.isOver && state.output.count < Self.pendingByteCount,
                writes: !state.input.isEmpty)
        ]
        if state.isOver { interests = [] }
        let consoleCount = interests.count
        if let client = state.client {
            interests.append(
                SocketInterest(
                    socket: client, reads: state.input.count < Self.pendingByteCount, writes: !state.output.isEmpty))
        } else if paused == nil, end == nil, case .listening(let socket, _) = access {
            interests.append(SocketInterest(socket: socket))
        }
        let ready = StreamSocket.wait(interests, wakeUp: wakeUp, until: [paused, end].compactMap(\.self).min())
        let now = ContinuousClock.now
        if let until = paused, until <= now { paused = nil }
        if consoleCount == 1, ready[0].isReadable {
            switch console.readAvailable(limit: Self.pendingByteCount) {
            case .bytes(let bytes): if state.client != nil { state.output += bytes }
            case .nothing: break
            case .end: state.isOver = true
            }
        }
        if let last = ready.dropFirst(consoleCount).first, last.isReadable {
            if let client = state.client {
                hear(client, &state)
            } else if case .listening(let socket, _) = access {
                switch socket.accept() {
                case .connection(let client): state.client = client
                case .nobody: break
                case .noDescriptor: paused = now.advanced(by: Self.pause)
                }
            }
        }
        if let client = state.client, !Self.send(&state.output, to: client) { leave(&state) }
        if !state.isOver { _ = Self.send(&state.input, to: console) }
        guard let end else { return true }
        return end > now && !(state.isOver && state.output.isEmpty)
    }

    private func hear(_ client: StreamSocket, _ state: inout State) {
        guard state.input.count < Self.pendingByteCount else { return }
        switch client.readAvailable(limit: Self.pendingByteCount) {
        case .bytes(let bytes): state.input += bytes
        case .nothing: break
        case .end: leave(&state)
        }
    }

    private func leave(_ state: inout State) {
        state.client = nil
        state.output = []
    }

    /// Sends what can be sent now; false if the other end is gone.
    private static func send(_ bytes: inout [UInt8], to socket: StreamSocket) -> Bool {
        while !bytes.isEmpty {
            guard let count = socket.send(bytes[...]) else { return false }
            guard count > 0 else { return true }
            bytes.removeFirst(count)
        }
        return true
    }
}
