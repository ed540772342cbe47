// The guest's agent: QEMU's, which distributions have as a package, at the guest's end of a port of the VM.
//
// Responsible for: a conversation with it (QEMU's "Guest Agent Protocol Reference": a command and its answer are a line
// of JSON each; `guest-sync-delimited` comes first, since somebody may have left in the middle of one). What the guest
// says is hostile: every answer has a deadline and a bound. Not responsible for: what commands do, and how bytes come to
// the port.

import Bytes
import FoundationEssentials
import HostSupport

/// A conversation with the agent in a running VM's guest. One at a time: another one waits for its turn.
public struct GuestAgent {
    /// Bytes of an answer; the largest that it gives are pieces of files.
    private static let answerLimit = 1 << 20
    private static let chunkByteCount = 1 << 16
    /// How often an agent is asked whether it is there.
    private static let interval = Duration.seconds(1)
    /// Before the answer to `guest-sync-delimited`, and in no text of JSON.
    private static let delimiter: UInt8 = 0xFF

    private let socket: StreamSocket
    private var unheard: [UInt8] = []

    /// Finds the agent of a VM.
    ///
    /// - Parameters:
    ///   - vm: runs.
    ///   - milliseconds: how long it has to answer.
    public init(_ vm: VM, milliseconds: Int) throws(GuestAgentError) {
        do throws(StreamSocketError) {
            socket = try .connected(directory: vm.path, name: VM.agentName)
        } catch { throw error.isUnanswered ? .unanswered(name: vm.name) : .noPort(name: vm.name) }
        try synchronize(milliseconds: milliseconds)
    }

    /// For tests.
    init(_ socket: StreamSocket, milliseconds: Int) throws(GuestAgentError) {
        self.socket = socket
        try synchronize(milliseconds: milliseconds)
    }

    private mutating func synchronize(milliseconds: Int) throws(GuestAgentError) {
        let deadline = ContinuousClock.now.advanced(by: .milliseconds(milliseconds))
        let number = Int64.random(in: 1...Int64(Int32.max))
        while true {
            // Linux throws away what comes before the agent has opened the port: it is asked again and again.
            let end = min(deadline, .now.advanced(by: Self.interval))
            do throws(GuestAgentError) {
                // The delimiter has the agent forget what it was told before.
                try send([Self.delimiter], until: end)
                try send("guest-sync-delimited", ["id": .integer(number)], until: end)
                while true {
                    let line = try readLine(until: end)
                    guard let start = line.lastIndex(of: Self.delimiter) else { continue }
                    if case .integer(number)? = Self.answer(line[(start + 1)...])?.result { return }
                }
            } catch {
                guard error == .silent, end < deadline else { throw error }
            }
        }
    }

    /// Has the agent carry out a command, and waits for the answer.
    ///
    /// - Parameters:
    ///   - command: such as `guest-get-time`.
    ///   - arguments: an object of JSON; nil: there are none.
    ///   - milliseconds: how long it may take.
    /// - Returns: what the agent returns.
    public mutating func call(
        _ command: String, _ arguments: [String: JSONValue]? = nil, milliseconds: Int
    ) throws(GuestAgentError) -> JSONValue {
        let deadline = ContinuousClock.now.advanced(by: .milliseconds(milliseconds))
        try send(command, arguments, until: deadline)
        // An agent that was slow answers each question whether it is there.
        var line = try readLine(until: deadline)
        while line.contains(Self.delimiter) { line = try readLine(until: deadline) }
        guard let answer = Self.answer(line[...]) else { throw .nonsense }
        if let error = answer.error { throw .refused(command: command, reason: Self.plain(error.desc)) }
        guard let result = answer.result else { throw .nonsense }
        return result
    }

    /// Has the agent carry out a command that has no answer unless it fails, such as to hibernate the guest.
    ///
    /// - Parameters:
    ///   - command: such as `guest-suspend-disk`.
    ///   - arguments: an object of JSON; nil: there are none.
    ///   - milliseconds: how long it has to say that it failed.
    public mutating func tell(
        _ command: String, _ arguments: [String: JSONValue]? = nil, milliseconds: Int
    ) throws(GuestAgentError) {
        do throws(GuestAgentError) {
            _ = try call(command, arguments, milliseconds: milliseconds)
        } catch {
            if error == .silent || error == .gone { return }
            throw error
        }
    }

    // MARK: Lines

    private struct Answer: Decodable {
        struct Failure: Decodable {
            var desc: String
        }

        var result: JSONValue?
        var error: Failure?

        enum CodingKeys: String, CodingKey {
            case result = "return"
            case error
        }
    }

    private static func answer(_ line: ArraySlice<UInt8>) -> Answer? {
        try? JSONDecoder().decode(Answer.self, from: Data(line))
    }

    /// The guest wrote it, and a terminal obeys what is not printable.
    private static func plain(_ text: String) -> String {
        String(text.prefix(500).map { $0.isASCII && ($0.asciiValue ?? 0) >= 0x20 && $0.asciiValue != 0x7F ? $0 : "?" })
    }

    private func send(
        _ command: String, _ arguments: [String: JSONValue]?, until deadline: ContinuousClock.Instant
    ) throws(GuestAgentError) {
        var message: [String: JSONValue] = ["execute": .string(command)]
        if let arguments { message["arguments"] = .object(arguments) }
        guard let bytes = try? StableJSON.bytes(of: message) else { throw .nonsense }
        try send(bytes + [UInt8(ascii: "\n")], until: deadline)
    }

    private func send(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) throws(GuestAgentError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let count = socket.send(rest) else { throw .gone }
            rest = rest.dropFirst(count)
            guard count == 0 else { continue }
            let interest = SocketInterest(socket: socket, reads: false, writes: true)
            guard StreamSocket.wait([interest], until: deadline)[0].isWritable else { throw .silent }
        }
    }

    /// A line without its end. What else is in the same piece is left for the next one.
    private mutating func readLine(until deadline: ContinuousClock.Instant) throws(GuestAgentError) -> [UInt8] {
        while true {
            // A guest that never stops would be read for ever.
            guard ContinuousClock.now < deadline else { throw .silent }
            if let end = unheard.firstIndex(of: UInt8(ascii: "\n")) {
                defer { unheard.removeFirst(end + 1) }
                return Array(unheard[..<end])
            }
            guard unheard.count <= Self.answerLimit else { throw .nonsense }
            guard StreamSocket.readable([socket], until: deadline) == [true] else { throw .silent }
            switch socket.readAvailable(limit: Self.chunkByteCount) {
            case .bytes(let bytes): unheard += bytes
            case .nothing: break
            case .end: throw .gone
            }
        }
    }
}

/// Why a guest's agent did not do something. The text is for the user, one line.
public enum GuestAgentError: AttributedError, Hashable {
    /// The VM does not run, or was made without the port.
    case noPort(name: String)
    /// The VM's process takes no connections.
    case unanswered(name: String)
    /// Nobody answers.
    case silent
    /// The run ended meanwhile.
    case gone
    case nonsense
    case refused(command: String, reason: String)

    public var isHosts: Bool { false }

    public var description: String {
        switch self {
        case .noPort(let name):
            "VM \(name) has no port for an agent, or does not run: set guest.agent=true before it is started"
        case .unanswered(let name):
            "VM \(name) takes no connections to its agent's port: others wait for the agent, or its process hangs"
        case .silent: "no agent answers in the guest: it needs the package qemu-guest-agent, and time to start"
        case .gone: "the VM ended meanwhile"
        case .nonsense: "the guest's agent says something that is not understood"
        case .refused(let command, let reason): "the guest's agent did not do \(command): \(reason)"
        }
    }
}
