// A running VM that is paused, and goes on.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("Pausing a VM", .needs(Guest.areBuilt, Guest.missing))
struct PauseTests {
    /// Ticks of CPU time that a process has taken.
    private static func ticks(_ process: pid_t) throws -> Int {
        let stat = String(decoding: try Data(contentsOf: URL(filePath: "/proc/\(process)/stat")), as: UTF8.self)
        let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
        return try #require(Int(fields[12])) + #require(Int(fields[13]))
    }

    @Test("A guest that is paused takes no CPU until it is told to go on, and can be ended meanwhile")
    func pause() async throws {
        let vm = try await TestVM(.spin, append: "seconds=3600", disks: 0)
        let ran = try await Command.run(["start", "vm", "--store", vm.store]) { running in
            while try await vm.run("status").output != "running\n" { try await Task.sleep(for: .milliseconds(20)) }
            #expect(try await vm.run("unpause").exitCode == 64)
            for _ in 0..<2 {
                #expect(try await vm.run("pause").exitCode == 0)
                #expect(try await vm.run("status").output == "paused\n")
                let before = try Self.ticks(running.process)
                try await Task.sleep(for: .seconds(1))
                // The question itself takes a little.
                #expect(try Self.ticks(running.process) - before <= 5)
                #expect(try await vm.run("pause").error.contains("paused already"))

                #expect(try await vm.run("unpause").exitCode == 0)
                #expect(try await vm.run("status").output == "running\n")
                let resumed = try Self.ticks(running.process)
                while try Self.ticks(running.process) - resumed < 20 { try await Task.sleep(for: .milliseconds(20)) }
            }
            #expect(try await vm.run("pause").exitCode == 0)
            #expect(try await vm.run("kill", ["--signal", "TERM"]).exitCode == 0)
        }
        #expect(ran.exitCode == 143)
        let states = try await vm.run("events").output.split(separator: "\n")
            .map { $0.split(separator: "\t")[3] }
        #expect(
            states == [
                "defined", "starting", "running", "paused", "running", "paused", "running", "paused", "powered-off",
            ])
        #expect(try await vm.run("pause").exitCode == 64)
    }
}
