// The side of a VM's control socket that the VM is on.
//
// Anybody who may open the socket may end the VM, so it lies in the VM's directory with the rights of its owner. One
// thread polls all callers, so that none holds up another: a caller that says nothing, or too much, is left after a
// while, and when there are too many of them, the one that has been silent for longest. If the process has no
// descriptor left for a caller, that one waits.

import Glibc
import HostSupport
import Machine
import Synchronization

/// Answers verbs while a VM runs.
public final class ControlServer: Sendable {
    /// How much is done for callers.
    struct Limits: Sendable {
        /// How long a caller has for its line.
        var patience = Duration.seconds(2)
        /// Callers that have not said their line yet.
        var speakers = 32
        /// Callers that wait for the end; more are answered, and not told of it.
        var waiters = 64
        /// Until another caller is taken after the host had no descriptor for one.
        var pause = Duration.milliseconds(100)
        /// Bytes of a line; every verb is shorter.
        var lineByteCount = 256
    }

    /// A caller that has not said its line yet.
    private struct Speaker {
        var socket: StreamSocket
        var line: [UInt8] = []
        var deadline: ContinuousClock.Instant
    }

    private let socket: StreamSocket
    private let path: String
    private let limits: Limits
    private let answer: @Sendable (ControlVerb) -> ControlReply
    private let waiting = Mutex<[StreamSocket]>([])

    /// - Parameters:
    ///   - vm: whose directory has the socket.
    ///   - answer: called on the server's thread.
    public convenience init(
        _ vm: VM, answer: @escaping @Sendable (ControlVerb) -> ControlReply
    ) throws(HostError) {
        try self.init(vm, limits: Limits(), answer: answer)
    }

    init(
        _ vm: VM, limits: Limits, answer: @escaping @Sendable (ControlVerb) -> ControlReply
    ) throws(HostError) {
        path = vm.controlPath
        self.limits = limits
        self.answer = answer
        do throws(StreamSocketError) {
            socket = try .listening(directory: vm.path, name: "control")
        } catch { throw .file(path: vm.controlPath, operation: "listen at", reason: error.reason) }
        // The directory lets nobody else in, so nobody can have connected before.
        _ = unsafe chmod(path, 0o600)
    }

    /// Starts the thread, which ends with the process.
    public func start() throws(HostResourceError) {
        try HostThread.start { [self] in
            var speakers: [Speaker] = []
            var paused: ContinuousClock.Instant?
            while true { turn(&speakers, &paused) }
        }
    }

    /// Waits for callers, and does what is to be done for those that there are.
    ///
    /// - Parameter paused: until when nobody is taken.
    private func turn(_ speakers: inout [Speaker], _ paused: inout ContinuousClock.Instant?) {
        let waiters = waiting.withLock { $0 }
        let events = StreamSocket.readable(
            speakers.map(\.socket) + waiters + (paused == nil ? [socket] : []),
            until: (speakers.map(\.deadline) + [paused].compactMap(\.self)).min())
        let now = ContinuousClock.now
        if let end = paused, end <= now { paused = nil }
        // A waiter has nothing more to say: what is readable is that it went, or something that nobody asked for.
        let gone = Set(zip(waiters, events.dropFirst(speakers.count)).filter(\.1).map { ObjectIdentifier($0.0) })
        if !gone.isEmpty { waiting.withLock { $0.removeAll { gone.contains(ObjectIdentifier($0)) } } }
        var rest: [Speaker] = []
        for (speaker, isReadable) in zip(speakers, events) {
            var speaker = speaker
            if (!isReadable || hear(&speaker)) && speaker.deadline > now { rest.append(speaker) }
        }
        if events.count > speakers.count + waiters.count, events.last == true {
            switch socket.accept() {
            case .connection(let caller):
                if rest.count >= limits.speakers { rest.removeFirst() }
                rest.append(Speaker(socket: caller, deadline: now.advanced(by: limits.patience)))
            case .nobody: break
            case .noDescriptor: paused = now.advanced(by: limits.pause)
            }
        }
        speakers = rest
    }

    /// Reads what a caller says; false if it has said its line, or never will.
    private func hear(_ speaker: inout Speaker) -> Bool {
        switch speaker.socket.readAvailable(limit: limits.lineByteCount) {
        case .nothing: return true
        case .end: return false
        case .bytes(let bytes): speaker.line += bytes
        }
        guard let end = speaker.line.firstIndex(of: UInt8(ascii: "\n")) else {
            return speaker.line.count < limits.lineByteCount
        }
        serve(String(decoding: speaker.line[..<end], as: UTF8.self), speaker.socket)
        return false
    }

    private func serve(_ line: String, _ caller: StreamSocket) {
        guard let verb = ControlVerb(rawValue: line) else {
            let verbs = ControlVerb.allCases.map(\.rawValue).joined(separator: ", ")
            caller.write(line: ControlReply(done: false, detail: "say one of: \(verbs)").line)
            return
        }
        guard caller.write(line: answer(verb).line), verb.mayEndRun else { return }
        waiting.withLock { waiting in
            if waiting.count < limits.waiters { waiting.append(caller) }
        }
    }

    /// Tells everybody who waits how the run ended, and takes the socket away.
    public func finish(_ end: VMState.End) {
        let line = ControlReply.line(end)
        waiting.withLock { waiting in
            for caller in waiting { caller.write(line: line) }
            waiting = []
        }
        _ = unsafe unlink(path)
    }
}
