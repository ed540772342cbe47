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
            throw .takesNoConnections(name: name)
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
        let line = try PendingLine(
            asking: role.rawValue, of: self, at: Self.consoleName, patience: patience, waits: waits)
        return line.map { PendingConsole(name: name, line: $0) }
    }
}

/// A console that a VM was asked for.
public struct PendingConsole: Sendable {
    fileprivate let name: String
    fileprivate let line: PendingLine

    /// Carries the console's bytes once it was granted.
    public var socket: StreamSocket { line.socket }

    /// Whether there is nothing to wait for any more: an answer, the end of the process, or of the VM's time.
    public var isOver: Bool { line.isOver }

    /// What was granted. Waits for that, until the VM has had its time since it was asked.
    public func greeting() throws(HostError) -> ConsoleGreeting {
        let greeting = try line.answer(ConsoleGreeting.init(line:))
        guard greeting.isOpen else { throw .control(name: name, reason: greeting.detail) }
        return greeting
    }
}
