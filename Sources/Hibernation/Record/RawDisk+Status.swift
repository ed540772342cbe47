// What the host's file system knows of a disk.

import Glibc
import SystemPackage

extension RawDisk {
    /// What tells one file, and one version of it, from another.
    struct Status: Hashable {
        var device: UInt64
        var inode: UInt64
        /// Nanoseconds since 1970-01-01 UTC, as below.
        var modified: Int64
        var changed: Int64
    }

    /// The status of the open disk.
    func status() throws(RawDiskError) -> Status {
        var status = stat()
        // Safe: `fstat` fills in the structure and does not keep its address. swift-system has no call for it.
        guard unsafe fstat(descriptor.rawValue, &status) == 0 else {
            throw .cannotRead(path: path, Errno(rawValue: errno))
        }
        func nanoseconds(_ time: timespec) -> Int64 {
            Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        }
        return Status(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
            modified: nanoseconds(status.st_mtim), changed: nanoseconds(status.st_ctim))
    }
}
