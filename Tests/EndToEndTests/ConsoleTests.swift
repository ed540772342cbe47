// What is typed reaches the guest, and the end of it ends nothing.

import TestSupport
import Testing

extension EndToEnd {
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
            // Linux starts a UART that was idle for half a second from a worker, and throws away what is not sent when the
            // shell ends: hence the second sleep.
            try run.send("sleep 3; echo still there after $((1 + 2)) seconds; sleep 1; exit\n")
            try run.closeInput()
            try run.waitForConsole("still there after 3 seconds")
            let end = try run.waitForEnd()
            #expect(end.guestFailure == nil)
            #expect(end.console.contains("dormouse: powering off"))
            #expect(end.exitCode == ExitCode.poweredOff)
        }
    }
}
