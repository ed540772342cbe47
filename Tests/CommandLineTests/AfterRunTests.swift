import FoundationEssentials
import Glibc
import Hibernation
import Machine
import TestSupport
import Testing

/// However a guest stops with an image on its disk, the next start knows what it has to find again. docs/hibernation.md
/// has the table; the cells that no guest can be brought to are tested in KeptVMsTests.
@Suite("What is remembered of a run", .needs(Guest.areBuilt, Guest.missing))
struct AfterRunTests {
    /// How a run ends.
    enum End: String, CaseIterable, Sendable {
        case off2, off, reset, reset2, terminated, killed, powerCut

        /// The guest's part of it.
        var argument: String {
            switch self {
            case .off2, .off, .reset, .reset2: rawValue
            case .terminated, .killed: "wait"
            case .powerCut: "off"
            }
        }

        var exitCode: Int32? {
            switch self {
            case .off2: 40
            case .off: 0
            case .reset, .reset2: 32
            case .terminated: 143
            case .killed: nil
            case .powerCut: 35
            }
        }
    }

    /// Starts the VM and lets it come to its end: `marker` says on the console that the guest waits for it.
    private func start(_ vm: TestVM, _ end: End, marker: String) async throws {
        var arguments = ["start", TestVM.name, "--store", vm.store, "--no-reboot"]
        // The flush after the image's header: what was written is on the disk, and then the power goes.
        if end == .powerCut { arguments += ["--lab", "disk0.unflushed=keep", "--lab", "disk0.flush#2=cut"] }
        let finished = try await Command.run(arguments) { running in
            guard end == .terminated || end == .killed else { return }
            let isReached = try await running.waits(for: marker)
            #expect(isReached)
            running.send(end == .killed ? SIGKILL : SIGTERM)
        }
        #expect(finished.exitCode == end.exitCode, "\(finished.error)")
    }

    /// Expects that another environment is refused, and that the one that the guest left is resumed.
    private func expectRecord(_ vm: TestVM, isUnknown: Bool) async throws {
        try vm.edit("cpus = 1", "cpus = 2")
        let refused = try await vm.start()
        #expect(refused.exitCode == 50 && refused.paths.contains("cpu.count"), "\(refused.finished.error)")
        try vm.edit("cpus = 2", "cpus = 1")
        let resumed = try await vm.start()
        #expect(resumed.kind == "resume" && resumed.report?.vm.isUnknown == isUnknown, "\(resumed.finished.error)")
        #expect(resumed.finished.output.contains("# resumed, checksum"))
        #expect(!resumed.finished.output.contains("not ok"), "\(resumed.finished.output)")
    }

    @Test(
        "A new image is recorded however the run ends, in a swap partition and in a swap file", arguments: End.allCases,
        [0, 40])
    func newImage(end: End, page: Int) async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1 at=\(page) end=\(end.argument)", disks: 1)
        try await start(vm, end, marker: "# hibernating, checksum")
        try await expectRecord(vm, isUnknown: end == .killed)
    }

    @Test(
        "An image that the guest let alone is still what it was",
        arguments: [End.off, .reset, .reset2, .terminated, .killed])
    func oldImage(end: End) async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1", disks: 2)
        #expect(try await vm.start().exitCode == 40)
        try vm.edit("append = 'cycles=1'", "append = 'cycles=1 early=\(end.argument)'")
        try await start(vm, end, marker: "# ending early")
        try vm.edit(" early=\(end.argument)", "")
        if end != .killed {
            // The record is the old one, with its evidence of the disks.
            let content = try Data(contentsOf: URL(filePath: vm.disks[1]))
            try Data([0x55] + content.dropFirst()).write(to: URL(filePath: vm.disks[1]))
            let refused = try await vm.start()
            #expect(refused.exitCode == 51, "\(refused.finished.error)")
            return
        }
        try await expectRecord(vm, isUnknown: true)
    }

    @Test(
        "Without an image another environment is booted", arguments: [End.off, .reset, .reset2, .terminated, .killed])
    func noImage(end: End) async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1 early=\(end.argument)", disks: 1)
        try await start(vm, end, marker: "# ending early")
        try vm.edit("cpus = 1", "cpus = 2")
        try vm.edit(" early=\(end.argument)", "")
        let start = try await vm.start()
        #expect(start.exitCode == 40 && start.kind == "boot", "\(start.finished.error)")
    }

    @Test(
        "A page in a file that ends like an image's header, and was no swap, is no image", arguments: [End.off, .reset])
    func forged(end: End) async throws {
        // Without SYSTEM_OFF2, which would say that there is an image.
        let vm = try await TestVM(
            .sleeper, append: "cycles=1 at=40 end=\(end.argument) forged", disks: 1,
            options: ["--psci-version", "1.2"])
        try await start(vm, end, marker: "")
        let status = try await Command.run(["status", TestVM.name, "--store", vm.store])
        #expect(status.exitCode == 3, "\(status.output)")
        let events = try await Command.run(["events", TestVM.name, "--store", vm.store])
        #expect(!events.output.contains("hibernat"), "\(events.output)")
    }

    @Test(
        "A guest that hibernates by a reset is resumed in the same session", arguments: ["reset", "reset2"], [0, 40])
    func rebooted(end: String, page: Int) async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=2 at=\(page) end=\(end)", disks: 1)
        let start = try await vm.start()
        #expect(start.exitCode == 0, "\(start.finished.error)")
        #expect(start.finished.output.ranges(of: "# resumed, checksum").count == 2)
        #expect(!start.finished.output.contains("not ok"), "\(start.finished.output)")
        #expect(try await vm.start("--no-reboot").kind == "boot")
    }

    @Test("Between a hibernation by reset and the next boot there is a record", arguments: ["reset", "reset2"])
    func killedBetween(end: String) async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1 end=\(end)", disks: 1)
        #expect(try await vm.start("--lab", "record=kill:finished").exitCode == nil)
        #expect(try await Command.run(["list", "--store", vm.store]).output.contains("hibernated"))
        try await expectRecord(vm, isUnknown: false)
    }

    @Test("A guest that may have hibernated where nobody can look is refused where it would not find what it left")
    func mayHaveHibernated() async throws {
        // Without SYSTEM_OFF2, which would say it. The disk looks like LUKS, and the image's header like noise.
        let vm = try await TestVM(
            .sleeper, append: "cycles=1 at=40 end=off hide", disks: 1, options: ["--psci-version", "1.2"])
        let disk = try #require(fopen(vm.disks[0], "r+"))
        fwrite("LUKS\u{00}\u{00}", 1, 4, disk)
        fputc(0xBA, disk)
        fputc(0xBE, disk)
        fclose(disk)
        let slept = try await vm.start()
        #expect(slept.exitCode == 0 && slept.finished.errorLines.last == "dormouse: powered off")
        #expect(try await vm.run("inspect").output.contains("May have hibernated by SYSTEM_OFF on core 0"))

        try vm.edit("cpus = 1", "cpus = 2")
        var start = try await vm.start()
        #expect(start.exitCode == 50 && start.kind == "refused-environment" && start.paths.contains("cpu.count"))
        var last = try #require(start.finished.errorLines.last)
        #expect(last.contains("the guest may have hibernated where nobody can look (\(vm.disks[0]): LUKS)"), "\(last)")
        #expect(last.contains("start it with --fresh") && !last.contains("--accept-disk-change"), "\(last)")
        #expect(start.finished.output == "")
        try vm.edit("cpus = 2", "cpus = 1")

        let touched = try await Command.shell(
            #"cp -a "$1" "$1.copy"; sleep 0.05; printf x | dd of="$1" bs=1 seek=1000001 conv=notrunc"#, vm.disks[0])
        #expect(touched.exitCode == 0)
        start = try await vm.start()
        #expect(start.exitCode == 51 && start.kind == "refused-disks", "\(start.finished.error)")
        last = try #require(start.finished.errorLines.last)
        #expect(last.contains("may have hibernated") && last.contains("--fresh --accept-disk-change"), "\(last)")

        // It did, and its host says nothing of it where nothing changed.
        #expect(try await Command.shell(#"mv "$1.copy" "$1""#, vm.disks[0]).exitCode == 0)
        start = try await vm.start()
        #expect(start.exitCode == 0 && start.kind == "boot", "\(start.finished.error)")
        #expect(start.finished.output.contains("# resumed, checksum"))
        #expect(!start.finished.output.contains("not ok"), "\(start.finished.output)")
    }

    @Test("A hibernation in a linear volume of LVM is found by following the volume, and resumed")
    func linearVolume() async throws {
        // As lvm2 made it: `swap` begins 9 MiB into the disk. Without SYSTEM_OFF2, which would say that there is an
        // image.
        let vm = try await TestVM(
            .sleeper, append: "cycles=1 at=2304 end=off", disks: 1, options: ["--psci-version", "1.2"])
        let fixture = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../HibernationTests/Fixtures/lvm.bin")
        let physicalVolume = try Data(contentsOf: fixture)
        try (physicalVolume + Data(count: 64 << 20 - physicalVolume.count)).write(to: URL(filePath: vm.disks[0]))
        let slept = try await vm.start()
        #expect(slept.exitCode == 0 && slept.finished.errorLines.last?.contains("volume vg/swap") == true)
        // Nobody who saw it written is asked.
        let inspected = try await Command.run(["image", "inspect", vm.disks[0]])
        #expect(inspected.exitCode == 2 && inspected.output.contains("vg/swap"), "\(inspected.output)")
        try await expectRecord(vm, isUnknown: false)
    }

    @Test("A place that is known from the kernel's command line is looked at")
    func resumeOffset() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1 at=40", disks: 1)
        #expect(try await vm.start().exitCode == 40)
        // A disk with an image from elsewhere: nothing is known of it.
        let other = try await TestVM(.sleeper, append: "noresume at=40 resume=/dev/vda resume_offset=40", disks: 1)
        try Data(contentsOf: URL(filePath: vm.disks[0])).write(to: URL(filePath: other.disks[0]))
        let start = try await other.start()
        #expect(start.finished.errorLines.last?.contains("resume_offset=40") == true, "\(start.finished.error)")
    }

    @Test("An image that the guest's kernel used up for nothing is put back, in its environment, kernel and counter")
    func lostToKernel() async throws {
        let vm = try await TestVM(.sleeper, append: "cycles=1", disks: 1, options: ["--on-change", "keep"])
        #expect(try await vm.start().exitCode == 40)
        // Another kernel, which takes over for one clean boot; the old one is nowhere else any more.
        let kernel = try Data(contentsOf: URL(filePath: Guest.systemOff2.path))
        try kernel.write(to: URL(filePath: vm.kernel))
        try vm.edit("append = 'cycles=1'", "append = 'end=off'")
        let clean = try await vm.start("--fresh")
        #expect(clean.exitCode == 0 && clean.kind == "clean", "\(clean.finished.error)")
        #expect(try await vm.start("--fresh").exitCode == 0)
        #expect(try await vm.run("restore-image").exitCode == 0)
        let resumed = try await vm.start()
        #expect(resumed.exitCode == 0 && resumed.kind == "keep", "\(resumed.finished.error)")
        #expect(resumed.finished.output.contains("# resumed, checksum"))
        #expect(!resumed.finished.output.contains("not ok"), "\(resumed.finished.output)")
    }
}
