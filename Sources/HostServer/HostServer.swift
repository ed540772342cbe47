// The server for the VMs of one store: REST at a UNIX socket, and over the network by TLS.
//
// Responsible for: HTTP, and nothing else. It knows VMs by their files (`KeptVMs`), and has `dormouse` do what changes
// something. It keeps nothing: whoever kills it finds the VMs as they were, and a new server says the same of them.
// Follows RFC 9110 (HTTP), RFC 9457 (problem details) and the OpenAPI document beside it; docs/serve.md is for users.

import Glibc
import HTTPTypes
import HostSupport
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import KeptVMs
import Logging
import NIOCore
import NIOSSL

/// A server for the VMs of a store.
public struct HostServer: Sendable {
    /// Where requests come from over the network.
    public struct Network: Sendable {
        public var host: String
        /// 0 for any that is free.
        public var port: Int
        /// PEM files.
        public var certificate: String
        public var privateKey: String
        /// Whoever has one of them is let in.
        public var tokens: TokenList?
        /// A PEM file: whoever has a certificate that one of these has signed is let in.
        public var clientAuthorities: String?

        public init(
            host: String, port: Int, certificate: String, privateKey: String, tokens: TokenList?,
            clientAuthorities: String?
        ) {
            self.host = host
            self.port = port
            self.certificate = certificate
            self.privateKey = privateKey
            self.tokens = tokens
            self.clientAuthorities = clientAuthorities
        }
    }

    /// Connections at a time: at the socket, and over the network.
    private static let connectionLimit = 256
    /// How long a connection may be idle between requests, or take for the head of one.
    private static let idleTimeout = TimeAmount.seconds(60)

    private let state: ServerState
    private let logger: Logger

    /// - Parameters:
    ///   - store: whose VMs.
    ///   - program: the path of `dormouse`.
    ///   - logger: is told who does what.
    public init(store: VMStore, program: String, logger: Logger) {
        self.logger = logger
        state = ServerState(
            store: store, program: DormouseProgram(path: program, store: store.path), logger: logger)
    }

    /// Serves until the process ends.
    ///
    /// - Parameters:
    ///   - socket: where, in the file system. What is not its owner's is not let in.
    ///   - network: where else.
    ///   - isReady: called when requests are taken everywhere, with the port of the network.
    /// - Throws: a `ServerError`.
    public func run(
        socket: String, network: Network?, isReady: @escaping @Sendable (Int?) -> Void
    ) async throws {
        let lock = try SocketLock(socket)
        defer { withExtendedLifetime(lock) {} }
        let remote = try network.map { try listener($0, isReady) }
        let (ready, signal) = AsyncStream<Void>.makeStream()
        // The socket's file has its rights from the beginning. No child is there yet that would inherit this.
        let mask = umask(0o177)
        let local = application(.unixDomainSocket(path: socket), .http1(configuration: Self.channel), .socket) { _ in
            umask(mask)
            signal.finish()
            if remote == nil { isReady(nil) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await local.run()
                } catch { throw ServerError.socket(path: socket, reason: "\(error)") }
            }
            if let remote, let network {
                group.addTask {
                    for await _ in ready {}
                    do {
                        try await remote.run()
                    } catch {
                        throw ServerError.network(host: network.host, port: network.port, reason: "\(error)")
                    }
                }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    // MARK: Listeners

    private typealias Listener = Application<RouteTable>

    /// HTTP/1.1, with bounds for heads.
    private static let channel = HTTP1Channel.Configuration(
        idleTimeout: idleTimeout,
        httpDecoderConfiguration: .init(
            maxHeaderFieldSize: 1 << 15, maxHeaderListSize: 1 << 16, maxHeaderFieldCount: 100))

    private func listener(_ network: Network, _ isReady: @escaping @Sendable (Int?) -> Void) throws -> Listener {
        let admission: Admission
        let server: HTTPServerBuilder
        do {
            let configuration = try network.transportSecurity()
            admission = network.tokens.map { .tokens($0) } ?? .certificate
            server = try .tls(.http1(configuration: Self.channel), tlsConfiguration: configuration)
        } catch let error as ServerError {
            throw error
        } catch { throw ServerError.certificate(reason: "\(error)") }
        return application(.hostname(network.host, port: network.port), server, admission) { channel in
            isReady(channel.localAddress?.port)
        }
    }

    private func application(
        _ address: BindAddress, _ server: HTTPServerBuilder, _ admission: Admission,
        _ onServerRunning: @escaping @Sendable (any Channel) async -> Void
    ) -> Listener {
        // Hummingbird's own words are for whoever looks into it.
        var quiet = logger
        quiet.logLevel = .warning
        return Application(
            responder: RouteTable(routes: Route.all, server: state, admission: admission),
            server: server,
            configuration: ApplicationConfiguration(
                address: address, serverName: "dormouse",
                availableConnectionsDelegate: .maximum(Self.connectionLimit, logger: quiet)),
            onServerRunning: onServerRunning,
            logger: quiet)
    }
}

extension HostServer.Network {
    /// What the handshake asks for.
    ///
    /// - Throws: a `ServerError` if nobody could be let in, or an error of a file.
    fileprivate func transportSecurity() throws -> TLSConfiguration {
        guard tokens != nil || clientAuthorities != nil else { throw ServerError.noAdmission }
        let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
        let key = try NIOSSLPrivateKey(file: privateKey, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        if let clientAuthorities {
            configuration.trustRoots = .file(clientAuthorities)
            // Whoever connects has no name to be compared with.
            configuration.certificateVerification = .noHostnameVerification
        }
        return configuration
    }
}
