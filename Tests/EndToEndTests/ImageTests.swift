// Images that real kernels wrote: `dormouse image inspect`, and taking an image away and putting it back.

import Foundation
import Hibernation
import TestSupport
import Testing

extension EndToEnd.Hibernating {
    @Suite("Hibernation images", .needs(LinuxGuest.areThere, LinuxGuest.whyNot))
    struct ImageTests {
        /// Boots a guest that hibernates.
        private func hibernate(
            _ guest: LinuxGuest, _ scratch: Scratch, disk: URL, append: String...
        ) throws -> DormouseRun.End {
            var machine = GuestMachine(guest, test: "hibernate")
            machine.disks = [disk]
            machine.append += append
            let end = try scratch.run(machine, "1-boot")
            #expect(end.guestFailure == nil)
            #expect(end.report?.hibernationImages.map(\.found) == [true])
            return end
        }

        private func pageSize(_ guest: LinuxGuest) -> UInt64 { guest == .pages16K ? 16384 : 4096 }

        @Test(
            "The image of any kernel is whole, and torn when its data or its map is not as it was",
            arguments: LinuxGuest.allCases)
        func kernels(guest: LinuxGuest) throws {
            let scratch = try Scratch("image-\(guest.rawValue)")
            let disk = try scratch.makeDisk()
            _ = try hibernate(guest, scratch, disk: disk)

            let whole = try ImageInspect(disk)
            #expect(whole.exitCode == 0)
            #expect(whole.words.hasSuffix("is whole"))
            #expect(whole.report.areas.map(\.pageSize) == [Int(pageSize(guest))])
            let image = try whole.image
            #expect(image.verdict == "whole")
            #expect(image.checksumState == "right")
            #expect(image.compression == "lzo")
            #expect(image.kernelRelease == (try guest.release))
            #expect(image.build?.hasPrefix("#1 SMP") == true)

            // The header's `image`, and the places that the first map page names.
            let bytes = try DiskBytes(disk)
            let pageSize = pageSize(guest)
            let map = try bytes.number(at: pageSize - 32) * pageSize
            func flipping(_ offset: UInt64, _ body: (ImageInspect) throws -> Void) throws {
                let before = try bytes.read(at: offset, count: 1)
                try bytes.write(before.map { $0 ^ 0x40 }, at: offset)
                try body(try ImageInspect(disk))
                try bytes.write(before, at: offset)
            }
            for entry in [1, 100, 400] as [UInt64] {
                let page = try bytes.number(at: map + 8 * entry) * pageSize
                // Its first byte: what is behind a block's end is padding, which no check sees, nor does the kernel.
                try flipping(page) { torn in
                    #expect(torn.exitCode == 2)
                    let failed = try torn.image.failedCheck
                    #expect(failed == "compressed-data" || failed == "checksum")
                }
            }
            // A map that was not written to its end, as a power cut may leave it.
            let next = try bytes.number(at: map + pageSize - 8) * pageSize
            let second = try bytes.read(at: next, count: Int(pageSize))
            try bytes.write([UInt8](repeating: 0, count: Int(pageSize)), at: next)
            let torn = try ImageInspect(disk)
            #expect(torn.exitCode == 2)
            let failed = try torn.image.failedCheck
            #expect(failed == "compressed-data" || failed == "page-count")
            #expect(torn.words.contains("is torn: "))
            // Its structure alone does not tell.
            #expect(try ImageInspect(disk, "--no-checksum").image.checksumState == "unchecked")
            try bytes.write(second, at: next)
            #expect(try ImageInspect(disk).exitCode == 0)
        }

        @Test("An image in a GPT partition is found, by the run as well, and resumes")
        func partition() throws {
            let scratch = try Scratch("image-gpt")
            let disk = try scratch.makeDisk(mebibytes: 600)
            try Command.tool(
                "sfdisk", ["-q", "--no-reread", "--no-tell-kernel", disk.path],
                input: "label: gpt\nsize=8M, type=L\ntype=S\n")
            let first = try hibernate(.systemOff, scratch, disk: disk, append: "dormouse.disk=vda2")
            #expect(first.words == "powered off; a hibernation image is on disk \(disk.path), partition 2")

            let inspect = try ImageInspect(disk)
            #expect(inspect.exitCode == 0)
            #expect(inspect.report.partitionTable == "gpt")
            #expect(inspect.report.areas.map(\.partition) == [2])
            #expect(inspect.report.areas.map(\.offset) == ["0x900000"])
            #expect(try inspect.image.checksumState == "right")
            #expect(try ImageInspect(disk, "--partition", "1").exitCode == 1)
            #expect(try ImageInspect(disk, "--partition", "2").exitCode == 0)

            var machine = GuestMachine(.systemOff, test: "hibernate")
            machine.disks = [disk]
            machine.append.append("dormouse.disk=vda2")
            let second = try scratch.run(machine, "2-resume")
            #expect(second.checksums.map(\.checksum) == first.checksums.map(\.checksum))
            #expect(second.checksums.map(\.step) == ["resumed"])
            #expect(try ImageInspect(disk).exitCode == 1)
        }

        @Test(
            "An image that is compressed with LZ4, or not at all, is whole, too",
            arguments: [("hibernate.compressor=lz4", "lz4", "right"), ("hibernate=nocompress", "none", "absent")])
        func compression(option: String, name: String, checksum: String) throws {
            let scratch = try Scratch("image-\(name)")
            let disk = try scratch.makeDisk()
            _ = try hibernate(.systemOff2, scratch, disk: disk, append: option)
            let inspect = try ImageInspect(disk)
            #expect(inspect.exitCode == 0)
            let image = try inspect.image
            #expect(image.compression == name)
            #expect(image.checksumState == checksum)
            #expect(image.kernelRelease == (try LinuxGuest.systemOff2.release))
        }

        @Test("An image in a swap file is found by its resume_offset, and resumes")
        func swapFile() throws {
            let scratch = try Scratch("image-swap-file")
            let (disk, offset) = try Ext4.makeWithSwapFile(scratch)
            var machine = GuestMachine(.systemOff2, test: "hibernate")
            machine.disks = [disk]
            machine.append += ["dormouse.swapfile=swapfile", "dormouse.resume_offset=\(offset)"]
            let first = try scratch.run(machine, "1-boot")
            #expect(first.guestFailure == nil)
            #expect(first.exitCode == ExitCode.hibernated)
            #expect(try ImageInspect(disk).exitCode == 1)
            let inspect = try ImageInspect(disk, "--resume-offset", "\(offset)")
            #expect(inspect.exitCode == 0)
            #expect(try inspect.image.checksumState == "right")
            #expect(inspect.report.areas.map(\.offset) == ["0x" + String(offset * 4096, radix: 16)])

            let second = try scratch.run(machine, "2-resume")
            #expect(second.checksums.map(\.step) == ["resumed"])
            #expect(second.checksums.map(\.checksum) == first.checksums.map(\.checksum))
        }

        @Test("A discarded image is not resumed; put back, it is, with its memory intact")
        func discard() throws {
            let scratch = try Scratch("image-discard")
            let disk = try scratch.makeDisk()
            let first = try hibernate(.systemOff2, scratch, disk: disk)
            let saved = try #require(try HibernationImage.discard(onDiskAt: disk.path))
            #expect(try ImageInspect(disk).exitCode == 1)

            // On a copy: this guest hibernates itself, over what the other one left.
            let copy = try scratch.copy(disk, "copy.img")
            var machine = GuestMachine(.systemOff2, test: "hibernate")
            machine.disks = [copy]
            let clean = try scratch.run(machine, "2-clean-boot")
            #expect(clean.checksums.map(\.step) == ["hibernating"])
            #expect(clean.checksums.map(\.checksum) != first.checksums.map(\.checksum))
            // There the image is another one by now.
            #expect(throws: ImageHeaderError.changed(path: copy.path)) {
                try HibernationImage.restore(saved, onDiskAt: copy.path)
            }

            try HibernationImage.restore(saved, onDiskAt: disk.path)
            #expect(try ImageInspect(disk).exitCode == 0)
            machine.disks = [disk]
            let resumed = try scratch.run(machine, "3-resume")
            #expect(resumed.checksums.map(\.step) == ["resumed"])
            #expect(resumed.checksums.map(\.checksum) == first.checksums.map(\.checksum))
        }

        @Test("An image that a kernel refused and consumed is put back, and resumes", arguments: Refusal.allCases)
        func refused(by refusal: Refusal) throws {
            let scratch = try Scratch("image-refused-\(refusal)")
            let disk = try scratch.makeDisk()
            var machine = GuestMachine(.systemOff2, test: "hibernate")
            machine.disks = [disk]
            if refusal == .signature { machine.options = ["--firmware", "acpi", "--hardware-signature", "c0ffee01"] }
            let first = try scratch.run(machine, "1-boot")
            #expect(first.guestFailure == nil)
            let hibernated = try ImageInspect(disk)
            #expect(hibernated.exitCode == 0)
            #expect(try hibernated.image.hardwareSignature == (refusal == .signature ? "0xc0ffee01" : nil))
            let saved = try #require(try HibernationImage.savedHeader(onDiskAt: disk.path))

            var other = machine
            switch refusal {
            case .kernel: (other.kernel, other.initrd) = (LinuxGuest.systemOff.kernel, LinuxGuest.systemOff.initrd)
            case .signature: other.options = ["--firmware", "acpi", "--hardware-signature", "c0ffee02"]
            }
            let refusing = try scratch.run(other, "2-refused")
            #expect(refusing.console.contains(refusal.rawValue))
            #expect(refusing.guestFailure?.contains("did not take") == true)
            #expect(try ImageInspect(disk).exitCode == 1)

            try HibernationImage.restore(saved, onDiskAt: disk.path)
            let resumed = try scratch.run(machine, "3-resume")
            #expect(resumed.checksums.map(\.step) == ["resumed"])
            #expect(resumed.checksums.map(\.checksum) == first.checksums.map(\.checksum))
        }

        /// Why a kernel refuses an image, as it says it itself.
        enum Refusal: String, CaseIterable {
            case kernel = "Hibernate image not generated by this kernel!"
            case signature = "hardware signature mismatch (c0ffee01 now c0ffee02)"
        }

        @Test("A disk that a machine is running on is not looked into")
        func running() throws {
            let scratch = try Scratch("image-running")
            let disk = try scratch.makeDisk(mebibytes: 1)
            var machine = GuestMachine(.systemOff2, test: "idle")
            machine.disks = [disk]
            let run = try scratch.start(machine, "1-run")
            try run.waitForConsole("dormouse: idle")
            let (code, _, error) = try Command.run(Dormouse.executable, ["image", "inspect", disk.path])
            #expect(code == ExitCode.usage)
            #expect(error.contains("in use"))
            run.signal(SIGTERM)
            #expect(try run.waitForEnd().exitCode == ExitCode.terminated)
        }
    }
}
