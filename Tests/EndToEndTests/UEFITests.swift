// UEFI starts the guest: Debian's AAVMF, which loads a kernel by fw_cfg, or finds what to start on a disk.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("UEFI", .needs(LinuxGuest.areThere && UEFI.isThere, UEFI.whyNot))
    struct UEFITests {

        @Test(
            "It loads Linux, which finds EFI and the machine by ACPI or by a device tree",
            arguments: [("acpi", 4), ("dt", 1)])
        func boots(description: String, cpus: Int) throws {
            let scratch = try Scratch("uefi-boot-\(description)")
            var machine = GuestMachine(.systemOff2, test: "poweroff")
            machine.cpus = cpus
            machine.disks = [try scratch.makeDisk()]
            machine.options = ["--model", "virt-2", "--firmware", "\(UEFI.firmware),\(description)"]
            let end = try scratch.run(machine, "1-boot")
            #expect(end.guestFailure == nil)
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains("UEFI firmware (version"))
            #expect(end.console.contains("efi: EFI v"))
            #expect(end.console.contains("Remapping and enabling EFI services."))
            #expect(end.console.contains("ACPI: FACS 0x") == (description == "acpi"))
            // Type 1 and type 0 of the SMBIOS tables.
            #expect(end.console.contains("DMI: Dormouse virt-2, BIOS 1 01/01/2026"))
            #expect(end.console.contains("[vda] 1048576 512-byte logical blocks"))
            for complaint in ["WARNING", "ACPI Error", "ACPI Warning", "Synchronous Exception"] {
                #expect(!end.console.contains(complaint), "\(complaint)")
            }
        }

        @Test("Without a kernel it looks at the disks, and says what it found there")
        func disk() throws {
            let scratch = try Scratch("uefi-disk")
            var machine = GuestMachine(.systemOff2, test: "none")
            machine.kernel = nil
            machine.initrd = nil
            machine.append = []
            machine.disks = [try scratch.makeDisk()]
            machine.options = UEFI.options
            let run = try scratch.start(machine, "1-boot", input: .pipe)
            // Nothing that could be started is on the disk, which has its boot entry all the same.
            try run.waitForConsole("UEFI Misc Device")
            try run.waitForConsole("UEFI Interactive Shell")
            // It asks its serial port for characters, and unmasks no interrupt.
            try run.waitForConsole("Shell>")
            try run.send("reset -s\r")
            #expect(try run.waitForEnd().exitCode == ExitCode.poweredOff)
        }

        @Test("Whenever the power goes while variables are written, the firmware boots the guest the next time")
        func powerCuts() throws {
            let vm = try KeptVM(
                try Scratch("uefi-power-cuts"), GuestMachine(.systemOff2, test: "poweroff"), firmware: UEFI.firmware,
                options: ["--model", "virt-2"])
            let made = try Data(contentsOf: vm.variables)
            var cuts = 0
            // Growing steps, unless there is time for every write.
            var write = 1
            while true {
                try made.write(to: vm.variables)
                let torn = [0, 1, 5, 64][cuts % 4]
                let cut = try vm.start("\(write)-cut", ["--lab", "flash.write#\(write)=tear:\(torn)"]).waitForEnd()
                guard cut.exitCode == ExitCode.powerCut else {
                    // There are not so many.
                    #expect(cut.exitCode == ExitCode.poweredOff)
                    break
                }
                cuts += 1
                let next = try vm.start("\(write)-boot").waitForEnd()
                #expect(next.guestFailure == nil && next.exitCode == ExitCode.poweredOff, "write \(write)")
                #expect(next.console.contains("Remapping and enabling EFI services."))
                write += Nightly.isOn ? 1 : write
            }
            #expect(cuts > 3)
        }

        @Test("A guest hibernates by SYSTEM_OFF2 and resumes; after dormouse bump the kernel sees another signature")
        func hibernation() throws {
            let vm = try KeptVM(
                try Scratch("uefi-vm"), GuestMachine(.systemOff2, test: "hibernate2"), firmware: UEFI.firmware,
                options: ["--model", "virt-2"])
            let first = try vm.start("1-hibernate").waitForEnd()
            #expect(first.guestFailure == nil)
            #expect(first.exitCode == ExitCode.hibernated && first.words == "hibernated")
            #expect(first.report?.configuration.hardwareSignature != "0x0")

            let second = try vm.start("2-resume").waitForEnd()
            #expect(second.guestFailure == nil)
            #expect(second.exitCode == ExitCode.hibernated)
            #expect(second.report?.vm?.start == "resume")
            let checksum = try #require(first.checksums.first).checksum
            #expect(second.checksums.map(\.checksum) == [checksum, checksum])
            #expect(second.checksums.map(\.step) == ["resumed", "hibernating"])

            try vm.edit("dormouse.test=hibernate2", "dormouse.test=hibernate2 dormouse.refused=boot")
            #expect(try vm.command("bump") == 0)
            let third = try vm.start("3-clean").waitForEnd()
            #expect(third.console.contains("PM: Suspend image hardware signature mismatch"))
            #expect(third.console.contains("dormouse: clean boot, the kernel refused the image"))
            #expect(third.report?.vm?.start == "clean")
        }
    }
}
