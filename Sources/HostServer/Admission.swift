// Who may ask for anything: whoever may open the UNIX socket; over the network, whoever has a token or a certificate.

import Crypto
import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore

/// What lets a request in.
enum Admission: Sendable {
    /// The rights of the socket's file.
    case socket
    /// A token of the list, in an Authorization header (RFC 6750).
    case tokens(TokenList)
    /// The handshake of TLS has asked for a certificate and checked it.
    case certificate

    /// - Returns: the name of the token that the request has, if it takes one.
    /// - Throws: a `Problem` if it may not ask for anything.
    func admit(_ request: Request) throws(Problem) -> String? {
        // A browser sends its certificate for whatever page has it ask, and says whose that is (Fetch Metadata, W3C).
        if let site = request.headers[.secFetchSite], !["same-origin", "none"].contains(site) {
            throw Problem(.crossSite, "this is for the server's own page")
        }
        guard case .tokens(let list) = self else { return nil }
        let words = (request.headers[.authorization] ?? "").split(separator: " ", omittingEmptySubsequences: false)
        if words.count == 2, words[0].lowercased() == "bearer", let name = list.name(of: String(words[1])) {
            return name
        }
        var problem = Problem(.unauthorized, "send a token that the server knows: Authorization: Bearer TOKEN")
        problem.headers[.wwwAuthenticate] = "Bearer realm=\"dormouse\""
        throw problem
    }

    func peer(_ channel: any Channel, token: String?) async -> Peer {
        if case .socket = self { return await .local(channel) }
        return await .remote(channel, token: token)
    }
}

extension HTTPField.Name {
    fileprivate static let secFetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .range
}
