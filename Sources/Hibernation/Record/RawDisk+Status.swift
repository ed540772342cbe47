// What the host's file system knows of a disk.

import Glibc
import HostSupport
import SystemPackage

extension RawDisk {
    /// What tells one file, and one version of it, from another.
    struct Status {
        /// Numbers of file system and file. The first is another one after a reboot of the host where file systems
        /// lie on loop devices, LVM or a network; only the second tells.
        var file: String
        /// Nanoseconds since 1970-01-01 UTC, as below.
        var modified: Int64
        var changed: Int64
        /// Whether it is a regular file.
        var isFile: Bool
        /// The numbers of a block device; nil for anything else.
        var device: (major: UInt32, minor: UInt32)?
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
        let number = DeviceNumber(status.st_rdev)
        return Status(
            file: "\(status.st_dev):\(status.st_ino)", modified: nanoseconds(status.st_mtim),
            changed: nanoseconds(status.st_ctim), isFile: status.st_mode & S_IFMT == S_IFREG,
            device: status.st_mode & S_IFMT == S_IFBLK ? (number.major, number.minor) : nil)
    }

    /// Waits until what others wrote to the block device is on it, and counted. It may be open for reading only.
    func settle() {
        while fsync(descriptor.rawValue) != 0, errno == EINTR {}
    }
}
