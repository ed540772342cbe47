// Kernels as builds and distributions leave them: compressed, or an EFI application that carries one.

import Foundation
import TestSupport
import Testing

extension EndToEnd {
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

        @Test("A compressed kernel boots", arguments: [["gzip", "-1"], ["zstd", "-q", "-1"], ["lz4", "-l", "-1"]])
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
