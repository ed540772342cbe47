// A start that leaves the VM running in the background: what it waits for, and what it says if that does not come.
// Guests of Linux are in EndToEndTests, an agent that answers among them.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("Starting in the background", .needs(Guest.areBuilt, Guest.missing))
struct DetachTests {
    /// The number behind "process", which has to be that of the process that holds the VM's lock.
    private static func process(_ vm: TestVM, _ started: Finished) throws -> pid_t {
        let number = try #require(started.error.firstMatch(of: /process (\d+)/)?.1, "\(started.error)")
        let holder = try Data(contentsOf: URL(filePath: "\(vm.store)/\(TestVM.name)/lock"))
        #expect(String(decoding: holder, as: UTF8.self) == number)
        return try #require(pid_t(number))
    }

    @Test("It returns when the guest calls its firmware, with exit code 0, and the VM goes on to its own end")
    func firmwareCall() async throws {
        let vm = try await TestVM(disks: 1)
        for words in ["booted", "resumed"] {
            try await vm.inBackground(["--timeout", "600"]) { started in
                #expect(started.exitCode == 0 && started.output.isEmpty)
                #expect(started.error.contains("VM vm: \(words); process "), "\(started.error)")
                let waited = try await vm.run("wait")
                #expect(waited.output == "40\n", "\(waited.error)")
            }
        }
    }

    /// What is waited for, for how long, and what is said of it when it does not come.
    struct Silence: Sendable, CustomTestStringConvertible {
        var options: [String]
        var seconds = 6
        var words: String

        var testDescription: String { words }
    }

    private static let silences = [
        // That guest calls its firmware only to power off.
        Silence(options: [], words: "its guest has not called its firmware"),
        Silence(
            options: ["--wait-for", "a text that it never says"],
            words: "its console has not said \"a text that it never says\""),
        // Long enough for the guest to come up on a machine that is busy.
        Silence(
            options: ["--wait-for", "idle", "--wait-for-agent"], seconds: 20, words: "no agent answers in the guest"),
    ]

    @Test(
        "A guest that has not done in time what is waited for is exit code 53, which says so, and the VM goes on",
        arguments: silences)
    func timeout(silence: Silence) async throws {
        let seconds = silence.seconds
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1, options: ["--agent"])
        let begin = ContinuousClock.now
        // Whoever reads its standard error to the end is not held up by the VM: this returns.
        try await vm.inBackground(silence.options + ["--timeout", "\(seconds)"]) { started in
            #expect(ContinuousClock.now - begin >= .seconds(seconds))
            #expect(started.exitCode == 53)
            let process = try Self.process(vm, started)
            let last = "dormouse: VM vm runs as process \(process), and after \(seconds) s \(silence.words)"
            #expect(started.errorLines.last?.hasPrefix(last) == true, "\(started.error)")
            #expect(try await vm.run("status").output == "running\n")
            // It can still be ended in order, and says so.
            #expect(try await vm.run("kill", ["--signal", "TERM"]).exitCode == 0)
            #expect(try await vm.run("logs").output.hasSuffix("dormouse: stopped by SIGTERM\n"))
        }
    }

    @Test("A start that waits for the agent of a guest that has no port for one says so at once")
    func noPort() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        try await vm.inBackground(["--wait-for", "idle", "--wait-for-agent", "--timeout", "86400"]) { started in
            #expect(started.exitCode == 53)
            let process = try Self.process(vm, started)
            #expect(started.error.contains("VM vm runs as process \(process), but "), "\(started.error)")
            #expect(started.error.contains("set guest.agent=true"), "\(started.error)")
            #expect(try await vm.run("status").output == "running\n")
        }
    }

    @Test(
        "A run that ends before its guest's agent answers is told of by its own exit code and words",
        arguments: [("off2", 40, "hibernated"), ("off", 0, "powered off")] as [(String, Int32, String)])
    func ends(end: String, code: Int32, words: String) async throws {
        let vm = try await TestVM(append: "end=\(end)", disks: 1, options: ["--agent"])
        try await vm.inBackground(["--wait-for-agent", "--timeout", "86400"]) { started in
            #expect(started.exitCode == code, "\(started.error)")
            #expect(started.errorLines.last == "dormouse: VM vm: \(words)", "\(started.error)")
        }
    }

    @Test("Who waits for the agent of a VM that is killed is not left waiting")
    func killed() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1, options: ["--agent"])
        let options = ["--detach", "--wait-for", "idle", "--wait-for-agent", "--timeout", "86400"]
        let started = try await Command.run(["start", TestVM.name, "--store", vm.store] + options) { running in
            let isUp = try await running.waits(forMessage: "VM vm: booted; process ")
            #expect(isUp)
            #expect(try await vm.run("kill").exitCode == 0)
        }
        #expect(started.exitCode == 128 + SIGKILL, "\(started.error)")
        #expect(started.errorLines.last?.hasPrefix("dormouse: VM vm: unknown") == true, "\(started.error)")
    }

    @Test("A start that fails is told of by whoever was started with SIGCHLD ignored, too")
    func childrenIgnored() async throws {
        let vm = try await TestVM(.idle, disks: 0)
        unlink(vm.kernel)
        let started = try await Command.shell(
            #"exec env --ignore-signal=CHLD "$0" start vm --detach --store "$1""#, vm.store)
        #expect(started.exitCode == 64 && started.error.contains(vm.kernel), "\(started.error)")
    }
}
