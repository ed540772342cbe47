// Guests that do nothing use nothing, and cores that work all get on.

import Glibc
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Idle and busy guests")
    struct ProgressTests {
        /// Of one core of the host, for a guest that idles.
        private static let idleLimit = 0.03
        private static let idleSeconds = 10.0
        /// Periods of which one must be below the limit.
        private static let idleAttempts = 6
        /// The slowest core does at least this part of what the fastest one does: host threads share fairly, but the
        /// machine may have fewer cores than the guest, and other things to do.
        private static let fairShare = 0.25

        @Test(
            "Linux that idles on four CPUs uses under 3 % of a core",
            .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
        func linuxIdles() throws {
            let scratch = try Scratch("idle-linux")
            var machine = GuestMachine(.systemOff2, test: "idle")
            machine.disks = [try scratch.makeDisk()]
            machine.cpus = 4
            let run = try scratch.start(machine, "1-boot")
            try run.waitForConsole("dormouse: idle")
            // What the kernel puts off until after boot is not idling, and takes as long as the host lets it.
            var use = [Double]()
            repeat {
                use.append(try run.coreUse(seconds: Self.idleSeconds))
            } while (use.last ?? 0) >= Self.idleLimit && use.count < Self.idleAttempts
            #expect((use.last ?? 1) < Self.idleLimit, "in periods of \(Self.idleSeconds) s: \(use)")
            #expect(run.isRunning)
            run.signal(SIGTERM)
            #expect(try run.waitForEnd().exitCode == ExitCode.terminated)
        }

        @Test(
            "A core that waits for its timer uses under 3 % of a core, and is woken",
            .needs(BareMetalGuest.areThere, BareMetalGuest.whyNot))
        func bareMetalIdles() throws {
            let scratch = try Scratch("idle-bare-metal")
            let run = try scratch.start(GuestMachine(.idle, "seconds=\(Int(Self.idleSeconds) + 1)"), "1-boot")
            try run.waitForConsole("idle")
            #expect(try run.coreUse(seconds: Self.idleSeconds) < Self.idleLimit)
            let end = try run.waitForEnd()
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains(/idle for 11\d\d\d ms, woke \d+ time/))
        }

        @Test(
            "Four busy cores of a bare-metal guest make progress together",
            .needs(BareMetalGuest.areThere, BareMetalGuest.whyNot))
        func bareMetalIsBusy() throws {
            let scratch = try Scratch("busy-bare-metal")
            var machine = GuestMachine(.spin, "seconds=5")
            machine.cpus = 4
            let end = try scratch.run(machine, "1-boot")
            #expect(end.exitCode == ExitCode.poweredOff)
            let counts = end.console.matches(of: /core \d count (\d+)/).compactMap { Double($0.1) }
            try expectFairShares(counts)
        }

        @Test(
            "Four busy CPUs of Linux make progress together",
            .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
        func linuxIsBusy() throws {
            let scratch = try Scratch("busy-linux")
            var machine = GuestMachine(.systemOff2, test: "busy")
            machine.cpus = 4
            let run = try scratch.start(machine, "1-boot")
            // Each reports once a second, and they start one after the other.
            for cpu in 0..<4 { try run.waitForConsole("dormouse: busy, cpu \(cpu),", count: 4) }
            run.signal(SIGTERM)
            let end = try run.waitForEnd()
            #expect(end.exitCode == ExitCode.terminated)
            let reports = end.console.matches(of: /dormouse: busy, cpu (\d), (\d+) rounds/)
                .map { (cpu: String($0.1), rounds: Double($0.2) ?? 0) }
            // What counts is the time in which all were at work.
            let starts = (0..<4).compactMap { cpu in reports.firstIndex { $0.cpu == String(cpu) } }
            let together = reports.dropFirst((starts.max() ?? 0) + 1)
            let roundsPerSecond = try (0..<4).map { cpu in
                let own = together.filter { $0.cpu == String(cpu) }.map(\.rounds)
                try #require(!own.isEmpty)
                return own.reduce(0, +) / Double(own.count)
            }
            try expectFairShares(roundsPerSecond)
        }

        @Test(
            "Linux comes up on 64 CPUs, the most there can be, on however few cores of the host",
            .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
        func mostCPUs() throws {
            let scratch = try Scratch("cpus-64")
            var machine = GuestMachine(.systemOff2, test: "poweroff")
            machine.cpus = 64
            machine.options = ["--memory", "2G"]
            let end = try scratch.run(machine, "1-boot")
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains("cpus 0-63 "))
        }

        private func expectFairShares(_ counts: [Double], sourceLocation: SourceLocation = #_sourceLocation) throws {
            #expect(counts.count == 4, sourceLocation: sourceLocation)
            let most = try #require(counts.max(), sourceLocation: sourceLocation)
            #expect(most > 0 && counts.allSatisfy { $0 >= most * Self.fairShare }, sourceLocation: sourceLocation)
        }
    }
}
