// The other side of a VM's control socket.

import FoundationEssentials

/// What came of asking a running VM for something.
public enum ControlOutcome: Sendable, Hashable {
    /// It was not done, for the reason given.
    case declined(String)
    /// The run ended.
    case ended(VMState.End)
    /// The guest was asked, and still runs at the deadline.
    case noReaction(String)
    /// The guest suspended the machine to RAM instead, or had done so before and was not asked. It still runs.
    case suspended(before: Bool)
}

extension VM {
    /// Asks the run of this VM for something that is to end it, and waits for that.
    ///
    /// - Parameters:
    ///   - verb: what is asked for.
    ///   - timeoutSeconds: how long the guest is given.
    public func ask(_ verb: ControlVerb, timeoutSeconds: Int) throws(HostError) -> ControlOutcome {
        let (socket, reply) = try send(verb)
        guard reply.done else {
            return reply.isSuspended == true ? .suspended(before: true) : .declined(reply.detail)
        }
        let deadline = ContinuousClock.now.advanced(by: .seconds(timeoutSeconds))
        while true {
            let now = ContinuousClock.now
            if UnixSocket.readable([socket], until: min(deadline, now.advanced(by: Self.statusInterval))) == [true] {
                break
            }
            if verb == .hibernate, try tell(.status).isSuspended == true { return .suspended(before: false) }
            if deadline <= now { return .noReaction(reply.detail) }
        }
        switch socket.readLine(milliseconds: Self.lineMilliseconds) {
        case .timeout: throw .control(name: name, reason: "it stopped in the middle of a line")
        case .end: throw .control(name: name, reason: "it ended without saying how")
        case .text(let line):
            guard let end = try? JSONDecoder().decode(VMState.End.self, from: Data(line.utf8)) else {
                throw .control(name: name, reason: "it said something that is not understood")
            }
            return .ended(end)
        }
    }

    /// How often a guest is looked at that was asked to hibernate.
    private static let statusInterval = Duration.milliseconds(500)
    /// How long the other side has for a line that it has begun.
    private static let lineMilliseconds = 10_000

    /// Asks for something that does not end the run.
    public func tell(_ verb: ControlVerb) throws(HostError) -> ControlReply {
        try send(verb).1
    }

    private func send(_ verb: ControlVerb) throws(HostError) -> (UnixSocket, ControlReply) {
        let socket: UnixSocket
        do throws(UnixSocketError) {
            socket = try .connected(directory: path, name: "control")
        } catch { throw .notRunning(name: name) }
        guard socket.write(line: verb.rawValue) else { throw .control(name: name, reason: "it is gone") }
        switch socket.readLine(milliseconds: Self.lineMilliseconds) {
        case .text(let line):
            guard let reply = ControlReply(line: line) else {
                throw .control(name: name, reason: "it said something that is not understood")
            }
            return (socket, reply)
        case .end: throw .control(name: name, reason: "it is gone")
        case .timeout: throw .control(name: name, reason: "no answer within 10 s")
        }
    }
}
