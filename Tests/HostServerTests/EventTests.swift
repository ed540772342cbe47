// What goes on: events that are taken up again, the console, the log.

import Foundation
import Glibc
import TestSupport
import Testing

@testable import HostServer

@Suite("Events, console and log by requests", .needs(Guest.areBuilt, Guest.whyNot))
struct EventTests {
    private struct State: Decodable, Equatable {
        var vm: String
        var number: Int
        var state: String
    }

    /// All events that there are, behind one.
    private func states(_ server: TestServer, _ path: String, headers: [String] = []) throws -> [(id: String?, State)] {
        let reader = try server.events("\(path)?follow=false", headers: headers)
        var states: [(id: String?, State)] = []
        while let event = try reader.next() {
            #expect(event.kind == "state")
            states.append((event.id, try event.decoded(State.self)))
        }
        return states
    }

    @Test("The events of all VMs come while they happen, and a client that comes again misses none and gets none twice")
    func resuming() throws {
        let server = try TestServer()
        let live = try server.events("/v1/events")
        try server.make("one", .systemOff2)
        try server.make("two", .idle, append: "seconds=3600")
        #expect(try live.next("state").decoded(State.self) == State(vm: "one", number: 1, state: "defined"))
        try server.expect(200, "POST", "/v1/vms/one/start")
        try server.expect(200, "POST", "/v1/vms/two/start", #"{"waitFor": "idle"}"#)
        _ = try live.next("state") { try $0.decoded(State.self).state == "hibernated" }
        try server.expect(200, "POST", "/v1/vms/two/kill", #"{"signal": "TERM"}"#)
        _ = try live.next("state") { try $0.decoded(State.self) == State(vm: "two", number: 4, state: "powered-off") }

        let all = try states(server, "/v1/events")
        for name in ["one", "two"] {
            let numbers = all.map(\.1).filter { $0.vm == name }.map(\.number)
            #expect(numbers == Array(1...numbers.count) && numbers.count >= 4)
        }
        // After the server was killed, too: an id is all that one needs.
        server.kill()
        try server.start()
        for index in all.indices {
            let rest = try states(server, "/v1/events", headers: ["Last-Event-ID: \(all[index].id ?? "")"])
            #expect(rest.map(\.1) == all[(index + 1)...].map(\.1))
        }
        let own = try states(server, "/v1/vms/two/events").map(\.1)
        #expect(own.map(\.state) == ["defined", "starting", "running", "powered-off"])
    }

    @Test("What happens while no server is there is told by the next one, behind what was told, and then what comes")
    func absence() throws {
        let server = try TestServer()
        try server.make("vm", .systemOff2)
        let first = try server.events("/v1/events")
        let last = try first.next("state")
        #expect(try last.decoded(State.self) == State(vm: "vm", number: 1, state: "defined"))
        server.kill()
        let run = try Program.run(Program.dormouse, ["start", "vm", "--store", server.store])
        #expect(run.exitCode == 40, "\(run.error)")
        try server.start()

        let again = try server.events("/v1/events", headers: ["Last-Event-ID: \(try #require(last.id))"])
        var numbers: [Int] = []
        /// Reads on until the guest has hibernated once more.
        func hear() throws {
            while true {
                let state = try again.next("state").decoded(State.self)
                numbers.append(state.number)
                if state.state == "hibernated" { return }
            }
        }
        try hear()
        try server.expect(200, "POST", "/v1/vms/vm/start")
        try hear()
        #expect(numbers.count >= 6 && numbers == Array(2...(numbers.count + 1)))
    }

    @Test("Of a VM that was removed and made again all is told, and what is not kept any more is said to be missed")
    func gaps() throws {
        let server = try TestServer()
        try server.make("vm", .systemOff2)
        try server.expect(200, "POST", "/v1/vms/vm/start")
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        let last = try #require(try states(server, "/v1/events").last?.id)
        try server.expect(204, "DELETE", "/v1/vms/vm?force=true")
        try server.make("vm", .systemOff2)
        // As many events as the other one had, and more.
        for _ in 0..<2 {
            try server.expect(200, "POST", "/v1/vms/vm/start")
            try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        }
        let again = try states(server, "/v1/events", headers: ["Last-Event-ID: \(last)"]).map(\.1)
        #expect(again.first == State(vm: "vm", number: 1, state: "defined") && again.count > 5)

        let line = #"{"cause":"x","number":9,"state":"later","time":"2026-11-30T10:00:00.000Z"}"#
        try Data("\(line)\n".utf8).write(to: URL(filePath: "\(server.store)/vm/events.jsonl"))
        let reader = try server.events("/v1/events?follow=false&after=vm:2")
        struct Gap: Decodable, Equatable {
            var vm: String
            var first: Int
            var last: Int
        }
        #expect(try reader.next("missed").decoded(Gap.self) == Gap(vm: "vm", first: 3, last: 8))
        // A state of a later version is handed on as it is.
        #expect(try reader.next("state").decoded(State.self) == State(vm: "vm", number: 9, state: "later"))
    }

    @Test("One who wants only what comes is not told what was")
    func fromNow() throws {
        let server = try TestServer()
        try server.make("vm", .systemOff2)
        let reader = try server.events("/v1/events?from=now")
        try server.make("later", .systemOff2)
        #expect(try reader.next("state").decoded(State.self) == State(vm: "later", number: 1, state: "defined"))
    }

    /// How often the threads of a process have gone to sleep.
    private func sleeps(_ process: Int32) throws -> Int {
        let tasks = "/proc/\(process)/task"
        return try FileManager.default.contentsOfDirectory(atPath: tasks).reduce(0) { sum, task in
            let status = (try? String(contentsOfFile: "\(tasks)/\(task)/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") }
            return sum + (line.flatMap { Int($0.split(separator: "\t").last ?? "") } ?? 0)
        }
    }

    @Test("A server whose streams have nothing to say sleeps, and wakes when they have")
    func quiet() throws {
        let server = try TestServer()
        try server.make("vm", .idle, append: "seconds=3600")
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        let events = try server.events("/v1/events?from=now")
        let own = try server.events("/v1/vms/vm/events?from=now")
        let log = try server.connect()
        try log.send("GET", "/v1/vms/vm/logs?follow=true&tail=0")
        #expect(try log.head().status == 200)
        let waiting = try server.connect()
        try waiting.send("GET", "/v1/vms/vm/wait?timeout=600")
        // What they began with is over.
        usleep(1_000_000)
        let before = try sleeps(server.processID)
        let begin = ContinuousClock.now
        usleep(4_000_000)
        let count = try sleeps(server.processID) - before
        // A server without streams wakes five times a second, and one that looks again five times for each of them,
        // with several threads. A machine that is busy may be late.
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        #expect(Double(count) <= 15 * seconds + 15, "it slept \(count) times in \(seconds) s")

        try server.make("new", .systemOff2)
        #expect(try events.next("state").decoded(State.self) == State(vm: "new", number: 1, state: "defined"))
        kill(try #require(try server.vm("vm").process), SIGKILL)
        struct Ended: Decodable { var ended: Bool }
        #expect(try waiting.reply().decoded(Ended.self).ended)
        while try log.chunk() != nil {}
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        for reader in [events, own] { _ = try reader.next("state") { $0.data.contains("\"running\"") } }
    }

    private struct Opening: Decodable {
        var stream: String
        var writes: Bool
        var old: Int?
    }

    @Test("A console tells what was written before, one of its readers may write, and it ends with the run")
    func console() throws {
        let server = try TestServer()
        try server.make("vm", .idle, append: "seconds=3600")
        try server.expect(409, "GET", "/v1/vms/vm/console")
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        let writer = try server.events("/v1/vms/vm/console?write=true")
        let opening = try writer.next("open").decoded(Opening.self)
        // What the guest had written by then comes first.
        #expect(opening.writes && opening.old.map { $0 >= 4 } == true)
        var text = Data()
        while text.count < 4 { text += try #require(Data(base64Encoded: try writer.next("output").data)) }
        #expect(String(decoding: text, as: UTF8.self).hasPrefix("idle"))
        let reader = try server.events("/v1/vms/vm/console?write=true")
        let second = try reader.next("open").decoded(Opening.self)
        #expect(!second.writes)

        func type(_ stream: String) throws -> Int {
            let connection = try server.connect()
            try connection.send(
                "POST", "/v1/vms/vm/console/\(stream)", body: "x",
                headers: ["Content-Type: application/octet-stream", "Connection: close"])
            return try connection.reply().status
        }
        #expect(try type(opening.stream) == 204)
        #expect(try type(second.stream) == 404)
        try server.expect(200, "POST", "/v1/vms/vm/kill")
        _ = try writer.next("end")
        #expect(try writer.next() == nil)
        #expect(try type(opening.stream) == 404)
    }

    @Test("What is typed is answered whether the guest takes it or not, and more is refused once too much waits")
    func deafGuest() throws {
        let server = try TestServer()
        try server.make("vm", .idle, append: "seconds=3600")
        try server.expect(200, "POST", "/v1/vms/vm/start", #"{"waitFor": "idle"}"#)
        let writer = try server.events("/v1/vms/vm/console?write=true")
        let stream = try writer.next("open").decoded(Opening.self).stream
        func type(_ count: Int, _ kind: String = "application/octet-stream") throws -> Reply {
            let connection = try server.connect()
            try connection.send(
                "POST", "/v1/vms/vm/console/\(stream)", body: String(repeating: "x", count: count),
                headers: ["Content-Type: \(kind)", "Connection: close"])
            return try connection.reply()
        }
        let long = try type((1 << 14) + 1)
        #expect(long.status == 413 && long.text.contains("16384"), "\(long.text)")
        #expect(try type(1, "text/plain").decoded(ProblemReply.self).reason == "unsupported-media-type")
        // This guest reads nothing. Between it and the server there is room for some of it.
        var answer = try type(1 << 14)
        var count = 1
        while answer.status == 204, count < 200 {
            answer = try type(1 << 14)
            count += 1
        }
        let problem = try answer.decoded(ProblemReply.self)
        #expect(answer.status == 409 && problem.reason == "no-reaction", "after \(count): \(answer.text)")
        try server.expect(200, "POST", "/v1/vms/vm/kill")
        _ = try writer.next("end")
    }

    @Test("Whoever asks for the console of a VM that hangs is told so, and holds up nobody else meanwhile")
    func hungConsole() throws {
        let server = try TestServer()
        for name in ["hung", "well"] {
            try server.make(name, .idle, append: "seconds=3600")
            try server.expect(200, "POST", "/v1/vms/\(name)/start", #"{"waitFor": "idle"}"#)
        }
        let process = try #require(try server.vm("hung").process)
        try TestServer.hang(process)
        defer { kill(process, SIGCONT) }
        // More than the server has threads for what waits. Each of those would be the console's for ten seconds, if it
        // were given as long as the command gives it.
        let begin = ContinuousClock.now
        let connections = try (0..<40).map { _ in try server.connect() }
        for connection in connections {
            try connection.send("GET", "/v1/vms/hung/console", headers: ["Connection: close"])
        }
        usleep(300_000)
        #expect(try server.vm("well").state == "running")
        #expect(ContinuousClock.now - begin < .seconds(9))
        for connection in connections {
            let reply = try connection.reply()
            let problem = try reply.decoded(ProblemReply.self)
            #expect(reply.status == 409 && problem.reason == "declined", "\(reply.text)")
            #expect(problem.detail.contains("does not answer"), "\(problem)")
        }
        kill(process, SIGCONT)
        let reader = try server.events("/v1/vms/hung/console")
        _ = try reader.next("open")
        var text = Data()
        while text.count < 4 { text += try #require(Data(base64Encoded: try reader.next("output").data)) }
        #expect(String(decoding: text, as: UTF8.self).hasPrefix("idle"))
    }

    @Test("The log has the last lines of the console, each with its source")
    func logs() throws {
        let server = try TestServer()
        try server.make("vm", .systemOff2)
        try server.expect(200, "POST", "/v1/vms/vm/start")
        try server.expect(200, "GET", "/v1/vms/vm/wait?timeout=60")
        struct Line: Decodable { var source: String; var text: String }
        func lines(_ query: String) throws -> [Line] {
            try server.expect(200, "GET", "/v1/vms/vm/logs?\(query)").text.split(separator: "\n")
                .map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        }
        let all = try lines("tail=1000")
        #expect(Set(all.map(\.source)) == ["console", "dormouse"])
        #expect(
            try lines("tail=2&source=console").map(\.text)
                == all.filter { $0.source == "console" }.suffix(2).map(\.text))
        // One that does not run is not waited for.
        #expect(try lines("tail=1000&follow=true").count == all.count)
    }
}

@Suite("Where somebody is in the events of VMs")
struct EventCursorTests {
    @Test(
        "What is no cursor is told from one",
        arguments: [
            "web", "web:", ":1", "web:-1", "web:1:2", "../x:1", "web:99999999999999999999999", "web:1:12",
            "web:1:xxxxxxxx",
        ])
    func wrong(_ text: String) {
        #expect(EventCursor(text) == nil)
    }

    @Test("A cursor is read as it was written")
    func roundTrip() {
        #expect(EventCursor("web.1:12:1f3a77c0,db:4")?.text == "db:4,web.1:12:1f3a77c0")
        #expect(EventCursor("")?.text == "")
    }
}
