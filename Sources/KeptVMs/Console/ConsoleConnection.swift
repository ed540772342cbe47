// The other side of a VM's console socket.

import HostSupport

extension VM {
    static let consoleName = "console"
    var consolePath: String { "\(path)/\(Self.consoleName)" }

    /// How long the VM has to answer, in milliseconds.
    private static let answerMilliseconds = 10_000

    /// Connects to the VM's console.
    ///
    /// - Parameter role: what is wanted of it.
    /// - Returns: the connection, which carries the console's bytes, and what was granted.
    public func openConsole(_ role: ConsoleRole) throws(HostError) -> (StreamSocket, ConsoleGreeting) {
        guard let pending = try askForConsole(role, patience: Self.answerMilliseconds, waits: true) else {
            throw .control(name: name, reason: "it takes no connections")
        }
        return (pending.socket, try pending.greeting())
    }

    /// Asks for the VM's console, and does not wait for the answer.
    ///
    /// - Parameters:
    ///   - role: what is wanted of it.
    ///   - patience: how long the VM has to answer, in milliseconds.
    ///   - waits: whether to wait for a second if it takes no connections.
    /// - Returns: nil if it takes none: it is asked by many now, or it hangs.
    public func askForConsole(
        _ role: ConsoleRole, patience: Int, waits: Bool
    ) throws(HostError) -> PendingConsole? {
        let socket: StreamSocket
        do throws(StreamSocketError) {
            socket = try .connected(directory: path, name: Self.consoleName, waits: waits)
        } catch {
            guard error.isUnanswered else { throw .notRunning(name: name) }
            return nil
        }
        guard socket.write(line: role.rawValue) else { throw .control(name: name, reason: "it is gone") }
        return PendingConsole(name: name, socket: socket, patience: patience)
    }
}

/// A console that a VM was asked for.
public struct PendingConsole: Sendable {
    /// Carries the console's bytes once it was granted.
    public let socket: StreamSocket
    private let name: String
    private let patience: Int
    private let deadline: ContinuousClock.Instant

    fileprivate init(name: String, socket: StreamSocket, patience: Int) {
        self.name = name
        self.socket = socket
        self.patience = patience
        deadline = .now.advanced(by: .milliseconds(patience))
    }

    /// Whether there is nothing to wait for any more: an answer, the end of the process, or of the VM's time.
    public var isOver: Bool {
        let now = ContinuousClock.now
        return deadline <= now || StreamSocket.readable([socket], until: now) == [true]
    }

    /// What was granted. Waits for that, until the VM has had its time since it was asked.
    public func greeting() throws(HostError) -> ConsoleGreeting {
        let rest = max(0, Int((deadline - .now) / .milliseconds(1)))
        switch socket.readLine(milliseconds: rest) {
        case .text(let line):
            guard let greeting = ConsoleGreeting(line: line) else {
                throw .control(name: name, reason: "it said something that is not understood")
            }
            guard greeting.isOpen else { throw .control(name: name, reason: greeting.detail) }
            return greeting
        case .end: throw .control(name: name, reason: "it is gone")
        case .timeout: throw .control(name: name, reason: "no answer within \(patience) ms")
        }
    }
}
