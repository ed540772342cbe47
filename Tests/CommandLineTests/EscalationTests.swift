// What is done with a guest that does not do what its buttons ask for. One that hears them is in EndToEndTests.

import FoundationEssentials
import Glibc
import KeptVMs
import Subprocess
import Synchronization
import TestSupport
import Testing

@testable import DormouseCommand

@Suite("A guest that does not react", .needs(Guest.areBuilt, Guest.missing))
struct EscalationTests {
    /// A guest without buttons, which runs until it is ended; what `verb` with `options` came to, and how its run ended.
    private func outcome(
        _ verb: String, _ options: [String], change: (TestVM) throws -> Void = { _ in }
    ) async throws -> (asked: Finished, run: Finished) {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        try change(vm)
        let asked = Box<Finished>()
        let run = try await Command.run(["start", TestVM.name, "--store", vm.store]) { running in
            let isIdle = try await running.waits(for: "idle")
            #expect(isIdle)
            let finished = try await vm.run(verb, options)
            asked.set(finished)
            if finished.exitCode == 53 { running.send(SIGTERM) }
        }
        return (try #require(asked.value), run)
    }

    @Test("It goes on unless something else is said", arguments: ["stop", "hibernate"])
    func nothing(verb: String) async throws {
        let (asked, run) = try await outcome(verb, [])
        #expect(asked.exitCode == 53 && asked.error.contains("VM vm still runs: this guest has no "), "\(asked.error)")
        #expect(run.exitCode == 143)
    }

    @Test("Its run is ended in order, which is said, with each step before", arguments: ["stop", "hibernate"])
    func kill(verb: String) async throws {
        let (asked, run) = try await outcome(verb, ["--then", "kill"])
        #expect(asked.exitCode == 55)
        let steps = [
            "dormouse: VM vm still runs: this guest has no ", "dormouse: VM vm: its run is ended by SIGTERM",
            "dormouse: VM vm: stopped by SIGTERM",
        ]
        // Before the steps, what would keep it from hibernating.
        for (line, step) in zip(asked.errorLines.suffix(steps.count), steps) {
            #expect(line.hasPrefix(step), "\(line)")
        }
        #expect(asked.errorLines.count == steps.count + (verb == "hibernate" ? 1 : 0), "\(asked.errorLines)")
        #expect(run.exitCode == 143 && run.errorLines.last == "dormouse: stopped by SIGTERM")
    }

    @Test("Its power button comes before that, if it is to stop; a rule of vm.toml is heeded, and an option first")
    func stop() async throws {
        let (asked, run) = try await outcome("hibernate", ["--then", "stop"])
        #expect(asked.exitCode == 55 && run.exitCode == 143)
        #expect(asked.error.contains("has no sleep button") && asked.error.contains("has no power button"))
        let rule: (TestVM) throws -> Void = { try $0.edit("[hibernation]", "[host]\nthen = 'kill'\n\n[hibernation]") }
        let (ruled, _) = try await outcome("hibernate", [], change: rule)
        #expect(ruled.exitCode == 55 && !ruled.error.contains("power button"), "\(ruled.error)")
        let (spared, _) = try await outcome("hibernate", ["--then", "nothing"], change: rule)
        #expect(spared.exitCode == 53)
        // It is about guests that should hibernate.
        let (stopped, _) = try await outcome("stop", [], change: rule)
        #expect(stopped.exitCode == 53)
    }

    @Test("A guest that powers off when it is to hibernate did not do what was asked for, unless it left an image")
    func powersOff() async throws {
        let vm = try await TestVM(disks: 1)
        let escalation = Escalation(try VMStore(path: vm.store).vm(TestVM.name), timeoutSeconds: 1, then: .nothing)
        let end = VMState.End(kind: "powered-off", exitCode: 0, words: "powered off", time: "2026-12-01T00:00:00Z")
        #expect(try escalation.hibernated(end, ifSeen: false) == .stoppedInstead)
        // As an older kernel does it: SYSTEM_OFF, and what it left is found.
        #expect(try await vm.start().exitCode == 40)
        #expect(try escalation.hibernated(end, ifSeen: true) == .poweredOff)
        // Where nobody can look, that it was asked for decides.
        let path = "\(vm.store)/\(TestVM.name)/state.json"
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        let unseen = text.replacing(#/"hibernation" ?: ?\{/#, with: "\"hibernation\" : { \"mayHave\" : true,")
        try #require(unseen != text)
        try Data(unseen.utf8).write(to: URL(filePath: path))
        #expect(try escalation.hibernated(end, ifSeen: false) == .poweredOff)
        #expect(try escalation.hibernated(end, ifSeen: true) == .stoppedInstead)
    }

    @Test("What would keep it from hibernating is said first: no swap area has room for its memory")
    func obstacle() async throws {
        let (asked, _) = try await outcome("hibernate", [])
        #expect(asked.errorLines.first?.contains("no swap area is on the disks, for 64 MiB of memory") == true)
        let (roomy, _) = try await outcome("hibernate", []) { vm in
            // As mkswap makes it: its own header, the number of pages, and the signature at the end of the first page.
            #expect(truncate(vm.disks[0], 80 << 20) == 0)
            let disk = try #require(fopen(vm.disks[0], "r+"))
            defer { fclose(disk) }
            fseek(disk, 1024, SEEK_SET)
            var header: [UInt32] = [1, 80 << 8 - 1]
            fwrite(&header, 4, header.count, disk)
            fseek(disk, 4086, SEEK_SET)
            fputs("SWAPSPACE2", disk)
        }
        #expect(!roomy.error.contains("swap area"), "\(roomy.error)")
    }

    @Test("A VM that does not run is no error if that is said", arguments: ["stop", "hibernate"])
    func ifRunning(verb: String) async throws {
        let vm = try await TestVM(.idle, disks: 1)
        #expect(try await vm.run(verb, ["--then", "kill"]).exitCode == 64)
        let finished = try await vm.run(verb, ["--then", "kill", "--if-running"])
        #expect(finished.exitCode == 0 && finished.error == "")
    }

    @Test("A process that hears nothing any more is killed")
    func deaf() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        let code = Box<ExitCode>()
        let run = try await Command.run(["start", TestVM.name, "--store", vm.store]) { running in
            let isIdle = try await running.waits(for: "idle")
            #expect(isIdle)
            running.send(SIGSTOP)
            var escalation = Escalation(
                try VMStore(path: vm.store).vm(TestVM.name), timeoutSeconds: 0, then: .stop)
            escalation.patience = 1
            code.set(try escalation.hibernate(waking: false))
        }
        #expect(code.value == .endedInstead && run.signal == SIGKILL)
        #expect(try await vm.run("status").output == "unknown\n")
    }

    @Test(
        "Rules that make no sense are refused",
        arguments: [
            (["stop", "--then", "stop"], "kill or nothing"), (["stop", "--then", "wait"], "'kill'"),
            (["hibernate", "--wake", "--then", "stop"], "--wake"), (["hibernate", "--timeout", "86401"], "86400"),
        ])
    func refused(arguments: [String], words: String) async throws {
        let result = try await Command.run([arguments[0], "vm"] + arguments.dropFirst())
        #expect(result.exitCode == 64 && result.error.contains(words), "\(result.error)")
    }
}

/// A value that comes from within a closure.
private final class Box<Value: Sendable>: Sendable {
    private let content = Mutex<Value?>(nil)
    var value: Value? { content.withLock(\.self) }
    func set(_ value: Value) { content.withLock { $0 = value } }
}
