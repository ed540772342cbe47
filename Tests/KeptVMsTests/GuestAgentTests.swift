import Bytes
import Foundation
import HostSupport
import Synchronization
import Testing

@testable import KeptVMs

@Suite("A conversation with a guest's agent")
struct GuestAgentTests {
    private static let patience = 20_000

    @Test("A VM without the port is told from one whose process takes no connections")
    func unanswered() throws {
        let test = try TestStore()
        let vm = try test.make()
        var failure: GuestAgentError?
        do throws(GuestAgentError) { _ = try GuestAgent(vm, milliseconds: 100) } catch { failure = error }
        #expect(failure == .noPort(name: vm.name))
        let listener = try StreamSocket.listening(directory: vm.path, name: VM.agentName)
        var waiting: [StreamSocket] = []
        // Its queue has an end, which comes as an error.
        do throws(StreamSocketError) {
            while waiting.count < 1000 {
                waiting.append(try .connected(directory: vm.path, name: VM.agentName))
            }
        } catch { try #require(error.isUnanswered) }
        do throws(GuestAgentError) { _ = try GuestAgent(vm, milliseconds: 100) } catch { failure = error }
        #expect(failure == .unanswered(name: vm.name))
        withExtendedLifetime((listener, waiting)) {}
    }

    /// The two sides of a conversation. The agent's reads a line at a time.
    private struct Line {
        let host: StreamSocket
        let guest: StreamSocket

        init() throws { (host, guest) = try StreamSocket.pair() }

        /// What the host says next.
        func heard() throws -> [String: JSONValue] {
            guard case .text(let text) = guest.readLine(milliseconds: GuestAgentTests.patience) else {
                throw CancellationError()
            }
            // A byte that is no text comes first, once.
            let json = text.drop { $0 != "{" }
            return try JSONDecoder().decode([String: JSONValue].self, from: Data(json.utf8))
        }

        func say(_ text: String) { say(Array(text.utf8)) }

        func say(_ bytes: [UInt8]) {
            // Little enough for the socket's own room.
            _ = guest.send(bytes[...])
        }

        /// Answers the question whether somebody is there.
        ///
        /// - Parameter questions: how many are waited for before the first is answered.
        func greet(questions: Int = 1) throws {
            let numbers = try (0..<questions).map { _ in
                guard case .object(let arguments)? = try heard()["arguments"], case .integer(let id)? = arguments["id"]
                else { throw CancellationError() }
                return id
            }
            for number in numbers {
                say([0xFF])
                say("{\"return\": \(number)}\n")
            }
        }
    }

    /// Has `agent` speak on a thread of its own meanwhile.
    private func talk<Result>(
        _ agent: @escaping @Sendable (Line) throws -> Void, _ body: (StreamSocket) throws -> Result
    ) throws -> Result {
        let line = try Line()
        let done = DispatchSemaphore(value: 0)
        try HostThread.start {
            try? agent(line)
            done.signal()
        }
        defer { done.wait() }
        return try body(line.host)
    }

    @Test("A command goes out with its arguments, and what it returns comes back, behind what others left unread")
    func call() throws {
        let value = try talk { line in
            // An answer to somebody who did not wait, and half of one.
            line.say("{\"return\": {\"old\": 1}}\n{\"retu")
            try line.greet()
            let command = try line.heard()
            line.say(
                command == ["execute": "guest-file-open", "arguments": ["path": "/a"]]
                    ? "{\"return\": [1, \"ä\"]}\n" : "{}\n")
        } _: { socket in
            var agent = try GuestAgent(socket, milliseconds: Self.patience)
            return try agent.call("guest-file-open", ["path": "/a"], milliseconds: Self.patience)
        }
        #expect(value == [1, "ä"])
    }

    @Test("A command that is refused says why, in printable characters; one without an answer has none to wait for")
    func refused() throws {
        let error = #expect(throws: GuestAgentError.self) {
            try talk { line in
                try line.greet()
                _ = try line.heard()
                line.say("{\"error\": {\"class\": \"GenericError\", \"desc\": \"no \\u001b[31mdisk\"}}\n")
            } _: { socket in
                var agent = try GuestAgent(socket, milliseconds: Self.patience)
                try agent.tell("guest-suspend-disk", milliseconds: Self.patience)
            }
        }
        #expect(error == .refused(command: "guest-suspend-disk", reason: "no ?[31mdisk"))
        try talk { line in
            try line.greet()
            _ = try line.heard()
        } _: { socket in
            var agent = try GuestAgent(socket, milliseconds: Self.patience)
            try agent.tell("guest-suspend-disk", milliseconds: 50)
        }
    }

    @Test("Nobody who answers, one who answers something else, and one who goes are told apart, each in its time")
    func nobody() throws {
        let line = try Line()
        #expect(throws: GuestAgentError.silent) { try GuestAgent(line.host, milliseconds: 50) }
        // Another's number is not ours.
        line.say([0xFF])
        line.say("{\"return\": 0}\n")
        #expect(throws: GuestAgentError.silent) { try GuestAgent(line.host, milliseconds: 50) }
        #expect(throws: GuestAgentError.gone) {
            try talk {
                $0.guest.finishWriting()
            } _: {
                try GuestAgent($0, milliseconds: Self.patience)
            }
        }
        for answer in ["nonsense\n", "{}\n", "[]\n", "{\"error\": 1}\n"] {
            #expect(throws: GuestAgentError.nonsense, "\(answer)") {
                try talk { line in
                    try line.greet()
                    _ = try line.heard()
                    line.say(answer)
                } _: { socket in
                    var agent = try GuestAgent(socket, milliseconds: Self.patience)
                    _ = try agent.call("guest-info", milliseconds: Self.patience)
                }
            }
        }
    }

    @Test(
        "An agent that comes late is asked again, and what it says of the earlier questions is not taken for an answer")
    func late() throws {
        let value = try talk { line in
            try line.greet(questions: 2)
            _ = try line.heard()
            line.say("{\"return\": true}\n")
        } _: { socket in
            var agent = try GuestAgent(socket, milliseconds: Self.patience)
            return try agent.call("guest-ping", milliseconds: Self.patience)
        }
        #expect(value == true)
    }

    @Test("A guest that says something for ever is not listened to for longer than one that says nothing")
    func flood() throws {
        let line = try Line()
        let isOver = Atomic(false)
        let done = DispatchSemaphore(value: 0)
        // Answers to questions that nobody asked, which are passed over.
        let piece = [UInt8]((0..<2048).flatMap { _ in [0xFF] + Array("{\"return\": 0}\n".utf8) })
        try HostThread.start {
            let interest = SocketInterest(socket: line.guest, reads: false, writes: true)
            while !isOver.load(ordering: .relaxed) {
                _ = StreamSocket.wait([interest], until: .now.advanced(by: .milliseconds(50)))
                _ = line.guest.send(piece[...])
            }
            done.signal()
        }
        #expect(throws: GuestAgentError.silent) { try GuestAgent(line.host, milliseconds: 200) }
        isOver.store(true, ordering: .relaxed)
        done.wait()
    }

    @Test("A line without an end is given up when it is longer than any answer")
    func endless() throws {
        #expect(throws: GuestAgentError.nonsense) {
            try talk { line in
                let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 16)
                // Until it is not read any more.
                let interest = SocketInterest(socket: line.guest, reads: false, writes: true)
                while StreamSocket.wait([interest], until: .now.advanced(by: .milliseconds(200)))[0].isWritable {
                    _ = line.guest.send(piece[...])
                }
            } _: {
                try GuestAgent($0, milliseconds: Self.patience)
            }
        }
    }
}
