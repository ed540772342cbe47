// A watchdog that Linux's own driver turns on and refreshes, and what becomes of a guest that stops refreshing it.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("A watchdog, with Linux", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct WatchdogTests {
        /// Debian's cloud kernels have no drivers of watchdogs.
        private static let guest = LinuxGuest.pages16K
        private static let hasModule = guest.hasModule("sbsa_gwdt")
        private static let whyNot: Comment =
            "the kernel's module sbsa_gwdt is not there: run scripts/fetch-guests and make-initramfs"

        /// Time is what the guest counts: however busy the host is, it refreshes its watchdog when it means to.
        private func machine(_ options: [String], in scratch: Scratch) throws -> GuestMachine {
            var machine = GuestMachine(Self.guest, test: "watchdog")
            machine.disks = [try scratch.makeDisk()]
            machine.options = ["--clock", "instructions", "--no-reboot"] + options
            return machine
        }

        private func expectRefreshed(_ end: DormouseRun.End) {
            #expect(end.guestFailure == nil)
            #expect(end.console.contains("dormouse: watchdog, SBSA Generic Watchdog"))
            // Of 4 s, it lasted ten times as long.
            #expect(end.console.contains("dormouse: watchdog, refreshed for 40 s"))
        }

        @Test(
            "As long as the kernel refreshes it nothing happens, and then the guest is started again, or has crashed",
            .needs(hasModule, whyNot), arguments: Nightly.pairs(["acpi", "dt"], ["reset", "crash"]))
        func ends(firmware: String, action: String) throws {
            let scratch = try Scratch("watchdog-\(firmware)-\(action)")
            let machine = try machine(["--firmware", firmware, "--watchdog", action], in: scratch)
            let end = try scratch.run(machine, "1-boot")
            expectRefreshed(end)
            #expect(end.exitCode == (action == "reset" ? ExitCode.reset : ExitCode.crashed))
            #expect(end.report?.end.kind == (action == "reset" ? "stopped" : "crashed"))
            #expect(end.words.contains("watchdog"))
        }

        @Test(
            "A guest that stops refreshing it hibernates, and does so again after it is resumed, as nobody refreshes it",
            .needs(hasModule, whyNot))
        func hibernates() throws {
            let scratch = try Scratch("watchdog-hibernate")
            let machine = try machine(["--firmware", "acpi", "--watchdog", "hibernate"], in: scratch)
            let first = try scratch.run(machine, "1-boot")
            expectRefreshed(first)
            #expect(first.console.contains("dormouse: sleep button"))
            #expect(first.exitCode == ExitCode.hibernated)
            let second = try scratch.run(machine, "2-resume")
            #expect(second.guestFailure == nil)
            #expect(second.checksums.contains { $0.step == "resumed" })
            #expect(second.console.contains("dormouse: sleep button"))
            #expect(second.exitCode == ExitCode.hibernated)
        }
    }
}
