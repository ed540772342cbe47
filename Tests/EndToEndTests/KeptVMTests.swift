// Kept VMs with Linux in them: what the verbs do to a hibernation that a kernel made.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Hibernating {
    @Suite("Kept VMs of Linux", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct KeptVMTests {
        /// Seconds by which the guest's clock may be off after ten cycles: its dates have hundredths, and the host's
        /// clock is adjusted meanwhile.
        private static let drift = 0.3

        @Test("dormouse hibernate and dormouse stop press the buttons, and the clock is right after the guest slept")
        func buttons() throws {
            let vm = try KeptVM(try Scratch("acpi-vm-buttons"), GuestMachine(.systemOff2, test: "buttons"))
            let first = try vm.start("1-hibernate")
            try first.waitForConsole("dormouse: waiting for a button")
            #expect(try vm.command("hibernate") == 0)
            let slept = try first.waitForEnd()
            #expect(slept.guestFailure == nil)
            #expect(slept.exitCode == ExitCode.hibernated)
            #expect(slept.report?.configuration.hardwareSignature != "0x0")

            Thread.sleep(forTimeInterval: 4)
            let second = try vm.start("2-stop")
            try second.expectRightClock(count: 1)
            try second.expectRightClock(count: 2)
            try second.waitForConsole("dormouse: waiting for a button")
            #expect(try vm.command("stop") == 0)
            let off = try second.waitForEnd()
            #expect(off.guestFailure == nil)
            #expect(off.console.contains("dormouse: resumed, sha256 ok"))
            #expect(off.exitCode == ExitCode.poweredOff)
            #expect(off.report?.configuration.hardwareSignature == slept.report?.configuration.hardwareSignature)
        }

        @Test(
            "A guest that takes its sleep button for suspend to RAM is said to, and is woken if asked for, or to stop")
        func suspends() throws {
            var machine = GuestMachine(.systemOff2, test: "buttons")
            machine.append.append("dormouse.sleepkey=suspend")
            let vm = try KeptVM(try Scratch("acpi-vm-suspends"), machine)
            let run = try vm.start("1-suspend")
            try run.waitForConsole("dormouse: waiting for a button")
            #expect(try vm.output("hibernate").contains("suspended to RAM when its sleep button was pressed"))
            #expect(run.console.contains("dormouse: suspending"))
            let again = try vm.output("hibernate", arguments: ["--wake"])
            #expect(again.contains("is suspended to RAM already, and is woken"), "\(again)")
            try run.waitForConsole("dormouse: woken")
            try run.waitForConsole("dormouse: waiting for a button", count: 2)
            #expect(try vm.output("hibernate").contains("suspended to RAM when its sleep button was pressed"))
            // A guest that sleeps hears no button: it is woken for it.
            #expect(try vm.command("stop") == 0)
            let end = try run.waitForEnd()
            #expect(end.exitCode == ExitCode.poweredOff && end.console.contains("dormouse: power button"))
        }

        @Test("A guest that suspends instead of hibernating, or hears no button, is stopped by the rule for it")
        func rules() throws {
            var machine = GuestMachine(.systemOff2, test: "buttons")
            machine.append.append("dormouse.sleepkey=suspend")
            let vm = try KeptVM(try Scratch("acpi-vm-rule"), machine)
            let run = try vm.start("1-suspend")
            try run.waitForConsole("dormouse: waiting for a button")
            // It is woken for its power button.
            #expect(try vm.command("hibernate", arguments: ["--then", "stop"]) == ExitCode.stoppedInstead)
            let end = try run.waitForEnd()
            #expect(end.exitCode == ExitCode.poweredOff && end.console.contains("dormouse: power button"))

            let deaf = try KeptVM(try Scratch("acpi-vm-deaf"), GuestMachine(.systemOff2, test: "idle"))
            let idle = try deaf.start("1-idle")
            try idle.waitForConsole("dormouse: idle")
            let code = try deaf.command("hibernate", arguments: ["--timeout", "1", "--then", "stop"])
            #expect(code == ExitCode.endedInstead)
            #expect(try idle.waitForEnd().exitCode == ExitCode.terminated)
        }

        @Test(
            "After dormouse bump the kernel refuses its image by the signature, and boots clean; restore-image undoes it",
            arguments: [1, 4])
        func bump(cpus: Int) throws {
            var machine = GuestMachine(.systemOff2, test: "hibernate")
            machine.append.append("dormouse.refused=boot")
            machine.cpus = cpus
            let vm = try KeptVM(try Scratch("acpi-vm-bump-\(cpus)"), machine)
            let slept = try vm.start("1-hibernate").waitForEnd()
            #expect(slept.exitCode == ExitCode.hibernated)
            #expect(try vm.command("bump") == 0)
            let end = try vm.start("2-clean").waitForEnd()
            #expect(end.guestFailure == nil)
            #expect(end.console.contains("PM: Suspend image hardware signature mismatch"))
            #expect(end.console.contains("dormouse: clean boot, the kernel refused the image"))
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.report?.vm?.start == "clean")

            #expect(try vm.command("restore-image") == 0)
            let resumed = try vm.start("3-resume").waitForEnd()
            #expect(resumed.guestFailure == nil)
            #expect(resumed.report?.vm?.start == "resume")
            #expect(resumed.checksums.map(\.checksum) == slept.checksums.map(\.checksum))
            #expect(resumed.exitCode == ExitCode.poweredOff)
        }

        @Test("Ten hibernations in one VM: the memory stays, and the clock is right within a second after each")
        func tenCycles() throws {
            let vm = try KeptVM(try Scratch("acpi-vm-cycles"), GuestMachine(.systemOff2, test: "hibernate10"))
            var checksums: Set<String> = []
            var ahead: [ClosedRange<TimeInterval>] = []
            for cycle in 0...10 {
                let run = try vm.start("\(cycle)")
                // After a resume the first date is that of the kernel that looked for the image.
                ahead.append(try run.expectRightClock(count: cycle == 0 ? 1 : 2))
                let end = try run.waitForEnd()
                #expect(end.guestFailure == nil)
                #expect(end.exitCode == (cycle < 10 ? ExitCode.hibernated : ExitCode.poweredOff))
                #expect(end.report?.vm?.start == (cycle == 0 ? "boot" : "resume"))
                #expect(
                    end.checksums.contains { $0.step == "resumed" && $0.cycle == "cycle \(cycle) of 10" } == (cycle > 0)
                )
                checksums.formUnion(end.checksums.map(\.checksum))
            }
            #expect(checksums.count == 1)
            // Real-time clocks have whole seconds, so that a boot may be off by half of one; a hibernation adds nothing
            // to it. So there is one distance that every cycle may have, however long a busy machine took to look.
            let (least, most) = (ahead.map(\.lowerBound).max() ?? 0, ahead.map(\.upperBound).min() ?? 0)
            #expect(least - most < Self.drift, "\(ahead)")
        }

        @Test(
            "With a device tree a clean boot has noresume, and the image stays until it is discarded",
            arguments: [1, 4])
        func noresume(cpus: Int) throws {
            var machine = GuestMachine(.systemOff2, test: "hibernate")
            machine.cpus = cpus
            let vm = try KeptVM(try Scratch("vm-noresume-\(cpus)"), machine, firmware: "dt")
            #expect(try vm.start("1-hibernate").waitForEnd().exitCode == ExitCode.hibernated)
            #expect(try vm.command("bump") == 0)
            let clean = try vm.start("2-clean").waitForEnd()
            #expect(clean.guestFailure == nil)
            #expect(clean.console.contains("dormouse: clean boot, the image is left alone"))
            #expect(clean.exitCode == ExitCode.poweredOff)
            // Nothing was written, so the image may still be had.
            #expect(try vm.command("restore-image") == 0)
            let resumed = try vm.start("3-resume").waitForEnd()
            #expect(resumed.console.contains("dormouse: resumed, sha256 ok"))
            #expect(resumed.exitCode == ExitCode.poweredOff)
        }

        @Test("A guest that hibernates to a swap file by SYSTEM_OFF is seen to, and resumed, though nobody said where")
        func swapFile() throws {
            let scratch = try Scratch("vm-swap-file")
            let (disk, offset) = try Ext4.makeWithSwapFile(scratch)
            var machine = GuestMachine(.systemOff, test: "hibernate")
            // For the guest's own first process: its kernel and its host are told of no resume_offset.
            machine.append += ["dormouse.swapfile=swapfile", "dormouse.resume_offset=\(offset)"]
            let vm = try KeptVM(scratch, machine, disk: disk, firmware: "dt")
            let slept = try vm.start("1-hibernate").waitForEnd()
            #expect(slept.guestFailure == nil && slept.exitCode == ExitCode.poweredOff)
            #expect(slept.words.hasSuffix("is on disk \(disk.path), with resume_offset=\(offset)"), "\(slept.words)")
            // Without what the run saw, by looking at every page.
            #expect(try ImageInspect(disk).exitCode == 1)
            let scanned = try ImageInspect(disk, "--scan")
            #expect(scanned.exitCode == 0 && scanned.words.hasSuffix("is whole"), "\(scanned.words)")
            // It is a hibernation like any other.
            try vm.edit("memory = '512M'", "memory = '640M'")
            let refused = try vm.start("2-refused").waitForEnd()
            #expect(refused.exitCode == ExitCode.refusedEnvironment && refused.words.contains("memory.size"))
            try vm.edit("memory = '640M'", "memory = '512M'")
            let resumed = try vm.start("3-resume").waitForEnd()
            #expect(resumed.guestFailure == nil && resumed.exitCode == ExitCode.poweredOff)
            #expect(resumed.report?.vm?.start == "resume")
            #expect(resumed.checksums.map(\.step) == ["resumed"])
            #expect(resumed.checksums.map(\.checksum) == slept.checksums.map(\.checksum))
            // Used up: the next start is an ordinary boot, which hibernates again.
            #expect(try ImageInspect(disk, "--scan").exitCode == 1)
        }

        @Test("Another amount of memory is refused by Dormouse, and boots clean when it is told so")
        func memory() throws {
            var machine = GuestMachine(.systemOff2, test: "hibernate")
            machine.append.append("dormouse.refused=boot")
            let vm = try KeptVM(try Scratch("acpi-vm-memory"), machine)
            #expect(try vm.start("1-hibernate").waitForEnd().exitCode == ExitCode.hibernated)
            try vm.edit("memory = '512M'", "memory = '640M'")
            let refused = try vm.start("2-refused").waitForEnd()
            #expect(refused.exitCode == ExitCode.refusedEnvironment)
            #expect(refused.words.contains("memory.size"))
            let clean = try vm.start("3-clean", ["--on-change", "clean"]).waitForEnd()
            #expect(clean.guestFailure == nil)
            #expect(clean.console.contains("PM: Suspend image hardware signature mismatch"))
            #expect(clean.exitCode == ExitCode.poweredOff)
        }
    }
}
