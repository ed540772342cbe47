// Requests over the network: by TLS, and with a token or a certificate. curl and OpenSSL are what we did not write.

import Foundation
import TestSupport
import Testing

@testable import HostServer

@Suite(
    "Requests over the network",
    .needs(
        Program.curl != nil && Program.openssl != nil, "curl or openssl is not installed: run scripts/setup"))
struct NetworkTests {
    /// Makes `name.pem` and `name.key` in a directory: an authority of its own, or signed by one.
    private func certificate(_ name: String, in directory: String, by authority: String? = nil) throws {
        var arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=\(name)", "-addext", "subjectAltName=DNS:localhost", "-keyout", "\(directory)/\(name).key",
            "-out", "\(directory)/\(name).pem",
        ]
        if let authority {
            arguments += ["-CA", "\(directory)/\(authority).pem", "-CAkey", "\(directory)/\(authority).key"]
        }
        let result = try Program.run(try #require(Program.openssl), arguments)
        try #require(result.exitCode == 0, "\(result.error)")
    }

    private func network(_ directory: String, _ options: [String]) -> [String] {
        [
            "--listen", "localhost:0", "--certificate", "\(directory)/server.pem", "--private-key",
            "\(directory)/server.key",
        ] + options
    }

    /// Options of a server that takes a token, and that token.
    func tokenOptions(in directory: String) throws -> (options: [String], token: String) {
        try certificate("server", in: directory)
        let made = try Program.run(Program.server, ["token", "me", "--into", "\(directory)/tokens"])
        #expect(made.exitCode == 0, "\(made.error)")
        let token = made.output.trimmingCharacters(in: .newlines)
        return (network(directory, ["--tokens", "\(directory)/tokens"]), token)
    }

    /// The status that curl is answered with; its own exit code if it is not.
    private func status(
        _ server: TestServer, _ arguments: [String], scheme: String = "https", path: String = "/v1/vms",
        format: String = "%{http_code}"
    ) throws -> String {
        let port = try #require(server.port)
        let result = try Program.run(
            try #require(Program.curl),
            [
                "--silent", "--output", "/dev/null", "--write-out", format, "--cacert",
                "\(server.directory)/server.pem", "\(scheme)://localhost:\(port)\(path)",
            ] + arguments)
        return result.exitCode == 0 ? result.output : "curl \(result.exitCode)"
    }

    /// What curl is given to show a certificate.
    private func identity(_ name: String, _ server: TestServer) -> [String] {
        ["--cert", "\(server.directory)/\(name).pem", "--key", "\(server.directory)/\(name).key"]
    }

    @Test("Only who has a token is answered, only by TLS, and the list has no token in it")
    func token() throws {
        var token = ""
        let server = try TestServer { directory in
            let (options, made) = try tokenOptions(in: directory)
            token = made
            return options
        }
        #expect(token.count == 64)
        #expect(try !String(contentsOfFile: "\(server.directory)/tokens", encoding: .utf8).contains(token))
        #expect(try status(server, ["--header", "Authorization: Bearer \(token)"]) == "200")
        #expect(try status(server, []) == "401")
        let other = token.dropLast() + (token.hasSuffix("0") ? "1" : "0")
        #expect(try status(server, ["--header", "Authorization: Bearer \(other)"]) == "401")
        #expect(try status(server, ["--header", "Authorization: Basic \(token)"]) == "401")
        // Not TLS: the connection ends.
        #expect(try status(server, ["--header", "Authorization: Bearer \(token)"], scheme: "http").hasPrefix("curl "))
        // 1.1 is too old.
        #expect(
            try status(server, ["--tls-max", "1.1", "--header", "Authorization: Bearer \(token)"]).hasPrefix("curl "))
        #expect(try status(server, ["--tls-max", "1.2", "--header", "Authorization: Bearer \(token)"]) == "200")
        // The socket needs none.
        try server.expect(200, "GET", "/v1/vms")

    }

    @Test("A token whose line is taken out is worth nothing once the server is started again, and others go on")
    func takenOut() throws {
        var first = ""
        let server = try TestServer { directory in
            let (options, made) = try tokenOptions(in: directory)
            first = made
            return options
        }
        let list = "\(server.directory)/tokens"
        let made = try Program.run(Program.server, ["token", "other", "--into", list])
        let second = made.output.trimmingCharacters(in: .newlines)
        let lines = try String(contentsOfFile: list, encoding: .utf8).split(separator: "\n")
        #expect(lines.map { $0.split(separator: ":")[0] } == ["me", "other"])
        try Data("\(lines[1])\n".utf8).write(to: URL(filePath: list))
        server.kill()
        try server.start()
        #expect(try status(server, ["--header", "Authorization: Bearer \(first)"]) == "401")
        #expect(try status(server, ["--header", "Authorization: Bearer \(second)"]) == "200")
    }

    @Test("Who has a certificate of the authority is answered, and nobody else")
    func clientCertificate() throws {
        let server = try TestServer { directory in
            try certificate("server", in: directory)
            try certificate("stranger", in: directory)
            return network(directory, try authorityOptions(in: directory))
        }
        #expect(try status(server, identity("client", server)) == "200")
        #expect(try status(server, identity("stranger", server)).hasPrefix("curl "))
        #expect(try status(server, []).hasPrefix("curl "))
    }

    /// Has curl ask for a change, which is none.
    ///
    /// - Returns: the port that it had for that, and what the server's log says of it.
    private func change(_ path: String, _ server: TestServer, _ arguments: [String]) throws -> (
        port: String, line: String
    ) {
        let format = "%{http_code} %{local_port}"
        let said = try status(server, ["--request", "DELETE"] + arguments, path: path, format: format)
        let words = said.split(separator: " ").map(String.init)
        try #require(words.count == 2 && words[0] == "404", "\(said)")
        return (words[1], try server.logLine(with: "DELETE \(path)"))
    }

    @Test("Who changes something is in the log: the address and the token's name, and the token itself is not")
    func tokenInLog() throws {
        var token = ""
        let server = try TestServer { directory in
            let (options, made) = try tokenOptions(in: directory)
            token = made
            return options
        }
        // One that is not let in is asked who it is, and nothing is done.
        #expect(try status(server, ["--request", "DELETE"], path: "/v1/vms/stranger") == "401")
        let (port, line) = try change("/v1/vms/vm", server, ["--header", "Authorization: Bearer \(token)"])
        #expect(line.contains(":\(port), token me: "), "\(line)")
        #expect(!server.log.contains(token) && !server.log.contains("stranger"), "\(server.log)")
    }

    /// Makes an authority, and a certificate `client` that it has signed.
    ///
    /// - Returns: the options of a server that asks for one.
    private func authorityOptions(in directory: String) throws -> [String] {
        try certificate("authority", in: directory)
        try certificate("client", in: directory, by: "authority")
        return ["--client-authorities", "\(directory)/authority.pem"]
    }

    @Test("Who changes something is in the log: the address and the number of the certificate")
    func certificateInLog() throws {
        let server = try TestServer { directory in
            try certificate("server", in: directory)
            return network(directory, try authorityOptions(in: directory))
        }
        let asked = try Program.run(
            try #require(Program.openssl), ["x509", "-noout", "-serial", "-in", "\(server.directory)/client.pem"])
        // "serial=0A1B…"
        let number = try #require(asked.output.split(separator: "=").last?.trimmingCharacters(in: .newlines))
        let (port, line) = try change("/v1/vms/vm", server, identity("client", server))
        #expect(number.count > 8 && line.contains(":\(port), certificate \(number.lowercased()): "), "\(line)")
    }

    @Test("Where a token and a certificate are asked for, both are needed")
    func both() throws {
        var token = ""
        let server = try TestServer { directory in
            let (options, made) = try tokenOptions(in: directory)
            token = made
            return try options + authorityOptions(in: directory)
        }
        let header = ["--header", "Authorization: Bearer \(token)"]
        #expect(try status(server, header + identity("client", server)) == "200")
        #expect(try status(server, identity("client", server)) == "401")
        #expect(try status(server, header).hasPrefix("curl "))
    }

    @Test(
        "Without TLS, or without anybody who could be let in, there is no server",
        arguments: [
            ["--listen", "localhost:0"],
            ["--listen", "localhost:0", "--certificate", "/c", "--private-key", "/k"],
            ["--listen", "localhost:0", "--certificate", "/c", "--private-key", "/k", "--tokens", "/dev/null"],
            ["--listen", "localhost", "--certificate", "/c", "--private-key", "/k", "--tokens", "/dev/null"],
            ["--tokens", "/dev/null"],
        ])
    func refused(_ options: [String]) throws {
        let result = try Program.run(
            Program.server, ["--store", "/nowhere", "--socket", "/nowhere/socket"] + options)
        #expect(result.exitCode == 64 && !result.error.isEmpty, "\(result.exitCode): \(result.error)")
    }
}

@Suite("Lists of tokens")
struct TokenListTests {
    // FIPS 180-4's own example: SHA-256 of "abc".
    private static let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    @Test("A token is known by its SHA-256, and another one is not")
    func names() throws {
        let list = try TokenList("# mine\n\nme:\(Self.abc)\n")
        #expect(list.name(of: "abc") == "me")
        #expect(list.name(of: "abd") == nil && list.name(of: "") == nil)
    }

    @Test(
        "A list that is damaged, or empty, lets nobody in",
        arguments: ["", "# nothing", "me", "me:12", "m e:\(abc)", "me:\(abc):x"])
    func wrong(_ text: String) {
        #expect(throws: TokenList.Failure.self) { try TokenList(text) }
    }
}
