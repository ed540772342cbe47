// What a request is answered with that cannot be carried out: a problem detail of RFC 9457.
//
// Responsible for: the list of reasons, each with its status, which docs/serve.md and the OpenAPI document have too.
// Not responsible for: the words of `dormouse`, which become the detail as they are.

import Bytes
import HTTPTypes
import Hummingbird
import KeptVMs
import NIOCore

/// Why a request is not carried out.
struct Problem: Error, Codable, Sendable {
    /// A reason, by which programs decide: `type` is made of it.
    enum Reason: String, Codable, CaseIterable, Sendable {
        case badRequest = "bad-request"
        case unauthorized
        /// A page of somebody else's had a browser ask.
        case crossSite = "cross-site"
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        /// The VM is in a state in which the verb means nothing.
        case wrongState = "wrong-state"
        case exists
        /// What `dormouse` declined: its words say why.
        case declined
        case refusedEnvironment = "refused-environment"
        case refusedDisks = "refused-disks"
        case refusedExpired = "refused-expired"
        /// The guest was asked, and still runs.
        case noReaction = "no-reaction"
        case broken
        /// A request of the same id is under way.
        case inProgress = "in-progress"
        /// Nobody knows what came of a request of the same id.
        case unknownOutcome = "unknown-outcome"
        case tooLarge = "too-large"
        case unsupportedMediaType = "unsupported-media-type"
        /// The request is understood, and no VM can have such a value.
        case invalid
        case hostFailed = "host-failed"
        case busy

        var status: HTTPResponse.Status {
            switch self {
            case .badRequest: .badRequest
            case .unauthorized: .unauthorized
            case .crossSite: .forbidden
            case .notFound: .notFound
            case .methodNotAllowed: .methodNotAllowed
            case .wrongState, .exists, .declined, .refusedEnvironment, .refusedDisks, .refusedExpired, .noReaction,
                .broken, .inProgress, .unknownOutcome:
                .conflict
            case .tooLarge: .contentTooLarge
            case .unsupportedMediaType: .unsupportedMediaType
            case .invalid: .unprocessableContent
            case .hostFailed: .internalServerError
            case .busy: .serviceUnavailable
            }
        }

        var title: String {
            switch self {
            case .badRequest: "The request is not understood"
            case .unauthorized: "The request has no token that is known"
            case .crossSite: "Another site asks"
            case .notFound: "There is no such thing"
            case .methodNotAllowed: "The method means nothing here"
            case .wrongState: "The VM is in another state"
            case .exists: "The name is taken"
            case .declined: "It was not done"
            case .refusedEnvironment: "The start was refused: the environment changed"
            case .refusedDisks: "The start was refused: a disk changed"
            case .refusedExpired: "The start was refused: the guest was hibernated for too long"
            case .noReaction: "The guest still runs"
            case .broken: "The VM's files are damaged"
            case .inProgress: "The request is under way"
            case .unknownOutcome: "Nobody knows what came of the request"
            case .tooLarge: "The request is too large"
            case .unsupportedMediaType: "The body is of another type"
            case .invalid: "A value cannot be used"
            case .hostFailed: "The host or Dormouse failed"
            case .busy: "The server is busy"
            }
        }
    }

    /// A reference to the reason, relative to the server.
    var type: String
    var title: String
    var status: Int
    /// What is wrong, and what to do.
    var detail: String
    var reason: Reason
    /// The VM's state, of `wrong-state`.
    var state: String?
    /// What `dormouse` exited with, if it was called.
    var exitCode: Int32?
    /// What else it said.
    var words: [String]?

    init(_ reason: Reason, _ detail: String) {
        type = "/problems/\(reason.rawValue)"
        title = reason.title
        status = reason.status.code
        self.detail = detail
        self.reason = reason
    }

    /// Headers beside those of every problem.
    var headers: HTTPFields = [:]

    private enum CodingKeys: String, CodingKey {
        case type, title, status, detail, reason, state, exitCode, words
    }

    var response: Response {
        let bytes = (try? StableJSON.bytes(of: self)) ?? []
        var headers = headers
        headers[.contentType] = "application/problem+json"
        return Response(
            status: reason.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

extension Problem {
    /// What an error of a VM's files comes to.
    init(_ error: HostError) {
        switch error {
        case .notFound, .badName: self.init(.notFound, "\(error)")
        case .exists: self.init(.exists, "\(error)")
        case .running, .notRunning: self.init(.wrongState, "\(error)")
        case .configuration, .noConfiguration, .state: self.init(.broken, "\(error)")
        default: self.init(error.isHosts ? .hostFailed : .declined, "\(error)")
        }
    }

    /// What any error comes to.
    init(of error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as HostError: self.init(error)
        case is NIOTooManyBytesError:
            self.init(.tooLarge, "the body has more than \(RequestBodyFields.byteLimit) bytes; send less")
        default: self.init(.hostFailed, "\(error)")
        }
    }
}
