// `dormouse-serve`, which `dormouse serve` becomes: a server for the VMs of a store. A program of its own, so that
// `dormouse` has no HTTP and no TLS in it.
//
// Responsible for: options, words and exit codes. Not responsible for: serving (`HostServer`).

import ArgumentParser
import Glibc
import HostServer
import HostSupport
import KeptVMs
import Logging

@main
struct DormouseServe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dormouse serve",
        abstract: "Serve the VMs that are kept: REST at a UNIX socket, and by TLS over the network.",
        discussion:
            "docs/serve.md has the requests, and openapi.json, which the server itself gives at /v1/openapi.json.",
        subcommands: [MakeToken.self])

    /// Exit codes of sysexits.h, as `dormouse` has them.
    static let usage = ArgumentParser.ExitCode(64)
    static let hostFailed = ArgumentParser.ExitCode(70)

    @Option(
        help: ArgumentHelp(
            "The directory of the VMs. (default: $DORMOUSE_STORE, or dormouse/vms in $XDG_DATA_HOME)",
            valueName: "directory"))
    var store: String?

    @Option(
        help: ArgumentHelp(
            "The socket; whoever may open it may do everything. (default: dormouse.socket in $XDG_RUNTIME_DIR)",
            valueName: "file"))
    var socket: String?

    @Option(
        help: ArgumentHelp(
            "Serve over the network, too, by TLS: 192.0.2.1:8443, or [::1]:8443. (default: no)", valueName: "address"))
    var listen: String?

    @Option(help: ArgumentHelp("The server's certificate and those above it, in PEM.", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("The certificate's private key, in PEM.", valueName: "file"))
    var privateKey: String?

    @Option(help: ArgumentHelp("The hashes of tokens, one of which has to be sent.", valueName: "file"))
    var tokens: String?

    @Option(
        help: ArgumentHelp(
            "Certificates, in PEM, one of which has to have signed the client's.", valueName: "file"))
    var clientAuthorities: String?

    @Option(
        help: ArgumentHelp(
            "The program that VMs are started with. (default: dormouse beside this one)", valueName: "file"))
    var program: String?

    func validate() throws {
        guard listen == nil || (certificate != nil && privateKey != nil) else {
            throw ValidationError("--listen is by TLS: give --certificate and --private-key, too")
        }
        guard listen == nil || tokens != nil || clientAuthorities != nil else {
            throw ValidationError("--listen lets nobody in: give --tokens or --client-authorities, too")
        }
        guard listen != nil || [certificate, privateKey, tokens, clientAuthorities].allSatisfy({ $0 == nil }) else {
            throw ValidationError("--certificate, --private-key, --tokens and --client-authorities are for --listen")
        }
    }

    func run() async throws {
        // Of whoever was started with it ignored, the kernel keeps from it how a child ended.
        signal(SIGCHLD, SIG_DFL)
        do {
            let manager = try? ServiceManager.take()
            let store = try store.map { VMStore(path: try Place.absolute($0)) } ?? .default
            let socket = try Place.socket(socket)
            var logger = Logger(label: "dormouse-serve")
            logger.logLevel = .info
            let server = HostServer(store: store, program: try Place.program(program), logger: logger)
            try await server.run(socket: socket, network: try network()) { port in
                let address = port.map { ", and by TLS at port \($0)" } ?? ""
                DormouseServe.say("serves the VMs of \(store.path) at \(socket)\(address)")
                try? manager?.tell([("READY", "1")])
            }
        } catch let error as any AttributedError {
            DormouseServe.say("\(error)")
            throw error.isHosts ? DormouseServe.hostFailed : DormouseServe.usage
        }
    }

    static func say(_ words: String) {
        _ = writeAll(Array("dormouse-serve: \(words)\n".utf8), to: STDERR_FILENO)
    }

    private func network() throws -> HostServer.Network? {
        guard let listen, let certificate, let privateKey else { return nil }
        let (host, port) = try Place.address(listen)
        let list = try tokens.map { try TokenList(try Place.text($0)) }
        return HostServer.Network(
            host: host, port: port, certificate: certificate, privateKey: privateKey, tokens: list,
            clientAuthorities: clientAuthorities)
    }
}

struct MakeToken: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make a token, print it, and add its hash to a list.",
        discussion: "The token is in no file: it is printed once.")

    @Argument(help: "A name for the token, by which the log calls whoever has it.")
    var name: String

    @Option(help: ArgumentHelp("The list of hashes, which is made if it is not there.", valueName: "file"))
    var into: String

    func run() throws {
        do {
            let (token, line) = try TokenList.make(name: name)
            try Place.append("\(line)\n", to: into)
            print(token)
        } catch let error as any AttributedError {
            DormouseServe.say("\(error)")
            throw error.isHosts ? DormouseServe.hostFailed : DormouseServe.usage
        }
    }
}
