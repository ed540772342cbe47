// A client of HTTP/1.1 (RFC 9112) that sends what a test says, be it wrong, and takes apart what comes back.

import FoundationEssentials
import HostSupport
import Testing

/// An answer.
struct Reply {
    var status: Int
    /// By names in small letters.
    var headers: [String: String]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as a value.
    func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: Data(body))
    }
}

/// The server ended the connection before the whole answer.
struct NoAnswer: Error {}

/// A connection to a server.
final class HTTPConnection {
    /// How long a test waits for what has to come.
    private static let patience = Duration.seconds(120)

    private let socket: StreamSocket
    private var bytes: [UInt8] = []
    private var isAtEnd = false

    init(_ socket: StreamSocket) {
        self.socket = socket
    }

    func send(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            // One that does not want to hear more has gone.
            guard let count = socket.send(rest) else { return }
            rest = rest.dropFirst(count)
            if count == 0 {
                _ = StreamSocket.wait([SocketInterest(socket: socket, reads: false, writes: true)], until: nil)
            }
        }
    }

    /// Sends a request.
    func send(_ method: String, _ path: String, body: String? = nil, headers: [String] = []) throws {
        var lines = ["\(method) \(path) HTTP/1.1", "Host: localhost"] + headers
        if let body { lines.append("Content-Length: \(body.utf8.count)") }
        try send(lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? ""))
    }

    /// Waits for more; false at the end.
    private func hear() throws -> Bool {
        let deadline = ContinuousClock.now.advanced(by: Self.patience)
        while !isAtEnd {
            try #require(StreamSocket.readable([socket], until: deadline) == [true], "nothing more came")
            switch socket.readAvailable(limit: 1 << 16) {
            case .nothing: continue
            case .end: isAtEnd = true
            case .bytes(let more):
                bytes += more
                return true
            }
        }
        return false
    }

    /// Waits for more, which has to come.
    private func hearMore() throws { if try !hear() { throw NoAnswer() } }

    /// The head of the answer, which is taken off.
    func head() throws -> Reply {
        let end = Array("\r\n\r\n".utf8)
        while bytes.firstRange(of: end) == nil { try hearMore() }
        let range = try #require(bytes.firstRange(of: end))
        let lines = String(decoding: bytes[..<range.lowerBound], as: UTF8.self).split(separator: "\r\n")
        bytes.removeFirst(range.upperBound)
        let status = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].drop(while: { $0 == " " })) : ""
        }
        return Reply(status: status, headers: headers, body: [])
    }

    /// The next piece of an answer that goes on; nil at its end.
    func chunk() throws -> [UInt8]? {
        let newline = Array("\r\n".utf8)
        while bytes.firstRange(of: newline) == nil { if try !hear() { return nil } }
        let range = try #require(bytes.firstRange(of: newline))
        let count = try #require(Int(String(decoding: bytes[..<range.lowerBound], as: UTF8.self), radix: 16))
        while bytes.count < range.upperBound + count + 2 { try hearMore() }
        let piece = Array(bytes[range.upperBound..<(range.upperBound + count)])
        bytes.removeFirst(range.upperBound + count + 2)
        return count == 0 ? nil : piece
    }

    /// The whole answer.
    func reply() throws -> Reply {
        var reply = try head()
        if let count = reply.headers["content-length"].flatMap({ Int($0) }) {
            while bytes.count < count { try hearMore() }
            reply.body = Array(bytes.prefix(count))
            bytes.removeFirst(count)
        } else if reply.headers["transfer-encoding"] == "chunked" {
            while let piece = try chunk() { reply.body += piece }
        }
        return reply
    }
}

/// Server-sent events, one after the other.
final class EventReader {
    struct Event {
        var kind = ""
        var id: String?
        var data = ""

        /// The data as a value.
        func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
            try JSONDecoder().decode(type, from: Data(data.utf8))
        }
    }

    private let connection: HTTPConnection
    private var text = ""

    init(_ connection: HTTPConnection) throws {
        self.connection = connection
        let head = try connection.head()
        #expect(head.status == 200 && head.headers["content-type"] == "text/event-stream")
    }

    /// The next event; nil at the end.
    func next() throws -> Event? {
        while true {
            while let range = text.firstRange(of: "\n\n") {
                let lines = text[..<range.lowerBound].split(separator: "\n")
                text.removeSubrange(..<range.upperBound)
                var event = Event()
                for line in lines {
                    if line.hasPrefix("event: ") { event.kind = String(line.dropFirst(7)) }
                    if line.hasPrefix("id: ") { event.id = String(line.dropFirst(4)) }
                    if line.hasPrefix("data: ") { event.data += line.dropFirst(6) }
                }
                if !event.kind.isEmpty { return event }
            }
            guard let piece = try connection.chunk() else { return nil }
            text += String(decoding: piece, as: UTF8.self)
        }
    }

    /// The next event of that kind for which `isWanted` is true.
    func next(_ kind: String, where isWanted: (Event) throws -> Bool = { _ in true }) throws -> Event {
        while let event = try next() {
            if event.kind == kind, try isWanted(event) { return event }
        }
        throw EventMissing(kind: kind)
    }

    struct EventMissing: Error { var kind: String }
}
