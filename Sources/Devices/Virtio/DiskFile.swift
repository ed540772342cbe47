// A disk image, or a block device of the host, opened for one virtual machine.
//
// Responsible for: opening and locking the file, and vectored input and output that is complete or fails. Not
// responsible for: requests of a guest (`BlockDevice`), what is on the disk, or where an image that is not raw has it
// (`Qcow2Image`).

import DiskImages
import Glibc
import HostSupport
import Hypervisor
import Synchronization

/// Why a disk cannot be used.
public enum DiskFileError: AttributedError, Equatable {
    case notFound(path: String)
    case isDirectory(path: String)
    case notDisk(path: String)
    case permissionDenied(path: String, readOnly: Bool)
    case partialSector(path: String, byteCount: UInt64)
    case empty(path: String)
    case locked(path: String, readOnly: Bool)
    /// A file that is no raw disk, by its signature.
    case foreign(path: String, ForeignFormat)
    /// What an image that is not raw has against being used.
    case image(DiskImageError)
    /// A log of the disks that is to be something else.
    case notRegular(path: String)
    case failed(operation: String, path: String, errno: Int32)
    /// The run is to end, and the rest of a request was not done.
    case interrupted(path: String)
    /// The guest's write would make another disk of it at the next start.
    case wouldBeQcow2(path: String)

    public var isHosts: Bool {
        switch self {
        case .failed: true
        case .image(let error): error.isHosts
        default: false
        }
    }

    /// What the host said to a request that failed.
    var hostError: Int32? {
        switch self {
        case .failed(_, _, let code): code
        // What is wrong in the image is the same to whoever counts: the storage does not give what it should.
        case .image(let error): error.errno ?? EIO
        case .wouldBeQcow2: EPERM
        default: nil
        }
    }

    init(_ error: DiskImageError) {
        self =
            switch error {
            case .failed(let operation, let path, let code): .failed(operation: operation, path: path, errno: code)
            default: .image(error)
            }
    }

    public var description: String {
        switch self {
        case .notFound(let path):
            "disk \(path) does not exist; create it (for example with truncate -s 8G) or correct the path"
        case .isDirectory(let path):
            "disk \(path) is a directory; name a disk image in it"
        case .notDisk(let path):
            "disk \(path) is neither a regular file nor a block device; name a disk image"
        case .permissionDenied(let path, readOnly: false):
            "disk \(path) may not be written by this user; change its permissions, or attach it read-only"
        case .permissionDenied(let path, readOnly: true):
            "disk \(path) may not be read by this user; change its permissions"
        case .partialSector(let path, let byteCount):
            "disk \(path) is \(byteCount) bytes long, which is no multiple of \(DiskFile.sectorByteCount): "
                + "is it a raw image? If so, round its size up with truncate -s %\(DiskFile.sectorByteCount)"
        case .empty(let path):
            "disk \(path) is empty; give it a size (for example with truncate -s 8G)"
        case .locked(let path, readOnly: false):
            "disk \(path) is in use by another process; stop the virtual machine that has it, or use a copy"
        case .locked(let path, readOnly: true):
            "disk \(path) is being written by another process; stop the virtual machine that has it, or use a copy"
        case .foreign(let path, let format):
            "disk \(path) \(format.words), or insist that it is one"
        case .image(let error): error.description
        case .notRegular(let path):
            "the log of the disks, \(path), would be where there is something else than a file; name another path"
        case .failed(let operation, let path, let code):
            "cannot \(operation) disk \(path): \(String(cString: strerror(code))); check the host's storage"
        case .wouldBeQcow2(let path):
            "disk \(path) would look like qcow2 after a write of the guest's, which was refused; say that it is raw"
        case .interrupted(let path):
            "a request to disk \(path) was left undone, because the run was to end"
        }
    }
}

/// What a guest is told of the size of a disk.
public struct DiskGeometry: Sendable, Hashable {
    /// Bytes of a logical block, unless the host's device has larger ones; an image file has these.
    public static let usualBlockByteCount: UInt32 = 512

    /// Bytes, a multiple of 512.
    public var byteCount: UInt64
    /// Bytes of a logical block: what partition tables and file systems count in, and the least that the host's device
    /// writes.
    public var blockByteCount: UInt32

    public init(byteCount: UInt64, blockByteCount: UInt32 = usualBlockByteCount) {
        self.byteCount = byteCount
        self.blockByteCount = blockByteCount
    }

    /// In units of 512 bytes, whatever a block has (virtio 1.2 §5.2.4).
    public var sectorCount: UInt64 { byteCount / DiskFile.sectorByteCount }
}

/// An open disk. Its lock lasts as long as the object: exclusive for a writable disk, shared for a read-only one.
///
/// The lock is an open-file-description lock on the whole file, so it also counts between two machines in one process,
/// and between a writable disk here and QEMU. It is advisory: a program that does not ask is not held off, and QEMU
/// marks the disks that it writes in a way that a shared lock does not see.
public final class DiskFile: Sendable {
    /// Bytes of a sector (virtio 1.2 §5.2): the unit of a disk's size.
    public static let sectorByteCount: UInt64 = 512

    /// Segments that the host takes in one call (IOV_MAX).
    private static let maximumVectorCount = 1024
    /// The most bytes that the host is asked for in one call: a guest may ask for 4 GiB, and the run may have to end
    /// meanwhile.
    static let pieceByteCount = 1 << 20

    public let path: String
    public let isReadOnly: Bool
    /// What the guest is told of its size, as it was when the file was opened.
    public let geometry: DiskGeometry
    /// Bytes, a multiple of 512.
    public var byteCount: UInt64 { geometry.byteCount }

    let disk: HostDisk
    var descriptor: Int32 { disk.descriptor }
    /// The image that has the disk's bytes; nil if the file is the disk.
    let image: Qcow2Image?
    /// Nobody said that it is raw, and so it is taken for what it looks like.
    private let isTakenForRaw: Bool
    /// What the file is.
    public var format: DiskFormat { image == nil ? .raw : .qcow2 }
    private let isEndingFlag = Atomic(false)
    private let isParkedFlag = Atomic(false)

    /// Opens and locks the disk at `path`. A file that may not be written has to be opened read-only explicitly.
    ///
    /// - Parameters:
    ///   - path: of a file or a block device.
    ///   - readOnly: opens it only to read.
    ///   - format: what it is, whatever it looks like. If nobody says, it is what it looks like: a raw disk, or a qcow2
    ///     image that names no other files.
    public init(path: String, readOnly: Bool = false, format: DiskFormat? = nil) throws(DiskFileError) {
        let opened = try Self.open(path, readOnly: readOnly, format: format)
        disk = opened.disk
        geometry = opened.geometry
        isTakenForRaw = format == nil && opened.format == .raw
        self.path = path
        isReadOnly = readOnly
        do throws(DiskLock.Failure) {
            try disk.lock(exclusively: !readOnly)
        } catch {
            switch error {
            case .held: throw .locked(path: path, readOnly: readOnly)
            case .failed(let code): throw .failed(operation: "lock", path: path, errno: code)
            }
        }
        do throws(DiskImageError) {
            // Its tables are read once nobody else can change them.
            image =
                opened.format == .raw
                ? nil : try Qcow2Image(disk, path: path, readOnly: readOnly, isNamed: format != nil)
        } catch { throw DiskFileError(error) }
    }

    /// Lets others have the disk. It is not used any more.
    func unlock() {
        disk.unlock()
        image?.unlockBacking()
    }

    /// The size of the disk at `path`, without locking it. `format` as above.
    public static func geometry(
        ofDiskAt path: String, format: DiskFormat? = nil
    ) throws(DiskFileError) -> DiskGeometry {
        try open(path, readOnly: true, format: format).geometry
    }

    private struct Opened {
        var disk: HostDisk
        var format: DiskFormat
        var geometry: DiskGeometry
    }

    /// What a guest writes to its own disk counts like anything else: the guest of a disk that it makes look like
    /// another format is not started again until somebody insists; and one that looks like qcow2 is taken for it only if
    /// it names no files of the host.
    private static func open(
        _ path: String, readOnly: Bool, format: DiskFormat?
    ) throws(DiskFileError) -> Opened {
        let disk: HostDisk
        let looksLike: ForeignFormat?
        let blockByteCount: UInt32?
        do throws(HostDiskError) {
            disk = try HostDisk(path: path, forWriting: !readOnly)
            looksLike = format == nil ? try disk.foreignFormat : nil
            blockByteCount = try disk.logicalBlockByteCount
        } catch { throw words(error, path: path, readOnly: readOnly) }
        guard disk.byteCount > 0 else { throw .empty(path: path) }
        let found = format ?? (looksLike == .qcow2 ? .qcow2 : .raw)
        switch found {
        case .raw:
            if let looksLike { throw .foreign(path: path, looksLike) }
            guard disk.byteCount.isMultiple(of: sectorByteCount) else {
                throw .partialSector(path: path, byteCount: disk.byteCount)
            }
            let geometry = DiskGeometry(
                byteCount: disk.byteCount, blockByteCount: blockByteCount ?? DiskGeometry.usualBlockByteCount)
            return Opened(disk: disk, format: .raw, geometry: geometry)
        case .qcow2:
            do throws(DiskImageError) {
                let byteCount = try Qcow2Image.byteCount(of: disk, path: path)
                guard byteCount > 0 else { throw .damaged(path: path, .header("size of the disk")) }
                return Opened(disk: disk, format: .qcow2, geometry: DiskGeometry(byteCount: byteCount))
            } catch { throw DiskFileError(error) }
        }
    }

    private static func words(_ error: HostDiskError, path: String, readOnly: Bool) -> DiskFileError {
        switch error {
        case .cannotOpen(ENOENT), .cannotOpen(ENOTDIR): .notFound(path: path)
        case .cannotOpen(EISDIR), .notDisk(.directory): .isDirectory(path: path)
        case .cannotOpen(EACCES), .cannotOpen(EPERM), .cannotOpen(EROFS):
            .permissionDenied(path: path, readOnly: readOnly)
        case .cannotOpen(ENXIO), .notDisk: .notDisk(path: path)
        case .cannotOpen(let code): .failed(operation: "open", path: path, errno: code)
        case .cannotExamine(let code): .failed(operation: "examine", path: path, errno: code)
        }
    }

    // MARK: Input and output

    /// Whether requests of the guest are left undone from now on, the rest of those that are under way included.
    /// Callable from any thread, as are the two reasons for it.
    var isInterrupted: Bool { isEnding || isParked }

    /// The run is to end, and nobody waits for them.
    var isEnding: Bool {
        get { isEndingFlag.load(ordering: .acquiring) }
        set { isEndingFlag.store(newValue, ordering: .releasing) }
    }

    /// They are to be done later, from their beginning.
    var isParked: Bool {
        get { isParkedFlag.load(ordering: .acquiring) }
        set { isParkedFlag.store(newValue, ordering: .releasing) }
    }

    /// Fills `buffers` from `offset` on. On an error, some of them may have been written.
    func read(into buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        defer { buffers.didWrite(in: memory) }
        if let image {
            return try transfer(buffers.vectors(in: memory), at: offset) { (piece, offset) throws(DiskImageError) in
                try image.read(into: piece, at: offset)
            }
        }
        try transfer(buffers.vectors(in: memory), at: offset, operation: "read", isInterruptible: true) {
            preadv(descriptor, $0, $1, $2)
        }
    }

    /// `count` bytes at `offset`, whatever becomes of the run; nil if they cannot be read.
    func peek(_ count: Int, at offset: UInt64) -> [UInt8]? {
        if let image { return try? image.bytes(count, at: offset) }
        guard let start = off_t(exactly: offset) else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        return pread(descriptor, &bytes, count, start) == count ? bytes : nil
    }

    /// Writes all of `buffers` from `offset` on. On an error, some of it may be on the disk.
    func write(_ buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        if let image {
            return try transfer(buffers.vectors(in: memory), at: offset) { (piece, offset) throws(DiskImageError) in
                try image.write(piece, at: offset)
            }
        }
        guard isTakenForRaw, offset == 0 else { return try writeRaw(buffers, of: memory, at: offset) }
        // A copy, since another of the guest's cores may write to it meanwhile.
        let (head, rest) = buffers.split(at: Int(Self.sectorByteCount))
        let bytes = head.bytes(in: memory)
        guard staysRaw(with: bytes) else { throw .wouldBeQcow2(path: path) }
        try writeRaw(bytes, at: 0, isInterruptible: true)
        try writeRaw(rest, of: memory, at: UInt64(bytes.count))
    }

    /// False of a first sector that would make an image of a disk that is taken for raw.
    private func staysRaw(with firstSector: [UInt8]) -> Bool {
        !isTakenForRaw || ForeignFormat(head: firstSector, tail: []) != .qcow2
    }

    /// The same of a write of the guest's that a laboratory does.
    func staysRaw(after write: DiskWrite) -> Bool {
        guard write.sector == 0, case .bytes(let bytes) = write.content else { return true }
        return staysRaw(with: Array(bytes.prefix(Int(Self.sectorByteCount))))
    }

    private func writeRaw(_ buffers: GuestBuffers, of memory: GuestMemory, at offset: UInt64) throws(DiskFileError) {
        try transfer(buffers.vectors(in: memory), at: offset, operation: "write", isInterruptible: true) {
            pwritev(descriptor, $0, $1, $2)
        }
    }

    private func writeRaw(_ bytes: [UInt8], at offset: UInt64, isInterruptible: Bool) throws(DiskFileError) {
        let result = bytes.withUnsafeBytes { buffer -> Result<Void, DiskFileError> in
            // Safe: the vector is used while the bytes are borrowed, and only read from.
            let vector = iovec(iov_base: UnsafeMutableRawPointer(mutating: buffer.baseAddress), iov_len: buffer.count)
            do throws(DiskFileError) {
                try transfer(
                    buffer.isEmpty ? [] : [vector], at: offset, operation: "write", isInterruptible: isInterruptible
                ) {
                    pwritev(descriptor, $0, $1, $2)
                }
                return .success(())
            } catch { return .failure(error) }
        }
        try result.get()
    }

    /// Writes what a laboratory held back, whatever becomes of the run.
    func write(_ write: DiskWrite) throws(DiskFileError) {
        guard case .bytes(let bytes) = write.content else {
            let end = write.sector &+ UInt64(write.sectorCount)
            return try clear(write.sector..<end, .writeZeroes(mayUnmap: true), isInterruptible: false)
        }
        if let image {
            do throws(DiskImageError) { return try image.write(bytes, at: write.offset) } catch {
                throw DiskFileError(error)
            }
        }
        try writeRaw(bytes, at: write.offset, isInterruptible: false)
    }

    /// Waits until everything that was written is on stable storage.
    public func synchronize() throws(DiskFileError) {
        guard !isReadOnly else { return }
        if let image {
            do throws(DiskImageError) { return try image.synchronize() } catch { throw DiskFileError(error) }
        }
        while fdatasync(descriptor) != 0 {
            guard errno == EINTR else { throw .failed(operation: "flush", path: path, errno: errno) }
        }
    }

    /// Calls `body` for all bytes, a piece at a time.
    private func transfer(
        _ vectors: [iovec], at offset: UInt64, by body: ([iovec], UInt64) throws(DiskImageError) -> Void
    ) throws(DiskFileError) {
        var cursor = BufferCursor(vectors)
        var offset = offset
        while true {
            if isInterrupted { throw .interrupted(path: path) }
            let piece = cursor.take(Self.pieceByteCount)
            guard !piece.isEmpty else { return }
            do throws(DiskImageError) { try body(piece, offset) } catch { throw DiskFileError(error) }
            offset += UInt64(piece.byteCount)
        }
    }

    /// Calls `body` until all bytes are transferred, a piece at a time; and the host may do less than it was asked for.
    func transfer(
        _ vectors: [iovec], at offset: UInt64, operation: String, isInterruptible: Bool,
        by body: (UnsafePointer<iovec>, Int32, off_t) -> Int
    ) throws(DiskFileError) {
        var vectors = vectors[...]
        var offset = off_t(offset)
        while !vectors.isEmpty {
            if isInterruptible, isInterrupted { throw .interrupted(path: path) }
            let piece = vectors.piece(ofAtMost: Self.pieceByteCount, count: Self.maximumVectorCount)
            let count = piece.withUnsafeBufferPointer { buffer -> Int in
                guard let base = buffer.baseAddress else { return 0 }
                return body(base, Int32(buffer.count), offset)
            }
            if count < 0 {
                guard errno == EINTR else { throw .failed(operation: operation, path: path, errno: errno) }
                continue
            }
            // The end of the file: somebody made it shorter.
            guard count > 0 else { throw .failed(operation: operation, path: path, errno: EIO) }
            offset += off_t(count)
            vectors.removeFirst(bytes: count)
        }
    }
}

extension ArraySlice<iovec> {
    /// What comes first of it: at most `byteCount` bytes in at most `count` segments.
    fileprivate func piece(ofAtMost byteCount: Int, count: Int) -> [iovec] {
        var piece: [iovec] = []
        var room = byteCount
        for vector in prefix(count) where room > 0 {
            let length = Swift.min(vector.iov_len, room)
            piece.append(iovec(iov_base: vector.iov_base, iov_len: length))
            room -= length
        }
        return piece
    }

    /// Drops what has been transferred; `count` is at most the bytes that are there.
    fileprivate mutating func removeFirst(bytes count: Int) {
        var count = count
        while let first, count >= first.iov_len {
            count -= first.iov_len
            removeFirst()
            if isEmpty { return }
        }
        guard count > 0, let base = first?.iov_base, let length = first?.iov_len else { return }
        // Safe: `count` is less than the segment's length.
        self[startIndex] = iovec(iov_base: base + count, iov_len: length - count)
    }
}
