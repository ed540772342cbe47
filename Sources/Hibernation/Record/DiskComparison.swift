// Whether a disk was written while its guest slept: what evidence means.
//
// Responsible for: the decision for one disk and for all of them; a pure function of two looks at them.
// docs/hibernation.md has it as a matrix. Not responsible for gathering the evidence (`DiskFingerprint`), nor for
// what follows (`StartDecision`).
//
// What is wrong either way: a guest that is resumed over a disk that went on without it destroys its file systems;
// one that is refused for a reboot of the host or a renamed file loses its work. So what speaks of content decides,
// and what speaks only of which file it is, or who touched it, is said and no more.

/// A disk that is not as it was left.
public struct DiskChange: Codable, Hashable, Sendable {
    /// Its number, counted from 0.
    public var disk: Int
    /// What tells: `byteCount`, `modified`, `written`, `backing`, `sample`, `metadata`, `content`, `file`,
    /// `unverified`.
    public var evidence: [String]
    /// The volumes that differ, for people.
    public var volumes: [String]?

    init(disk: Int, evidence: [String], volumes: [String] = []) {
        self.disk = disk
        self.evidence = evidence
        self.volumes = volumes.isEmpty ? nil : volumes
    }

    /// One line for people.
    public var words: String {
        let reasons = evidence.map { evidence in
            // Which volumes is more than that some are.
            if evidence == "metadata", let volumes {
                return "\(volumes.joined(separator: ", ")) \(volumes.count == 1 ? "differs" : "differ")"
            }
            return Self.words[evidence] ?? evidence
        }
        return "disk \(disk): \(reasons.joined(separator: ", "))"
    }

    private static let words = [
        "byteCount": "it has another size", "modified": "it was written after the guest hibernated",
        "written": "the host wrote to it after the guest hibernated",
        "backing": "a file behind it was written after the guest hibernated, or is another one",
        "sample": "a sample of its content differs", "metadata": "what using it changes differs",
        "content": "its content differs", "file": "it was a file and is a device now, or the other way round",
        "unverified": "no digest of all of it was kept, so that it cannot be verified",
    ]
}

/// A disk that is taken for what it was, though something about it is worth a word.
public struct DiskNotice: Codable, Hashable, Sendable {
    /// Its number, counted from 0.
    public var disk: Int
    /// What it is about: `file`, `changed`, `unproven`, `old`.
    public var evidence: [String]
    /// The volumes of which nothing proves that they were not written, for people.
    public var volumes: [String]?

    init(disk: Int, evidence: [String], volumes: [String] = []) {
        self.disk = disk
        self.evidence = evidence
        self.volumes = volumes.isEmpty ? nil : volumes
    }

    /// One line for people.
    public var words: String {
        let reasons = evidence.map { Self.words[$0] ?? $0 }
        return "disk \(disk): \(reasons.joined(separator: "; "))"
            + (volumes.map { " (\($0.joined(separator: ", ")))" } ?? "")
    }

    private static let words = [
        "file": "it is another file or device than it was, with the same times and content as far as was looked",
        "changed": "its file was renamed, linked or given other permissions, but not written",
        "unproven": "as far as was looked it was not written, but nothing proves that since the host was rebooted",
        "old": "an older Dormouse kept little of this device, so that only its size and a sample of it were compared",
    ]
}

/// What became of a machine's disks.
public struct DiskComparison: Hashable, Sendable {
    public var changes: [DiskChange] = []
    public var notices: [DiskNotice] = []

    /// Compares all disks. Those that the environment says to have come, gone or moved are not compared.
    ///
    /// - Parameters:
    ///   - recorded: as they were left; nil if nobody could look.
    ///   - today: as they are; nil if nobody could look.
    ///   - differences: what else is not as it was recorded.
    ///   - isVerifying: a disk that is not proven by all of its content counts as changed.
    public init(
        recorded: [DiskFingerprint]?, today: [DiskFingerprint]?, differences: [EnvironmentDifference],
        isVerifying: Bool = false
    ) {
        guard let recorded, let today, recorded.count == today.count else {
            if isVerifying, recorded == nil { changes = [DiskChange(disk: 0, evidence: ["unverified"])] }
            return
        }
        for (index, (then, now)) in zip(recorded, today).enumerated()
        where !differences.contains(where: { $0.path.hasPrefix("virtio.\(index).") }) {
            compare(then, now, disk: index, isVerifying: isVerifying)
        }
    }

    private mutating func compare(
        _ then: DiskFingerprint, _ now: DiskFingerprint, disk: Int, isVerifying: Bool
    ) {
        if let contentThen = then.content, let contentNow = now.content {
            // The same content is the same disk, wherever it was copied to and whoever touched it.
            if contentThen != contentNow || then.byteCount != now.byteCount {
                changes.append(DiskChange(disk: disk, evidence: ["content"]))
            }
            return
        }
        var evidence: [String] = []
        var notices: [String] = []
        var unproven: [String] = []
        // Records of 0.1 do not say whether the disk was a device; what it is now counts then.
        if then.volumes != nil, (then.device == nil) != (now.device == nil) {
            evidence.append("file")
        } else if let device = now.device {
            evidence += then.device.map { Self.evidence($0, device, byteCount: then.byteCount) } ?? []
            if then.device.map({ Self.isOther($0, device) }) == true { notices.append("file") }
            if then.device == nil {
                notices.append("old")
            } else if !Self.isProven(then, now) {
                unproven = Self.unprovenVolumes(then, now).map(\.words)
                if !unproven.isEmpty { notices.append("unproven") }
            } else if let backing = then.device?.backing, let backingNow = device.backing {
                notices += Self.touches(
                    backing.file, backingNow.file, isChanged: backing.changed != backingNow.changed)
            }
        } else {
            if then.modified != now.modified { evidence.append("modified") }
            notices += Self.touches(then.file, now.file, isChanged: then.changed != now.changed)
        }
        compareBacking(then.backing ?? [], now.backing ?? [], &evidence, &notices)
        if then.byteCount != now.byteCount { evidence.append("byteCount") }
        let volumes = Self.changedVolumes(then, now)
        if !volumes.isEmpty { evidence.append("metadata") }
        if then.sample != now.sample { evidence.append("sample") }
        if isVerifying { evidence.append("unverified") }
        if !evidence.isEmpty {
            changes.append(DiskChange(disk: disk, evidence: evidence, volumes: volumes))
        } else if !notices.isEmpty {
            self.notices.append(DiskNotice(disk: disk, evidence: notices, volumes: unproven))
        }
    }

    // MARK: Files behind an image

    private func compareBacking(
        _ then: [BackingEvidence], _ now: [BackingEvidence], _ evidence: inout [String], _ notices: inout [String]
    ) {
        let isSame =
            then.count == now.count
            && zip(then, now).allSatisfy { then, now in
                guard then.format == now.format, then.byteCount == now.byteCount,
                    (then.device == nil) == (now.device == nil)
                else { return false }
                guard let device = then.device, let deviceNow = now.device else { return then.modified == now.modified }
                return Self.evidence(device, deviceNow, byteCount: then.byteCount).isEmpty
            }
        if !isSame {
            if !evidence.contains("backing") { evidence.append("backing") }
        } else if zip(then, now).contains(where: { Self.inode($0.file) != Self.inode($1.file) }) {
            if !notices.contains("file") { notices.append("file") }
        }
    }

    // MARK: Files

    /// What is said of a file whose content is as it was. The file system's number is a new one after a reboot of the
    /// host, and copying a file changes its inode's times in any case.
    private static func touches(_ then: String, _ now: String, isChanged: Bool) -> [String] {
        if inode(then) != inode(now) { return ["file"] }
        return isChanged ? ["changed"] : []
    }

    private static func inode(_ file: String) -> Substring { file.drop { $0 != ":" } }

    // MARK: Block devices

    /// What the host's kernel says against the device.
    private static func evidence(_ then: HostBlockDevice, _ now: HostBlockDevice, byteCount: UInt64) -> [String] {
        if let backingThen = then.backing, let backingNow = now.backing, backingThen.isAll(of: byteCount) {
            let isSame =
                backingThen.modified == backingNow.modified && backingThen.byteCount == backingNow.byteCount
                && backingThen.offset == backingNow.offset
            return isSame ? [] : ["backing"]
        }
        guard isSameIncarnation(then, now), let writesThen = then.writes, let writesNow = now.writes else { return [] }
        return writesThen == writesNow ? [] : ["written"]
    }

    /// Whether counters go on from what they were.
    private static func isSameIncarnation(_ then: HostBlockDevice, _ now: HostBlockDevice) -> Bool {
        then.boot != nil && then.boot == now.boot && then.sequence != nil && then.sequence == now.sequence
    }

    /// Whether the host says that the disk was not written. A file's times say so in any case.
    static func isProven(_ then: DiskFingerprint, _ now: DiskFingerprint) -> Bool {
        guard let deviceThen = then.device, let deviceNow = now.device else { return now.device == nil }
        if let backingThen = deviceThen.backing, let backingNow = deviceNow.backing,
            backingThen.isAll(of: then.byteCount)
        {
            return backingThen.modified == backingNow.modified && backingThen.byteCount == backingNow.byteCount
                && backingThen.offset == backingNow.offset
        }
        // Counters that never moved may be those of a driver that does not count.
        return isSameIncarnation(deviceThen, deviceNow) && deviceThen.counts && deviceThen.writes == deviceNow.writes
            && deviceThen.writesAround == deviceNow.writesAround
    }

    /// Whether the device says that it is another one.
    private static func isOther(_ then: HostBlockDevice, _ now: HostBlockDevice) -> Bool {
        then.identity.contains { key, value in now.identity[key].map { $0 != value } ?? false }
    }

    // MARK: Volumes

    private static func changedVolumes(_ then: DiskFingerprint, _ now: DiskFingerprint) -> [String] {
        guard let then = then.volumes, let now = now.volumes else { return [] }
        var changed: [String] = []
        for index in 0..<max(then.count, now.count) {
            guard index < then.count, index < now.count else {
                changed.append((index < then.count ? then[index] : now[index]).words)
                continue
            }
            let (left, right) = (then[index], now[index])
            let hasOtherContent = left.content != nil && right.content != nil && left.content != right.content
            if left.partition != right.partition || left.kind != right.kind || left.metadata != right.metadata
                || hasOtherContent
            {
                changed.append(left.words)
            }
        }
        return changed
    }

    /// The volumes that may have been written without a mark in what was read of them.
    private static func unprovenVolumes(_ then: DiskFingerprint, _ now: DiskFingerprint) -> [DiskVolume] {
        (then.volumes ?? []).filter { volume in
            guard !volume.kind.alwaysTells, volume.content == nil else {
                // What was read then may not have been read now.
                return volume.content != nil
                    && now.volumes?.contains { $0.partition == volume.partition && $0.content != nil } != true
            }
            return true
        }
    }
}

extension HostBlockDevice.BackingFile {
    /// Whether a device of so many bytes is all of the file: if not, others may write to the rest of it.
    fileprivate func isAll(of byteCount: UInt64) -> Bool {
        let sectorByteCount: UInt64 = 512
        return offset == "0" && byteCount / sectorByteCount == self.byteCount / sectorByteCount
    }
}
