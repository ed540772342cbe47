// Why there is no server. Each text is one line for the user: what, and what to do.

import HostSupport

/// What keeps a server from serving.
public enum ServerError: AttributedError {
    case inUse(socket: String)
    case socket(path: String, reason: String)
    case network(host: String, port: Int, reason: String)
    case certificate(reason: String)
    /// Nobody could be let in over the network.
    case noAdmission

    public var description: String {
        switch self {
        case .inUse(let socket): "another server has \(socket); end it, or take another socket"
        case .socket(let path, let reason): "cannot serve at \(path): \(reason); take another socket"
        case .network(let host, let port, let reason):
            "cannot serve at \(host), port \(port): \(reason); take another address"
        case .certificate(let reason): "the certificate, its key or the authorities cannot be used: \(reason)"
        case .noAdmission:
            "nobody would be let in over the network; name a list of tokens, or authorities of certificates"
        }
    }

    public var isHosts: Bool { false }
}
