// Copying a disk into a new image.
//
// Responsible for: that the copy has room only for what is not zero. Not responsible for: what becomes of it if that
// fails, and its name.

import Glibc
import HostSupport

extension DiskReader {
    private static let pieceByteCount = 2 << 20
    /// What is left out if it is zero: a file system's block, and a cluster.
    private static let blockByteCounts: [DiskFormat: Int] = [.raw: 4096, .qcow2: 64 << 10]

    /// Copies the disk into a file that is there and empty, and waits until it is on stable storage.
    ///
    /// - Parameters:
    ///   - disk: the file.
    ///   - path: the file's.
    ///   - format: what it is to be.
    ///   - options: what it is like, if that is qcow2.
    ///   - progress: called while it takes its time.
    /// - Throws: why it cannot be copied.
    public func copy(
        to disk: HostDisk, path: String, as format: DiskFormat, options: Qcow2Image.Options = .init(),
        progress: (_ done: UInt64, _ total: UInt64) -> Void = { _, _ in }
    ) throws(DiskImageError) {
        let file = HostImageFile(disk, path: path)
        var image: Qcow2Image?
        switch format {
        case .raw:
            guard let size = off_t(exactly: byteCount), ftruncate(disk.descriptor, size) == 0 else {
                throw .failed(operation: "make", path: path, errno: errno)
            }
        case .qcow2:
            try Qcow2Image.write(to: disk, path: path, byteCount: byteCount, options: options)
            image = try Qcow2Image(file, header: Qcow2Header(file), readOnly: false)
        }
        let block = Self.blockByteCounts[format] ?? 4096
        var piece = [UInt8](repeating: 0, count: Self.pieceByteCount)
        var offset: UInt64 = 0
        while let start = try nextData(from: offset) {
            offset = start / UInt64(block) * UInt64(block)
            progress(offset, byteCount)
            let count = Int(min(UInt64(piece.count), byteCount - offset))
            try read(into: &piece, 0..<count, at: offset)
            // Runs of blocks that are not all zero.
            var first = 0
            while first < count {
                var end = first
                while end < count, !piece.isZero(end..<min(end + block, count)) { end = min(end + block, count) }
                if end > first {
                    let bytes = first == 0 && end == piece.count ? piece : Array(piece[first..<end])
                    if let image {
                        try image.write(bytes, at: offset + UInt64(first))
                    } else {
                        try file.write(bytes, at: offset + UInt64(first))
                    }
                }
                first = min(end + block, count)
            }
            offset += UInt64(count)
        }
        if let image { try image.synchronize() } else { try file.synchronize() }
        progress(byteCount, byteCount)
    }
}

extension DiskReader {
    /// FICLONE of linux/fs.h: _IOW(0x94, 9, int).
    private static let clone: UInt = 0x4004_9409

    /// Gives a file that is there and empty the disk's bytes in the room that they have already, where the file system
    /// can (Btrfs, XFS): ioctl_ficlonerange(2). The two are two files all the same.
    ///
    /// - Parameter disk: the file.
    /// - Returns: whether it has them now. One that does not stays empty. A disk of several files is none to share.
    /// - Throws: why they are not on stable storage.
    public func share(with disk: HostDisk) throws(DiskImageError) -> Bool {
        guard let descriptor = fileOfItsOwn, ioctl(disk.descriptor, Self.clone, descriptor) == 0 else { return false }
        guard fsync(disk.descriptor) == 0 else { throw .failed(operation: "write", path: path, errno: errno) }
        return true
    }
}

extension [UInt8] {
    /// Whether all of `range` is zero.
    fileprivate func isZero(_ range: Range<Int>) -> Bool {
        withUnsafeBytes { buffer in
            // Safe: the range is in the array. Words first: an array is aligned to them, and blocks are whole ones.
            let part = UnsafeRawBufferPointer(rebasing: buffer[range])
            let words = part.count / 8
            for index in 0..<words where part.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self) != 0 {
                return false
            }
            return part[(words * 8)...].allSatisfy { $0 == 0 }
        }
    }
}
