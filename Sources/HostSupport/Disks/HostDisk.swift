// Opening what is to be a disk: a raw image, or a block device of the host.
//
// Responsible for: that it is one of these, its size, its lock, and closing it. Not responsible for: what is on it, nor
// for reading and writing it: whoever has a disk does that in ways of his own.

import Glibc

/// Why a disk could not be opened. Whoever opens it says so in words, as he knows what it was to be for.
public enum HostDiskError: Error, Equatable {
    case cannotOpen(errno: Int32)
    case cannotExamine(errno: Int32)
    /// It is something else; nil if nobody knows what.
    case notDisk(FileKind?)
}

/// An open disk.
public final class HostDisk: Sendable {
    public let descriptor: Int32
    /// As it was when the disk was opened.
    public let byteCount: UInt64
    public let isBlockDevice: Bool

    /// Opens the disk at `path`, without a lock.
    public init(path: String, forWriting: Bool) throws(HostDiskError) {
        // O_NONBLOCK: opening a FIFO by mistake must not wait for its other end. It changes nothing for disks.
        let descriptor = open(path, (forWriting ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .cannotOpen(errno: errno) }
        do throws(HostDiskError) {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { throw .cannotExamine(errno: errno) }
            let kind = FileKind(mode: status.st_mode)
            guard kind == .regular || kind == .blockDevice else { throw .notDisk(kind) }
            isBlockDevice = kind == .blockDevice
            // Not st_size, which is zero for a block device.
            let end = lseek(descriptor, 0, SEEK_END)
            guard end >= 0 else { throw .cannotExamine(errno: errno) }
            byteCount = UInt64(end)
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit {
        unlock()
        close(descriptor)
    }

    /// Takes the lock of the disk: exclusively, for writing it, or with others that read it. It lasts until `unlock`,
    /// or as long as this object.
    public func lock(exclusively: Bool) throws(DiskLock.Failure) {
        try DiskLock.lock(descriptor, exclusively: exclusively)
    }

    /// Lets others have the disk.
    public func unlock() { DiskLock.unlock(descriptor) }

    /// BLKSSZGET of linux/fs.h: _IO(0x12, 104).
    private static let getLogicalBlockSize: UInt = 0x1268

    /// Bytes of a logical sector of a block device; nil for a file.
    public var logicalBlockByteCount: UInt32? {
        get throws(HostDiskError) {
            guard isBlockDevice else { return nil }
            var size: Int32 = 0
            guard ioctl(descriptor, Self.getLogicalBlockSize, &size) == 0 else { throw .cannotExamine(errno: errno) }
            return UInt32(exactly: size)
        }
    }

    /// What the file is, if it is no raw disk.
    public var foreignFormat: ForeignFormat? {
        get throws(HostDiskError) {
            func read(_ count: Int, at offset: UInt64) throws(HostDiskError) -> [UInt8] {
                var bytes = [UInt8](repeating: 0, count: count)
                let length = pread(descriptor, &bytes, count, off_t(offset))
                guard length >= 0 else { throw .cannotExamine(errno: errno) }
                return Array(bytes.prefix(length))
            }
            let tail = UInt64(ForeignFormat.tailByteCount)
            return ForeignFormat(
                head: try read(ForeignFormat.headByteCount, at: 0),
                tail: try read(ForeignFormat.tailByteCount, at: byteCount > tail ? byteCount - tail : 0))
        }
    }
}
