// A file of the host that is the contents of a flash.
//
// Responsible for: opening and locking it, its size, copying it into a `GuestROM`, and writing it so that it lasts. Not
// responsible for: what is in it.

import Glibc
import HostSupport
import Hypervisor

/// Why a file cannot be the contents of a flash.
public enum FlashFileError: AttributedError, Equatable {
    case notFound(path: String)
    case notRegular(path: String)
    case permissionDenied(path: String)
    /// It has not the size of the flash: for variables exactly that, for code at most that.
    case size(path: String, byteCount: UInt64, flash: UInt64)
    /// Another machine has it.
    case locked(path: String)
    case failed(operation: String, path: String, errno: Int32)
    /// The laboratory has cut the power.
    case noPower

    public var isHosts: Bool {
        if case .failed = self { true } else { false }
    }

    public var description: String {
        switch self {
        case .notFound(let path): "firmware file \(path) does not exist; correct the path"
        case .notRegular(let path): "firmware file \(path) is no regular file; name a file"
        case .permissionDenied(let path):
            "firmware file \(path) may not be opened by this user; change its permissions"
        case .size(let path, let byteCount, let flash):
            "firmware file \(path) has \(byteCount) bytes and does not fit a flash of \(flash); "
                + "for variables take a copy of the firmware's own template, or extend it with truncate -s \(flash)"
        case .locked(let path):
            "firmware variables \(path) are in use by another machine; stop it, or use a copy"
        case .failed(let operation, let path, let code):
            "cannot \(operation) firmware file \(path): \(String(cString: strerror(code))); check the host's storage"
        case .noPower: "the flash has no power any more"
        }
    }
}

/// An open file of a flash. Its lock lasts as long as the object: exclusive for variables, shared for code.
public final class FlashFile: FlashStorage {
    /// What the file is for.
    public enum Use: Sendable, Hashable {
        /// Only read; it may be shorter than the flash, whose rest is zero then.
        case code
        /// Read and written; as long as the flash.
        case variables
    }

    public let path: String
    private let use: Use
    private let file: HostDisk

    /// Opens and locks the file at `path`, for a flash of `byteCount` bytes.
    public init(path: String, use: Use, flashByteCount byteCount: UInt64) throws(FlashFileError) {
        self.path = path
        self.use = use
        do throws(HostDiskError) {
            file = try HostDisk(path: path, forWriting: use != .code)
        } catch {
            switch error {
            case .cannotOpen(ENOENT), .cannotOpen(ENOTDIR): throw .notFound(path: path)
            case .cannotOpen(EACCES), .cannotOpen(EPERM), .cannotOpen(EROFS): throw .permissionDenied(path: path)
            case .cannotOpen(EISDIR), .cannotOpen(ENXIO), .notDisk: throw .notRegular(path: path)
            case .cannotOpen(let code): throw .failed(operation: "open", path: path, errno: code)
            case .cannotExamine(let code): throw .failed(operation: "examine", path: path, errno: code)
            }
        }
        guard !file.isBlockDevice else { throw .notRegular(path: path) }
        let fits = use == .code ? (1...byteCount).contains(file.byteCount) : file.byteCount == byteCount
        guard fits else { throw .size(path: path, byteCount: file.byteCount, flash: byteCount) }
        do throws(DiskLock.Failure) {
            try file.lock(exclusively: use != .code)
        } catch {
            switch error {
            case .held: throw .locked(path: path)
            case .failed(let code): throw .failed(operation: "lock", path: path, errno: code)
            }
        }
    }

    /// Lets others have the file. It is not used any more.
    public func unlock() { file.unlock() }

    /// SEEK_DATA of Linux's fs.h; Glibc shows it only to GNU programs.
    private static let seekData: Int32 = 3
    private static let pieceByteCount = 256 << 10

    /// Copies everything into `rom`, which is empty. Holes of the file stay memory that was never touched.
    public func load(into rom: GuestROM) throws(FlashFileError) {
        try forEachPiece { rom.write($1, offset: UInt64($0)) }
    }

    /// Reads everything but holes.
    private func forEachPiece(_ body: (_ offset: Int, _ piece: [UInt8]) -> Void) throws(FlashFileError) {
        var offset = 0
        let end = Int(file.byteCount)
        while offset < end {
            let data = lseek(file.descriptor, off_t(offset), Self.seekData)
            // Nothing but a hole; a file system that knows of none says where we are.
            if data < 0 && errno == ENXIO { return }
            offset = data < 0 ? offset : Int(data)
            let piece = try read(at: offset, count: min(Self.pieceByteCount, end - offset))
            body(offset, piece)
            offset += piece.count
        }
    }

    /// Makes the file of a flash of `byteCount` bytes, which lasts when this returns.
    ///
    /// - Parameters:
    ///   - path: where nothing is yet.
    ///   - template: what is in it, from its beginning on; nil: nothing.
    ///   - byteCount: of the flash.
    public static func make(
        at path: String, from template: String?, flashByteCount byteCount: UInt64
    ) throws(FlashFileError) {
        var bytes: [(offset: Int, piece: [UInt8])] = []
        if let template {
            let source = try FlashFile(path: template, use: .code, flashByteCount: byteCount)
            try source.forEachPiece { bytes.append(($0, $1)) }
        }
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .failed(operation: "make", path: path, errno: errno) }
        let isSized = ftruncate(descriptor, off_t(byteCount)) == 0
        let code = errno
        close(descriptor)
        guard isSized else { throw .failed(operation: "extend", path: path, errno: code) }
        let file = try FlashFile(path: path, use: .variables, flashByteCount: byteCount)
        for (offset, piece) in bytes { try file.write(piece, at: offset) }
    }

    private func read(at offset: Int, count: Int) throws(FlashFileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let length = pread(file.descriptor, &bytes, count, off_t(offset))
        guard length == count else {
            throw .failed(operation: "read", path: path, errno: length < 0 ? errno : EIO)
        }
        return bytes
    }

    public func write(_ bytes: [UInt8], at offset: Int) throws(FlashFileError) {
        var done = 0
        while done < bytes.count {
            let length = pwrite(file.descriptor, Array(bytes[done...]), bytes.count - done, off_t(offset + done))
            if length < 0 && errno == EINTR { continue }
            guard length > 0 else {
                throw .failed(operation: "write", path: path, errno: length < 0 ? errno : EIO)
            }
            done += length
        }
        guard fdatasync(file.descriptor) == 0 else {
            throw .failed(operation: "synchronize", path: path, errno: errno)
        }
    }
}
