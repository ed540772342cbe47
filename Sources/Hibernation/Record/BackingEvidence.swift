// What the host knows of the files behind a disk's image.
//
// Responsible for: gathering it. A guest's disk is what its image and these say together, so one that was written is a
// disk that was written. Not responsible for comparing (`DiskComparison`).

import DiskImages
import HostSupport
import SystemPackage

/// A file behind a qcow2 image, as it was left.
public struct BackingEvidence: Codable, Hashable, Sendable {
    /// `raw` or `qcow2`.
    public var format: String
    /// Of the file.
    public var byteCount: UInt64
    /// As in `DiskFingerprint`.
    public var file: String
    public var modified: String
    public var changed: String
    /// Of a block device: what the host's kernel knows of it.
    public var device: HostBlockDevice?

    /// Those of `disk`; nil if there are none.
    static func all(of disk: RawDisk, _ host: HostFiles) throws(RawDiskError) -> [BackingEvidence]? {
        guard let files = disk.image?.backingFiles, !files.isEmpty else { return nil }
        var evidence: [BackingEvidence] = []
        for file in files {
            let raw = RawDisk(
                byteCount: file.disk.byteCount, path: file.path,
                descriptor: FileDescriptor(rawValue: file.disk.descriptor), image: nil)
            if file.disk.isBlockDevice { raw.settle() }
            let status = try raw.status()
            evidence.append(
                BackingEvidence(
                    format: file.format.rawValue, byteCount: raw.byteCount, file: status.file,
                    modified: "\(status.modified)", changed: "\(status.changed)",
                    device: status.device.map { HostBlockDevice(major: $0.major, minor: $0.minor, host) }))
        }
        return evidence
    }
}
