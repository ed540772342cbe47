import FoundationEssentials
import TestSupport
import Testing

/// The disk for cloud-init, as what else reads ISO 9660 sees it, and as it goes through the life of a VM.
@Suite("A disk for cloud-init", .needs(Guest.areBuilt, Guest.missing))
struct CloudInitTests {
    @Test("blkid finds cloud-init's label on it, and bsdtar the files")
    func content() async throws {
        let vm = try await TestVM(options: ["--package", "tree", "--run", "echo --run"])
        let done = try await Command.shell(
            """
            cd "$1/vm" && blkid -p -s LABEL -s TYPE -o export cloud-init.iso && mkdir x && bsdtar -xf cloud-init.iso -C x \
            && cmp x/user-data cloud-init/user-data && cmp x/meta-data cloud-init/meta-data && grep -c . x/user-data \
            && stat -c %a cloud-init.iso cloud-init cloud-init/user-data
            """, vm.store)
        #expect(done.exitCode == 0, "\(done.error)\(done.output)")
        #expect(done.output.contains("LABEL=cidata\n") && done.output.contains("TYPE=iso9660\n"))
        #expect(done.output.hasSuffix("600\n700\n600\n"), "\(done.output)")
    }

    @Test("It counts among the disks that a machine may have")
    func limit() async throws {
        let directory = try TemporaryDirectory()
        let sector = [UInt8](repeating: 0, count: 512)
        let disks = try (0..<30).flatMap { ["--disk", try directory.file("disk\($0).img", sector)] }
        let options = ["--kernel", Guest.idle.path, "--store", "\(directory.path)/store"]
        let refused = try await Command.run(["create", "vm", "--cloud-init"] + disks + options)
        #expect(refused.exitCode == 64, "\(refused.error)")
        #expect(refused.errorLines.last?.contains("31 disks are too many") == true, "\(refused.error)")
        #expect(try await Command.run(["list", "--store", "\(directory.path)/store"]).output == "")
        #expect(try await Command.run(["create", "vm", "--cloud-init"] + disks.dropLast(2) + options).exitCode == 0)
    }

    @Test("A guest that hibernated finds it again, also when its VM was renamed, and misses it when it was changed")
    func life() async throws {
        let vm = try await TestVM(options: ["--cloud-init"])
        #expect(try await vm.start().exitCode == 40)
        let store = ["--store", vm.store]
        #expect(try await Command.run(["rename", TestVM.name, "other"] + store).exitCode == 0)
        let resumed = try await Command.run(["start", "other"] + store)
        #expect(resumed.exitCode == 40 && !resumed.error.contains("refus"), "\(resumed.error)")
        // Also in the environment that it left, which has the disk by its place then.
        #expect(try await Command.run(["set", "other", "cpus=2"] + store).exitCode == 0)
        #expect(try await Command.run(["start", "other", "--on-change", "keep"] + store).exitCode == 40)
        #expect(try await Command.shell("mv \"$1/other\" \"$1/moved\"", vm.store).exitCode == 0)
        #expect(try await Command.run(["start", "moved", "--on-change", "keep"] + store).exitCode == 40)
        #expect(try await Command.shell("mv \"$1/moved\" \"$1/other\"", vm.store).exitCode == 0)
        #expect(try await Command.run(["set", "other", "cpus=1"] + store).exitCode == 0)
        #expect(
            try await Command.shell(
                "printf x | dd of=\"$1/other/cloud-init.iso\" bs=1 seek=40000 conv=notrunc", vm.store
            ).exitCode == 0)
        let refused = try await Command.run(["start", "other"] + store)
        #expect([50, 51].contains(refused.exitCode), "\(refused.error)")
    }
}
