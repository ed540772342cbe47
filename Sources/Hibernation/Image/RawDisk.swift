// A disk, without the guest: a raw image, a block device, or what a qcow2 image has.
//
// Responsible for: bytes at an offset, and keeping others away meanwhile if that is wanted. Not responsible for: what
// the bytes mean.

import DiskImages
import Glibc
import HostSupport
import SystemPackage

/// Why a disk could not be searched for a hibernation image, or changed.
public enum RawDiskError: AttributedError, Equatable {
    case cannotOpen(path: String, Errno)
    case cannotRead(path: String, Errno)
    case cannotWrite(path: String, Errno)
    case inUse(path: String)
    /// A directory, a pipe or a socket.
    case notDisk(path: String)
    case image(DiskImageError)

    public var isHosts: Bool {
        switch self {
        case .cannotRead, .cannotWrite: true
        case .image(let error): error.isHosts
        case .cannotOpen, .inUse, .notDisk: false
        }
    }

    public var description: String {
        switch self {
        case .cannotOpen(let path, let code):
            "cannot open disk \(path) to look for a hibernation image (\(code)); check its path and permissions"
        case .cannotRead(let path, let code):
            "cannot read disk \(path) to look for a hibernation image (\(code)); "
                + "check that it is a disk image, and the host's storage"
        case .cannotWrite(let path, let code):
            "cannot write to disk \(path) (\(code)); check the host's storage"
        case .notDisk(let path):
            "disk \(path) is neither a file nor a block device; check its path"
        case .image(let error): error.description
        case .inUse(let path):
            "disk \(path) is in use by another process; stop the virtual machine that has it, or use a copy"
        }
    }
}

/// A disk image, or a block device of the host.
struct RawDisk {
    /// What is done with a disk, and what is held off meanwhile.
    enum Access {
        /// Reading a disk that nobody writes, because its machine has stopped; that may still hold its lock.
        case reading
        /// The same, and refusing a disk that somebody may be writing. Nobody is kept away meanwhile.
        case readingUnused
        /// Reading, and keeping everybody away who would write.
        case readingAlone
        case writing
    }

    /// Of the disk as its guest sees it, and as it was when it was opened.
    let byteCount: UInt64
    let path: String
    /// Of the file.
    let descriptor: FileDescriptor
    /// The image that has the disk's bytes; nil if the file is the disk.
    let image: Qcow2Image?

    /// Calls `body` with the disk at `path`, and closes it.
    ///
    /// - Parameters:
    ///   - path: the disk's.
    ///   - format: what it is. If nobody says, it is a raw disk unless it looks like a qcow2 image.
    ///   - access: what is done with it.
    ///   - failure: what to throw if it cannot be had.
    ///   - body: uses it.
    /// - Returns: what `body` returns.
    static func withDisk<Result, Failure>(
        at path: String, format: DiskFormat? = nil, for access: Access = .reading, failure: (RawDiskError) -> Failure,
        _ body: (RawDisk) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let disk: HostDisk
        do throws(HostDiskError) {
            disk = try HostDisk(path: path, forWriting: access == .writing)
        } catch {
            switch error {
            case .cannotOpen(let code): throw failure(.cannotOpen(path: path, Errno(rawValue: code)))
            case .cannotExamine(let code): throw failure(.cannotRead(path: path, Errno(rawValue: code)))
            case .notDisk: throw failure(.notDisk(path: path))
            }
        }
        // It is closed at the end of its life, and no sooner. What was written is synchronised by then.
        defer { withExtendedLifetime(disk) {} }
        let image: Qcow2Image?
        do throws(RawDiskError) {
            try lock(disk, path: path, for: access)
            image = try openImage(disk, path: path, format: format, for: access)
        } catch { throw failure(error) }
        return try body(
            RawDisk(
                byteCount: image?.byteCount ?? disk.byteCount, path: path,
                descriptor: FileDescriptor(rawValue: disk.descriptor), image: image))
    }

    /// The same, where nothing else can go wrong.
    static func withDisk<Result>(
        at path: String, format: DiskFormat? = nil, for access: Access = .reading,
        _ body: (RawDisk) throws(RawDiskError) -> Result
    ) throws(RawDiskError) -> Result {
        try withDisk(at: path, format: format, for: access, failure: { $0 }, body)
    }

    private static func openImage(
        _ disk: HostDisk, path: String, format: DiskFormat?, for access: Access
    ) throws(RawDiskError) -> Qcow2Image? {
        let found: DiskFormat
        do throws(HostDiskError) {
            found = if let format { format } else { try disk.foreignFormat == .qcow2 ? .qcow2 : .raw }
        } catch { throw .cannotRead(path: path, .ioError) }
        guard found == .qcow2 else { return nil }
        do throws(DiskImageError) {
            return try Qcow2Image(
                disk, path: path, readOnly: access != .writing, isNamed: format != nil,
                locksBacking: access == .writing || access == .readingAlone)
        } catch { throw .image(error) }
    }

    private static func lock(_ disk: HostDisk, path: String, for access: Access) throws(RawDiskError) {
        switch access {
        case .reading: return
        case .readingUnused:
            guard !DiskLock.isHeld(disk.descriptor, exclusively: false) else { throw .inUse(path: path) }
            return
        case .readingAlone, .writing: break
        }
        do throws(DiskLock.Failure) {
            try disk.lock(exclusively: access == .writing)
        } catch {
            switch error {
            case .held: throw .inUse(path: path)
            case .failed(let code): throw .cannotOpen(path: path, Errno(rawValue: code))
            }
        }
    }

    /// `count` bytes at `offset`; nil if the disk ends before them.
    func read(at offset: UInt64, count: Int) throws(RawDiskError) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return try read(at: offset, into: &bytes, 0..<count) ? bytes : nil
    }

    /// Fills `range` of `bytes` with what is at `offset`; false if the disk ends before that.
    func read(at offset: UInt64, into bytes: inout [UInt8], _ range: Range<Int>) throws(RawDiskError) -> Bool {
        guard let start = Int64(exactly: offset), Int64.max - start >= Int64(range.count) else { return false }
        if let image {
            guard offset <= byteCount, UInt64(range.count) <= byteCount - offset else { return false }
            do throws(DiskImageError) { try image.read(into: &bytes, range, at: offset) } catch { throw .image(error) }
            return true
        }
        var done = 0
        while done < range.count {
            let length: Int
            do {
                // Safe: `read` writes at most as many bytes as the slice has, and does not keep it. swift-system has no
                // call that reads into a span.
                length = try unsafe bytes.withUnsafeMutableBytes { buffer in
                    try unsafe descriptor.read(
                        fromAbsoluteOffset: start + Int64(done),
                        into: UnsafeMutableRawBufferPointer(
                            rebasing: buffer[range.lowerBound + done..<range.upperBound]))
                }
            } catch {
                throw .cannotRead(path: path, error as? Errno ?? .ioError)
            }
            if length == 0 { return false }
            done += length
        }
        return true
    }

    /// What the file is, if it is no raw disk.
    func foreignFormat() throws(RawDiskError) -> ForeignFormat? {
        let head = Int(min(byteCount, UInt64(ForeignFormat.headByteCount)))
        let tail = Int(min(byteCount, UInt64(ForeignFormat.tailByteCount)))
        return ForeignFormat(
            head: try read(at: 0, count: head) ?? [], tail: try read(at: byteCount - UInt64(tail), count: tail) ?? [])
    }

    /// Writes `bytes` at `offset`, and returns when they are on stable storage.
    func write(_ bytes: [UInt8], at offset: UInt64) throws(RawDiskError) {
        guard let start = Int64(exactly: offset) else { throw .cannotWrite(path: path, .invalidArgument) }
        if let image {
            do throws(DiskImageError) {
                try image.write(bytes, at: offset)
                return try image.synchronize()
            } catch { throw .image(error) }
        }
        do {
            try descriptor.writeAll(toAbsoluteOffset: start, bytes)
        } catch {
            throw .cannotWrite(path: path, error as? Errno ?? .ioError)
        }
        while fdatasync(descriptor.rawValue) != 0 {
            let code = Errno(rawValue: errno)
            guard code == .interrupted else { throw .cannotWrite(path: path, code) }
        }
    }
}
