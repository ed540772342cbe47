// SIGKILL of the server, or of the process by which it does something, at every step of a request: strace(1) kills
// whichever comes to the N-th system call of one kind.
//
// What KillPointTests of the command line do with verbs alone. In every run before a file gets its name, nightly at
// more of them.

import Foundation
import TestSupport
import Testing

@Suite(
    "SIGKILL of the server at every step", .serialized,
    .needs(
        Guest.areBuilt && Program.strace != nil, "there are no guests, or no strace: run Guests/build, scripts/setup"))
struct ServerKillTests {
    /// A request, the states that the VM may be in when somebody was killed, and the one that it is in at last.
    struct Request: Sendable, CustomTestStringConvertible {
        var method: String
        var path: String
        var body: String?
        var status: Int
        var makes = false
        var allowed: Set<String?>
        var after: String?

        var testDescription: String { "\(method) \(path)" }
    }

    private static let creation = #"{"name": "vm", "kernel": "\#(Guest.systemOff2.path)", "memory": "64M"}"#

    static let requests = [
        Request(
            method: "POST", path: "/v1/vms", body: creation, status: 201, makes: true, allowed: [nil, "defined"],
            after: "defined"),
        Request(
            method: "DELETE", path: "/v1/vms/vm?force=true", body: nil, status: 204, allowed: ["defined", nil],
            after: nil),
        Request(
            method: "POST", path: "/v1/vms/vm/bump", body: "{}", status: 200, allowed: ["defined"], after: "defined"),
    ]

    private static let calls =
        ["?rename,?renameat,?renameat2"]
        + (ProcessInfo.processInfo.environment["DORMOUSE_NIGHTLY"] == "1"
            ? ["fsync", "?unlink,?unlinkat", "write"] : [])

    @Test(
        "The state is right, a request that comes again does nothing twice, and other VMs are as before",
        arguments: requests)
    func kill(request: Request) throws {
        for call in Self.calls {
            var number = 1
            var undisturbed = 0
            // The server does some things once, and some for each request: so once more after one that was answered.
            while undisturbed < 2 {
                let comment: Comment = "killed before \(call) \(number)"
                let server = try TestServer()
                try server.make("other", .systemOff2)
                if !request.makes { try server.expect(201, "POST", "/v1/vms", Self.creation) }
                let other = try files(server)
                server.kill()

                let strace = try #require(Program.strace)
                let options = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)"]
                let isThere = try server.start(
                    under: (strace, options + ["-e", "inject=\(call):signal=KILL:when=\(number)", "--"]))
                var first: Int?
                // One that was killed meanwhile gives no answer, or cannot be asked any more.
                if isThere { first = try? ask(server, request, key: "first") }
                server.kill()
                undisturbed += first == request.status ? 1 : 0
                #expect(request.allowed.contains(try state(server)), comment)

                try server.start()
                let again = try ask(server, request, key: "first")
                // Nobody knows, the process was killed, or it was done, then or now.
                #expect([request.status, 409, 500].contains(again), "\(again), \(comment)")
                if first == request.status { #expect(again == request.status, comment) }
                #expect(request.allowed.contains(try state(server)), comment)
                let said = try server.ask("GET", "/v1/vms/vm")
                let words = said.status == 404 ? nil : try said.decoded(VMReply.self).state
                #expect(try words == state(server), comment)

                _ = try ask(server, request, key: "second")
                #expect(try state(server) == request.after, comment)
                #expect(try files(server) == other, comment)
                number += 1
            }
        }
    }

    private func ask(_ server: TestServer, _ request: Request, key: String) throws -> Int {
        try server.ask(request.method, request.path, request.body, headers: ["Idempotency-Key: \(key)"]).status
    }

    /// What the command says of the VM; nil if there is none.
    private func state(_ server: TestServer) throws -> String? {
        let (code, output, _) = try Program.run(Program.dormouse, ["status", "vm", "--store", server.store])
        return code == 64 ? nil : output.trimmingCharacters(in: .newlines)
    }

    /// The files of the VM that nothing is done to.
    private func files(_ server: TestServer) throws -> [String: Data] {
        let directory = "\(server.store)/other"
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(filePath: "\(directory)/\($0)"))) })
    }
}
