// One request, and what the handlers of routes need of it.

import Bytes
import HTTPTypes
import Hummingbird
import KeptVMs
import Logging
import NIOCore

/// What Hummingbird knows of a request besides its head and body: the connection.
struct ServerContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}

/// A request on its way to the handler of its route.
struct Call: Sendable {
    var request: Request
    let context: ServerContext
    /// The parts of the path that the route has names for, decoded.
    let parameters: [String: String]
    let server: ServerState

    /// The VM that the path names.
    ///
    /// - Throws: a `Problem` if there is none.
    func vm() async throws -> VM {
        let name = parameters["name"] ?? ""
        let store = server.store
        return try await server.blocking { try store.vm(name) }
    }

    /// What the query says; each of its keys has to be one of `keys`.
    func query(_ keys: String...) throws(Problem) -> QueryFields {
        try QueryFields(request.uri.query, allowed: keys)
    }

    /// The body's fields. None is there if the body is empty.
    func fields() async throws -> RequestBodyFields {
        try await RequestBodyFields(of: request)
    }
}

extension Response {
    /// A value as JSON.
    static func json(
        _ value: some Encodable, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) throws -> Response {
        json(bytes: try StableJSON.bytes(of: value), status: status, headers: headers)
    }

    /// JSON that somebody else has made.
    static func json(
        bytes: [UInt8], status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = "application/json"
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
    /// A file of the page, which loads nothing of anybody else's and is shown in nobody else's.
    static func page(_ type: String, _ bytes: [UInt8]) -> Response {
        let policy = [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src data:",
            "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ]
        return Response(
            status: .ok,
            headers: [
                .contentType: type, .contentSecurityPolicy: policy.joined(separator: "; "),
                .cacheControl: "no-cache",
            ], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
