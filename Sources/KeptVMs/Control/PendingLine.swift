// One line that was written to a socket of a running VM, and the line that comes back.
//
// Responsible for: reaching the VM's process, the time that it has, and what is said of one that does not answer. Not
// responsible for what the lines say (`PendingReply`, `PendingConsole`).

import HostSupport

/// An answer that a VM's process has yet to give.
struct PendingLine: Sendable {
    /// Carries what comes behind the answer, too.
    let socket: StreamSocket
    private let name: String
    private let patience: Int
    private let deadline: ContinuousClock.Instant

    /// Asks, and does not wait for the answer. Nil if the process takes no connections: it is asked by many now, or it
    /// hangs.
    ///
    /// - Parameters:
    ///   - line: what is written.
    ///   - vm: whom it is written to.
    ///   - socketName: the name of the socket in the VM's directory.
    ///   - patience: how long the process has to answer, in milliseconds.
    ///   - waits: whether to wait for a second if it takes no connections.
    init?(
        asking line: String, of vm: VM, at socketName: String, patience: Int, waits: Bool = true
    ) throws(HostError) {
        do throws(StreamSocketError) {
            socket = try .connected(directory: vm.path, name: socketName, waits: waits)
        } catch {
            guard error.isUnanswered else { throw .notRunning(name: vm.name) }
            return nil
        }
        guard socket.write(line: line) else { throw .control(name: vm.name, reason: "it is gone") }
        name = vm.name
        self.patience = patience
        deadline = .now.advanced(by: .milliseconds(patience))
    }

    /// Whether there is nothing to wait for any more: an answer, the end of the process, or of its time.
    var isOver: Bool {
        let now = ContinuousClock.now
        return deadline <= now || StreamSocket.readable([socket], until: now) == [true]
    }

    /// What `read` makes of the answer; that which it makes nothing of is an error. Waits for it, until the process has
    /// had its time since it was asked.
    func answer<Answer>(_ read: (String) -> Answer?) throws(HostError) -> Answer {
        let rest = max(0, Int((deadline - .now) / .milliseconds(1)))
        switch socket.readLine(milliseconds: rest) {
        case .text(let line):
            guard let answer = read(line) else {
                throw .control(name: name, reason: "it said something that is not understood")
            }
            return answer
        case .end: throw .control(name: name, reason: "it is gone")
        case .timeout: throw .control(name: name, reason: "no answer within \(patience) ms")
        }
    }
}

extension HostError {
    /// Of a process whose queue of connections stays full.
    public static func takesNoConnections(name: String) -> HostError {
        .control(name: name, reason: "it takes no connections")
    }
}
