// The side of a VM's control socket that the VM is on.
//
// Anybody who may open the socket may end the VM, so it lies in the VM's directory with the rights of its owner. A caller that
// says nothing, or too much, is left.

import Glibc
import Machine
import Synchronization

/// Answers verbs while a VM runs.
public final class ControlServer: Sendable {
    /// How long a caller has for its line.
    private static let patienceMilliseconds = 1000
    /// Callers that wait for the end; more are answered, and not told of it.
    private static let maximumWaiting = 64

    private let socket: UnixSocket
    private let path: String
    private let answer: @Sendable (ControlVerb) -> ControlReply
    private let waiting = Mutex<[UnixSocket]>([])

    /// - Parameter answer: called on the server's thread.
    public init(_ vm: VM, answer: @escaping @Sendable (ControlVerb) -> ControlReply) throws(HostError) {
        path = vm.controlPath
        self.answer = answer
        let mask = umask(0o077)
        defer { umask(mask) }
        do throws(UnixSocketError) {
            socket = try .listening(directory: vm.path, name: "control")
        } catch { throw .file(path: vm.controlPath, operation: "listen at", reason: error.reason) }
    }

    /// Starts the thread, which ends with the process.
    public func start() throws(MachineError) {
        try HostThread.start { [self] in
            while let caller = socket.accept() { serve(caller) }
        }
    }

    private func serve(_ caller: UnixSocket) {
        guard case .text(let line) = caller.readLine(milliseconds: Self.patienceMilliseconds) else { return }
        guard let verb = ControlVerb(rawValue: line) else {
            let verbs = ControlVerb.allCases.map(\.rawValue).joined(separator: ", ")
            caller.write(line: ControlReply(done: false, detail: "say one of: \(verbs)").line)
            return
        }
        guard caller.write(line: answer(verb).line), verb != .status else { return }
        waiting.withLock { waiting in
            if waiting.count < Self.maximumWaiting { waiting.append(caller) }
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
