// Command lines of tools that start qemu-system-aarch64, with a Debian kernel for theirs.

import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("QEMU's command line, with Linux", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct QEMULineTests {
        private let guest = LinuxGuest.systemOff2

        private func run(_ options: [String], _ name: String) throws -> DormouseRun.End {
            let scratch = try Scratch(name)
            return try DormouseRun(["qemu"] + options, files: scratch.file("1-boot"), input: .none).waitForEnd()
        }

        /// A conversation with a monitor, as `PythonQMP` describes it, by lines.
        private func converse(_ address: String, _ actions: [String]) throws -> [String] {
            let environment = PythonQMP.environment.map { "\($0.key)=\($0.value)" }
            let output = try Command.tool("env", environment + ["python3"] + PythonQMP.arguments(address, actions))
            return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
        }

        private func append(_ test: String) -> String { "console=ttyAMA0 panic=1 dormouse.test=\(test)" }

        @Test("KUnit's: the kernel's console is on standard output, and powering off is success")
        func kunit() throws {
            let end = try run(
                [
                    "-nodefaults", "-m", "1024", "-kernel", guest.kernel.path, "-append", append("poweroff"),
                    "-no-reboot", "-nographic", "-accel", "kvm", "-accel", "hvf", "-accel", "tcg", "-serial", "stdio",
                    "-machine", "virt", "-cpu", "cortex-a57", "-initrd", guest.initrd.path,
                ], "qemu-kunit")
            #expect(end.exitCode == 0)
            #expect(end.console.contains("dormouse: init"))
            #expect(end.report?.end.kind == "powered-off")
        }

        @Test("syzkaller's, with a disk on PCI: a guest that hibernates has succeeded, and the words say which way")
        func hibernated() throws {
            let scratch = try Scratch("qemu-hibernated")
            let disk = try scratch.makeDisk()
            let end = try DormouseRun(
                [
                    "qemu", "-m", "512", "-smp", "2", "-display", "none", "-serial", "stdio", "-no-reboot", "-machine",
                    "virt,virtualization=on", "-cpu", "cortex-a57", "-accel", "tcg,thread=multi", "-kernel",
                    guest.kernel.path, "-initrd", guest.initrd.path, "-append", append("hibernate"), "-drive",
                    "file=\(disk.path),format=raw,if=none,id=d0", "-device", "virtio-blk-pci,drive=d0",
                ], files: scratch.file("1-boot"), input: .none
            ).waitForEnd()
            #expect(end.exitCode == 0)
            #expect(end.words.hasPrefix("hibernated"))
            #expect(end.report?.end.kind == "hibernated")
            #expect(end.report?.end.exitCode == ExitCode.hibernated)
        }
    }
}
