// What `dormouse events` says of each state that a VM came into, as JSON: compared with what the guest itself did, and
// with what is recorded of its environment.

import Foundation
import Glibc
import Machine
import TestSupport
import Testing

@Suite("Events of a VM", .needs(Guest.areBuilt, Guest.missing))
struct EventsTests {
    /// As docs/host.md has it.
    private struct Event: Decodable {
        var vm: String
        var number: Int
        var time: String
        var state: String
        var cause: String
        var call: String?
        var generation: UInt64?
        var fingerprint: String?
        var exitCode: Int32?
    }

    private static func events(_ vm: TestVM) async throws -> [Event] {
        try await vm.run("events", ["--json"]).output.split(separator: "\n").map {
            try JSONDecoder().decode(Event.self, from: Data($0.utf8))
        }
    }

    /// Waits, for at most ten minutes, until the VM is in a state.
    private static func waits(for state: String, _ vm: TestVM) async throws -> Bool {
        for _ in 0..<30_000 {
            if try await vm.run("status").output == "\(state)\n" { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    /// What has to hold of every event, of VMs that were made after `begin`.
    private static func expectSound(_ events: [Event], since begin: Date) throws {
        #expect(events.map(\.number) == Array(1...events.count))
        #expect(events.map(\.time) == events.map(\.time).sorted())
        for event in events {
            #expect(event.vm == TestVM.name && !event.cause.isEmpty, "\(event)")
            #expect(event.time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(event)")
            let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            let time = try format.parse(event.time)
            // It has milliseconds, and is cut off there.
            #expect((begin.addingTimeInterval(-0.001)...Date.now).contains(time), "\(event), \(begin)")
        }
    }

    /// The part of `state.json` that says what the VM hibernated in.
    private struct State: Decodable {
        struct Slept: Decodable { var record: Record }
        struct Record: Decodable {
            var generation: UInt64
            var environment: Environment
        }
        struct Environment: Decodable {
            var schema: Int
            var facts: [String: String]
        }
        var hibernation: Slept
    }

    /// What the VM hibernated in, as `state.json` has it, by what docs/hibernation.md says of a fingerprint: SHA-256 of
    /// the environment's canonical JSON, with sorted keys and without white space; and the generation beside it.
    private static func record(_ vm: TestVM) async throws -> (fingerprint: String, generation: UInt64) {
        let state = try JSONDecoder().decode(State.self, from: Data(contentsOf: URL(filePath: vm.statePath)))
        let environment = state.hibernation.record.environment
        let facts = environment.facts.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        // Nothing in them is written in another way in JSON.
        for (path, value) in facts { #expect(!(path + value).contains { "\"\\".contains($0) || !$0.isASCII }) }
        let members = facts.map { #""\#($0.key)":"\#($0.value)""# }.joined(separator: ",")
        let canonical = #"{"facts":{\#(members)},"schema":\#(environment.schema)}"#
        let file = try vm.directory.file("environment.json", canonical.utf8)
        let digest = try await Command.shell(#"sha256sum <"$1""#, file).output.prefix(64)
        return (String(digest), state.hibernation.record.generation)
    }

    /// What the next start would give the guest, as `inspect` says.
    private static func next(_ vm: TestVM) async throws -> String {
        let text = try await vm.run("inspect").output
        return String(try #require(text.firstMatch(of: /\nEnvironment ([0-9a-f]{64}):\n/)?.1, "\(text)"))
    }

    @Test("A VM that hibernates and is resumed has the generation and the fingerprint of what it left in each event")
    func resumed() async throws {
        let begin = Date.now
        let vm = try await TestVM(.sleeper, append: "cycles=2", disks: 1)
        var events: [Event] = []
        for run in 0..<2 {
            #expect(try await vm.start().exitCode == 40)
            let record = try await Self.record(vm)
            #expect(record.generation == 1)
            let all = try await Self.events(vm)
            let new = all.dropFirst(events.count)
            let states = ["starting", "running", "hibernating", "hibernated"]
            #expect(new.map(\.state) == (run == 0 ? ["defined"] : []) + states)
            for event in new.suffix(3) {
                #expect(event.fingerprint == record.fingerprint && event.generation == record.generation, "\(event)")
            }
            #expect(new.last?.call == "SYSTEM_OFF2" && new.last?.exitCode == 40)
            #expect(new.dropLast().allSatisfy { $0.call == nil && $0.exitCode == nil }, "\(new)")
            #expect(new.first { $0.state == "running" }?.cause == (run == 0 ? "booted" : "resumed"))
            #expect(new.first { $0.state == "hibernating" }?.cause.contains("disk 0") == true)
            events = all
        }
        // Before the first run there is neither.
        #expect(events.first?.generation == nil && events.first?.fingerprint == nil)
        // Another generation, and another environment.
        #expect(try await vm.run("bump").exitCode == 0)
        try vm.edit("memory = '64M'", "memory = '128M'")
        let next = try await Self.next(vm)
        #expect(next != events.last?.fingerprint)
        let start = try await vm.start()
        #expect(start.kind == "clean" && start.report?.vm.generation == 2, "\(start.finished.error)")
        let all = try await Self.events(vm)
        let clean = all.dropFirst(events.count).filter { $0.state != "starting" }
        #expect(clean.first?.state == "running")
        for event in clean { #expect(event.fingerprint == next && event.generation == 2, "\(event)") }
        try Self.expectSound(all, since: begin)
    }

    @Test(
        "An end that a call of the guest's brought about has that call, as the guest says that it made it",
        arguments: [
            ("off", "powered-off", 0), ("off2", "hibernated", 40), ("reset", "reset", 32), ("reset2", "reset", 32),
        ] as [(String, String, Int32)])
    func calls(end: String, state: String, exitCode: Int32) async throws {
        let begin = Date.now
        let vm = try await TestVM(append: "end=\(end)", disks: 1)
        let start = try await vm.start("--no-reboot").finished
        let called = start.output.matches(of: /# core 0 calls SMC(?:32|64) (SYSTEM_[A-Z0-9_]+)\(/).last?.1
        let events = try await Self.events(vm)
        #expect(events.map(\.state) == ["defined", "starting", "running", state])
        #expect(events.last?.call == called.map(String.init) && called != nil, "\(events), \(start.output)")
        #expect(events.last?.exitCode == exitCode && start.exitCode == exitCode)
        #expect(events.dropLast().allSatisfy { $0.call == nil && $0.exitCode == nil })
        try Self.expectSound(events, since: begin)
    }

    @Test("A guest that suspends to RAM is told of with its call, and one that is ended by a signal has made none")
    func suspended() async throws {
        let begin = Date.now
        let vm = try await TestVM(.idle, disks: 1)
        let words: [UInt32] = [
            // MOV X0, #0xC400000E (SYSTEM_SUSPEND); ADR X1, 1f; MOV X2, #0; HVC #0; B .
            0xD2B8_8000, 0xF280_01C0, 0x1000_0081, 0xD280_0002, 0xD400_0002, 0x1400_0000,
            // 1: for ever.
            FlatCode.wfi, FlatCode.backByOne,
        ]
        try Data(contentsOf: URL(filePath: FlatCode.file(words, in: vm.directory))).write(
            to: URL(filePath: vm.kernel))
        let run = try await Command.run(["start", TestVM.name, "--store", vm.store]) { running in
            let isSuspended = try await Self.waits(for: "suspended", vm)
            #expect(isSuspended)
            running.send(SIGUSR1)
            let isWoken = try await Self.waits(for: "running", vm)
            #expect(isWoken)
            running.send(SIGTERM)
        }
        #expect(run.exitCode == 143)
        let events = try await Self.events(vm)
        #expect(events.map(\.state) == ["defined", "starting", "running", "suspended", "running", "powered-off"])
        #expect(events.map(\.call) == [nil, nil, nil, "SYSTEM_SUSPEND", nil, nil])
        #expect(events.map(\.exitCode) == [nil, nil, nil, nil, nil, 143])
        let last = try #require(events.last)
        #expect(last.cause == "stopped by SIGTERM")
        // All of them are of one run.
        for event in events.dropFirst(2) {
            #expect(event.fingerprint == last.fingerprint && event.generation == 1 && event.fingerprint != nil)
        }
        try Self.expectSound(events, since: begin)
    }
}
