// Who is at the other end of a connection: for the log.

import Bytes
import Glibc
import NIOCore
import NIOSSL

/// The other end of a connection.
struct Peer: Sendable, CustomStringConvertible {
    var description: String

    /// A process of this host, as the kernel says it was when it connected (unix(7), SO_PEERCRED).
    private struct Credentials: Sendable {
        var process: pid_t = 0
        var user: uid_t = 0
        var group: gid_t = 0
    }

    /// SO_PEERCRED of socket(7), which is no plain number for Swift on every architecture.
    private static let peerCredentials: CInt = 17

    /// Whoever connected to the UNIX socket.
    static func local(_ channel: any Channel) async -> Peer {
        guard let options = channel as? any SocketOptionProvider,
            // Safe: the option's value is `struct ucred`, which these three numbers are.
            let credentials: Credentials = try? await options.unsafeGetSocketOption(
                level: .socket, name: .init(rawValue: peerCredentials)
            ).get()
        else { return Peer(description: "somebody who is gone") }
        return Peer(description: "user \(credentials.user), process \(credentials.process)")
    }

    /// Whoever connected over the network.
    ///
    /// - Parameters:
    ///   - channel: the connection.
    ///   - token: the name of the token that it has; nil if a certificate is what lets it in.
    static func remote(_ channel: any Channel, token: String?) async -> Peer {
        let address = channel.remoteAddress?.description ?? "an unknown address"
        if let token { return Peer(description: "\(address), token \(token)") }
        // Whoever signs certificates gives each another number (RFC 5280 §4.1.2.2). A name in one is anybody's text.
        let certificate = try? await channel.nioSSL_peerCertificate().get()
        let number = certificate.map { Hexadecimal.text(of: $0.serialNumber) } ?? "that is gone"
        return Peer(description: "\(address), certificate \(number)")
    }
}
