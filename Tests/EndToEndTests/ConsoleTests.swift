// What is typed reaches the guest, and the end of it ends nothing.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Console", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct ConsoleTests {
        @Test("A shell in the guest does what is typed, and goes on after the end of the input")
        func shell() throws {
            let scratch = try Scratch("console")
            let run = try scratch.start(GuestMachine(.systemOff2, test: "shell"), "1-boot", input: .pipe)
            try run.waitForConsole("dormouse: shell")
            // The console echoes what is typed: what is looked for is only in the answer.
            try run.send("echo answer $((6 * 7))\n")
            try run.waitForConsole("answer 42")
            // Linux starts a UART that was idle for half a second from a worker, and throws away what is not sent when
            // the shell ends: hence the second sleep.
            try run.send("sleep 3; echo still there after $((1 + 2)) seconds; sleep 1; exit\n")
            try run.closeInput()
            try run.waitForConsole("still there after 3 seconds")
            let end = try run.waitForEnd()
            #expect(end.guestFailure == nil)
            #expect(end.console.contains("dormouse: powering off"))
            #expect(end.exitCode == ExitCode.poweredOff)
        }

        private static let repetitions = Nightly.isOn ? 20 : 1

        @Test(
            "Forty lines that are piped in before the kernel runs arrive whole, on both consoles",
            arguments: [
                (.bookworm, "pl011"), (.systemOff, "pl011"), (.systemOff2, "pl011"), (.bookworm, "virtio"),
                (.systemOff, "virtio"), (.systemOff2, "virtio"),
            ] as [(LinuxGuest, String)])
        func earlyInput(guest: LinuxGuest, console: String) throws {
            let scratch = try Scratch("early-input-\(guest.rawValue)-\(console)")
            var machine = GuestMachine(guest, test: "shell")
            machine.append[0] = console == "virtio" ? "console=hvc0" : "console=ttyAMA0"
            machine.options = ["--console", console]
            // The answer is not what is echoed.
            let commands = (1...40).map { "echo line \($0) of forty, $((\($0) + 1000))\n" }
            let answers = (1...40).map { "line \($0) of forty, \($0 + 1000)" }
            for repetition in 1...Self.repetitions {
                let run = try scratch.start(machine, "\(repetition)-boot", input: .pipe)
                try run.send(commands.joined() + "poweroff -f\n")
                try run.closeInput()
                let end = try run.waitForEnd()
                #expect(end.exitCode == ExitCode.poweredOff)
                let lines = end.console.split(separator: "\n").map(String.init)
                #expect(lines.filter(answers.contains) == answers)
            }
        }

        @Test("A guest that uses the UART is not shown with its other console between")
        func otherConsole() throws {
            let scratch = try Scratch("other-console")
            let run = try scratch.start(GuestMachine(.systemOff2, test: "shell"), "1-boot", input: .pipe)
            try run.send("echo other-$((6 * 7)) >/dev/hvc0; echo own-$((6 * 7)); poweroff -f\n")
            let end = try run.waitForEnd()
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains("own-42"))
            #expect(!end.console.contains("other-42"))
        }
    }
}
