// Serves debuggers of one machine.
//
// One thread polls everything, so that no debugger holds up the guest but by its own wish. There is one at a time;
// whoever else connects waits in the host's queue, which is short. What it says is heard only as far as it reads the
// answers, so what is held for it has a bound. One that goes away without a word leaves the guest running, without
// breakpoints.

import HostSupport
import Synchronization

/// Answers debuggers while a machine runs.
public final class DebugServer: Sendable {
    /// How debuggers come.
    public enum Access: Sendable {
        /// They connect, one after the other. A socket of the file system is removed at the end.
        case listening(StreamSocket, path: String?)
        /// There is one, and no other.
        case connected(StreamSocket)
    }

    /// How much is done for debuggers.
    struct Limits: Sendable {
        /// Bytes read at once.
        var chunkByteCount = 1 << 15
        /// Bytes that a debugger has not read before it is not listened to any more. One answer is beyond it at most,
        /// and has a bound.
        var pendingByteCount = 1 << 16
        /// Until another one is taken after the host had no descriptor for one.
        var pause = Duration.milliseconds(100)
        /// How long one has at the end to read what it was told.
        var patience = Duration.milliseconds(500)
    }

    /// Somebody who is connected.
    private struct Client {
        var socket: BufferedSocket
        var session: GDBSession
    }

    private struct State {
        var access: Access?
        var machine: (any DebuggedMachine)?
        /// Connected from the beginning, and not served yet.
        var waiting: StreamSocket?
        var client: Client?
    }

    private let limits: Limits
    private let wakeUp: WakeUp
    private let state: Mutex<State>
    private let stops = Mutex<[DebuggedStop]>([])
    private let finishing = Mutex<ContinuousClock.Instant?>(nil)
    private let isDone = Mutex(false)
    private let done = Parking()

    /// - Parameter access: how debuggers come.
    public convenience init(_ access: Access) throws(HostResourceError) {
        try self.init(access, limits: Limits())
    }

    init(_ access: Access, limits: Limits) throws(HostResourceError) {
        self.limits = limits
        wakeUp = try WakeUp()
        var state = State(access: access)
        if case .connected(let socket) = access { state.waiting = socket }
        self.state = Mutex(state)
    }

    /// Starts the thread, which ends after `finish`.
    ///
    /// - Parameter machine: what debuggers see.
    public func start(_ machine: any DebuggedMachine) throws(HostResourceError) {
        state.withLock { $0.machine = machine }
        try HostThread.start { [self] in
            var paused: ContinuousClock.Instant?
            while turn(&paused) {}
            abandon()
            isDone.withLock { $0 = true }
            done.wake()
        }
    }

    /// Leaves everybody, and removes the socket. Instead of `start`; after it, `finish` is right.
    public func abandon() {
        state.withLock { state in
            if case .listening(_, let path?) = state.access { StreamSocket.removeSocket(at: path) }
            state = State()
        }
    }

    /// The guest has stopped by itself. From any thread; nobody is waited for.
    ///
    /// - Parameter stop: why.
    public func post(_ stop: DebuggedStop) {
        // Each CPU stops once before the guest goes on.
        stops.withLock { $0.append(stop) }
        wakeUp.signal()
    }

    /// Tells a debugger that the run is over, gives it a moment to read that, and leaves it. Waits for that. To be
    /// called once, if the thread was started.
    public func finish() {
        finishing.withLock { $0 = ContinuousClock.now.advanced(by: limits.patience) }
        wakeUp.signal()
        done.wait(until: nil) { isDone.withLock { $0 } }
    }

    // MARK: On the thread

    /// Waits for something to do, and does it; false at the end.
    ///
    /// - Parameter paused: until when nobody is taken.
    private func turn(_ paused: inout ContinuousClock.Instant?) -> Bool {
        let end = finishing.withLock { $0 }
        let interests = state.withLock { state in
            takeWaiting(&state)
            return interest(in: state, isPaused: paused != nil, isEnding: end != nil).map { [$0] } ?? []
        }
        let ready = StreamSocket.wait(interests, wakeUp: wakeUp, until: [paused, end].compactMap(\.self).min())
        let now = ContinuousClock.now
        if let until = paused, until <= now { paused = nil }
        return state.withLock { state in
            if ready.first?.isReadable == true, end == nil {
                if state.client != nil {
                    hear(&state)
                } else if !accept(&state) {
                    paused = now.advanced(by: limits.pause)
                }
            }
            work(&state)
            guard let end else { return true }
            if var client = state.client {
                client.socket.pending += client.session.ended()
                state.client = client
                send(&state)
            }
            return end > now && state.client?.socket.pending.isEmpty == false
        }
    }

    private func takeWaiting(_ state: inout State) {
        guard state.client == nil, let socket = state.waiting, let machine = state.machine else { return }
        state.waiting = nil
        state.client = client(socket, machine)
    }

    private func client(_ socket: StreamSocket, _ machine: any DebuggedMachine) -> Client {
        let session = GDBSession(machine)
        // What stopped before is none of this debugger's business.
        stops.withLock { $0 = [] }
        return Client(socket: BufferedSocket(socket), session: session)
    }

    private func interest(in state: State, isPaused: Bool, isEnding: Bool) -> SocketInterest? {
        if let client = state.client {
            return client.socket.interest(pendingLimit: limits.pendingByteCount, isEnding: isEnding)
        }
        guard !isPaused, !isEnding, case .listening(let socket, _) = state.access else { return nil }
        return SocketInterest(socket: socket)
    }

    /// Takes a debugger; false if the host has no descriptor for one.
    private func accept(_ state: inout State) -> Bool {
        guard let machine = state.machine, case .listening(let socket, _) = state.access else { return true }
        switch socket.accept() {
        case .connection(let connection):
            state.client = client(connection, machine)
            return true
        case .nobody: return true
        case .noDescriptor: return false
        }
    }

    private func hear(_ state: inout State) {
        if state.client?.socket.hear(limit: limits.chunkByteCount) == false { leave(&state) }
    }

    private func leave(_ state: inout State) {
        state.client?.session.leave()
        state.client = nil
    }

    /// Tells what has happened, and answers what was said, as far as answers are read.
    private func work(_ state: inout State) {
        tellStops(&state)
        send(&state)
        while var client = state.client, client.socket.pending.count < limits.pendingByteCount {
            let answer = client.session.hear(&client.socket.unheard)
            client.socket.pending += answer ?? []
            state.client = client
            guard answer != nil else { break }
            tellStops(&state)
            send(&state)
        }
        if let client = state.client, client.session.isOver, client.socket.pending.isEmpty { state.client = nil }
    }

    private func tellStops(_ state: inout State) {
        let stops = stops.withLock { stops in
            defer { stops = [] }
            return stops
        }
        guard let stop = stops.first else { return }
        guard var client = state.client, !client.session.isOver else {
            // It came to a breakpoint that was being taken away, and nobody is there to let it go on.
            GDBSession.release(state.machine)
            return
        }
        // The first one has stopped the others; where they are they stop again.
        guard client.session.isRunning else { return }
        // Those that are not there yet are in a moment.
        client.session.machine.stop()
        client.socket.pending += client.session.stopped(stop)
        state.client = client
        self.stops.withLock { $0 = [] }
    }

    /// Sends what can be sent now, and leaves a debugger that is gone.
    private func send(_ state: inout State) {
        if state.client?.socket.send() == false { leave(&state) }
    }
}
