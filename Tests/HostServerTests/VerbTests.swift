// What is done with VMs by requests: a whole life, and what keeps a verb from being done.

import Foundation
import TestSupport
import Testing

@Suite("Verbs by requests", .needs(Guest.areBuilt, Guest.whyNot))
struct VerbTests {
    @Test("A VM is made, started, hibernated, resumed and removed")
    func life() throws {
        let server = try TestServer()
        try server.make("vm", .sleeper, append: "cycles=1", disk: true)
        #expect(try server.vm("vm").state == "defined")
        try server.expect(200, "POST", "/v1/vms/vm/start")
        struct Ended: Decodable {
            var ended: Bool
            var vm: VMReply
        }
        let slept = try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60").decoded(Ended.self)
        #expect(slept.ended && slept.vm.state == "hibernated" && slept.vm.lastEnd?.exitCode == 40)

        // With it would go what its guest goes on with.
        #expect(try server.expect(409, "DELETE", "/v1/vms/vm").decoded(ProblemReply.self).reason == "declined")
        let resumed = try server.expect(200, "POST", "/v1/vms/vm/start", "{}").decoded(OutcomeReply.self)
        #expect(resumed.words.contains { $0.contains("resumed") }, "\(resumed.words)")
        let off = try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60").decoded(Ended.self)
        #expect(off.vm.state == "powered-off" && off.vm.lastEnd?.exitCode == 0)
        // Its image could be put back, as long as nobody writes to the disk.
        try server.expect(409, "DELETE", "/v1/vms/vm")
        try server.expect(204, "DELETE", "/v1/vms/vm?force=true")
        #expect(try server.expect(404, "GET", "/v1/vms/vm").decoded(ProblemReply.self).reason == "not-found")
    }

    @Test("A start that would show a hibernated guest another machine is refused, and says which verb helps")
    func refusal() throws {
        let server = try TestServer()
        try server.make("vm", .sleeper, append: "cycles=1", disk: true)
        try server.expect(200, "POST", "/v1/vms/vm/start")
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        try server.expect(200, "PATCH", "/v1/vms/vm", #"{"cpus": 2}"#)
        let refused = try server.expect(409, "POST", "/v1/vms/vm/start").decoded(ProblemReply.self)
        #expect(refused.reason == "refused-environment" && refused.exitCode == 50, "\(refused)")
        #expect(try server.vm("vm").state == "hibernated")

        struct Inspection: Decodable {
            struct Start: Decodable {
                struct Difference: Decodable { var path: String }
                var differences: [Difference]
            }
            var nextStart: Start
        }
        let inspection = try server.expect(200, "GET", "/v1/vms/vm/inspection").decoded(Inspection.self)
        #expect(inspection.nextStart.differences.contains { $0.path == "cpu.count" })
        let kept = try server.expect(200, "POST", "/v1/vms/vm/start", #"{"onChange": "keep"}"#)
        #expect(kept.text.contains("resumed"), "\(kept.text)")
    }

    @Test("A start over a disk that was written meanwhile is refused, and needs both words to be clean")
    func changedDisk() throws {
        let server = try TestServer()
        try server.make("vm", .sleeper, append: "cycles=1", disk: true)
        try server.expect(200, "POST", "/v1/vms/vm/start")
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        let disk = URL(filePath: "\(server.directory)/vm.img")
        var bytes = try Data(contentsOf: disk)
        bytes[1_000_001] = 1
        try bytes.write(to: disk)
        for body in ["{}", #"{"fresh": true}"#] {
            let refused = try server.expect(409, "POST", "/v1/vms/vm/start", body).decoded(ProblemReply.self)
            #expect(refused.reason == "refused-disks" && refused.exitCode == 51, "\(body): \(refused)")
        }
        #expect(try server.vm("vm").state == "hibernated")
        let clean = try server.expect(200, "POST", "/v1/vms/vm/start", #"{"fresh": true, "acceptDiskChange": true}"#)
        #expect(try clean.decoded(OutcomeReply.self).words.contains { $0.contains("booted clean") }, "\(clean.text)")
    }

    @Test("A start of a guest that was hibernated for too long is refused until the limit is taken out")
    func expired() throws {
        let server = try TestServer()
        try server.make("vm", .sleeper, append: "cycles=1", disk: true)
        try server.expect(200, "PATCH", "/v1/vms/vm", #"{"hibernation.expires-after": "1s"}"#)
        try server.expect(200, "POST", "/v1/vms/vm/start")
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while try !server.expect(200, "GET", "/v1/vms/vm/inspection").text.contains("refused-expired") {
            try #require(ContinuousClock.now < deadline, "it does not become too old")
            usleep(100_000)
        }
        let refused = try server.expect(409, "POST", "/v1/vms/vm/start").decoded(ProblemReply.self)
        #expect(refused.reason == "refused-expired" && refused.exitCode == 52, "\(refused)")
        // A key that goes is one that was never there.
        try server.expect(200, "PATCH", "/v1/vms/vm", #"{"hibernation.expires-after": null}"#)
        let file = try String(contentsOfFile: "\(server.store)/vm/vm.toml", encoding: .utf8)
        #expect(!file.contains("expires-after"), "\(file)")
        let resumed = try server.expect(200, "POST", "/v1/vms/vm/start").decoded(OutcomeReply.self)
        #expect(resumed.words.contains { $0.contains("resumed") }, "\(resumed)")
    }

    @Test("Of several keys all are set or none, and one that no VM has is named")
    func settings() throws {
        let server = try TestServer()
        try server.make("vm", .systemOff2)
        func file() throws -> String { try String(contentsOfFile: "\(server.store)/vm/vm.toml", encoding: .utf8) }
        let before = try file()
        let wrong = try server.expect(422, "PATCH", "/v1/vms/vm", #"{"cpus": 4, "cores": 3}"#)
        #expect(try wrong.decoded(ProblemReply.self).detail.contains("cores is no key"), "\(wrong.text)")
        try server.expect(422, "PATCH", "/v1/vms/vm", "{}")
        #expect(try file() == before)
        try server.expect(200, "PATCH", "/v1/vms/vm", #"{"cpus": 4, "hibernation.on-change": "keep"}"#)
        let after = try file()
        #expect(after.contains("cpus = 4") && after.contains("keep"), "\(after)")
    }

    @Test("A client that goes away before its answer changes nothing about what it asked for")
    func clientGoes() throws {
        let server = try TestServer()
        try server.make("vm", .idle, append: "seconds=3600")
        let events = try server.events("/v1/events?from=now")
        do {
            let connection = try server.connect()
            try connection.send(
                "POST", "/v1/vms/vm/start", body: #"{"waitFor": "idle"}"#,
                headers: ["Content-Type: application/json", "Idempotency-Key: one"])
        }
        _ = try events.next("state") { $0.data.contains("\"running\"") }
        // Its answer is kept for it.
        func again() throws -> Reply {
            try server.ask(
                "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#, headers: ["Idempotency-Key: one"])
        }
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        var reply = try again()
        while reply.status == 409, ContinuousClock.now < deadline { reply = try again() }
        #expect(reply.status == 200, "\(reply.text)")
        #expect(try server.vm("vm").state == "running")
    }

    @Test("An image that was discarded is put back as it was, once, and not over a disk that somebody wrote since")
    func restoring() throws {
        let server = try TestServer()
        let disk = URL(filePath: "\(server.directory)/vm.img")
        try server.make("vm", .systemOff2, append: "end=off2", disk: true)
        // What this guest has no part in, it leaves alone.
        try Data(LinuxImage.disk).write(to: disk)
        func restore() throws -> ProblemReply {
            try server.expect(409, "POST", "/v1/vms/vm/restore-image").decoded(ProblemReply.self)
        }
        let nothing = try restore()
        #expect(nothing.reason == "declined" && nothing.exitCode == 64 && nothing.detail.contains("lost no"))
        try server.expect(200, "POST", "/v1/vms/vm/start")
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        #expect(try server.vm("vm").state == "hibernated")

        try server.expect(200, "POST", "/v1/vms/vm/discard")
        #expect(try server.vm("vm").state == "powered-off")
        // As Linux leaves swap without an image.
        let without = [UInt8](try Data(contentsOf: disk))
        #expect(without[4086..<4096].elementsEqual("SWAPSPACE2".utf8))
        let restored = try server.expect(200, "POST", "/v1/vms/vm/restore-image").decoded(OutcomeReply.self)
        #expect(restored.exitCode == 0 && restored.vm.state == "hibernated", "\(restored)")
        #expect(restored.words.contains { $0.contains(disk.path) }, "\(restored)")
        #expect([UInt8](try Data(contentsOf: disk)) == LinuxImage.disk)
        #expect(try restore().detail.contains("lost no"))
        let resumed = try server.expect(200, "POST", "/v1/vms/vm/start").decoded(OutcomeReply.self)
        #expect(resumed.words.contains { $0.contains("resumed") }, "\(resumed)")
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")

        try server.expect(200, "POST", "/v1/vms/vm/discard")
        var written = [UInt8](try Data(contentsOf: disk))
        written[1_000_001] = 1
        try Data(written).write(to: disk)
        let refused = try restore()
        #expect(refused.reason == "declined" && refused.detail.contains("cannot be put back"), "\(refused)")
        #expect([UInt8](try Data(contentsOf: disk)) == written)
        #expect(try server.vm("vm").state == "powered-off")
    }

    @Test("After a clean boot that left the image alone, the guest's old environment can be had again, and resumed")
    func restoringEnvironment() throws {
        let server = try TestServer()
        try server.make("vm", .sleeper, append: "cycles=1", disk: true)
        try server.expect(200, "POST", "/v1/vms/vm/start")
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        try server.expect(200, "PATCH", "/v1/vms/vm", #"{"cpus": 2}"#)
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"fresh": true}"#)
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        #expect(try server.vm("vm").state == "powered-off")
        let restored = try server.expect(200, "POST", "/v1/vms/vm/restore-image").decoded(OutcomeReply.self)
        #expect(restored.vm.state == "hibernated")
        // It is as it was before: the environment still is another one.
        #expect(
            try server.expect(409, "POST", "/v1/vms/vm/start").decoded(ProblemReply.self).reason
                == "refused-environment")
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"onChange": "keep"}"#)
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        let log = try server.expect(200, "GET", "/v1/vms/vm/logs?source=console").text
        #expect(log.contains("memory is as it was") && !log.contains("not ok"), "\(log)")
    }

    @Test("A VM is made with the order in which UEFI starts things")
    func bootOrder() throws {
        let server = try TestServer()
        let code = "\(server.directory)/code.fd"
        #expect(FileManager.default.createFile(atPath: code, contents: Data(count: 1 << 20)))
        try server.expect(
            201, "POST", "/v1/vms",
            #"{"name": "vm", "firmware": "uefi=\#(code)", "memory": "256M", "net": ["user"], "boot": "net0", "boot-menu": 3}"#
        )
        let made = try String(contentsOfFile: "\(server.store)/vm/vm.toml", encoding: .utf8)
        #expect(made.contains("boot = [ 'net0' ]") && made.contains("boot-menu = 3"), "\(made)")
    }

    @Test("Each verb says 409 of a VM in whose state it means nothing, and the list names those that mean something")
    func prerequisites() throws {
        let server = try TestServer()
        try server.make("vm", .idle, append: "seconds=3600")
        #expect(try Set(server.vm("vm").verbs).isSuperset(of: ["start", "remove", "rename", "set"]))
        for verb in ["stop", "hibernate", "pause", "unpause", "kill"] {
            let problem = try server.expect(409, "POST", "/v1/vms/vm/\(verb)").decoded(ProblemReply.self)
            #expect(problem.reason == "wrong-state")
        }
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        #expect(try server.vm("vm").state == "running")
        #expect(try Set(server.vm("vm").verbs) == ["stop", "hibernate", "pause", "unpause", "kill", "set"])
        for verb in ["start", "bump", "discard", "restore-image", "repair"] {
            let problem = try server.expect(409, "POST", "/v1/vms/vm/\(verb)").decoded(ProblemReply.self)
            #expect(problem.reason == "wrong-state", "\(verb): \(problem)")
        }
        for verb in ["rename", "copy"] { try server.expect(409, "POST", "/v1/vms/vm/\(verb)", #"{"name": "other"}"#) }
        try server.expect(409, "DELETE", "/v1/vms/vm?force=true")
        // A guest with a device tree has no buttons.
        let deaf = try server.expect(409, "POST", "/v1/vms/vm/stop").decoded(ProblemReply.self)
        #expect(deaf.reason == "no-reaction" && deaf.exitCode == 53)
        let killed = try server.expect(200, "POST", "/v1/vms/vm/kill", #"{"signal": "TERM"}"#).decoded(
            OutcomeReply.self)
        #expect(killed.vm.state == "powered-off" && killed.vm.lastEnd?.exitCode == 143)
    }

    @Test("A guest that has not said in time what was waited for runs on, and the answer is 202")
    func unsaid() throws {
        let server = try TestServer()
        try server.make("vm", .idle, append: "seconds=3600")
        let start = try server.expect(202, "POST", "/v1/vms/vm/start", #"{"waitFor": "never said", "timeout": 0}"#)
        #expect(try start.decoded(OutcomeReply.self).vm.process != nil)
    }

    /// Has VM `vm` started, and returns when it runs. The answer does not come before the guest has said something that
    /// it never says.
    private func beginStart(_ server: TestServer, _ header: String) throws -> HTTPConnection {
        let connection = try server.connect()
        try connection.send(
            "POST", "/v1/vms/vm/start", body: #"{"waitFor": "never said", "timeout": 600}"#,
            headers: ["Content-Type: application/json", header])
        let events = try server.events("/v1/events")
        _ = try events.next("state") { $0.data.contains("\"running\"") }
        return connection
    }

    @Test("A start whose process was killed before its guest had started is no success, and its state is unknown")
    func killedStart() throws {
        let server = try TestServer()
        try server.make("vm", .idle, append: "seconds=3600")
        let connection = try beginStart(server, "Connection: close")
        kill(try #require(try server.vm("vm").process), SIGKILL)
        let reply = try connection.reply()
        let problem = try reply.decoded(ProblemReply.self)
        #expect(reply.status == 500 && problem.reason == "host-failed" && problem.exitCode == 137, "\(reply.text)")
        #expect(problem.detail.contains("was killed"), "\(problem)")
        #expect(try server.vm("vm").state == "unknown")
    }

    @Test("A VM is renamed and copied, and a name that is taken is refused")
    func names() throws {
        let server = try TestServer()
        try server.make("one", .systemOff2)
        let copied = try server.expect(201, "POST", "/v1/vms/one/copy", #"{"name": "two"}"#)
        #expect(copied.headers["location"] == "/v1/vms/two")
        #expect(
            try server.expect(409, "POST", "/v1/vms/one/rename", #"{"name": "two"}"#).decoded(ProblemReply.self)
                .reason == "exists")
        try server.expect(201, "POST", "/v1/vms/one/rename", #"{"name": "three"}"#)
        try server.expect(422, "POST", "/v1/vms/three/rename", #"{"name": "../three"}"#)
        struct List: Decodable { var vms: [VMReply] }
        #expect(try server.expect(200, "GET", "/v1/vms").decoded(List.self).vms.map(\.name) == ["three", "two"])
    }

    @Test("A copy's disks are made in full or as overlays, where one wants them, or named")
    func copies() throws {
        let server = try TestServer()
        try server.make("one", .sleeper, append: "cycles=1", disk: true)
        func refused(_ fields: String) throws -> String {
            try server.expect(422, "POST", "/v1/vms/one/copy", #"{"name": "other", \#(fields)}"#).decoded(
                ProblemReply.self
            ).detail
        }
        #expect(try refused(#""by": "magic""#).contains("full, overlay"))
        #expect(try refused(#""by": "full", "disks": ["/tmp/x"]"#).contains("by"))
        #expect(try refused(#""directory": "/tmp""#).contains("without"))
        #expect(try refused(#""by": "full", "directory": "here""#).contains("slash"))
        #expect(try refused(#""by": "full", "directory": "\#(server.directory)/none""#).contains("none"))
        #expect(try refused(#""disks": []"#).contains("disk"))
        try server.expect(404, "GET", "/v1/vms/other")

        let original = "\(server.directory)/one.img"
        try (Data("content".utf8) + Data(count: (1 << 20) - 7)).write(to: URL(filePath: original))
        try server.expect(201, "POST", "/v1/vms/one/copy", #"{"name": "full", "by": "full"}"#)
        let copy = try Data(contentsOf: URL(filePath: "\(server.directory)/one.full.img"))
        #expect(try copy == Data(contentsOf: URL(filePath: original)))

        let overlays = "\(server.directory)/overlays"
        try FileManager.default.createDirectory(atPath: overlays, withIntermediateDirectories: false)
        try server.expect(
            201, "POST", "/v1/vms/one/copy", #"{"name": "over", "by": "overlay", "directory": "\#(overlays)"}"#)
        // One for each of the two, in the format's own words (docs/interop/qcow2.txt of QEMU): "QFI", 0xFB.
        let files = try FileManager.default.contentsOfDirectory(atPath: overlays).sorted()
        #expect(files == ["one.one.qcow2", "one.over.qcow2"])
        for file in files {
            let bytes = try Data(contentsOf: URL(filePath: "\(overlays)/\(file)"))
            #expect(bytes.starts(with: [0x51, 0x46, 0x49, 0xFB]))
        }
        // Each goes its own way from then on.
        for name in ["one", "full", "over"] {
            try server.expect(200, "POST", "/v1/vms/\(name)/start")
            try server.expect(200, "GET", "/v1/vms/\(name)/wait?timeout=60")
            #expect(try server.vm(name).state == "hibernated")
        }
        #expect(try Data(contentsOf: URL(filePath: original)) == copy)
    }

    @Test("Whoever kills the server, the VM or both finds the state right or unknown, and VMs that run go on")
    func kills() throws {
        let server = try TestServer()
        try server.make("vm", .idle, append: "seconds=3600")
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        let process = try #require(try server.vm("vm").process)

        server.kill()
        try server.start()
        #expect(try server.vm("vm").state == "running" && server.vm("vm").process == process)

        kill(process, SIGKILL)
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        #expect(try server.vm("vm").state == "unknown")

        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        let second = try #require(try server.vm("vm").process)
        server.kill()
        kill(second, SIGKILL)
        try server.start()
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        #expect(try server.vm("vm").state == "unknown")
    }

    @Test("A VM whose process hangs is unknown, and holds up nothing that is said of others")
    func hanging() throws {
        let server = try TestServer()
        try server.make("hung", .idle, append: "seconds=3600")
        try server.make("well", .idle, append: "seconds=3600")
        for name in ["hung", "well"] {
            try server.expect(200, "POST", "/v1/vms/\(name)/start", #"{"waitFor": "idle"}"#)
        }
        let process = try #require(try server.vm("hung").process)
        try TestServer.hang(process)
        defer { kill(process, SIGCONT) }
        #expect(try server.vm("hung").state == "unknown")
        #expect(try server.vm("well").state == "running")
    }

    @Test("A request with an id that comes again is answered as before, and does nothing twice")
    func again() throws {
        let server = try TestServer()
        try server.make("vm", .idle, append: "seconds=3600")
        func start(_ key: String, _ body: String = #"{"waitFor": "idle"}"#) throws -> Reply {
            try server.ask("POST", "/v1/vms/vm/start", body, headers: ["Idempotency-Key: \(key)"])
        }
        let first = try start("one")
        #expect(first.status == 200)
        #expect(try start("one").body == first.body)
        #expect(try start("two").decoded(ProblemReply.self).reason == "wrong-state")
        #expect(try start("one", "{}").status == 422)
        try server.expect(200, "POST", "/v1/vms/vm/kill")
        server.kill()
        try server.start()
        // What was done is done, though the VM could be started now.
        #expect(try start("one").body == first.body)
        #expect(try start("two").decoded(ProblemReply.self).reason == "wrong-state")
        #expect(try server.vm("vm").state == "unknown")
        for key in ["", "two words", String(repeating: "x", count: 129)] { #expect(try start(key).status == 400) }
        #expect(try start(String(repeating: "x", count: 128)).status == 200)
    }

    @Test("Of a request that a killed server had begun nobody knows what came of it, and it is not done again")
    func begun() throws {
        let server = try TestServer()
        try server.make("vm", .idle, append: "seconds=3600")
        let connection = try beginStart(server, "Idempotency-Key: one")
        func again() throws -> String {
            try server.ask(
                "POST", "/v1/vms/vm/start", #"{"waitFor": "never said", "timeout": 600}"#,
                headers: ["Idempotency-Key: one"]
            ).decoded(ProblemReply.self).reason
        }
        #expect(try again() == "in-progress")
        withExtendedLifetime(connection) { server.kill() }
        try server.start()
        #expect(try again() == "unknown-outcome")
        #expect(try server.vm("vm").state == "running")
    }

    @Test("A damaged VM is broken, in the list too, and can be repaired")
    func damage() throws {
        let server = try TestServer()
        try server.make("vm", .systemOff2)
        try Data("broken".utf8).write(to: URL(filePath: "\(server.store)/vm/state.json"))
        #expect(try server.vm("vm").state == "broken")
        #expect(try server.expect(409, "POST", "/v1/vms/vm/start").decoded(ProblemReply.self).reason == "broken")
        try server.expect(200, "POST", "/v1/vms/vm/repair")
        #expect(try server.vm("vm").state != "broken")
    }
}
