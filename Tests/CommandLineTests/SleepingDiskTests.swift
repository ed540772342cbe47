import FoundationEssentials
import Glibc
import Hibernation
import Machine
import TestSupport
import Testing

/// A kept VM whose guest calls SYSTEM_OFF2 at once.
private struct SleepingVM {
    let directory: TemporaryDirectory
    let disk: String
    var store: [String] { ["--store", "\(directory.path)/store"] }

    /// MOVZ and MOVK of SYSTEM_OFF2's id and its arguments, HVC, and a loop.
    static let systemOff2: [UInt8] = [
        0x52B0_8000, 0x7280_02A0, 0x5280_0001, 0x5280_0002, 0xD400_0002, 0x1400_0000,
    ].flatMap { (word: UInt32) in withUnsafeBytes(of: word.littleEndian) { Array($0) } }

    /// - Parameter hasImage: whether the disk is swap with the header of an image.
    init(options: [String] = [], hasImage: Bool = false) async throws {
        directory = try TemporaryDirectory()
        let kernel = try directory.file("kernel.bin", Self.systemOff2)
        var bytes = (0..<4 << 20).map { UInt8(truncatingIfNeeded: $0 / 4001) }
        if hasImage { bytes.replaceSubrange(4076..<4096, with: "SWAPSPACE2S1SUSPEND\0".utf8) }
        disk = try directory.file("disk.img", bytes)
        let created = try await Command.run(
            ["create", "vm", "--kernel", kernel, "--disk", disk, "--memory", "64"] + store + options)
        try #require(created.exitCode == 0, "\(created.error)")
        #expect(try await start().finished.exitCode == 40)
    }

    func start(_ options: String...) async throws -> (finished: Finished, vm: RunReport.VM?) {
        let report = "\(directory.path)/report.json"
        let finished = try await Command.run(["start", "vm", "--report", report] + store + options)
        let vm = FileManager.default.contents(atPath: report).flatMap {
            try? JSONDecoder().decode(TestVM.Report.self, from: $0)
        }?.vm
        return (finished, vm)
    }
}

@Suite("Disks that were touched while their guest slept")
struct SleepingDiskTests {
    @Test(
        "A file that was renamed, linked, given other permissions or copied with its times is resumed, with a word",
        arguments: [
            (#"mv "$1" "$1.away"; mv "$1.away" "$1""#, "changed"), (#"chmod 640 "$1""#, "changed"),
            (#"ln "$1" "$1.link""#, "changed"), (#"cp -a "$1" "$1.copy"; mv "$1.copy" "$1""#, "file"),
        ])
    func touched(script: String, evidence: String) async throws {
        let vm = try await SleepingVM()
        let done = try await Command.shell("sleep 0.05; \(script)", vm.disk)
        #expect(done.exitCode == 0)
        let inspected = try await Command.run(["inspect", "vm"] + vm.store)
        #expect(inspected.output.contains("The next start: resume") && inspected.output.contains("  disk 0: "))
        let start = try await vm.start()
        #expect(start.finished.exitCode == 40 && start.vm?.start == "resume", "\(start.finished.error)")
        #expect(start.vm?.diskNotices.map(\.evidence) == [[evidence]])
        #expect(start.finished.error.contains("disk 0: "))
        // The run that followed is the one that counts from then on.
        #expect(try await vm.start().vm?.diskNotices == [])
    }

    @Test("A file that was written or restored from before is refused in one sentence that says what to do")
    func written() async throws {
        for script in [
            #"touch "$1""#, #"printf x | dd of="$1" bs=1 seek=1000001 conv=notrunc"#, #"touch -d yesterday "$1""#,
        ] {
            let vm = try await SleepingVM()
            let done = try await Command.shell("sleep 0.05; \(script)", vm.disk)
            #expect(done.exitCode == 0)
            let start = try await vm.start()
            #expect(start.finished.exitCode == 51 && start.vm?.start == "refused-disks", "\(start.finished.error)")
            let last = try #require(start.finished.errorLines.last)
            #expect(last.hasPrefix("dormouse: refused: disk 0: it was written after the guest hibernated"))
            #expect(last.contains("--fresh --accept-disk-change") && !last.contains("while the guest was hibernated"))
        }
    }

    // MARK: Putting an image back

    @Test(
        "An image is not put back over a disk that was written since its guest hibernated, before or after it was discarded",
        arguments: [true, false])
    func restoring(isBefore: Bool) async throws {
        let vm = try await SleepingVM(hasImage: true)
        let write = #"sleep 0.05; printf x | dd of="$1" bs=1 seek=1000001 conv=notrunc"#
        if isBefore { #expect(try await Command.shell(write, vm.disk).exitCode == 0) }
        #expect(try await Command.run(["discard", "vm"] + vm.store).exitCode == 0)
        let inspected = try await Command.run(["inspect", "vm"] + vm.store)
        let wayBack = isBefore ? "was written since the guest hibernated" : "`dormouse restore-image vm` puts it back"
        #expect(inspected.output.contains(wayBack), "\(inspected.output)")
        #expect(inspected.output.contains("powered off: it hibernated, and that was given up since"))
        if !isBefore { #expect(try await Command.shell(write, vm.disk).exitCode == 0) }
        let restored = try await Command.run(["restore-image", "vm"] + vm.store)
        #expect(restored.exitCode == 64)
        #expect(
            restored.error.contains(
                isBefore ? "was written since the guest hibernated" : "disk 0: it was written after"),
            "\(restored.error)")
    }

    @Test("What was only touched after it was discarded is looked at as before")
    func restoringTouched() async throws {
        let vm = try await SleepingVM(hasImage: true)
        #expect(try await Command.run(["discard", "vm"] + vm.store).exitCode == 0)
        #expect(try await Command.shell(#"sleep 0.05; chmod 640 "$1""#, vm.disk).exitCode == 0)
        let restored = try await Command.run(["restore-image", "vm"] + vm.store)
        // There is only the header of an image.
        #expect(restored.error.contains("is not whole any more"), "\(restored.error)")
    }

    // MARK: Verifying

    @Test("Without digests --verify-disks refuses, and says what it would need; without it the guest is still resumed")
    func unverifiable() async throws {
        let vm = try await SleepingVM()
        var start = try await vm.start("--verify-disks")
        #expect(start.finished.exitCode == 51 && start.vm?.diskChanges.map(\.evidence) == [["unverified"]])
        #expect(start.finished.errorLines.last?.contains("hibernation.disk-hash") == true, "\(start.finished.error)")
        start = try await vm.start()
        #expect(start.finished.exitCode == 40 && start.vm?.start == "resume")
        let both = try await vm.start("--verify-disks", "--fresh")
        #expect(both.finished.exitCode == 64 && both.finished.errorLines.count == 1)
    }

    @Test("With digests --verify-disks resumes what was only touched, and refuses a byte that no time tells of")
    func verified() async throws {
        let vm = try await SleepingVM(options: ["--disk-hash", "full"])
        var done = try await Command.shell(#"touch "$1"; chmod 640 "$1""#, vm.disk)
        #expect(done.exitCode == 0)
        var start = try await vm.start("--verify-disks")
        #expect(start.finished.exitCode == 40 && start.vm?.start == "resume", "\(start.finished.error)")
        done = try await Command.shell(
            #"touch -r "$1" "$1.time"; printf x | dd of="$1" bs=1 seek=1000001 conv=notrunc; touch -r "$1.time" "$1""#,
            vm.disk)
        #expect(done.exitCode == 0)
        start = try await vm.start("--verify-disks")
        #expect(start.finished.exitCode == 51 && start.vm?.diskChanges.map(\.evidence) == [["content"]])
    }
}

/// What needs block devices and mounts.
@Suite(
    "Block devices of sleeping guests", .serialized,
    .needs(
        geteuid() == 0 && access("/dev/loop-control", R_OK | W_OK) == 0,
        "no loop devices: run as root on a host that has them"))
struct SleepingBlockDeviceTests {
    /// Runs `script` with `$0`, the command, `$k`, the guest, and `$w`, a directory that is removed.
    private func script(_ script: String) async throws -> Finished {
        let directory = try TemporaryDirectory()
        let kernel = try directory.file("kernel.bin", SleepingVM.systemOff2)
        return try await Command.shell(
            "set -e; PATH=$PATH:/usr/sbin:/sbin; k=$1; w=$2; cd \"$w\"; mkdir m; s=\"--store $w/store\"\n\(script)",
            kernel,
            directory.path)
    }

    @Test("A partition that was mounted elsewhere and written while the guest slept is refused")
    func partition() async throws {
        let result = try await script(
            #"""
            truncate -s 8G disk.img
            printf 'label: gpt\nsize=1G\nsize=2G\n' | sfdisk -q disk.img
            d=$(losetup -f --show disk.img)
            trap 'umount m 2>/dev/null || true; delpart $d 2 2>/dev/null || true; losetup -d $d' EXIT
            # What a kernel that reads partition tables does by itself.
            addpart $d 2 2099200 4194304
            n=$(cat /sys/block/${d#/dev/}/${d#/dev/}p2/dev)
            mknod part b ${n%:*} ${n#*:}
            mkfs.ext4 -q part
            "$0" create vm --kernel "$k" --disk $d --memory 64 $s
            "$0" start vm $s || echo "started $?"
            unshare -m sh -ec 'mount -o ro part m; ls m; umount m'
            "$0" start vm $s || echo "read $?"
            unshare -m sh -ec 'mount part m; dd if=/dev/zero of=m/file bs=1M count=1; umount m'
            "$0" start vm $s || echo "written $?"
            """#)
        #expect(result.exitCode == 0, "\(result.error)")
        #expect(result.output.contains("started 40") && result.output.contains("read 40"), "\(result.error)")
        #expect(result.output.contains("written 51"), "\(result.error)")
        #expect(result.error.contains("partition 2 (ext file system) differs"), "\(result.error)")
    }

    @Test("A file on a file system that has another device number after a reboot is resumed without a word")
    func otherNumber() async throws {
        let result = try await script(
            #"""
            truncate -s 64M fs.img
            mkfs.ext4 -q fs.img
            a=$(losetup -f --show fs.img)
            b=$(losetup -f --show fs.img)
            trap 'losetup -d $a; losetup -d $b' EXIT
            unshare -m sh -ec '
                mount $3 m
                truncate -s 4M m/disk.img
                "$0" create vm --kernel "$1" --disk "$PWD/m/disk.img" --memory 64 $2
                "$0" start vm $2 || echo "started $?"
                umount m
                mount $4 m
                "$0" start vm $2 || echo "again $?"
                umount m' "$0" "$k" "$s" $a $b
            """#)
        #expect(result.exitCode == 0, "\(result.error)")
        #expect(result.output.contains("started 40") && result.output.contains("again 40"), "\(result.error)")
        #expect(!result.error.contains("disk 0"), "\(result.error)")
    }

    @Test("An ext4 journal that the guest left open is replayed by mounting it read-only, and that is refused")
    func journal() async throws {
        let result = try await script(
            #"""
            truncate -s 64M disk.img
            mkfs.ext4 -q disk.img
            # As a guest leaves it that hibernates: mounted.
            unshare -m sh -ec 'mount -o loop disk.img m; echo hello >m/file; sync; cp disk.img open.img; umount m'
            "$0" create vm --kernel "$k" --disk "$w/open.img" --memory 64 $s
            "$0" start vm $s || echo "started $?"
            # Not -o loop, which would make the device read-only as well.
            d=$(losetup -f --show open.img)
            trap 'losetup -d $d' EXIT
            unshare -m sh -ec 'mount -o ro $1 m; umount m' sh $d
            "$0" start vm $s || echo "replayed $?"
            """#)
        #expect(result.exitCode == 0, "\(result.error)")
        #expect(result.output.contains("started 40") && result.output.contains("replayed 51"), "\(result.error)")
    }
}
