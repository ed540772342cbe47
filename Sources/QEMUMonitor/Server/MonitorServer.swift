// Serves the monitors of one machine.
//
// One thread polls everything, so that no client holds up another, let alone the guest. As with QEMU, a socket has one
// client at a time; whoever else connects waits in the host's queue, which is short. A client that does not read what
// it is told is not listened to meanwhile, and when events pile up for it, it is left: no client misses one and stays.

import HostSupport
import Synchronization

/// Answers clients while a machine runs.
public final class MonitorServer: Sendable {
    /// How much is done for clients.
    struct Limits: Sendable {
        /// Bytes read at once.
        var chunkByteCount = 4096
        /// Bytes that a client has not read before it is not listened to any more.
        var pendingByteCount = 1 << 16
        /// Bytes that a client has not read before it is left.
        var maximumPendingByteCount = 1 << 20
        /// Until another client is taken after the host had no descriptor for one.
        var pause = Duration.milliseconds(100)
        /// How long clients have at the end to read what they were told.
        var patience = Duration.milliseconds(500)
    }

    /// Somebody who is connected.
    private struct Client {
        var socket: BufferedSocket
        var session: any MonitorSession
        /// It reads no more, but what it said before still counts.
        var isDeaf = false
    }

    /// A monitor, and who is at it.
    private struct Station {
        var endpoint: MonitorEndpoint
        var client: Client?
    }

    public let monitor: Monitor
    private let limits: Limits
    private let wakeUp: WakeUp
    private let stations: Mutex<[Station]>
    private let finishing = Mutex<ContinuousClock.Instant?>(nil)
    private let isDone = Mutex(false)
    private let done = Parking()

    /// - Parameters:
    ///   - identity: what the machine is called.
    ///   - endpoints: where clients come to.
    public convenience init(
        _ identity: MonitorIdentity, _ endpoints: [MonitorEndpoint]
    ) throws(HostResourceError) {
        try self.init(identity, endpoints, limits: Limits())
    }

    init(
        _ identity: MonitorIdentity, _ endpoints: [MonitorEndpoint], limits: Limits
    ) throws(HostResourceError) {
        let wakeUp = try WakeUp()
        self.wakeUp = wakeUp
        self.limits = limits
        let monitor = Monitor(identity) { wakeUp.signal() }
        self.monitor = monitor
        stations = Mutex(
            endpoints.map { endpoint in
                guard case .connected(let socket) = endpoint.access else { return Station(endpoint: endpoint) }
                return Station(endpoint: endpoint, client: Self.client(socket, endpoint.mode, monitor))
            })
    }

    private static func client(_ socket: StreamSocket, _ mode: MonitorMode, _ monitor: Monitor) -> Client {
        let session: any MonitorSession =
            switch mode {
            case .control: QMPSession(monitor)
            case .readline: HMPSession(monitor)
            }
        return Client(socket: BufferedSocket(socket, pending: session.greeting), session: session)
    }

    /// Waits for the first client of a monitor; without a limit. To be called before `start`.
    ///
    /// - Parameter index: of the endpoint.
    public func waitForClient(of index: Int) {
        stations.withLock { stations in
            guard stations.indices.contains(index), case .listening(let socket, _) = stations[index].endpoint.access
            else { return }
            while stations[index].client == nil {
                _ = StreamSocket.readable([socket], until: nil)
                accept(&stations[index], socket)
            }
        }
    }

    /// Starts the thread, which ends after `finish`.
    public func start() throws(HostResourceError) {
        try HostThread.start { [self] in
            var paused: ContinuousClock.Instant?
            while turn(&paused) {}
            abandon()
            isDone.withLock { $0 = true }
            done.wake()
        }
    }

    /// Leaves everybody, and removes the sockets. Instead of `start`; after it, `finish` is right.
    public func abandon() {
        stations.withLock { stations in
            for station in stations {
                if case .listening(_, let path?) = station.endpoint.access { StreamSocket.removeSocket(at: path) }
            }
            stations = []
        }
    }

    /// Gives clients a moment to read what they were told, and leaves them. Waits for that. To be called once, if the
    /// thread was started.
    public func finish() {
        finishing.withLock { $0 = ContinuousClock.now.advanced(by: limits.patience) }
        wakeUp.signal()
        done.wait(until: nil) { isDone.withLock { $0 } }
    }

    // MARK: On the thread

    /// Waits for something to do, and does it; false at the end.
    ///
    /// - Parameter paused: until when no client is taken.
    private func turn(_ paused: inout ContinuousClock.Instant?) -> Bool {
        let end = finishing.withLock { $0 }
        let isPaused = paused != nil || end != nil
        let (indices, interests) = stations.withLock { stations in
            let all = stations.indices.compactMap { index in
                interest(in: stations[index], isPaused: isPaused, isEnding: end != nil).map { (index, $0) }
            }
            return (all.map(\.0), all.map(\.1))
        }
        let ready = StreamSocket.wait(interests, wakeUp: wakeUp, until: [paused, end].compactMap(\.self).min())
        let now = ContinuousClock.now
        if let until = paused, until <= now { paused = nil }
        return stations.withLock { stations in
            for (index, readiness) in zip(indices, ready) where readiness.isReadable && end == nil {
                if stations[index].client != nil {
                    hear(index, &stations)
                } else if case .listening(let socket, _) = stations[index].endpoint.access,
                    !accept(&stations[index], socket)
                {
                    paused = now.advanced(by: limits.pause)
                }
            }
            tellEvents(&stations)
            for index in stations.indices { work(index, &stations) }
            guard let end else { return true }
            return end > now && stations.contains { $0.client?.socket.pending.isEmpty == false }
        }
    }

    private func interest(in station: Station, isPaused: Bool, isEnding: Bool) -> SocketInterest? {
        if let client = station.client {
            return client.socket.interest(pendingLimit: limits.pendingByteCount, isEnding: isEnding)
        }
        guard !isPaused, case .listening(let socket, _) = station.endpoint.access else { return nil }
        return SocketInterest(socket: socket)
    }

    /// Takes a client; false if the host has no descriptor for one.
    @discardableResult
    private func accept(_ station: inout Station, _ socket: StreamSocket) -> Bool {
        switch socket.accept() {
        case .connection(let connection):
            station.client = Self.client(connection, station.endpoint.mode, monitor)
            return true
        case .nobody: return true
        case .noDescriptor: return false
        }
    }

    private func hear(_ index: Int, _ stations: inout [Station]) {
        if stations[index].client?.socket.hear(limit: limits.chunkByteCount) == false { stations[index].client = nil }
    }

    /// Answers a client, as far as it reads the answers.
    private func work(_ index: Int, _ stations: inout [Station]) {
        send(&stations[index])
        while var client = stations[index].client, !client.socket.unheard.isEmpty,
            client.socket.pending.count < limits.pendingByteCount
        {
            guard let reply = client.session.hear(&client.socket.unheard) else {
                stations[index].client = client
                break
            }
            stations[index].client = client
            // What a command brought about was before its answer.
            tellEvents(&stations)
            stations[index].client?.socket.pending += reply.bytes
            send(&stations[index])
            reply.then?()
        }
    }

    private func tellEvents(_ stations: inout [Station]) {
        guard let events = monitor.takeEvents() else {
            for index in stations.indices where stations[index].client?.session.takesEvents == true {
                stations[index].client = nil
            }
            return
        }
        guard !events.isEmpty else { return }
        let bytes = events.flatMap(\.self)
        for index in stations.indices where stations[index].client?.session.takesEvents == true {
            stations[index].client?.socket.pending += bytes
        }
    }

    /// Sends what can be sent now, and leaves a client that does not read.
    private func send(_ station: inout Station) {
        guard var client = station.client else { return }
        if client.isDeaf || !client.socket.send() {
            client.isDeaf = true
            client.socket.pending = []
        }
        station.client = client.socket.pending.count > limits.maximumPendingByteCount ? nil : client
    }
}
