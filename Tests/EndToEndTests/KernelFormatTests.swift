// Kernels as builds and distributions leave them: compressed, or an EFI application that carries one.

import Foundation
import TestSupport
import Testing

extension EndToEnd.Running {
    @Suite("Kernels as they come", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct KernelFormatTests {
        private let guest = LinuxGuest.systemOff2

        /// The kernel through a program of Debian's.
        private func packed(_ command: [String]) throws -> Data {
            try Command.tool(command[0], command.dropFirst() + ["-c", guest.kernel.path])
        }

        private func expectBoot(_ kernel: Data, _ name: String) throws {
            let scratch = try Scratch("kernel-\(name)")
            var machine = GuestMachine(guest, test: "poweroff")
            let file = scratch.file("Image.\(name)")
            try kernel.write(to: file)
            machine.kernel = file
            let end = try scratch.run(machine, "1-boot")
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains("dormouse: init"))
        }

        @Test(
            "A compressed kernel boots",
            arguments: [
                ["gzip", "-1"], ["zstd", "-q", "-1"], ["lz4", "-l", "-1"], ["xz", "-0"], ["lzma", "-0"],
                ["bzip2", "-1"],
            ])
        func compressed(command: [String]) throws {
            try expectBoot(packed(command), command[0])
        }

        @Test("An EFI zboot image boots, by drivers/firmware/efi/libstub/zboot-header.S")
        func zboot() throws {
            let payload = try packed(["gzip", "-1"])
            let offset = 0x1000
            var image = Data(count: offset)
            image.replaceSubrange(0..<2, with: Array("MZ".utf8))
            image.replaceSubrange(4..<8, with: Array("zimg".utf8))
            withUnsafeBytes(of: UInt32(offset).littleEndian) { image.replaceSubrange(8..<12, with: $0) }
            withUnsafeBytes(of: UInt32(payload.count).littleEndian) { image.replaceSubrange(12..<16, with: $0) }
            image.replaceSubrange(24..<28, with: Array("gzip".utf8))
            try expectBoot(image + payload, "zboot")
        }

        @Test("A kernel as its linker left it boots: an ELF file at the kernel's own virtual addresses")
        func vmlinux() throws {
            let scratch = try Scratch("kernel-vmlinux")
            let (object, script, file) = (scratch.file("k.o"), scratch.file("k.ld"), scratch.file("vmlinux"))
            try Command.tool(
                "aarch64-linux-gnu-objcopy",
                [
                    "-I", "binary", "-O", "elf64-littleaarch64", "--rename-section",
                    ".data=.text,alloc,load,code,contents",
                    guest.kernel.path, object.path,
                ])
            try Data(
                "ENTRY(_text) SECTIONS { . = 0xffff800080000000; _text = .; .text : { *(.text) } }".utf8
            ).write(to: script)
            try Command.tool("aarch64-linux-gnu-ld", ["-T", script.path, object.path, "-o", file.path])
            try expectBoot(Data(contentsOf: file), "vmlinux")
        }

        @Test("A unified kernel image boots with its own initrd and command line, or another initrd and more words")
        func unified() throws {
            let scratch = try Scratch("kernel-unified")
            let (code, stub, file) = (scratch.file("s.c"), scratch.file("s.elf"), scratch.file("unified.efi"))
            let commandLine = scratch.file("cmdline")
            try Data("int _start(void) { return 0; }".utf8).write(to: code)
            try Data("console=ttyAMA0 panic=1 dormouse.test=poweroff\n\0".utf8).write(to: commandLine)
            try Command.tool("aarch64-linux-gnu-gcc", ["-nostdlib", "-static", code.path, "-o", stub.path])
            let sections = [
                (".cmdline", commandLine.path, "0x30000"), (".linux", guest.kernel.path, "0x2000000"),
                (".initrd", guest.initrd.path, "0x8000000"),
            ].flatMap { name, path, address in
                [
                    "--add-section", "\(name)=\(path)", "--change-section-vma", "\(name)=\(address)",
                    "--set-section-flags", "\(name)=alloc,load,data",
                ]
            }
            try Command.tool(
                "aarch64-linux-gnu-objcopy", ["-O", "pei-aarch64-little"] + sections + [stub.path, file.path])
            var machine = GuestMachine(guest, test: "none")
            machine.kernel = file
            machine.initrd = nil
            machine.append = []
            let end = try scratch.run(machine, "1-boot")
            #expect(end.exitCode == ExitCode.poweredOff)
            #expect(end.console.contains("dormouse: init"))
            machine.append = ["console=ttyAMA0", "panic=1", "dormouse.test=poweroff", "mine=1"]
            machine.initrd = guest.initrd
            let other = try scratch.run(machine, "2-boot")
            #expect(other.exitCode == ExitCode.poweredOff)
            #expect(other.console.contains("dormouse.test=poweroff mine=1"))
        }

        @Test("Bare-metal code boots as an ELF file too")
        func program() throws {
            let scratch = try Scratch("kernel-program")
            var machine = GuestMachine(BareMetalGuest.systemOff2)
            machine.kernel = machine.kernel?.deletingPathExtension().appendingPathExtension("elf")
            #expect(try scratch.run(machine, "1-boot").exitCode == ExitCode.hibernated)
        }

        @Test("A kernel that does not fit into the guest's memory when it is unpacked is refused")
        func tooLarge() throws {
            let scratch = try Scratch("kernel-too-large")
            var machine = GuestMachine(guest, test: "poweroff")
            let file = scratch.file("Image.gz")
            machine.kernel = file
            machine.options = ["--memory", "16M"]
            try packed(["gzip", "-1"]).write(to: file)
            let end = try scratch.run(machine, "1-boot")
            #expect(end.exitCode == 64)
            #expect(end.words.contains("holds more than 16 MiB"))
        }
    }
}
