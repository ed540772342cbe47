import Glibc
import TestSupport
import Testing

@testable import Hibernation

/// The matrix of docs/hibernation.md: kinds of disks, what may happen to them while their guest sleeps, and what a
/// start decides. What is done is really done, by the tools that do it; only the host's reboot is another boot id.
@Suite("What happens to a disk while its guest sleeps", .serialized, .needs(LoopDevice.areThere, LoopDevice.whyNot))
struct DiskMatrixTests {
    enum Decision {
        case resume, word, refuse
    }

    enum Content: CaseIterable {
        case ext4, xfs, btrfs, swap, image, fat, unknown, divided

        var mebibytes: Int {
            switch self {
            case .xfs: 320
            case .btrfs: 128
            default: 32
            }
        }

        /// Makes it on `$1`.
        var script: String {
            switch self {
            case .ext4: #"mkfs.ext4 -q -F "$1""#
            case .xfs: #"mkfs.xfs -q -f "$1""#
            case .btrfs: #"mkfs.btrfs -q -f "$1""#
            case .swap: #"mkswap -q "$1""#
            case .image: #"mkswap -q "$1"; printf 'S1SUSPEND\0' | dd of="$1" bs=1 seek=4086 conv=notrunc 2>/dev/null"#
            case .fat: #"mkfs.vfat "$1" >/dev/null"#
            case .unknown: #"dd if=/dev/urandom of="$1" bs=1M count=32 conv=notrunc 2>/dev/null"#
            case .divided:
                #"printf 'label: gpt\nsize=8M\nsize=16M\n' | sfdisk -q --no-reread --no-tell-kernel "$1"; "#
                    + #"mkfs.ext4 -q -F -E offset=9437184 "$1" 16m >/dev/null 2>&1"#
            }
        }

        /// How its file system is mounted; nil if there is none that the host's kernel mounts.
        var mountOptions: String? {
            switch self {
            case .ext4, .xfs, .btrfs: "loop"
            case .divided: "loop,offset=9437184,sizelimit=16777216"
            case .swap, .image, .fat, .unknown: nil
            }
        }

        /// Whether a file system leaves marks in its metadata, so that nothing else of it is read on a device.
        var alwaysTells: Bool { [.ext4, .xfs, .btrfs].contains(self) }
    }

    private static func mounted(_ content: Content, _ options: String, _ script: String) -> String {
        """
        m=$(mktemp -d /tmp/dormouse-test-XXXXXX)
        unshare -m sh -ec 'mount -o \(content.mountOptions ?? ""),\(options) "$1" "$2"; cd "$2"; \(script); cd /; umount "$2"' sh "$1" "$m"
        rmdir "$m"
        """
    }

    /// What happens to the disk at `$1`.
    struct Event {
        var name: String
        var script: String

        static func mount(_ content: Content) -> Event {
            Event(
                name: "mounted and written",
                script: mounted(content, "rw", "dd if=/dev/urandom of=file bs=64k count=4 2>/dev/null"))
        }

        static func mountReadOnly(_ content: Content) -> Event {
            Event(name: "mounted read-only", script: mounted(content, "ro", "ls >/dev/null"))
        }

        static let nothing = Event(name: "nothing", script: "true")
        static let moved = Event(name: "moved away and back", script: #"mv "$1" "$1.away"; mv "$1.away" "$1""#)
        static let permissions = Event(name: "chmod", script: #"chmod 640 "$1""#)
        static let linked = Event(name: "a hard link", script: #"ln "$1" "$1.link"; rm "$1.link""#)
        static let copied = Event(name: "copied over", script: #"cp "$1" "$1.copy"; mv "$1.copy" "$1""#)
        static let copiedWithTimes = Event(
            name: "copied over with its times", script: #"cp -a "$1" "$1.copy"; mv "$1.copy" "$1""#)
        static let touched = Event(name: "touched", script: #"touch "$1""#)
        /// Past what is read of a file system of its size, and not zeros before.
        static let byte = Event(
            name: "a byte written",
            script: #"printf x | dd of="$1" bs=1 seek=20000000 conv=notrunc 2>/dev/null; sync "$1""#)
        static let byteWithOldTime = Event(
            name: "a byte written and the time put back",
            script:
                #"t=$(mktemp); touch -r "$1" "$t"; printf x | dd of="$1" bs=1 seek=20000001 conv=notrunc 2>/dev/null; "#
                + #"touch -r "$t" "$1"; rm "$t""#)
        static let older = Event(
            name: "an older state restored with its time",
            script: #"cp "$1" "$1.old"; printf x | dd of="$1.old" bs=1 seek=20000000 conv=notrunc 2>/dev/null; "#
                + #"touch -d '2 hours ago' "$1.old"; mv "$1.old" "$1""#)
        static let grown = Event(name: "made larger", script: #"truncate -s +1M "$1""#)
        static let another = Event(
            name: "another disk at its path", script: #"rm "$1"; truncate -s 32M "$1"; mkfs.ext4 -q -F "$1""#)
        static let checked = Event(name: "fsck -n", script: #"e2fsck -fn "$1" >/dev/null 2>&1"#)
        static let repaired = Event(name: "fsck -y", script: #"e2fsck -fy "$1" >/dev/null 2>&1"#)
        static let resized = Event(
            name: "resize2fs", script: #"e2fsck -fy "$1" >/dev/null 2>&1; resize2fs "$1" 20M >/dev/null 2>&1"#)
        static let labelled = Event(name: "a label", script: #"tune2fs -L other "$1" >/dev/null"#)
    }

    /// A disk, and how the host is asked about it.
    private struct Disk {
        var path: String
        var host = HostFiles()

        func look(_ depth: DiskFingerprint.Depth) throws -> DiskFingerprint {
            try DiskFingerprint.of(diskAt: path, depth, host: host)
        }

        /// Looks, lets `event` happen, looks again on `today`, and decides.
        func decision(after event: Event, today: Disk? = nil) throws -> (Decision, DiskComparison) {
            let then = try look(.sampled)
            // Times of files go on in steps of up to 10 ms.
            usleep(20_000)
            try Shell.run(event.script, path)
            let now = try (today ?? self).look(.like(then))
            let comparison = DiskComparison(recorded: [then], today: [now], differences: [])
            if !comparison.changes.isEmpty { return (.refuse, comparison) }
            return (comparison.notices.isEmpty ? .resume : .word, comparison)
        }
    }

    // MARK: Files

    private static let fileEvents: [(Event, Decision)] = [
        (.nothing, .resume), (.moved, .word), (.permissions, .word), (.linked, .word), (.copied, .refuse),
        (.copiedWithTimes, .word), (.touched, .refuse), (.byte, .refuse),
        // The one that times and samples do not see; a digest of everything does.
        (.byteWithOldTime, .word), (.older, .refuse), (.grown, .refuse), (.another, .refuse),
    ]
    private static let ext4Events: [(Event, Decision)] = [
        (.checked, .resume), (.repaired, .refuse), (.resized, .refuse), (.labelled, .refuse),
    ]

    @Test("A file, whole or sparse, decides by its time of writing and its content", arguments: [true, false])
    func files(isSparse: Bool) throws {
        for (event, expected) in Self.fileEvents + Self.ext4Events {
            let file = try TestDisk(byteCount: 32 << 20)
            if !isSparse {
                try Shell.run(#"dd if=/dev/zero of="$1" bs=1M count=32 conv=notrunc 2>/dev/null"#, file.path)
            }
            try Shell.run(Content.ext4.script, file.path)
            let (decision, comparison) = try Disk(path: file.path).decision(after: event)
            #expect(decision == expected, "\(event.name): \(comparison)")
        }
    }

    @Test(
        "A file that was mounted for writing is refused, and one that was only read is not", arguments: Content.allCases
    )
    func mountedFiles(content: Content) throws {
        guard content.mountOptions != nil else { return }
        let file = try TestDisk(byteCount: content.mebibytes << 20)
        try Shell.run(content.script, file.path)
        let disk = Disk(path: file.path)
        for (event, expected) in [(Event.mountReadOnly(content), Decision.resume), (.mount(content), .refuse)] {
            let (decision, comparison) = try disk.decision(after: event)
            #expect(decision == expected, "\(content), \(event.name): \(comparison)")
        }
    }

    @Test("A file is the same on a file system that is mounted from another device")
    func otherFileSystemNumber() throws {
        let image = try TestDisk(byteCount: 64 << 20)
        try Shell.run(Content.ext4.script, image.path)
        let directory = try Shell.run("mktemp -d /tmp/dormouse-test-XXXXXX")
        defer { _ = try? Shell.run(#"umount "$1" 2>/dev/null || true; rmdir "$1""#, directory) }
        let disk = Disk(path: "\(directory)/disk.img")
        func mounted<Result>(on device: LoopDevice, _ body: () throws -> Result) throws -> Result {
            try Shell.run(#"mount "$1" "$2""#, device.path, directory)
            defer { _ = try? Shell.run(#"umount "$1""#, directory) }
            return try body()
        }
        // Held, so that the next one has another number.
        let first = try LoopDevice(image.path)
        let then = try mounted(on: first) {
            try Shell.run(#"truncate -s 1M "$1""#, disk.path)
            return try disk.look(.sampled)
        }
        let second = try LoopDevice(image.path)
        let now = try mounted(on: second) { try disk.look(.like(then)) }
        withExtendedLifetime((first, second)) {
            #expect(then.file != now.file)
            #expect(
                DiskComparison(recorded: [then], today: [now], differences: [])
                    == DiskComparison(recorded: [now], today: [now], differences: []))
        }
    }

    // MARK: Loop devices

    @Test(
        "A loop device decides by the file behind it, whatever its number and whoever wrote",
        arguments: Content.allCases)
    func loopDevices(content: Content) throws {
        let file = try TestDisk(byteCount: content.mebibytes << 20)
        try Shell.run(content.script, file.path)
        var events: [(Event, Decision)] = [
            (.nothing, .resume), (.byte, .refuse),
            (
                Event(name: "the file behind it written", script: Event.byte.script.replacing("$1", with: file.path)),
                .refuse
            ),
            (
                Event(name: "the file behind it moved", script: Event.moved.script.replacing("$1", with: file.path)),
                .word
            ),
        ]
        if content.mountOptions != nil { events += [(.mountReadOnly(content), .resume), (.mount(content), .refuse)] }
        if content == .ext4 { events += Self.ext4Events }
        if content == .swap { events.append((Event(name: "swapon", script: #"swapon "$1"; swapoff "$1""#), .resume)) }
        let device = try LoopDevice(file.path)
        for (event, expected) in events {
            let (decision, comparison) = try Disk(path: device.path).decision(after: event)
            #expect(decision == expected, "\(content), \(event.name): \(comparison)")
        }
        let other = try LoopDevice(file.path)
        let (decision, comparison) = try Disk(path: device.path)
            .decision(after: .nothing, today: Disk(path: other.path))
        withExtendedLifetime((device, other)) { #expect(decision == .resume, "\(content): \(comparison)") }
    }

    // MARK: Other devices

    /// A loop device that the host says nothing of but what it says of any disk, since the last boot or before it.
    private final class PlainDevice {
        let loop: LoopDevice
        let tree: String
        var disk: Disk { Disk(path: loop.path, host: HostFiles(sys: "\(tree)/sys", proc: "\(tree)/proc")) }

        init(_ file: TestDisk) throws {
            loop = try LoopDevice(file.path)
            tree = try Shell.run(
                """
                t=$(mktemp -d /tmp/dormouse-test-XXXXXX); d=$t/sys/dev/block/$2; s=/sys/dev/block/$2
                mkdir -p "$d/queue" "$t/proc/sys/kernel/random"; ln -s $s/stat $s/diskseq "$d"; ln -s $s/queue/iostats "$d/queue"
                echo first >"$t/proc/sys/kernel/random/boot_id"; echo "$t"
                """, loop.path, try loop.numbers)
        }

        deinit { _ = try? Shell.run(#"rm -rf "$1""#, tree) }

        /// Another boot of the host, as far as it says.
        var reboot: String { "echo another >\(tree)/proc/sys/kernel/random/boot_id" }
    }

    @Test(
        "A device decides by the host's counters, and after a reboot by what file systems write",
        arguments: Content.allCases)
    func devices(content: Content) throws {
        var events: [(event: Event, sameBoot: Decision, rebooted: Decision)] = [
            (.nothing, .resume, .resume),
            // Past a file system's metadata, and so the one thing that nothing but a digest of everything sees.
            (.byte, .refuse, content.alwaysTells || content == .image ? .resume : .refuse),
        ]
        if content.mountOptions != nil {
            events += [(.mountReadOnly(content), .resume, .resume), (.mount(content), .refuse, .refuse)]
        }
        if content == .divided { events[1].rebooted = .resume }
        if content == .ext4 { events += Self.ext4Events.map { ($0, $1, $1) } }
        if content == .swap {
            events.append((Event(name: "swapon", script: #"swapon "$1"; swapoff "$1""#), .resume, .resume))
        }
        if content == .image {
            // swapon puts the signature of swap back first.
            events.append((Event(name: "swapon", script: #"swapon "$1" 2>/dev/null; swapoff "$1""#), .refuse, .refuse))
        }
        for (event, sameBoot, rebooted) in events {
            for (isRebooted, expected) in [(false, sameBoot), (true, rebooted)] {
                let file = try TestDisk(byteCount: content.mebibytes << 20)
                let device = try PlainDevice(file)
                // By way of the device, which counts it.
                try Shell.run(content.script + "; sync \"$1\"", device.loop.path)
                let script = event.script + (isRebooted ? "; " + device.reboot : "")
                let (decision, comparison) = try device.disk.decision(after: Event(name: event.name, script: script))
                #expect(decision == expected, "\(content), \(event.name), rebooted \(isRebooted): \(comparison)")
            }
        }
    }

    @Test("A host that went down while it had a file system mounted leaves marks as well", arguments: Content.allCases)
    func pulledPlug(content: Content) throws {
        guard content.mountOptions != nil else { return }
        let file = try TestDisk(byteCount: content.mebibytes << 20)
        let device = try PlainDevice(file)
        try Shell.run(content.script + "; sync \"$1\"", device.loop.path)
        // What is on the device while it is mounted is what a power cut leaves.
        let then = try device.disk.look(.sampled)
        let other = try TestDisk(byteCount: content.mebibytes << 20)
        let script = Self.mounted(
            content, "rw", #"echo hello >file; sync; cp --sparse=always "\#(file.path)" "\#(other.path)""#)
        try Shell.run(script, device.loop.path)
        let otherDevice = try PlainDevice(other)
        try Shell.run(otherDevice.reboot)
        let now = try otherDevice.disk.look(.like(then))
        let comparison = DiskComparison(recorded: [then], today: [now], differences: [])
        #expect(comparison.changes.first?.evidence.contains("metadata") == true, "\(content): \(comparison)")
    }
}
