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
        let socket: StreamSocket
        do throws(StreamSocketError) {
            socket = try .connected(directory: path, name: Self.consoleName)
        } catch {
            guard error.isUnanswered else { throw .notRunning(name: name) }
            throw .control(name: name, reason: "it takes no connections")
        }
        guard socket.write(line: role.rawValue) else { throw .control(name: name, reason: "it is gone") }
        switch socket.readLine(milliseconds: Self.answerMilliseconds) {
        case .text(let line):
            guard let greeting = ConsoleGreeting(line: line) else {
                throw .control(name: name, reason: "it said something that is not understood")
            }
            guard greeting.isOpen else { throw .control(name: name, reason: greeting.detail) }
            return (socket, greeting)
        case .end: throw .control(name: name, reason: "it is gone")
        case .timeout: throw .control(name: name, reason: "no answer within 10 s")
        }
    }
}
