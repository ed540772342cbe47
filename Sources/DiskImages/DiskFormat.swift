// The formats of disk images that are read and written here.

/// A format of a disk image.
public enum DiskFormat: String, Sendable, Hashable, Codable, CaseIterable {
    /// The disk's bytes, and nothing else.
    case raw
    /// QEMU's copy-on-write image, of version 2 or 3.
    case qcow2
}
