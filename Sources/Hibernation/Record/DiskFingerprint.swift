// Telling whether a disk was written while its guest slept.
//
// Responsible for: what is kept of a disk, and comparing it. A host file system says when a file was last written or
// otherwise touched; a sample of its content catches what does not go through it, and a digest of all of it settles the
// matter. Not responsible for: what the guest can see of the disk, which belongs to its environment.

import Glibc
import SystemPackage

/// A disk, as it was left.
public struct DiskFingerprint: Codable, Hashable, Sendable {
    public var byteCount: UInt64
    /// The host's numbers of file system and file: which file it is, not by its name. Text, as all of 64 bits may be used.
    public var file: String
    /// When the content was last written, by the host's file system, in nanoseconds since 1970-01-01 UTC.
    public var modified: String
    /// When anything about the file last changed. Nobody can set this one.
    public var changed: String
    /// Of blocks here and there.
    public var sample: Fingerprint
    /// Of everything, if that was asked for.
    public var content: Fingerprint?

    /// Bytes of a block of the sample.
    private static let blockByteCount = 4096
    /// How many blocks a sample has at most, evenly spread, the first and the last of the disk among them.
    private static let blockCount: UInt64 = 64
    private static let pieceByteCount = 1 << 20

    /// Reads the disk at `path`, which nobody writes to meanwhile.
    ///
    /// - Parameter isWhole: also makes the digest of all of it, which takes as long as reading it.
    public static func of(diskAt path: String, isWhole: Bool) throws(RawDiskError) -> DiskFingerprint {
        try RawDisk.withDisk(at: path) { disk throws(RawDiskError) in
            let status = try disk.status()
            let sample = try Fingerprint(ofPieces: { update throws(RawDiskError) in
                for offset in sampleOffsets(byteCount: disk.byteCount) {
                    let count = min(UInt64(blockByteCount), disk.byteCount - offset)
                    update(try disk.read(at: offset, count: Int(count)) ?? [])
                }
            })
            var content: Fingerprint?
            if isWhole {
                content = try Fingerprint(ofPieces: { update throws(RawDiskError) in
                    var offset: UInt64 = 0
                    while offset < disk.byteCount {
                        let count = Int(min(UInt64(pieceByteCount), disk.byteCount - offset))
                        update(try disk.read(at: offset, count: count) ?? [])
                        offset += UInt64(count)
                    }
                })
            }
            return DiskFingerprint(
                byteCount: disk.byteCount, file: "\(status.device):\(status.inode)",
                modified: "\(status.modified)", changed: "\(status.changed)", sample: sample, content: content)
        }
    }

    /// Where the blocks of the sample begin: a pure function of the disk's size.
    static func sampleOffsets(byteCount: UInt64) -> [UInt64] {
        let blocks = (byteCount + UInt64(blockByteCount) - 1) / UInt64(blockByteCount)
        guard blocks > blockCount else { return (0..<blocks).map { $0 * UInt64(blockByteCount) } }
        return (0..<blockCount).map { index in
            // In 128 bits, or a large disk would overflow.
            let block = UInt128(blocks - 1) * UInt128(index) / UInt128(blockCount - 1)
            return UInt64(block) * UInt64(blockByteCount)
        }
    }
}

/// A disk that is not as it was left.
public struct DiskChange: Codable, Hashable, Sendable {
    /// Its number, counted from 0.
    public var disk: Int
    /// What tells: `file`, `byteCount`, `modified`, `changed`, `sample` or `content`.
    public var evidence: [String]

    /// One line for people.
    public var words: String {
        let reasons = evidence.map { Self.words[$0] ?? $0 }
        return "disk \(disk): \(reasons.joined(separator: ", "))"
    }

    private static let words = [
        "file": "it is another file", "byteCount": "it has another size",
        "modified": "it was written after the guest hibernated",
        "changed": "the file was touched after the guest hibernated",
        "sample": "a sample of its content differs", "content": "its content differs",
    ]

    /// The disks that changed. Those that the environment says to have come, gone or moved are not compared.
    public static func all(
        recorded: [DiskFingerprint]?, today: [DiskFingerprint]?, differences: [EnvironmentDifference]
    ) -> [DiskChange] {
        guard let recorded, let today, recorded.count == today.count else { return [] }
        return zip(recorded, today).enumerated().compactMap { index, pair in
            let evidence = evidence(pair.0, pair.1)
            guard !evidence.isEmpty, !differences.contains(where: { $0.path.hasPrefix("virtio.\(index).") }) else {
                return nil
            }
            return DiskChange(disk: index, evidence: evidence)
        }
    }

    private static func evidence(_ recorded: DiskFingerprint, _ today: DiskFingerprint) -> [String] {
        if let then = recorded.content, let now = today.content {
            // The same content is the same disk, wherever it was copied to.
            return then == now && recorded.byteCount == today.byteCount ? [] : ["content"]
        }
        var evidence: [String] = []
        if recorded.byteCount != today.byteCount { evidence.append("byteCount") }
        if recorded.sample != today.sample { evidence.append("sample") }
        if recorded.file != today.file { evidence.append("file") }
        if recorded.modified != today.modified { evidence.append("modified") }
        // A touch of any kind changes this one, so it only counts where nothing else tells.
        if evidence.isEmpty, recorded.changed != today.changed { evidence.append("changed") }
        return evidence
    }
}
