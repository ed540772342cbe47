// What sleeps until there is something to do: a VM at rest, and commands that follow what happens.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("Sleeping until something happens", .needs(Guest.areBuilt, Guest.missing))
struct FollowTests {
    /// How often the threads of a process have gone to sleep.
    private static func sleeps(_ process: pid_t) throws -> Int {
        let tasks = "/proc/\(process)/task"
        return try FileManager.default.contentsOfDirectory(atPath: tasks).reduce(0) { sum, task in
            let status = String(decoding: try Data(contentsOf: URL(filePath: "\(tasks)/\(task)/status")), as: UTF8.self)
            let line = status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") }
            return sum + (line.flatMap { Int($0.split(separator: "\t").last ?? "") } ?? 0)
        }
    }

    /// That a process hardly ever wakes for a while: who looks again ten times a second does.
    private static func expectQuiet(_ process: pid_t) async throws {
        // What it began with is over.
        try await Task.sleep(for: .seconds(1))
        let before = try sleeps(process)
        let begin = ContinuousClock.now
        try await Task.sleep(for: .seconds(3))
        let count = try sleeps(process) - before
        // A machine that is busy may come back late.
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        #expect(Double(count) <= 2 * seconds + 2, "it slept \(count) times in \(seconds) s")
    }

    @Test("A VM whose guest is idle wakes for its guest only: once a second for a time that is far off")
    func rest() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        _ = try await Command.run(["start", "vm", "--store", vm.store]) { running in
            #expect(try await running.waits(for: "idle"))
            try await Self.expectQuiet(running.process)
            running.send(SIGTERM)
        }
    }

    @Test("Who follows events sleeps until there is one, and sees those of a VM that is made meanwhile")
    func events() async throws {
        let vm = try await TestVM(disks: 1)
        let followed = try await Command.run(["events", "--follow", "--store", vm.store]) { running in
            #expect(try await running.waits(for: "defined"))
            try await Self.expectQuiet(running.process)
            #expect(try await vm.run("copy", ["new", "--full"]).exitCode == 0)
            #expect(try await running.waits(for: "new\t1\tdefined"))
            #expect(try await vm.start().exitCode == 40)
            #expect(try await running.waits(for: "vm\t4\thibernated"))
            #expect(try await Command.run(["start", "new", "--store", vm.store]).exitCode == 40)
            #expect(try await running.waits(for: "new\t4\thibernated"))
            running.send(SIGTERM)
        }
        // Each of them once.
        #expect(followed.output.split(separator: "\n").count == 8, "\(followed.output)")
    }

    @Test("Who follows the events of a VM by its name sees those of another one that has it later")
    func remade() async throws {
        let vm = try await TestVM(disks: 1)
        #expect(try await vm.start().exitCode == 40)
        let followed = try await Command.run(["events", "vm", "--follow", "--store", vm.store]) { running in
            let hasHibernated = try await running.waits(for: "vm\t4\thibernated")
            #expect(hasHibernated)
            #expect(try await vm.run("rm", ["--force"]).exitCode == 0)
            let options = ["--kernel", vm.kernel, "--append", "end=off2", "--memory", "64"]
            #expect(try await vm.run("create", options).exitCode == 0)
            #expect(try await running.waits(for: "vm\t1\tdefined", times: 2))
            #expect(try await vm.start().exitCode == 40)
            #expect(try await running.waits(for: "vm\t4\thibernated", times: 2))
            running.send(SIGTERM)
        }
        #expect(followed.output.split(separator: "\n").count == 8, "\(followed.output)")
        #expect(followed.error.contains("VM vm is another one from here on"))
    }

    @Test(
        "Who follows a log sleeps until something is said, and until the run ends, however it does",
        arguments: [SIGTERM, SIGKILL])
    func logs(signal: Int32) async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        let ran = try await Command.run(["start", "vm", "--store", vm.store]) { guest in
            #expect(try await guest.waits(for: "idle"))
            let followed = try await Command.run(["logs", "vm", "--follow", "--store", vm.store]) { running in
                #expect(try await running.waits(for: "idle"))
                try await Self.expectQuiet(running.process)
                guest.send(signal)
            }
            #expect(followed.exitCode == 0)
            let isSaid = followed.output.contains("dormouse: stopped by SIGTERM")
            #expect(isSaid == (signal == SIGTERM), "\(followed.output)")
        }
        #expect(ran.exitCode == (signal == SIGTERM ? 143 : nil))
    }
}
