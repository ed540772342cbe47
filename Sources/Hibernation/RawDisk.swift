// Reading a raw disk image without the guest.
//
// Responsible for: bytes at an offset. Not responsible for: what they mean, or keeping others from writing meanwhile:
// the machine that has the disk has stopped, or holds its lock.

import SystemPackage

/// Why a disk could not be searched for a hibernation image.
public enum RawDiskError: Error, Equatable, Sendable, CustomStringConvertible {
    case cannotOpen(path: String, Errno)
    case cannotRead(path: String, Errno)

    public var description: String {
        switch self {
        case .cannotOpen(let path, let code):
            "cannot open disk \(path) to look for a hibernation image (\(code)); check its path and permissions"
        case .cannotRead(let path, let code):
            "cannot read disk \(path) to look for a hibernation image (\(code)); "
                + "check that it is a raw disk image, and the host's storage"
        }
    }
}

/// A raw disk image, or a block device of the host, opened for reading.
struct RawDisk {
    let path: String
    let descriptor: FileDescriptor

    /// Calls `body` with the disk at `path`, and closes it.
    static func withDisk<Result>(
        at path: String, _ body: (RawDisk) throws(RawDiskError) -> Result
    ) throws(RawDiskError) -> Result {
        let descriptor: FileDescriptor
        do {
            // Non-blocking: opening a FIFO by mistake must not wait for its other end.
            descriptor = try FileDescriptor.open(
                FilePath(path), .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch {
            throw .cannotOpen(path: path, error as? Errno ?? .ioError)
        }
        // Nothing was written, so there is nothing to learn from a failing close.
        defer { try? descriptor.close() }
        return try body(RawDisk(path: path, descriptor: descriptor))
    }

    /// `count` bytes at `offset`; nil if the disk ends before them.
    func read(at offset: UInt64, count: Int) throws(RawDiskError) -> [UInt8]? {
        guard let start = Int64(exactly: offset), Int64.max - start >= Int64(count) else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let length: Int
            do {
                // Safe: `read` writes at most as many bytes as the slice has, and does not keep it. swift-system has no
                // call that reads into a span.
                length = try unsafe bytes.withUnsafeMutableBytes { buffer in
                    try unsafe descriptor.read(
                        fromAbsoluteOffset: start + Int64(done),
                        into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
                }
            } catch {
                throw .cannotRead(path: path, error as? Errno ?? .ioError)
            }
            if length == 0 { return nil }
            done += length
        }
        return bytes
    }
}
