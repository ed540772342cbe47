// What is kept of a disk, to tell later whether somebody wrote to it while its guest slept.
//
// Responsible for: gathering it. Of a file, the host's file system says when it was last written. Of a block device,
// the kernel counts writes until the host's next boot (`HostBlockDevice`), and file systems leave their marks
// (`DiskVolume`). Samples of the content catch what goes past these, and a digest of all of it settles the matter.
// Not responsible for: comparing (`DiskComparison`), nor for what the guest can see of the disk, which belongs to its
// environment.

import DiskImages
import SystemPackage

/// A disk, as it was left.
public struct DiskFingerprint: Codable, Hashable, Sendable {
    public var byteCount: UInt64
    /// The host's numbers of file system and file. Text, as all of 64 bits may be used.
    public var file: String
    /// When the content was last written, by the host's file system, in nanoseconds since 1970-01-01 UTC.
    public var modified: String
    /// When anything about the file last changed. Nobody can set this one.
    public var changed: String
    /// Of blocks here and there.
    public var sample: Fingerprint
    /// Of everything, if that was asked for.
    public var content: Fingerprint?
    /// Of a block device: what the host's kernel knows of it. Nil for a file, and in records of 0.1.
    public var device: HostBlockDevice?
    /// The files behind a qcow2 image, the nearest first; nil if there are none.
    public var backing: [BackingEvidence]?
    /// The whole disk first, then its partitions. Nil in records of 0.1.
    public var volumes: [DiskVolume]?

    public init(
        byteCount: UInt64, file: String, modified: String, changed: String, sample: Fingerprint,
        content: Fingerprint? = nil, device: HostBlockDevice? = nil, volumes: [DiskVolume]? = nil
    ) {
        self.byteCount = byteCount
        self.file = file
        self.modified = modified
        self.changed = changed
        self.sample = sample
        self.content = content
        self.device = device
        self.volumes = volumes
    }

    /// Bytes of a block of the sample.
    private static let blockByteCount = 4096
    /// How many blocks a sample has at most, evenly spread, the first and the last of the disk among them.
    private static let blockCount: UInt64 = 64

    /// Called while a lot is read: how many bytes of how many are done.
    public typealias Progress = (_ done: UInt64, _ total: UInt64) -> Void

    /// How closely a disk is looked at.
    public enum Depth: Sendable {
        /// At what is quickly read; and at all of small volumes if nothing else tells whether they were written.
        case sampled
        /// At everything, which takes as long as reading it.
        case full
        /// At what there is to compare with an earlier look.
        case like(DiskFingerprint)
    }

    /// Reads the disk at `path`, which nobody writes to meanwhile.
    ///
    /// - Parameters:
    ///   - path: the disk's.
    ///   - format: what it is; nil if it is what it looks like.
    ///   - depth: how closely it is looked at.
    ///   - host: where the host's kernel tells of its devices.
    ///   - progress: called while a lot is read.
    /// - Returns: the disk as its guest sees it, and what the host knows of its files.
    /// - Throws: why it cannot be read.
    public static func of(
        diskAt path: String, format: DiskFormat? = nil, _ depth: Depth, host: HostFiles = HostFiles(),
        progress: Progress = { _, _ in }
    ) throws(RawDiskError) -> DiskFingerprint {
        try RawDisk.withDisk(at: path, format: format) { disk throws(RawDiskError) in
            if try disk.status().device != nil { disk.settle() }
            let status = try disk.status()
            var fingerprint = DiskFingerprint(
                byteCount: disk.byteCount, file: status.file, modified: "\(status.modified)",
                changed: "\(status.changed)", sample: try sample(of: disk),
                device: status.device.map { HostBlockDevice(major: $0.major, minor: $0.minor, host) })
            fingerprint.backing = try BackingEvidence.all(of: disk, host)
            var done: UInt64 = 0
            var budget = DiskVolume.maximumContentByteCount
            fingerprint.volumes = try DiskVolume.all(
                of: disk,
                readsContent: { partition, byteCount in
                    guard byteCount <= budget, fingerprint.needsContent(depth, partition) else { return false }
                    budget -= byteCount
                    return true
                },
                progress: {
                    done += $0
                    progress(done, max(done, DiskVolume.maximumContentByteCount - budget))
                })
            if depth.isFull {
                var done: UInt64 = 0
                fingerprint.content = try disk.fingerprint(from: 0, byteCount: disk.byteCount) {
                    done += $0
                    progress(done, disk.byteCount)
                }
            }
            return fingerprint
        }
    }

    /// Whether all of a volume is read whose metadata need not tell.
    private func needsContent(_ depth: Depth, _ partition: Int?) -> Bool {
        switch depth {
        case .full: false
        // A file's times tell, and those of the file behind a loop device.
        case .sampled: device != nil && device?.backing == nil
        case .like(let then):
            then.content == nil && !DiskComparison.isProven(then, self)
                && then.volumes?.contains { $0.partition == partition && $0.content != nil } == true
        }
    }

    private static func sample(of disk: RawDisk) throws(RawDiskError) -> Fingerprint {
        try Fingerprint(ofPieces: { update throws(RawDiskError) in
            for offset in sampleOffsets(byteCount: disk.byteCount) {
                let count = min(UInt64(blockByteCount), disk.byteCount - offset)
                update(try disk.read(at: offset, count: Int(count)) ?? [])
            }
        })
    }

    /// Where the blocks of a sample begin: a pure function of the size of what is sampled.
    static func sampleOffsets(byteCount: UInt64, count: UInt64 = blockCount) -> [UInt64] {
        let blocks = byteCount / UInt64(blockByteCount) + (byteCount % UInt64(blockByteCount) == 0 ? 0 : 1)
        guard blocks > count else { return (0..<blocks).map { $0 * UInt64(blockByteCount) } }
        return (0..<count).map { index in
            // In 128 bits, or a large disk would overflow.
            let block = UInt128(blocks - 1) * UInt128(index) / UInt128(count - 1)
            return UInt64(block) * UInt64(blockByteCount)
        }
    }
}

extension DiskFingerprint.Depth {
    fileprivate var isFull: Bool {
        switch self {
        case .full: true
        case .sampled: false
        case .like(let then): then.content != nil
        }
    }
}
