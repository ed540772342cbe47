// Making an empty disk.

import Glibc
import HostSupport

/// An empty disk.
public enum EmptyDisk {
    /// Makes one at `path`, where nothing is.
    ///
    /// - Parameters:
    ///   - path: of the new file.
    ///   - byteCount: of the disk, a multiple of 512.
    ///   - format: what it is to be.
    /// - Throws: why that cannot be.
    public static func create(at path: String, byteCount: UInt64, format: DiskFormat) throws(DiskImageError) {
        guard format == .raw else { return try Qcow2Image.create(at: path, byteCount: byteCount) }
        try makeImage(at: path) { disk throws(DiskImageError) in
            guard let size = off_t(exactly: byteCount), ftruncate(disk.descriptor, size) == 0 else {
                throw .failed(operation: "make", path: path, errno: errno)
            }
        }
    }
}
