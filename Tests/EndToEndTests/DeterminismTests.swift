// Runs on the instruction clock repeat exactly, with any engine: the same console, the same number of instructions.

import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Deterministic runs")
    struct DeterminismTests {
        @Test(
            "A bare-metal guest with four cores does the same in every run, with any engine",
            .needs(BareMetalGuest.areThere, BareMetalGuest.whyNot),
            arguments: [Engine.interpreter, .translator, .auto])
        func bareMetal(engine: Engine) throws {
            var machine = GuestMachine(.systemOff2)
            machine.cpus = 4
            machine.engine = engine
            try expectRepeats(machine, "deterministic-bare-metal-\(engine)", exitCode: ExitCode.hibernated)
        }

        @Test(
            "Linux with two CPUs does the same in every run, with any engine, to the time stamps of its log",
            .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
        func linux() throws {
            var machine = GuestMachine(.systemOff2, test: "poweroff")
            machine.cpus = 2
            machine.engine = .translator
            try expectRepeats(machine, "deterministic-linux", exitCode: ExitCode.poweredOff)
        }

        private func expectRepeats(_ original: GuestMachine, _ name: String, exitCode: Int32) throws {
            let scratch = try Scratch(name)
            var machine = original
            machine.options += ["--clock", "instructions"]
            let first = try scratch.run(machine, "1-first")
            machine.engine = .interpreter
            let second = try scratch.run(machine, "2-second")
            #expect(first.exitCode == exitCode && second.exitCode == exitCode)
            #expect(first.guestFailure == nil)
            #expect(!first.console.isEmpty)
            // Not compared by one #expect: what it would print is two consoles.
            let difference = zip(first.console.split(separator: "\n"), second.console.split(separator: "\n"))
                .first { $0 != $1 }
            #expect(difference == nil)
            #expect(first.console.count == second.console.count)
            #expect(first.report?.guestInstructions ?? 0 > 0)
            #expect(first.report?.guestInstructions == second.report?.guestInstructions)
        }
    }
}
