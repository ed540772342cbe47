// SIGKILL of the server, or of the process by which it does something, at every step of a request: strace(1) kills
// whichever comes to the N-th system call of one kind.
//
// What KillPointTests of the command line do with verbs alone. In every run before a file gets its name, nightly at
// more of them.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite(
    "SIGKILL of the server at every step", .serialized,
    .needs(
        Guest.areBuilt && Program.strace != nil, "there are no guests, or no strace: run Guests/build, scripts/setup"))
struct ServerKillTests {
    /// What is done with the VM before the request.
    enum Step: Sendable, Hashable {
        /// It is started, and its run ends by itself.
        case run
        /// It is started, and runs on. It is its own process, which goes on when others are killed.
        case begin
        /// Something is asked for, and done.
        case ask(String)
        /// Its disk is one with an image of Linux's.
        case hibernate
        /// What is remembered of it cannot be read any more.
        case damage
    }

    /// A request, the states that the VM may be in when somebody was killed, and the one that it is in at last.
    struct Request: Sendable, CustomTestStringConvertible {
        var method: String
        var path: String
        var body: String?
        var status: Int
        var makes = false
        var guest: (guest: Guest, append: String) = (.systemOff2, "end=off2")
        var hasDisk = false
        var before: [Step] = []
        var allowed: Set<String?>
        var after: String?
        /// Another VM that may be there, or is there instead.
        var other: String?

        var testDescription: String { "\(method) \(path) \(other == nil ? "" : body ?? "")" }

        static func post(
            _ verb: String, _ body: String = "{}", _ guest: (guest: Guest, append: String) = (.systemOff2, "end=off2"),
            hasDisk: Bool = false, before: [Step] = [], allowed: Set<String?>, after: String?, other: String? = nil,
            status: Int = 200
        ) -> Request {
            Request(
                method: "POST", path: "/v1/vms/vm/\(verb)", body: body, status: status, guest: guest, hasDisk: hasDisk,
                before: before, allowed: allowed, after: after, other: other)
        }
    }

    private static let creation =
        #"{"name": "vm", "kernel": "\#(Guest.systemOff2.path)", "memory": "64M", "append": "end=off2"}"#
    private static let idle = (guest: Guest.idle, append: "seconds=3600")
    private static let sleeper = (guest: Guest.sleeper, append: "cycles=1")
    /// The guest cannot be asked, and is ended instead.
    private static let demand = #"{"timeout": 0, "then": "kill"}"#

    static let requests = [
        Request(
            method: "POST", path: "/v1/vms", body: creation, status: 201, makes: true, allowed: [nil, "defined"],
            after: "defined"),
        Request(
            method: "DELETE", path: "/v1/vms/vm?force=true", body: nil, status: 204, allowed: ["defined", nil],
            after: nil),
        .post("bump", allowed: ["defined"], after: "defined"),
        .post("start", allowed: ["defined", "unknown", "hibernated"], after: "hibernated"),
        .post("start", before: [.run], allowed: ["unknown", "hibernated"], after: "hibernated"),
        // One whose guest runs on: it is its own process, whoever asked for it.
        .post(
            "start", #"{"waitFor": "idle"}"#, idle, allowed: ["defined", "unknown", "running"], after: "running"),
        // Its run is ended in order, which is no failure of the power.
        .post("hibernate", demand, idle, before: [.begin], allowed: ["running", "powered-off"], after: "powered-off"),
        .post("stop", demand, idle, before: [.begin], allowed: ["running", "powered-off"], after: "powered-off"),
        .post("pause", "{}", idle, before: [.begin], allowed: ["running", "paused"], after: "paused"),
        .post(
            "unpause", "{}", idle, before: [.begin, .ask("pause")], allowed: ["paused", "running"], after: "running"),
        .post("kill", "{}", idle, before: [.begin], allowed: ["running", "unknown"], after: "unknown"),
        .post("rename", #"{"name": "new"}"#, allowed: ["defined", nil], after: nil, other: "new", status: 201),
        .post(
            "copy", #"{"name": "new", "by": "full"}"#, hasDisk: true, allowed: ["defined"], after: "defined",
            other: "new", status: 201),
        .post(
            "copy", #"{"name": "new", "by": "overlay"}"#, hasDisk: true, allowed: ["defined"], after: "defined",
            other: "new", status: 201),
        .post(
            "discard", "{}", sleeper, hasDisk: true, before: [.run],
            allowed: ["hibernated", "unknown", "powered-off"], after: "powered-off"),
        .post(
            "restore-image", hasDisk: true, before: [.hibernate, .run, .ask("discard")],
            allowed: ["powered-off", "unknown", "hibernated"], after: "hibernated"),
        .post("repair", before: [.run, .damage], allowed: ["broken", "defined"], after: "defined"),
        Request(
            method: "PATCH", path: "/v1/vms/vm", body: #"{"hibernation.on-change": "keep"}"#, status: 200,
            allowed: ["defined"], after: "defined"),
    ]

    private static let calls =
        ["?rename,?renameat,?renameat2"]
        + (Nightly.isOn
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
                if !request.makes { try prepare(server, request) }
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
                let state = try settled(server)
                // One who was killed after the answer was disturbed as well.
                undisturbed += first == request.status && state == request.after ? 1 : 0
                #expect(request.allowed.contains(state), "\(state ?? "none"), \(comment)")

                try server.start()
                let again = try ask(server, request, key: "first")
                // Nobody knows, the process was killed, or it was done, then or now. One whose process had taken the VM
                // away before it was killed finds it gone.
                #expect(([request.status, 409, 500] + (request.after == nil ? [404] : [])).contains(again), comment)
                if first == request.status { #expect(again == request.status, comment) }
                let next = try settled(server)
                #expect(request.allowed.contains(next), "\(next ?? "none"), \(comment)")
                let said = try server.ask("GET", "/v1/vms/vm")
                let words = said.status == 404 ? nil : try said.decoded(VMReply.self).state
                #expect(words == next, comment)
                if request.method == "POST", request.path.hasSuffix("rename") {
                    #expect(try (next == nil) != (self.state(server, "new") == nil), comment)
                }

                _ = try ask(server, request, key: "second")
                #expect(try settled(server) == request.after, comment)
                if let new = request.other { #expect(try self.state(server, new) == "defined", comment) }
                if request.before.contains(.hibernate) {
                    let disk = try Data(contentsOf: URL(filePath: "\(server.directory)/vm.img"))
                    #expect([UInt8](disk) == LinuxImage.disk, comment)
                }
                #expect(try files(server) == other, comment)
                number += 1
            }
        }
    }

    private func ask(_ server: TestServer, _ request: Request, key: String) throws -> Int {
        try server.ask(request.method, request.path, request.body, headers: ["Idempotency-Key: \(key)"]).status
    }

    /// Has the VM be what the request needs.
    private func prepare(_ server: TestServer, _ request: Request) throws {
        try server.make("vm", request.guest.guest, append: request.guest.append, disk: request.hasDisk)
        for step in request.before {
            switch step {
            case .hibernate: try Data(LinuxImage.disk).write(to: URL(filePath: "\(server.directory)/vm.img"))
            case .damage: try Data("{".utf8).write(to: URL(filePath: "\(server.store)/vm/state.json"))
            case .ask(let verb): try server.expect(200, "POST", "/v1/vms/vm/\(verb)")
            case .begin: try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
            case .run:
                try server.expect(200, "POST", "/v1/vms/vm/start")
                try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
            }
        }
    }

    /// What the command says of the VM when a run that ends by itself has ended.
    private func settled(_ server: TestServer) throws -> String? {
        while let state = try state(server) {
            let isOnItsWay = try ["starting", "hibernating", "stopping"].contains(state) || isAboutToEnd(server, state)
            guard isOnItsWay else { return state }
            usleep(20_000)
        }
        return nil
    }

    /// Whether it is the guest that ends by itself at once that runs.
    private func isAboutToEnd(_ server: TestServer, _ state: String) throws -> Bool {
        guard state == "running" else { return false }
        let configuration = try String(contentsOfFile: "\(server.store)/vm/vm.toml", encoding: .utf8)
        return !configuration.contains("seconds=3600")
    }

    /// What the command says of a VM, `broken` if it cannot say anything; nil if there is none.
    private func state(_ server: TestServer, _ name: String = "vm") throws -> String? {
        let (code, output, error) = try Program.run(Program.dormouse, ["status", name, "--store", server.store])
        guard code == 64 else { return output.trimmingCharacters(in: .newlines) }
        return error.contains("cannot be used") ? "broken" : nil
    }

    /// The files of the VM that nothing is done to.
    private func files(_ server: TestServer) throws -> [String: Data] {
        let directory = "\(server.store)/other"
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        return try Dictionary(
            uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(filePath: "\(directory)/\($0)"))) })
    }
}
