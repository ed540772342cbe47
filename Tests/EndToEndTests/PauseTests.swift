// Guests that are paused, and asked to power off or to hibernate.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Paused guests", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct PauseTests {
        @Test("A guest that is paused goes on to hibernate, and to power off, and finds its memory intact")
        func ends() throws {
            let vm = try KeptVM(try Scratch("paused"), GuestMachine(.systemOff2, test: "buttons"))
            for (name, verb, code) in [
                ("1-hibernate", "hibernate", ExitCode.hibernated), ("2-stop", "stop", ExitCode.poweredOff),
            ] {
                let run = try vm.start(name)
                try run.waitForConsole("dormouse: waiting for a button")
                #expect(try vm.command("pause") == 0)
                Thread.sleep(forTimeInterval: 2)
                #expect(try vm.command(verb, arguments: ["--timeout", "600"]) == 0)
                let end = try run.waitForEnd()
                #expect(end.exitCode == code && end.guestFailure == nil)
                #expect(end.console.matches(of: /\n\[.*(?:WARNING|BUG|lockup|stall)/).isEmpty)
            }
        }
    }
}
