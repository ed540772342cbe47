// The file on the host that an image is in.
//
// Responsible for: input and output that is complete or fails, and the order that only a flush gives. Not responsible
// for what is in it. A test puts a log between.

import Glibc
import HostSupport

/// A file of an image. What was written is on stable storage once `synchronize` has returned.
protocol ImageFile: AnyObject, Sendable {
    var path: String { get }
    /// Bytes, as it is now.
    func byteCount() throws(DiskImageError) -> UInt64
    /// Whether what is behind its end is known to be zero when it grows.
    var grows: Bool { get }
    /// Fills `buffers`; what is behind the end is zero.
    func read(into buffers: [iovec], at offset: UInt64) throws(DiskImageError)
    /// Where the next byte from `offset` on is that is not in a hole; nil if there is none.
    func nextData(from offset: UInt64) -> UInt64?
    /// Writes all of `buffers`.
    func write(_ buffers: [iovec], at offset: UInt64) throws(DiskImageError)
    /// Gives back the room of `range`, which is needed no more, if the host can.
    func discard(_ range: Range<UInt64>) throws(DiskImageError)
    func synchronize() throws(DiskImageError)
}

extension ImageFile {
    /// `count` bytes.
    func read(_ count: Int, at offset: UInt64) throws(DiskImageError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = bytes.withUnsafeMutableBytes { buffer -> Result<Void, DiskImageError> in
            do throws(DiskImageError) {
                try read(into: [iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)], at: offset)
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
        return bytes
    }

    /// Writes `bytes`.
    func write(_ bytes: some Collection<UInt8>, at offset: UInt64) throws(DiskImageError) {
        let result = Array(bytes).withUnsafeBytes { buffer -> Result<Void, DiskImageError> in
            do throws(DiskImageError) {
                // Safe: it is only read from, while it is borrowed.
                let base = UnsafeMutableRawPointer(mutating: buffer.baseAddress)
                try write([iovec(iov_base: base, iov_len: buffer.count)], at: offset)
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
    }
}

/// An open file or block device.
final class HostImageFile: ImageFile {
    /// Buffers that the host takes in one call (IOV_MAX).
    private static let maximumBufferCount = 1024
    /// The most that the host is asked for in one call.
    private static let pieceByteCount = 1 << 30

    let path: String
    let disk: HostDisk
    var grows: Bool { !disk.isBlockDevice }

    init(_ disk: HostDisk, path: String) {
        self.disk = disk
        self.path = path
    }

    func byteCount() throws(DiskImageError) -> UInt64 {
        let end = lseek(disk.descriptor, 0, SEEK_END)
        guard end >= 0 else { throw failure("examine") }
        return UInt64(end)
    }

    func read(into buffers: [iovec], at offset: UInt64) throws(DiskImageError) {
        try transfer(buffers, at: offset, "read") { preadv(disk.descriptor, $0, $1, $2) }
    }

    func write(_ buffers: [iovec], at offset: UInt64) throws(DiskImageError) {
        try transfer(buffers, at: offset, "write") { pwritev(disk.descriptor, $0, $1, $2) }
    }

    func discard(_ range: Range<UInt64>) throws(DiskImageError) {
        // It is only room: where the host does not give it back, nothing is lost.
        _ = try? disk.allocate(.punchHole, range)
    }

    func synchronize() throws(DiskImageError) {
        while fdatasync(disk.descriptor) != 0 {
            guard errno == EINTR else { throw failure("flush") }
        }
    }

    /// SEEK_DATA of lseek(2), which Glibc only shows to GNU programs.
    private static let seekData: Int32 = 3

    func nextData(from offset: UInt64) -> UInt64? {
        guard let start = off_t(exactly: offset) else { return nil }
        let next = lseek(disk.descriptor, start, Self.seekData)
        // A file system, or a device, that knows no holes has data everywhere.
        if next < 0 { return errno == ENXIO ? nil : offset }
        return max(offset, UInt64(next))
    }

    private func failure(_ operation: String) -> DiskImageError {
        .failed(operation: operation, path: path, errno: errno)
    }

    private func transfer(
        _ buffers: [iovec], at offset: UInt64, _ operation: String,
        by body: (UnsafePointer<iovec>, Int32, off_t) -> Int
    ) throws(DiskImageError) {
        var rest = buffers
        guard var position = off_t(exactly: offset), off_t.max - position >= buffers.byteCount else {
            throw .failed(operation: operation, path: path, errno: EFBIG)
        }
        while !rest.isEmpty {
            var cursor = BufferCursor(Array(rest.prefix(Self.maximumBufferCount)))
            let piece = cursor.take(Self.pieceByteCount)
            guard !piece.isEmpty else { return }
            let count = piece.withUnsafeBufferPointer { buffer -> Int in
                guard let base = buffer.baseAddress else { return 0 }
                return body(base, Int32(buffer.count), position)
            }
            if count < 0 {
                guard errno == EINTR else { throw failure(operation) }
                continue
            }
            guard count > 0 else {
                // The end of the file.
                guard operation == "read" else { throw .failed(operation: operation, path: path, errno: EIO) }
                return rest.clear()
            }
            position += off_t(count)
            guard count < rest.byteCount else { return }
            var done = BufferCursor(rest)
            _ = done.take(count)
            rest = done.take(.max)
        }
    }
}
