// The side of a VM's console socket that the VM is on.
//
// Responsible for: several readers and one writer, each at a pace of its own. One thread polls all of them, so that
// none holds up another, let alone the guest: who does not read misses something, and is told how much. What was
// written before somebody came is told first, as far as it is kept. Not responsible for: the terminal at which a VM may
// have been started, nor for what is kept on disk (`VMLog`).
//
// Whoever may open the socket may type at the guest's console: it lies in the VM's directory with the rights of its
// owner.

import Glibc
import HostSupport
import Synchronization

/// Carries a console to whoever connects, while a VM runs.
public final class ConsoleServer: Sendable {
    /// How much is done for clients.
    struct Limits: Sendable {
        /// Clients at a time.
        var clients = 32
        /// How long one has to say what it wants.
        var patience = Duration.seconds(2)
        /// Bytes of that.
        var lineByteCount = 64
        /// Bytes that a client is sent at once, and is listened to.
        var chunkByteCount = 1 << 14
        /// Bytes of the console that are kept for those who come, and for slow ones.
        var backlogByteCount = 1 << 18
        /// Until another client is taken after the host had no descriptor for one.
        var pause = Duration.milliseconds(100)
        /// Until the guest is offered once more what it did not take.
        var retry = Duration.milliseconds(500)
        /// How long clients have at the end to read what is left.
        var finish = Duration.milliseconds(500)
    }

    /// Somebody who is connected.
    private struct Client {
        var socket: BufferedSocket
        /// Until when it has to say what it wants; nil once it has.
        var deadline: ContinuousClock.Instant?
        var writes = false
        /// It says no more, and may go on to read.
        var isSilent = false
        /// Where it is in the backlog.
        var position: UInt64 = 0
    }

    private let socket: StreamSocket
    private let path: String
    private let limits: Limits
    private let isTaken: Bool
    private let send: @Sendable ([UInt8]) -> Int
    private let wakeUp: WakeUp
    private let backlog: Mutex<ConsoleBacklog>
    /// Whether somebody is to be told what the guest writes.
    private let hasClients = Atomic(false)
    private let finishing = Mutex<ContinuousClock.Instant?>(nil)
    private let isDone = Mutex(false)
    private let done = Parking()

    /// - Parameters:
    ///   - vm: whose directory has the socket.
    ///   - isTaken: whether somebody else writes, so that all clients are readers.
    ///   - send: offers the guest bytes, and returns how many it took. Called on the server's thread.
    public convenience init(
        _ vm: VM, isTaken: Bool, send: @escaping @Sendable ([UInt8]) -> Int
    ) throws(HostError) {
        try self.init(vm, isTaken: isTaken, limits: Limits(), send: send)
    }

    init(
        _ vm: VM, isTaken: Bool, limits: Limits, send: @escaping @Sendable ([UInt8]) -> Int
    ) throws(HostError) {
        path = vm.consolePath
        self.limits = limits
        self.isTaken = isTaken
        self.send = send
        backlog = Mutex(ConsoleBacklog(capacity: limits.backlogByteCount))
        do throws(HostResourceError) {
            wakeUp = try WakeUp()
        } catch { throw .file(path: vm.consolePath, operation: "listen at", reason: "\(error)") }
        do throws(StreamSocketError) {
            socket = try .listening(directory: vm.path, name: VM.consoleName)
        } catch { throw .file(path: vm.consolePath, operation: "listen at", reason: error.reason) }
        // The directory lets nobody else in, so nobody can have connected before.
        _ = unsafe chmod(path, 0o600)
    }

    // MARK: The guest's threads

    /// Takes what the guest wrote. Nobody waits.
    public func take(_ bytes: [UInt8]) {
        backlog.withLock { $0.append(bytes) }
        // After the bytes: whoever comes meanwhile finds them in the backlog.
        if hasClients.load(ordering: .sequentiallyConsistent) { wakeUp.signal() }
    }

    /// The guest may take what it is sent.
    public func guestIsReady() { wakeUp.signal() }

    // MARK: The thread

    /// Starts the thread, which ends after `finish`.
    public func start() throws(HostResourceError) {
        try HostThread.start { [self] in
            var clients: [Client] = []
            var paused: ContinuousClock.Instant?
            while turn(&clients, &paused) {}
            StreamSocket.removeSocket(at: path)
            isDone.withLock { $0 = true }
            done.wake()
        }
    }

    /// The guest writes no more: gives clients a moment to read what is left, and leaves them. Waits for that. To be
    /// called once, if the thread was started.
    public func finish() {
        finishing.withLock { $0 = ContinuousClock.now.advanced(by: limits.finish) }
        wakeUp.signal()
        done.wait(until: nil) { isDone.withLock { $0 } }
    }

    /// Waits for something to do, and does it; false at the end.
    private func turn(_ clients: inout [Client], _ paused: inout ContinuousClock.Instant?) -> Bool {
        let end = finishing.withLock { $0 }
        let hasUnheard = clients.contains { $0.writes && !$0.socket.unheard.isEmpty }
        let retry = hasUnheard ? ContinuousClock.now.advanced(by: limits.retry) : nil
        let written = backlog.withLock(\.end)
        func hasRest(_ client: Client) -> Bool {
            client.deadline == nil && (client.position < written || !client.socket.pending.isEmpty)
        }
        if let end, end <= ContinuousClock.now || !clients.contains(where: hasRest) { return false }
        var interests = clients.map { client in
            SocketInterest(
                socket: client.socket.socket,
                reads: end == nil && !client.isSilent && (!client.writes || client.socket.unheard.isEmpty),
                writes: !client.socket.pending.isEmpty || hasRest(client))
        }
        let listens = paused == nil && end == nil
        if listens { interests.append(SocketInterest(socket: socket)) }
        let deadlines = clients.map(\.deadline) + [paused, end, retry]
        let ready = StreamSocket.wait(interests, wakeUp: wakeUp, until: deadlines.compactMap(\.self).min())
        let now = ContinuousClock.now
        if let until = paused, until <= now { paused = nil }
        var rest: [Client] = []
        for (client, readiness) in zip(clients, ready) {
            var client = client
            let isHeard = !readiness.isReadable || end != nil || hear(&client, clients)
            guard isHeard, client.deadline.map({ $0 > now }) ?? true, tell(&client) else { continue }
            rest.append(client)
        }
        if listens, ready.last?.isReadable == true {
            switch socket.accept() {
            case .connection(let connection):
                let deadline = now.advanced(by: limits.patience)
                rest.append(Client(socket: BufferedSocket(connection), deadline: deadline))
            case .nobody: break
            case .noDescriptor: paused = now.advanced(by: limits.pause)
            }
        }
        clients = rest
        hasClients.store(!rest.isEmpty, ordering: .sequentiallyConsistent)
        return true
    }

    /// Takes what a client says; false if it is gone, or never says what it wants.
    private func hear(_ client: inout Client, _ others: [Client]) -> Bool {
        // Nothing was asked of it: it is gone.
        if client.isSilent { return false }
        guard client.socket.hear(limit: limits.chunkByteCount) else {
            // It may read on.
            client.isSilent = true
            return client.deadline == nil
        }
        if client.deadline != nil { return greet(&client, others) }
        // A reader's bytes go nowhere.
        if !client.writes { client.socket.unheard = [] }
        return true
    }

    /// Answers what a client wants, once it has said it; false if it is to be left.
    private func greet(_ client: inout Client, _ others: [Client]) -> Bool {
        guard let newline = client.socket.unheard.firstIndex(of: UInt8(ascii: "\n")) else {
            return client.socket.unheard.count < limits.lineByteCount
        }
        let line = String(decoding: client.socket.unheard[..<newline], as: UTF8.self)
        client.socket.unheard = client.socket.unheard[(newline + 1)...]
        var greeting = greeting(ConsoleRole(rawValue: line), others)
        let (start, end) = backlog.withLock { ($0.start, $0.end) }
        if greeting.isOpen { greeting.old = Int(end - start) }
        client.socket.pending = greeting.line
        guard greeting.isOpen else {
            _ = client.socket.send()
            return false
        }
        client.writes = greeting.writes
        if !greeting.writes { client.socket.unheard = [] }
        client.deadline = nil
        client.position = start
        return true
    }

    private func greeting(_ role: ConsoleRole?, _ others: [Client]) -> ConsoleGreeting {
        guard let role else { return ConsoleGreeting(isOpen: false, detail: "say read or write, in a line") }
        guard others.count(where: { $0.deadline == nil }) < limits.clients else {
            return ConsoleGreeting(isOpen: false, detail: "\(limits.clients) others read it already")
        }
        guard role == .write else { return ConsoleGreeting(isOpen: true) }
        if isTaken {
            return ConsoleGreeting(isOpen: true, detail: "the terminal at which the VM was started writes")
        }
        if others.contains(where: { $0.writes && !$0.isSilent }) {
            return ConsoleGreeting(isOpen: true, detail: "somebody else writes")
        }
        return ConsoleGreeting(isOpen: true, writes: true)
    }

    /// Carries what there is in both directions; false if the client is gone.
    private func tell(_ client: inout Client) -> Bool {
        guard client.deadline == nil else { return true }
        if client.writes, !client.socket.unheard.isEmpty {
            client.socket.unheard = client.socket.unheard.dropFirst(send(Array(client.socket.unheard)))
        }
        repeat {
            if client.socket.pending.isEmpty {
                let (missed, bytes) = backlog.withLock { $0.next(from: &client.position, limit: limits.chunkByteCount) }
                if missed > 0 {
                    client.socket.pending +=
                        Array("\r\n[dormouse: \(missed) bytes of the console are not kept any more]\r\n".utf8)
                }
                client.socket.pending += bytes
            }
            if client.socket.pending.isEmpty { return true }
            guard client.socket.send() else { return false }
        } while client.socket.pending.isEmpty
        return true
    }
}
