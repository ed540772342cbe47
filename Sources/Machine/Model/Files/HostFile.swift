// A file of the host that a guest starts from.
//
// Responsible for: opening it without waiting for anybody, reading it whole, and its digest. Not responsible for what
// is in it.

import Glibc
import Hibernation
import HostSupport
import Hypervisor

/// A file that is read into guest memory.
public final class HostFile: Sendable {
    public let path: String
    let role: String
    public let byteCount: UInt64
    private let descriptor: Int32

    /// Opens the file at `path`.
    ///
    /// - Parameters:
    ///   - path: of a regular file.
    ///   - role: what it is to be, for people.
    ///   - isTrimmed: whether the zeros at its end do not count: padding up to the size of a flash.
    public init(path: String, role: String, isTrimmed: Bool = false) throws(MachineError) {
        self.path = path
        self.role = role
        // Non-blocking, so that opening a pipe does not wait for its other end; it changes nothing for a file.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw Self.openError(errno, path: path, role: role) }
        self.descriptor = descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            close(descriptor)
            throw .file(path: path, role: role, reason: String(cString: strerror(errno)))
        }
        if let kind = FileKind(mode: status.st_mode), kind != .regular {
            close(descriptor)
            throw .file(path: path, role: role, reason: "it is \(kind.words); \(Self.advice(kind))")
        }
        let byteCount = UInt64(max(0, status.st_size))
        self.byteCount = isTrimmed ? Self.trimmed(descriptor, byteCount: byteCount) : byteCount
    }

    /// Bytes up to the last one that is not zero.
    private static func trimmed(_ descriptor: Int32, byteCount: UInt64) -> UInt64 {
        let zeros = [UInt8](repeating: 0, count: pieceByteCount)
        var end = Int(byteCount)
        while end > 0 {
            let start = (end - 1) / pieceByteCount * pieceByteCount
            var piece = [UInt8](repeating: 0, count: end - start)
            // A file that cannot be read says so when it is.
            guard pread(descriptor, &piece, piece.count, off_t(start)) == piece.count else { return byteCount }
            if piece.count != zeros.count || memcmp(piece, zeros, piece.count) != 0,
                let last = piece.lastIndex(where: { $0 != 0 })
            {
                return UInt64(start + last + 1)
            }
            end = start
        }
        return byteCount
    }

    /// What another file holds, in memory: `byteCount` bytes at `descriptor`, which belongs to this object from here on.
    init(path: String, role: String, descriptor: Int32, byteCount: UInt64) {
        self.path = path
        self.role = role
        self.descriptor = descriptor
        self.byteCount = byteCount
    }

    deinit {
        close(descriptor)
    }

    private static func openError(_ code: Int32, path: String, role: String) -> MachineError {
        let text = String(cString: strerror(code))
        return switch code {
        case ENOENT, ENOTDIR: .file(path: path, role: role, reason: "\(text); correct the path")
        // A socket, or a device without a driver.
        case ENXIO, ENODEV: .file(path: path, role: role, reason: "it is no regular file; name a file")
        case EMFILE, ENFILE:
            .host("cannot read the \(role) \(path): \(text); raise the limit of open files (ulimit -n)")
        case EIO, ENOMEM: .host("cannot read the \(role) \(path): \(text); check the host")
        default: .file(path: path, role: role, reason: text)
        }
    }

    private static func advice(_ kind: FileKind) -> String {
        kind == .pipe
            ? "a guest that resets needs it again, so write what comes out of it to a file and name that"
            : "name a file"
    }

    /// The first `count` bytes, or fewer if the file is shorter.
    public func read(count: Int) throws(MachineError) -> [UInt8] {
        try read(at: 0, count: min(count, Int(byteCount)))
    }

    func read(at offset: Int, count: Int) throws(MachineError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let got = pread(descriptor, &bytes, bytes.count, off_t(offset))
        guard got == bytes.count else { throw failure() }
        return bytes
    }

    private static let pieceByteCount = 1 << 20

    /// Reads all of it; returns its digest.
    ///
    /// - Parameter body: called with what is read, piece by piece.
    public func fingerprint(_ body: ([UInt8]) -> Void = { _ in }) throws(MachineError) -> Fingerprint {
        try Fingerprint(ofPieces: { update throws(MachineError) in
            for offset in stride(from: 0, to: Int(byteCount), by: Self.pieceByteCount) {
                let piece = try read(at: offset, count: min(Self.pieceByteCount, Int(byteCount) - offset))
                update(piece)
                body(piece)
            }
        })
    }

    /// Copies the whole file to `range`, which is as long.
    func load(into memory: GuestMemory, at range: Range<PhysicalAddress>) throws(MachineError) {
        guard let pointer = memory.pointer(at: range.lowerBound, count: byteCount) else {
            throw .file(path: path, role: role, reason: "it changed while it was read; try again")
        }
        var done = 0
        while done < Int(byteCount) {
            // Safe: the range was just checked to be RAM.
            let got = pread(descriptor, pointer + done, Int(byteCount) - done, done)
            guard got > 0 else { throw failure() }
            done += got
        }
        memory.didWrite(at: range.lowerBound, count: byteCount)
    }

    private func failure() -> MachineError {
        .file(path: path, role: role, reason: "it could not be read whole; check the host's storage")
    }
}
