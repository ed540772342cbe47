// U-Boot starts the guest in place of edk2: Debian's, made for QEMU's board.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("U-Boot", .needs(UBoot.isThere, UBoot.whyNot))
    struct UBootTests {
        /// What U-Boot finds, says and does, without a kernel.
        private static func machine(_ scratch: Scratch, variables: URL) throws -> GuestMachine {
            var machine = GuestMachine(.systemOff2, test: "none")
            machine.kernel = nil
            machine.initrd = nil
            machine.append = []
            machine.disks = [try scratch.makeDisk()]
            machine.options = ["--firmware", "uefi=\(UBoot.path),dt", "--uefi-vars", variables.path]
            return machine
        }

        @Test("It finds the machine by the device tree, keeps its environment in the flash, and powers off by PSCI")
        func environment() throws {
            let scratch = try Scratch("u-boot")
            let variables = scratch.file("variables")
            try Data().write(to: variables)
            try FileHandle(forWritingTo: variables).truncate(atOffset: 64 << 20)
            let machine = try Self.machine(scratch, variables: variables)
            // What was never written is no environment.
            let first = try scratch.start(machine, "1-save", input: .pipe)
            try first.waitForConsole("DRAM:  512 MiB")
            try first.waitForConsole("bad CRC, using default environment")
            try first.waitForConsole("Hit any key")
            try first.send("\r")
            try first.waitForConsole("=> ")
            try first.send("setenv dormouse $cpu-$board; saveenv; virtio info; poweroff\r")
            let saved = try first.waitForEnd()
            #expect(saved.exitCode == ExitCode.poweredOff)
            #expect(saved.console.contains("Writing to Flash... done") && saved.console.contains("Capacity: 512.0 MB"))

            let second = try scratch.start(machine, "2-read", input: .pipe)
            try second.waitForConsole("Hit any key")
            try second.send("\r")
            try second.waitForConsole("=> ")
            try second.send("printenv dormouse; poweroff\r")
            let read = try second.waitForEnd()
            #expect(read.exitCode == ExitCode.poweredOff)
            #expect(read.console.contains("Loading Environment from Flash... OK"))
            #expect(read.console.contains("dormouse=armv8-qemu-arm"))
        }

        @Test("An order that it would not heed is refused", arguments: [["--boot", "disk0"], ["--boot-menu", "3"]])
        func order(options: [String]) throws {
            let scratch = try Scratch("u-boot-order")
            let variables = scratch.file("variables")
            try Data().write(to: variables)
            try FileHandle(forWritingTo: variables).truncate(atOffset: 64 << 20)
            var machine = try Self.machine(scratch, variables: variables)
            machine.options += options
            let end = try scratch.run(machine, options[0])
            #expect(end.exitCode == ExitCode.usage && end.words.contains("U-Boot heeds no order"), "\(end.words)")
        }

        @Test(
            "A Debian that it starts by GRUB, told who may log in by cloud-init, hibernates and is resumed",
            .enabled(if: Distribution.isWanted, Distribution.notWanted),
            .needs(Distribution.isFullThere, Distribution.whyNotFull),
            .needs(Distribution.hasSSH, Distribution.noSSH))
        func distribution() throws {
            let debian = try DistributionVM(
                "u-boot-debian", image: Distribution.fullImage, code: "uefi=\(UBoot.path)", firmware: "dt", cpus: 2,
                options: ["--user", "dora", "--cloud-init"])
            let first = try debian.start("1-boot", saying: "U-Boot 20")
            #expect(try debian.ssh("sudo dmesg").contains("efi: EFI v2.10 by Das U-Boot"))
            #expect(try debian.ssh("systemctl is-system-running --wait") == "running")
            let before = try debian.ssh("cat /proc/sys/kernel/random/boot_id")
            _ = try debian.run("sudo systemctl hibernate")
            let slept = try first.waitForEnd()
            #expect(slept.exitCode == ExitCode.hibernated)
            #expect(slept.report?.psci.lastSystemCall?.name == "SYSTEM_OFF2")
            let second = try debian.start("2-resume", saying: "U-Boot 20")
            #expect(try debian.ssh("cat /proc/sys/kernel/random/boot_id") == before)
            _ = try debian.run("sudo systemctl poweroff")
            #expect(try second.waitForEnd().exitCode == ExitCode.poweredOff)
        }

        @Test("It is refused where the machine is described by ACPI, with what to say")
        func acpi() throws {
            let scratch = try Scratch("u-boot-acpi")
            var machine = try Self.machine(scratch, variables: scratch.file("none"))
            machine.options = ["--firmware", "uefi=\(UBoot.path)"]
            let end = try scratch.run(machine, "1-refused")
            #expect(end.exitCode == 64 && end.words.contains("(--firmware uefi=CODE,dt)"), "\(end.words)")
        }
    }

    enum UBoot {
        static let path = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
        static let isThere = FileManager.default.isReadableFile(atPath: path)
        static let whyNot: Comment = "there is no \(path): run scripts/setup"
    }
}
