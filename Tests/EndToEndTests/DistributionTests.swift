// A distribution's own disk, which nobody prepared for Dormouse: UEFI, GRUB, Debian with systemd.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite(
        "A distribution's disk", .enabled(if: Distribution.isWanted, Distribution.notWanted),
        .needs(UEFI.isThere, UEFI.whyNot), .needs(Distribution.isThere, Distribution.whyNot),
        .needs(Distribution.hasSSH, Distribution.noSSH))
    struct DistributionTests {
        /// efivarfs has a variable's attributes before its value: it is kept, and the operating system reads it.
        private static func write(_ variable: String) -> String {
            #"printf '\007\000\000\000\#(variable)' >\#(file(variable))"#
        }
        private static func read(_ variable: String) -> String { "cat \(file(variable)) | tail -c +5" }
        private static func file(_ variable: String) -> String {
            "/sys/firmware/efi/efivars/\(variable)-6f1c5f3e-0a4d-4f7e-9d57-1d3c5a7b9e20"
        }

        /// What Debian's tools say of variables.
        private static let tools = #"""
            efibootmgr | grep -v BootCurrent; bootctl reboot-to-firmware; \
            efivar --print --name 4a67b082-0a4c-41cf-b6c7-440b29bb8c4f-LoaderConfigTimeout | tail -n 1; \
            efivar --print --name 6f1c5f3e-0a4d-4f7e-9d57-1d3c5a7b9e20-tool | tail -n 1
            """#
        /// Has them write variables.
        private static func write(timeout: Int, tool: String) -> String {
            #"""
            set -e; bootctl set-timeout \#(timeout); efibootmgr --quiet --timeout \#(timeout); \
            printf '\#(tool)' >/run/value; \
            efivar --write --name 6f1c5f3e-0a4d-4f7e-9d57-1d3c5a7b9e20-tool --datafile /run/value
            """#
        }
        /// An entry that UEFI tries before all others: the boot loader that is there.
        private static let createEntry =
            #"efibootmgr --quiet --create --disk /dev/vda --part 1 --label Dormouse --loader '\EFI\BOOT\BOOTAA64.EFI'"#

        /// What stays over a hibernation: the memory of the kernel and of a process, and who runs.
        private static let remember = """
            head -c 8388608 /dev/urandom >/dev/shm/random; \
            systemd-run --quiet --unit=keeper sleep infinity; \
            sha256sum /dev/shm/random; cat /proc/sys/kernel/random/boot_id; \
            systemctl show --property=MainPID keeper
            """
        private static let recall = """
            sha256sum /dev/shm/random; cat /proc/sys/kernel/random/boot_id; \
            systemctl show --property=MainPID keeper
            """

        @Test(
            "Debian boots by GRUB with ACPI, is told who may log in, hibernates by its own word and by dormouse hibernate"
        )
        func acpi() throws {
            let debian = try DistributionVM("distribution-acpi", firmware: "acpi", cpus: 2)
            let first = try debian.start("1-boot")
            #expect(try debian.ssh("systemctl is-system-running --wait") == "running")
            #expect(try debian.ssh("hostname") == "den")
            #expect(try debian.ssh("dmesg --kernel --level=emerg,alert,crit,err,warn") == "")
            #expect(try debian.ssh("systemd-detect-virt || true") != "none")
            // GRUB is what UEFI started.
            #expect(try debian.ssh("efibootmgr").contains("BootCurrent: "))
            try debian.ssh(Self.write("first"))
            try debian.ssh(Self.write(timeout: 7, tool: "before") + ";" + Self.createEntry)
            let told = try debian.ssh(Self.tools)
            #expect(
                told.contains("Timeout: 7 seconds") && told.contains("* Dormouse") && told.contains("|7..."), "\(told)")
            #expect(told.contains("|before "), "\(told)")
            let before = try debian.ssh(Self.remember)
            let note = debian.vm.scratch.file("note")
            try "from the host\n".write(to: note, atomically: true, encoding: .utf8)
            try debian.copy(note.path, "vm:/dev/shm/note")

            _ = try debian.run("systemctl hibernate")
            let slept = try first.waitForEnd()
            #expect(slept.exitCode == ExitCode.hibernated && slept.words == "hibernated")
            #expect(slept.report?.psci.lastSystemCall?.name == "SYSTEM_OFF2")

            let second = try debian.start("2-resume")
            #expect(try debian.ssh(Self.recall) == before)
            #expect(try debian.ssh(Self.read("first")) == "first")
            #expect(try debian.ssh(Self.tools) == told)
            try debian.ssh(Self.write(timeout: 2, tool: "after"))
            let changed = try debian.ssh(Self.tools)
            #expect(changed.contains("Timeout: 2 seconds") && changed.contains("|2..."), "\(changed)")
            #expect(changed.contains("|after "), "\(changed)")
            #expect(try debian.ssh("cat /dev/shm/note") == "from the host")
            try debian.ssh(Self.write("second"))
            #expect(try debian.vm.command("hibernate", arguments: ["--timeout", "250"]) == 0)
            let again = try second.waitForEnd()
            #expect(again.exitCode == ExitCode.hibernated && again.report?.vm?.start == "resume")

            #expect(try debian.vm.command("bump") == 0)
            let third = try debian.start("3-clean")
            #expect(try debian.ssh("cat /proc/sys/kernel/random/boot_id").contains("-"))
            #expect(try !before.contains(debian.ssh("cat /proc/sys/kernel/random/boot_id")))
            #expect(try debian.ssh("dmesg").contains("PM: Suspend image hardware signature mismatch"))
            #expect(try debian.ssh(Self.read("first") + ";" + Self.read("second")) == "firstsecond")
            #expect(try debian.ssh(Self.tools) == changed)
            // The entry that was created is what UEFI started.
            let entry = try debian.ssh("efibootmgr | sed -n 's/^Boot\\(....\\)[*] Dormouse.*/\\1/p'")
            #expect(try debian.ssh("efibootmgr").contains("BootCurrent: \(entry)\n"))
            #expect(try debian.vm.command("stop", arguments: ["--timeout", "250"]) == 0)
            #expect(try third.waitForEnd().report?.vm?.start == "clean")
        }

        @Test(
            "With a device tree it hibernates and resumes, too; without SYSTEM_OFF2 it ends by the reset of UEFI",
            arguments: [false, true])
        func deviceTree(withoutSystemOff2: Bool) throws {
            let debian = try DistributionVM(
                "distribution-dt-\(withoutSystemOff2 ? "off" : "off2")", firmware: "dt", cpus: 1,
                options: withoutSystemOff2 ? ["--psci", "disable=SYSTEM_OFF2"] : [])
            let first = try debian.start("1-boot")
            #expect(try debian.ssh("systemctl is-system-running --wait") == "running")
            #expect(try debian.ssh("dmesg --kernel --level=emerg,alert,crit,err,warn") == "")
            let before = try debian.ssh(Self.remember)
            _ = try debian.run("systemctl hibernate")
            let slept = try first.waitForEnd()
            let call = try #require(slept.report?.psci.lastSystemCall)
            #expect(call.name == (withoutSystemOff2 ? "SYSTEM_OFF" : "SYSTEM_OFF2"))
            // Linux asks its handler of SYSTEM_OFF2 before EFI's, and that one before PSCI's SYSTEM_OFF.
            #expect(call.isLinuxs != withoutSystemOff2)
            #expect(slept.exitCode == (withoutSystemOff2 ? ExitCode.poweredOff : ExitCode.hibernated))
            #expect(slept.report?.hibernationImages.map(\.found) == [true])

            let second = try debian.start("2-resume")
            #expect(try debian.ssh(Self.recall) == before)
            _ = try debian.run("systemctl poweroff")
            #expect(try second.waitForEnd().exitCode == ExitCode.poweredOff)
        }
    }
}
