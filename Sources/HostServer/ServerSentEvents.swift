// Answers that go on: server-sent events (WHATWG HTML §9.2), and lines.

import HTTPTypes
import Hummingbird
import NIOCore

/// One server-sent event.
struct ServerSentEvent: Sendable {
    var kind: String
    /// Where a client that comes again goes on.
    var id: String?
    /// One line.
    var data: String

    var text: String {
        let id = id.map { "id: \($0)\n" } ?? ""
        return "event: \(kind)\n\(id)data: \(data)\n\n"
    }

    /// Nothing, so that everybody on the way knows that the connection is alive.
    static let comment = ": \n\n"
    /// How long a client waits before it comes again, in milliseconds.
    static let beginning = "retry: 2000\n\n"
}

/// Writes pieces of text, each at once.
struct StreamWriter {
    fileprivate var body: any ResponseBodyWriter

    mutating func write(_ text: String) async throws {
        try await body.write(ByteBuffer(string: text))
    }
}

extension Call {
    /// An answer that goes on until `body` returns, or the client goes.
    ///
    /// - Parameters:
    ///   - type: the content's.
    ///   - body: writes it.
    func stream(
        _ type: String, _ body: @escaping @Sendable (inout StreamWriter) async throws -> Void
    ) throws(Problem) -> Response {
        let place = try server.streams.take()
        let request = request
        return Response(
            status: .ok, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody { writer in
                defer { withExtendedLifetime(place) {} }
                var stream = StreamWriter(body: writer)
                do {
                    try await request.body.consumeWithCancellationOnInboundClose { _ in try await body(&stream) }
                } catch is CancellationError {}
                try await writer.finish(nil)
            })
    }
}
