import Testing

@testable import Hibernation

/// What cannot be made here, such as a reboot of the host, with two looks at a disk that are given.
@Suite("Disk comparison")
struct DiskComparisonTests {
    // MARK: Disks

    private static let digest = Fingerprint(of: [1])
    private static let otherDigest = Fingerprint(of: [2])

    private static func file() -> DiskFingerprint {
        DiskFingerprint(
            byteCount: 8192, file: "65024:77", modified: "1000", changed: "2000", sample: digest,
            volumes: [DiskVolume(partition: nil, kind: .unknown, metadata: digest)])
    }

    private static func device(_ kind: VolumeKind = .ext, content: Fingerprint? = nil) -> DiskFingerprint {
        var disk = file()
        disk.file = "6:95"
        disk.device = HostBlockDevice(
            boot: "one", sequence: "7", writes: "80 0", identity: ["wwid": "naa.5000"])
        disk.volumes = [
            DiskVolume(partition: nil, kind: .divided, metadata: digest),
            DiskVolume(partition: 1, kind: kind, metadata: digest, content: content),
        ]
        return disk
    }

    private static func loop(_ kind: VolumeKind = .unknown) -> DiskFingerprint {
        var disk = device(kind)
        disk.device?.identity = [:]
        disk.device?.backing = HostBlockDevice.BackingFile(
            path: "/disks/a.img", byteCount: 8192, file: "65024:77", modified: "1000", changed: "2000", offset: "0")
        return disk
    }

    /// The host was rebooted: numbers are dealt anew, counters begin again, nodes are new.
    private static func reboot(_ disk: DiskFingerprint) -> DiskFingerprint {
        var disk = disk
        if disk.device == nil {
            disk.file = disk.file.replacing("65024:", with: "7:")
        } else {
            disk.file = "5:1234"
            disk.modified = "9999"
            disk.changed = "9999"
            disk.device?.boot = "two"
            disk.device?.sequence = "3"
            disk.device?.writes = "0 0"
            disk.device?.backing?.file = "7:77"
        }
        return disk
    }

    private func compare(
        _ then: DiskFingerprint, _ now: DiskFingerprint, isVerifying: Bool = false
    ) -> DiskComparison {
        DiskComparison(recorded: [then], today: [now], differences: [], isVerifying: isVerifying)
    }

    /// Resumed, resumed with a word about these, or refused for these.
    private func decision(
        _ then: DiskFingerprint, _ now: DiskFingerprint
    ) -> (changes: [String], notices: [String]) {
        let comparison = compare(then, now)
        return (comparison.changes.flatMap(\.evidence), comparison.notices.flatMap(\.evidence))
    }

    // MARK: Nothing, and a reboot

    @Test(
        "What nobody touched is resumed without a word, also after the host was rebooted",
        arguments: [
            file(), device(), device(.xfs), device(.btrfs), device(.image), device(.fat, content: digest),
            device(.unknown, content: digest), loop(), loop(.fat),
        ])
    func untouched(disk: DiskFingerprint) {
        for now in [disk, Self.reboot(disk)] {
            #expect(decision(disk, now) == ([], []))
        }
    }

    @Test(
        "A device whose content need not tell is resumed after a reboot with a word, and before it without",
        arguments: [VolumeKind.unknown, .fat, .swap, .luks, .lvm])
    func unproven(kind: VolumeKind) {
        let disk = Self.device(kind)
        #expect(decision(disk, disk) == ([], []))
        let comparison = compare(disk, Self.reboot(disk))
        #expect(comparison.changes == [] && comparison.notices.map(\.evidence) == [["unproven"]])
        #expect(comparison.notices.first?.volumes?.first?.hasPrefix("partition 1 (") == true)
    }

    @Test("Counters that never moved prove nothing, nor do those of a kernel that numbers no devices")
    func noCounters() {
        for change: (inout HostBlockDevice) -> Void in [
            { $0.writes = "0 0" }, { $0.writes = nil }, { $0.sequence = nil }, { $0.boot = nil },
        ] {
            var disk = Self.device(.unknown)
            if var device = disk.device {
                change(&device)
                disk.device = device
            }
            #expect(decision(disk, disk) == ([], ["unproven"]))
        }
    }

    // MARK: Files

    @Test("A file that was renamed, linked or given other permissions is resumed with a word")
    func touched() {
        var now = Self.file()
        now.changed = "3000"
        #expect(decision(Self.file(), now) == ([], ["changed"]))
        #expect(decision(Self.file(), Self.reboot(now)) == ([], ["changed"]))
    }

    @Test("Another file with the same times and content is resumed with a word")
    func copied() {
        var now = Self.file()
        now.file = "65024:78"
        now.changed = "3000"
        #expect(decision(Self.file(), now) == ([], ["file"]))
    }

    @Test("What speaks of a file's content refuses it, whatever else is so")
    func written() {
        let changes: [(String, (inout DiskFingerprint) -> Void)] = [
            ("modified", { $0.modified = "1001" }), ("modified", { $0.modified = "999" }),
            ("byteCount", { $0.byteCount = 16384 }), ("sample", { $0.sample = Self.otherDigest }),
            ("metadata", { $0.volumes?[0].metadata = Self.otherDigest }),
            ("metadata", { $0.volumes?[0].kind = .ext }),
            ("metadata", { $0.volumes?.append(DiskVolume(partition: 1, kind: .ext, metadata: Self.digest)) }),
            ("metadata", { $0.volumes = [] }),
        ]
        for (evidence, change) in changes {
            var now = Self.file()
            change(&now)
            for now in [now, Self.reboot(now)] { #expect(decision(Self.file(), now) == ([evidence], [])) }
        }
    }

    // MARK: Devices

    @Test("Whatever the host wrote to a device is seen in its counters, discards as well")
    func counted() {
        for writes in ["88 0", "80 64"] {
            var now = Self.device()
            now.device?.writes = writes
            #expect(decision(Self.device(), now) == (["written"], []))
        }
    }

    @Test("Counters of another boot or of other media in the same drive say nothing")
    func otherCounters() {
        for change: (inout HostBlockDevice) -> Void in [{ $0.boot = "two" }, { $0.sequence = "8" }] {
            var now = Self.device()
            if var device = now.device {
                change(&device)
                device.writes = "8 0"
                now.device = device
            }
            #expect(decision(Self.device(), now) == ([], []))
        }
    }

    @Test("After a reboot, what using a file system changes refuses it, and so does content that was read")
    func metadata() {
        for kind in VolumeKind.allCases where kind != .divided {
            var now = Self.reboot(Self.device(kind))
            now.volumes?[1].metadata = Self.otherDigest
            let comparison = compare(Self.device(kind), now)
            #expect(comparison.changes.map(\.evidence) == [["metadata"]])
            #expect(comparison.changes.first?.words.contains("partition 1 (") == true)
        }
        var now = Self.reboot(Self.device(.luks, content: Self.digest))
        now.volumes?[1].content = Self.otherDigest
        #expect(decision(Self.device(.luks, content: Self.digest), now) == (["metadata"], []))
        // What was read then and is not read now proves nothing.
        now.volumes?[1].content = nil
        #expect(decision(Self.device(.luks, content: Self.digest), now) == ([], ["unproven"]))
    }

    @Test("Another disk at the same path with the same content is resumed with a word")
    func otherDisk() {
        var now = Self.reboot(Self.device())
        now.device?.identity = ["wwid": "naa.5001"]
        #expect(decision(Self.device(), now) == ([], ["file"]))
        // One that says nothing is not another one.
        now.device?.identity = [:]
        #expect(decision(Self.device(), now) == ([], []))
    }

    @Test("A partition whose disk was written around its partitions is not proven by its own counters")
    func around() {
        var then = Self.device(.unknown)
        then.device?.writesAround = "8 0"
        var now = then
        #expect(decision(then, now) == ([], []))
        now.device?.writesAround = "16 0"
        #expect(decision(then, now) == ([], ["unproven"]))
    }

    @Test("A device that became a file, or a file that became a device, is refused")
    func becameAnother() {
        #expect(decision(Self.file(), Self.device()).changes.contains("file"))
        #expect(decision(Self.device(), Self.file()).changes.contains("file"))
    }

    // MARK: Loop devices

    @Test("A loop device is what the file behind it is, under whatever number")
    func loops() {
        let then = Self.loop()
        var now = Self.reboot(then)
        now.device?.backing?.path = "/elsewhere/a.img"
        #expect(decision(then, now) == ([], []))
        now.device?.backing?.changed = "3000"
        #expect(decision(then, now) == ([], ["changed"]))
        now.device?.backing?.file = "7:78"
        #expect(decision(then, now) == ([], ["file"]))
        now.device?.backing?.modified = "1001"
        #expect(decision(then, now).changes == ["backing"])
    }

    @Test("A part of a file is not refused for what was written to the rest of it")
    func parts() {
        for change: (inout HostBlockDevice.BackingFile) -> Void in [{ $0.offset = "4096" }, { $0.byteCount = 1 << 20 }]
        {
            var then = Self.loop(.ext)
            if var backing = then.device?.backing {
                change(&backing)
                then.device?.backing = backing
            }
            var now = then
            now.device?.backing?.modified = "1001"
            #expect(decision(then, now) == ([], []))
            now.device?.writes = "88 0"
            #expect(decision(then, now) == (["written"], []))
        }
    }

    // MARK: Digests of everything

    @Test("Where all of the content was compared, it alone decides")
    func content() {
        for disk in [Self.file(), Self.device(), Self.loop()] {
            var then = disk
            then.content = Self.digest
            var now = Self.reboot(disk)
            now.modified = "5"
            now.device?.backing?.modified = "5"
            now.content = Self.digest
            #expect(decision(then, now) == ([], []))
            #expect(compare(then, now, isVerifying: true).changes == [])
            now.content = Self.otherDigest
            #expect(decision(then, now) == (["content"], []))
        }
    }

    @Test("A disk that is to be verified and has no digest is refused, also if nobody looked at all")
    func verifying() {
        let disk = Self.file()
        #expect(compare(disk, disk, isVerifying: true).changes.map(\.evidence) == [["unverified"]])
        let unknown = DiskComparison(recorded: nil, today: nil, differences: [], isVerifying: true)
        #expect(unknown.changes.map(\.evidence) == [["unverified"]])
        #expect(DiskComparison(recorded: nil, today: nil, differences: []).changes == [])
    }

    // MARK: Records of 0.1

    /// What 0.1 kept.
    private static func old() -> DiskFingerprint {
        DiskFingerprint(byteCount: 8192, file: "65024:77", modified: "1000", changed: "2000", sample: digest)
    }

    @Test(
        "A file that an older Dormouse recorded is compared by size, time and sample, and not by its file system's number"
    )
    func oldFiles() {
        #expect(decision(Self.old(), Self.file()) == ([], []))
        #expect(decision(Self.old(), Self.reboot(Self.file())) == ([], []))
        var now = Self.file()
        now.modified = "1001"
        #expect(decision(Self.old(), now) == (["modified"], []))
    }

    @Test("A device that an older Dormouse recorded is resumed with a word if size and sample are as they were")
    func oldDevices() {
        var then = Self.old()
        then.file = "6:95"
        #expect(decision(then, Self.reboot(Self.device())) == ([], ["old"]))
        var now = Self.device()
        now.sample = Self.otherDigest
        #expect(decision(then, now) == (["sample"], []))
    }

    @Test("Disks that the environment says to be others are not compared")
    func environment() {
        let difference = EnvironmentDifference(
            path: "virtio.0.sectors", recorded: "1", today: "2", consequence: .mustMatch)
        var now = Self.file()
        now.byteCount = 1
        let comparison = DiskComparison(recorded: [Self.file()], today: [now], differences: [difference])
        #expect(comparison.changes == [] && comparison.notices == [])
    }
}
