// The routes: which method and path is answered by what. The table (`Routes`) is what the OpenAPI document is compared
// with.
//
// Responsible for: finding the route, and that every error becomes a problem detail. A table of our own rather than
// Hummingbird's router, which says 404 for a method that a path has not.

import HTTPTypes
import Hummingbird
import KeptVMs
import Logging
import NIOCore

/// One route.
struct Route: Sendable {
    typealias Handler = @Sendable (Call) async throws -> Response

    let method: HTTPRequest.Method
    /// With names in braces for what the handler is given, as in an OpenAPI document.
    let path: String
    /// Whether anybody may have it: it says nothing of VMs.
    let isOpen: Bool
    let handler: Handler

    init(_ method: HTTPRequest.Method, _ path: String, isOpen: Bool = false, _ handler: @escaping Handler) {
        self.method = method
        self.path = path
        self.isOpen = isOpen
        self.handler = handler
    }

    /// What the names in braces are; nil if it is another path.
    func match(_ parts: [Substring]) -> [String: String]? {
        let own = path.split(separator: "/", omittingEmptySubsequences: false)
        guard own.count == parts.count else { return nil }
        var parameters: [String: String] = [:]
        for (expected, part) in zip(own, parts) {
            guard expected.first == "{" else {
                if expected == part { continue }
                return nil
            }
            guard let value = PercentEncoding.decode(part) else { return nil }
            parameters[String(expected.dropFirst().dropLast())] = value
        }
        return parameters
    }
}

/// Answers requests by their routes.
struct RouteTable: HTTPResponder {
    let routes: [Route]
    let server: ServerState
    let admission: Admission

    func respond(to request: Request, context: ServerContext) async throws -> Response {
        var response: Response
        do {
            response = try await answer(request, context)
        } catch {
            let problem = Problem(of: error)
            if problem.reason == .hostFailed { server.logger.error("\(request.method) \(request.uri.path): \(error)") }
            response = problem.response
        }
        // What is said of VMs is of this moment.
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        response.headers[.xContentTypeOptions] = "nosniff"
        return response
    }

    private func answer(_ request: Request, _ context: ServerContext) async throws -> Response {
        let parts = request.uri.path.split(separator: "/", omittingEmptySubsequences: false)
        let here = routes.compactMap { route in route.match(parts).map { (route, $0) } }
        let isOpen = !here.isEmpty && here.allSatisfy(\.0.isOpen)
        let token = isOpen ? nil : try admission.admit(request)
        guard !here.isEmpty else { throw Problem(.notFound, "there is nothing at \(request.uri.path)") }
        // RFC 9110 §9.3.2: the answer to HEAD is that to GET, without its content.
        let method = request.method == .head ? .get : request.method
        guard let (route, parameters) = here.first(where: { $0.0.method == method }) else {
            var problem = Problem(.methodNotAllowed, "\(request.method) means nothing at \(request.uri.path)")
            problem.headers[.allow] = here.map(\.0.method.rawValue).joined(separator: ", ")
            throw problem
        }
        if route.method != .get {
            let peer = await admission.peer(context.channel, token: token)
            server.logger.info("\(peer): \(route.method) \(request.uri.path)")
        }
        let call = Call(request: request, context: context, parameters: parameters, server: server)
        if let key = request.headers[.idempotencyKey], route.method != .get { return try await once(key, route, call) }
        let response = try await route.handler(call)
        return request.method == .head ? response.createHeadResponse() : response
    }

    /// Answers a request that has an id: it is done now, or was done before.
    private func once(_ key: String, _ route: Route, _ call: Call) async throws -> Response {
        guard (1...128).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Problem(.badRequest, "an Idempotency-Key has 1 to 128 visible characters of ASCII")
        }
        var call = call
        let body = try await call.request.collectBody(upTo: RequestBodyFields.byteLimit)
        let head = "\(route.method) \(call.request.uri.string)\n".utf8
        let server = call.server
        let entry: RequestLedger.Entry
        switch try await server.blocking({ try server.ledger.find(key, Array(head) + Array(body.readableBytesView)) }) {
        case .answered(let answer): return answer.response
        case .new(let new): entry = new
        }
        // Whether the client is still there or not.
        let task = Task { [call] in
            var response: Response
            do {
                response = try await route.handler(call)
            } catch {
                let problem = Problem(of: error)
                if problem.reason == .busy {
                    entry.forget()
                    throw problem
                }
                response = problem.response
            }
            let answer = try await RequestLedger.Answer(of: response)
            try await server.blocking { try entry.finish(answer) }
            return answer.response
        }
        return try await task.value
    }
}

extension HTTPField.Name {
    /// Of the IETF draft by that name.
    fileprivate static let idempotencyKey = HTTPField.Name("Idempotency-Key") ?? .range
}
