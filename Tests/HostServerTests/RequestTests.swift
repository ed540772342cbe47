// Requests that are wrong, or meant to do harm: each gets a clear answer, or its connection ends, and the server goes on.

import Foundation
import Glibc
import HostSupport
import TestSupport
import Testing

@Suite("Requests that are wrong")
struct RequestTests {
    private struct Wrong {
        var method = "POST"
        var path = "/v1/vms"
        var body: String? = nil
        var type = "application/json"
        var status: Int
        var reason: String
    }

    private static let wrong = [
        Wrong(method: "GET", path: "/v2", status: 404, reason: "not-found"),
        Wrong(method: "GET", path: "/v1/vms/", status: 404, reason: "not-found"),
        Wrong(method: "GET", path: "/v1/vms/..%2f..%2fetc", status: 404, reason: "not-found"),
        Wrong(method: "GET", path: "/v1/vms/%00", status: 404, reason: "not-found"),
        Wrong(method: "GET", path: "/v1/vms/%zz", status: 404, reason: "not-found"),
        Wrong(method: "GET", path: "/v1/vms/--help", status: 404, reason: "not-found"),
        Wrong(method: "PUT", status: 405, reason: "method-not-allowed"),
        Wrong(method: "TRACE", status: 405, reason: "method-not-allowed"),
        Wrong(method: "GET", path: "/v1/vms?all=true", status: 400, reason: "bad-request"),
        Wrong(method: "GET", path: "/v1/events?follow=maybe", status: 400, reason: "bad-request"),
        Wrong(method: "GET", path: "/v1/events?after=../x:1", status: 400, reason: "bad-request"),
        Wrong(body: "", status: 422, reason: "invalid"),
        Wrong(body: "{", status: 400, reason: "bad-request"),
        Wrong(body: "[]", status: 400, reason: "bad-request"),
        Wrong(body: String(repeating: "[", count: 60_000), status: 400, reason: "bad-request"),
        Wrong(body: String(repeating: " ", count: 1 << 17), status: 413, reason: "too-large"),
        Wrong(
            body: "name=vm", type: "application/x-www-form-urlencoded", status: 415, reason: "unsupported-media-type"),
        Wrong(body: #"{"name": "vm", "kernle": "/k"}"#, status: 422, reason: "invalid"),
        Wrong(body: #"{"name": "vm", "cpus": "two", "kernel": "/k"}"#, status: 422, reason: "invalid"),
        Wrong(body: #"{"name": "vm", "cpus": 1e300, "kernel": "/k"}"#, status: 422, reason: "invalid"),
        Wrong(body: #"{"name": "vm", "kernel": "/k\u0000"}"#, status: 422, reason: "invalid"),
        Wrong(body: #"{"name": "vm", "kernel": "/k", "boot-menu": 66}"#, status: 422, reason: "invalid"),
        Wrong(body: #"{"name": "--help", "kernel": "/k"}"#, status: 422, reason: "invalid"),
        Wrong(body: #"{"name": "vm", "kernel": "/no/such/kernel"}"#, status: 422, reason: "invalid"),
    ]

    @Test("Each is answered with a problem detail that says what is wrong, and nothing is made")
    func problems() throws {
        let server = try TestServer()
        for wrong in Self.wrong {
            let connection = try server.connect()
            try connection.send(
                wrong.method, wrong.path, body: wrong.body,
                headers: ["Content-Type: \(wrong.type)", "Connection: close"])
            let reply = try connection.reply()
            let problem = try reply.decoded(ProblemReply.self)
            #expect(reply.status == wrong.status && problem.reason == wrong.reason, "\(wrong): \(reply.text)")
            #expect(reply.headers["content-type"] == "application/problem+json" && problem.status == reply.status)
        }
        #expect(try server.expect(200, "GET", "/v1/vms").text == #"{"vms":[]}"#)
    }

    @Test("What is no HTTP, or has too long a head, ends its connection, and others are served")
    func noHTTP() throws {
        let server = try TestServer()
        let long = String(repeating: "x", count: 100_000)
        let fields = (0...100).map { "X-\($0): x\r\n" }.joined()
        for text in [
            "\u{0}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nX: \(long)\r\n\r\n",
            "GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n", "POST /v1/vms HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "POST /v1/vms HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "GET /v1/vms HTTP/1.1\r\nHost: x\r\n\(fields)\r\n",
        ] {
            let connection = try server.connect()
            try connection.send(text)
            // An answer that says no, or none at all.
            if let status = try? connection.head().status {
                #expect((400..<500).contains(status), "\(text.prefix(40))")
            }
        }
        try server.expect(200, "GET", "/v1/vms")
    }

    @Test("A page of somebody else's cannot have a browser ask for anything")
    func crossSite() throws {
        let server = try TestServer()
        for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)] {
            #expect(try server.ask("GET", "/v1/vms", headers: ["Sec-Fetch-Site: \(site)"]).status == status)
        }
    }

    @Test("The page loads nothing of anybody else's")
    func page() throws {
        let server = try TestServer()
        let page = try server.expect(200, "GET", "/")
        #expect(page.headers["content-security-policy"]?.contains("default-src 'none'; script-src 'self'") == true)
        for match in page.text.matches(of: /(?:src|href)="(\/[^"]+)"/) {
            try server.expect(200, "GET", String(match.1))
        }
    }

    @Test("HEAD is answered as GET is, without the content")
    func head() throws {
        let server = try TestServer()
        let connection = try server.connect()
        try connection.send("HEAD", "/v1/vms", headers: ["Connection: close"])
        let reply = try connection.head()
        #expect(reply.status == 200 && reply.headers["content-length"] == "10")
    }

    @Test("A connection serves several requests, one after the other")
    func keepAlive() throws {
        let server = try TestServer()
        let connection = try server.connect()
        for _ in 0..<3 {
            try connection.send("GET", "/v1/vms")
            #expect(try connection.reply().text == #"{"vms":[]}"#)
        }
    }

    @Test("More streams than there may be are refused, others are answered, and one that ends makes room")
    func streams() throws {
        let server = try TestServer()
        var streams = try (0..<64).map { _ in try server.events("/v1/events") }
        let refused = try server.expect(503, "GET", "/v1/events").decoded(ProblemReply.self)
        #expect(refused.reason == "busy" && refused.detail.contains("64"), "\(refused)")
        try server.expect(200, "GET", "/v1/vms")
        streams.removeLast()
        // It is noticed when it is.
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while try server.ask("GET", "/v1/events?follow=false").status != 200 {
            try #require(ContinuousClock.now < deadline, "nobody has made room")
            usleep(10_000)
        }
        withExtendedLifetime(streams) {}
    }

    @Test("Without options it serves the user's VMs at the user's socket, and says so to a service manager")
    func defaults() throws {
        let temporary = try TemporaryDirectory()
        defer { withExtendedLifetime(temporary) {} }
        let directory = temporary.path
        let manager = try NotificationSocket(isAbstract: false)
        let process = Process()
        process.executableURL = Program.server
        process.environment = [
            "XDG_RUNTIME_DIR": directory, "XDG_DATA_HOME": "\(directory)/data", "NOTIFY_SOCKET": manager.name,
            "PATH": "/nowhere",
        ]
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        #expect(manager.receive() == "READY=1")
        let connection = HTTPConnection(try .connected(directory: directory, name: "dormouse.socket"))
        try connection.send("GET", "/v1/vms/vm", headers: ["Connection: close"])
        let problem = try connection.reply().decoded(ProblemReply.self)
        #expect(problem.detail.contains("\(directory)/data/dormouse/vms"), "\(problem)")
        // `dormouse` is beside it, and says what it thinks of that kernel.
        let other = HTTPConnection(try .connected(directory: directory, name: "dormouse.socket"))
        try other.send(
            "POST", "/v1/vms", body: #"{"name": "vm", "kernel": "/no/such/kernel"}"#,
            headers: ["Content-Type: application/json", "Connection: close"])
        let declined = try other.reply().decoded(ProblemReply.self)
        #expect(declined.reason == "invalid" && declined.exitCode == 64, "\(declined)")
    }

    @Test(
        "What it cannot serve with is said in a line, with exit code 64",
        arguments: [
            (["--program", "/nowhere/dormouse"], "--program"), ([], "--socket"),
            (["--socket", "/nowhere/socket", "--store", ""], "empty"),
        ])
    func unusable(options: [String], words: String) throws {
        let directory = try TemporaryDirectory()
        let socket = options.contains("--program") ? ["--socket", "\(directory.path)/socket"] : []
        let result = try Program.run(
            Program.server, options + socket, environment: ["DORMOUSE_STORE": "\(directory.path)/store"])
        let lines = result.error.split(separator: "\n")
        #expect(result.exitCode == 64 && lines.count == 1 && result.error.contains(words), "\(result.error)")
    }

    @Test("The socket is its owner's alone, and a second server does not take it")
    func socket() throws {
        let server = try TestServer()
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(server.directory)/socket")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        let second = try Program.run(
            Program.server, ["--store", server.store, "--socket", "\(server.directory)/socket"])
        #expect(second.exitCode == 64 && second.error.contains("another server has"), "\(second.error)")
        try server.expect(200, "GET", "/v1/vms")
    }

    @Test(
        "Who changes something is in the log: the user and the process that the kernel says they are",
        .needs(Program.curl != nil, "curl is not installed: run scripts/setup"))
    func peers() throws {
        let server = try TestServer()
        let socket = "\(server.directory)/socket"
        try server.expect(200, "GET", "/v1/vms")
        try server.expect(404, "DELETE", "/v1/vms/own")
        let own = try server.logLine(with: "DELETE /v1/vms/own")
        #expect(own.contains(" user \(getuid()), process \(getpid()): "), "\(own)")

        // Another process; root's may be another user's, too, if that one may open the socket.
        var others: [(user: uid_t, launcher: [String])] = [(getuid(), [])]
        if getuid() == 0 { others.append((65534, ["setpriv", "--reuid=65534", "--clear-groups"])) }
        chmod(server.directory, 0o755)
        for (user, launcher) in others {
            let path = "/v1/vms/of-\(user)"
            try #require(chown(socket, user, getgid()) == 0)
            // The shell's process becomes curl.
            let result = try Program.run(
                URL(filePath: "/bin/sh"),
                ["-c", "echo $$; exec \"$@\"", "sh"] + launcher + [
                    try #require(Program.curl).path, "--silent", "--request", "DELETE", "--unix-socket", socket,
                    "http://localhost\(path)",
                ])
            let process = try #require(result.output.split(separator: "\n").first, "\(result.error)")
            let line = try server.logLine(with: "DELETE \(path)")
            #expect(line.contains(" user \(user), process \(process): "), "\(line)")
        }
        // What changes nothing is not in it.
        #expect(!server.log.contains("GET"), "\(server.log)")
    }

    @Test("`dormouse serve` becomes the server that is beside it, with its options, and says so where there is none")
    func command() throws {
        let help = try Program.run(Program.dormouse, ["serve", "--help"])
        #expect(help.exitCode == 0 && help.output.contains("--client-authorities"), "\(help.error)")
        let wrong = try Program.run(Program.dormouse, ["serve", "--socket", "/nowhere/socket", "--listen", "x:1"])
        #expect(wrong.exitCode == 64, "\(wrong.error)")
        let alone = try TemporaryFile(Array(try Data(contentsOf: Program.dormouse)))
        chmod(alone.path, 0o700)
        let missing = try Program.run(URL(filePath: alone.path), ["serve"], environment: ["PATH": "/nowhere"])
        #expect(missing.exitCode == 64 && missing.error.contains("there is no dormouse-serve"), "\(missing.error)")
    }
}
