// A guest that is told of its machine by ACPI: what it finds, how it hibernates, its buttons and its clock.

import Foundation
import Glibc
import TestSupport
import Testing

extension EndToEnd.Hibernating {
    @Suite("ACPI", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct ACPITests {
        private static let signature = ["--firmware", "acpi", "--hardware-signature", "c0ffee01"]

        // Linux 6.1 shows neither the FACS nor, on arm64, the generation id.
        @Test(
            "The kernel boots with ACPI and finds its devices",
            arguments: Nightly.pairs([1, 4], LinuxGuest.allCases.filter { $0 != .bookworm }))
        func boot(cpus: Int, guest: LinuxGuest) throws {
            let scratch = try Scratch("acpi-boot-\(guest.rawValue)-\(cpus)")
            var machine = GuestMachine(guest, test: "firmware")
            machine.cpus = cpus
            machine.options = Self.signature + ["--generation-id", "00112233-4455-6677-8899-aabbccddeeff"]
            // The console is the SPCR's: the command line names none.
            machine.append.removeFirst()
            let end = try scratch.run(machine, "1-boot")
            #expect(end.guestFailure == nil)
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains("ACPI: Interpreter enabled"))
            #expect(end.console.contains("dormouse: init"))
            #expect(end.console.contains("cpus \(cpus == 1 ? "0" : "0-\(cpus - 1)") "))
            #expect(end.firmware("tables") == "APIC DSDT FACP FACS GTDT SPCR")
            #expect(end.firmware("events") == "ACPI0013:00")
            #expect(end.firmware("generation id") == "DRMS0001:00")
            #expect(end.console.contains("dormouse: firmware, button Power Button"))
            #expect(end.console.contains("dormouse: firmware, button Sleep Button"))
            #expect(end.console.matches(of: /\n\[.*(?:WARNING|BUG|Oops|ACPI (?:Error|Warning|BIOS))/).isEmpty)
            // acpi_tad of older kernels takes no clock that cannot wake the machine.
            if guest == .systemOff2 { #expect(end.firmware("clock") == "acpi-tad ACPI000E:00") }
            #expect(end.report?.configuration.firmware == "acpi")
            #expect(end.report?.configuration.hardwareSignature == "0xc0ffee01")
            #expect(end.report?.configuration.generationID == "00112233445566778899aabbccddeeff")
        }

        @Test("With a device tree, the guest finds the generation id, and no button")
        func deviceTree() throws {
            let scratch = try Scratch("acpi-device-tree")
            var machine = GuestMachine(.systemOff2, test: "firmware")
            machine.options = ["--generation-id", "00112233445566778899aabbccddeeff"]
            let end = try scratch.run(machine, "1-boot")
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.firmware("tables") == "none")
            #expect(end.firmware("generation id") == "5fff1000.rng")
            #expect(!end.console.contains("dormouse: firmware, button"))
            #expect(end.report?.configuration.firmware == "dt")
            #expect(end.report?.configuration.hardwareSignature == nil)
        }

        @Test(
            "A guest that hibernates resumes on the same signature, twice, and its clock is right within a second",
            arguments: Nightly.pairs(["acpi", "dt"], [4, 1]))
        func hibernation(firmware: String, cpus: Int) throws {
            let scratch = try Scratch("acpi-hibernation-\(firmware)-\(cpus)")
            var machine = GuestMachine(.systemOff2, test: "hibernate2")
            machine.cpus = cpus
            machine.disks = [try scratch.makeDisk()]
            if firmware == "acpi" { machine.options = Self.signature }

            var checksums: Set<String> = []
            for (index, name) in ["1-boot", "2-resume", "3-resume"].enumerated() {
                // That the guest slept has to be seen by its clock.
                if index > 0 { Thread.sleep(forTimeInterval: 4) }
                let run = try scratch.start(machine, name)
                // The clock of the kernel that was booted, then that of the one that was resumed.
                try run.expectRightClock(count: 1)
                if index > 0 { try run.expectRightClock(count: 2) }
                let end = try run.waitForEnd()
                #expect(end.guestFailure == nil)
                #expect(end.exitCode == (index < 2 ? ExitCode.hibernated : ExitCode.poweredOff))
                #expect(!end.console.contains("signature mismatch"))
                #expect(end.checksums.filter { $0.step == "resumed" }.count == (index > 0 ? 1 : 0))
                checksums.formUnion(end.checksums.map(\.checksum))
                #expect(end.report?.hibernationImages.map(\.found) == [index < 2])
                if index < 2 {
                    #expect(
                        end.report?.hibernationImages.first?.hardwareSignature
                            == (firmware == "acpi" ? "0xc0ffee01" : nil))
                }
            }
            #expect(checksums.count == 1)
        }

        @Test("On another signature the kernel refuses the image and boots clean", arguments: [1, 4])
        func otherSignature(cpus: Int) throws {
            let scratch = try Scratch("acpi-other-signature-\(cpus)")
            var machine = GuestMachine(.systemOff2, test: "hibernate")
            machine.cpus = cpus
            machine.disks = [try scratch.makeDisk()]
            machine.options = Self.signature
            #expect(try scratch.run(machine, "1-boot").exitCode == ExitCode.hibernated)

            machine.options = ["--firmware", "acpi", "--hardware-signature", "0xc0ffee02"]
            machine.append.append("dormouse.refused=boot")
            let end = try scratch.run(machine, "2-refused")
            #expect(end.guestFailure == nil)
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(
                end.console.contains(
                    "PM: Suspend image hardware signature mismatch (c0ffee01 now c0ffee02); aborting resume."))
            #expect(end.console.contains("dormouse: clean boot, the kernel refused the image"))
            #expect(end.report?.hibernationImages.map(\.found) == [false])
        }

        @Test("Idle CPUs are powered down by PSCI, in the states that the kernel found in _LPI")
        func idle() throws {
            let scratch = try Scratch("acpi-idle")
            var machine = GuestMachine(.systemOff2, test: "psci")
            machine.cpus = 4
            machine.options = Self.signature
            let end = try scratch.run(machine, "1-boot")
            #expect(end.guestFailure == nil)
            let usages = end.console.matches(of: /dormouse: idle, cpu (\d+), LPI-\d, usage (\d+)/)
            #expect(usages.count == 4)
            let counts = try #require(end.report?.psci.powerDowns)
            for usage in usages {
                let core = try #require(Int(usage.1))
                let used = try #require(UInt64(usage.2))
                #expect(used > 0)
                // The kernel tells of the deepest state only, and every power-down counts.
                #expect(counts[core].count >= used)
            }
        }

        // MARK: Buttons

        @Test("The sleep button makes the guest hibernate, the power button makes it power off, also after resume")
        func buttons() throws {
            let scratch = try Scratch("acpi-buttons")
            var machine = GuestMachine(.systemOff2, test: "buttons")
            machine.disks = [try scratch.makeDisk()]
            machine.options = Self.signature
            let first = try scratch.start(machine, "1-sleep")
            try first.waitForConsole("dormouse: waiting for a button")
            first.signal(SIGUSR2)
            let slept = try first.waitForEnd()
            #expect(slept.guestFailure == nil)
            #expect(slept.console.contains("dormouse: sleep button"))
            #expect(slept.exitCode == ExitCode.hibernated)

            let second = try scratch.start(machine, "2-power")
            try second.waitForConsole("dormouse: resumed, sha256 ok")
            try second.waitForConsole("dormouse: waiting for a button")
            second.signal(SIGPWR)
            let off = try second.waitForEnd()
            #expect(off.guestFailure == nil)
            #expect(off.console.contains("dormouse: power button"))
            #expect(off.exitCode == ExitCode.poweredOff)
        }

        @Test("With a device tree a button does nothing, and Dormouse says why")
        func noButton() throws {
            let scratch = try Scratch("acpi-no-button")
            let run = try scratch.start(GuestMachine(.systemOff2, test: "idle"), "1-boot")
            try run.waitForConsole("dormouse: idle")
            run.signal(SIGPWR)
            try run.waitForMessage("there is no power button with a device tree; start the guest with --firmware acpi")
            #expect(run.isRunning)
            run.signal(SIGTERM)
            #expect(try run.waitForEnd().exitCode == ExitCode.terminated)
        }

        @Test("ACPI for flat code, and a signature without ACPI, are refused")
        func refused() throws {
            let scratch = try Scratch("acpi-refused")
            var machine = GuestMachine(.systemOff2, test: "poweroff")
            machine.options = ["--hardware-signature", "1"]
            let end = try scratch.run(machine, "1-signature")
            #expect(end.exitCode == ExitCode.usage)
            machine.options = ["--firmware", "acpi", "--kernel-format", "flat"]
            machine.initrd = nil
            let flat = try scratch.run(machine, "2-flat")
            #expect(flat.exitCode == ExitCode.usage)
            #expect(flat.words.contains("device tree"))
        }
    }
}

extension DormouseRun.End {
    /// What the guest says of its firmware under `name`.
    fileprivate func firmware(_ name: String) -> String? {
        console.split(separator: "\n").lazy
            .compactMap { line in line.components(separatedBy: "dormouse: firmware, \(name) ").dropFirst().first }
            .compactMap { $0.components(separatedBy: " (uptime").first }.first
    }
}
