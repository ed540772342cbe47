// Resets, and runs that are ended from outside.

import Glibc
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Reset and signals")
    struct ResetTests {
        @Test(
            "A guest that reboots is booted again, until SIGTERM ends the run",
            .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
        func rebootsUntilStopped() throws {
            let scratch = try Scratch("reboot")
            var machine = GuestMachine(.systemOff2, test: "reboot")
            machine.disks = [try scratch.makeDisk()]
            let run = try scratch.start(machine, "1-boot")
            try run.waitForConsole("dormouse: init", count: 2)
            run.signal(SIGTERM)
            let end = try run.waitForEnd()
            #expect(end.exitCode == ExitCode.terminated)
            #expect(end.words == "stopped by SIGTERM")
            let report = try #require(end.report)
            #expect(report.end.kind == "stopped")
            #expect(report.boots >= 2)
        }

        @Test(
            "A panic that ends in a reset is told of in the console's words, on a machine without pvpanic",
            .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
        func panic() throws {
            let scratch = try Scratch("panic")
            var machine = GuestMachine(.systemOff2, test: "panic")
            machine.options = ["--no-reboot"]
            let end = try scratch.run(machine, "1-boot")
            #expect(end.exitCode == ExitCode.reset)
            #expect(end.words == #"reset; the console said "Kernel panic - not syncing: sysrq triggered crash""#)
            // Where the kernel was then comes behind the panic's own line, and is what was on the console last.
            let console = try #require(end.report?.console)
            #expect(console.panic == "Kernel panic - not syncing: sysrq triggered crash")
            let written = end.console.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            #expect(console.lines.count == 24)
            #expect(Array((written.last == "" ? written.dropLast() : written).suffix(24)) == console.lines)
        }

        @Test(
            "With --no-reboot, a Linux guest's reset ends the run",
            .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
        func linuxDoesNotReboot() throws {
            let scratch = try Scratch("no-reboot")
            var machine = GuestMachine(.systemOff2, test: "reboot")
            machine.options = ["--no-reboot"]
            let end = try scratch.run(machine, "1-boot")
            #expect(end.guestFailure == nil)
            try expectReset(end, by: "SYSTEM_RESET")
        }

        @Test(
            "With --no-reboot, either reset function ends the run, from any core",
            .needs(BareMetalGuest.areThere, BareMetalGuest.whyNot),
            arguments: [("reset", "SYSTEM_RESET"), ("reset2", "SYSTEM_RESET2")], [0, 3])
        func bareMetalDoesNotReboot(_ reset: (argument: String, function: String), core: Int) throws {
            let scratch = try Scratch("\(reset.argument)-core-\(core)")
            var machine = GuestMachine(.systemOff2, "end=\(reset.argument)", "core=\(core)")
            machine.cpus = 4
            machine.options = ["--no-reboot"]
            let end = try scratch.run(machine, "1-boot")
            try expectReset(end, by: reset.function)
            #expect(end.report?.psci.lastSystemCall?.core == core)
        }

        @Test(
            "SIGTERM ends a run that sleeps, and the disk's lock with it",
            .needs(BareMetalGuest.areThere, BareMetalGuest.whyNot))
        func stopsAtOnce() throws {
            let scratch = try Scratch("sigterm")
            var machine = GuestMachine(.idle, "seconds=3600")
            machine.disks = [try scratch.makeDisk(mebibytes: 1)]
            machine.cpus = 4
            let run = try scratch.start(machine, "1-stopped")
            try run.waitForConsole("idle")
            run.signal(SIGTERM)
            #expect(try run.waitForEnd().exitCode == ExitCode.terminated)

            machine.append = ["seconds=0"]
            #expect(try scratch.run(machine, "2-same-disk").exitCode == ExitCode.poweredOff)
        }

        private func expectReset(
            _ end: DormouseRun.End, by function: String, sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            #expect(end.exitCode == ExitCode.reset, sourceLocation: sourceLocation)
            #expect(end.words == "reset", sourceLocation: sourceLocation)
            let report = try #require(end.report, sourceLocation: sourceLocation)
            #expect(report.end.kind == "reset", sourceLocation: sourceLocation)
            #expect(report.boots == 1, sourceLocation: sourceLocation)
            #expect(report.psci.lastSystemCall?.name == function, sourceLocation: sourceLocation)
        }
    }
}
