// Whose a file is and what may be done with it, as the guest sees it.
//
// Responsible for: the ways in which QEMU's shares have that: as it is on the host (`none`, `passthrough`), or kept in
// extended attributes (`mapped`) or in files of their own (`mapped-file`, see `MetadataFiles`), so that a user's own
// files are a guest's files of any owner. The names of the attributes and their form are QEMU's, so that both can share
// a directory. Not responsible for: sizes and times.
//
// Follows QEMU's documentation of -fsdev ("Invocation") and its hw/9pfs for names of attributes.

import Bytes
import CExtendedAttributes
import Glibc

/// How owners and modes are kept.
public enum NinePSecurityModel: String, Sendable, CaseIterable {
    /// On the host, as far as this user may.
    case none
    /// On the host, or else it is an error: for the superuser.
    case passthrough
    /// In extended attributes.
    case mapped
    /// In files of their own, in a directory that the guest does not see.
    case mappedFile = "mapped-file"

    /// Whether files are this user's, and what the guest takes for owners and modes is kept elsewhere.
    var isMapped: Bool { self == .mapped || self == .mappedFile }
}

/// What is kept of a file.
struct FileOwnership: Equatable {
    var uid: UInt32
    var gid: UInt32
    /// With the kind of file (S_IFMT).
    var mode: UInt32
    var device: UInt64

    var kind: UInt32 { mode & UInt32(S_IFMT) }

    static let permissions: UInt32 = 0o7777
}

extension FileOwnership {
    /// What the host has.
    init(_ status: stat) {
        self.init(
            uid: status.st_uid, gid: status.st_gid, mode: UInt32(status.st_mode), device: UInt64(status.st_rdev))
    }
}

/// Keeps ownership in attributes.
enum MappedOwnership {
    private enum Name: String, CaseIterable {
        case uid = "user.virtfs.uid"
        case gid = "user.virtfs.gid"
        case mode = "user.virtfs.mode"
        case device = "user.virtfs.rdev"
    }

    /// What a file has on the host, to whom only this process's user is to come.
    static let fileMode: mode_t = 0o600
    static let directoryMode: mode_t = 0o700

    /// What is kept of a file, and where nothing is, what the host has.
    static func read(_ file: HostFile, _ status: stat) -> FileOwnership {
        FileOwnership(
            uid: number(.uid, file) ?? status.st_uid, gid: number(.gid, file) ?? status.st_gid,
            mode: number(.mode, file) ?? UInt32(status.st_mode), device: number(.device, file) ?? UInt64(status.st_rdev)
        )
    }

    /// Keeps some of it.
    static func write(
        _ file: HostFile, uid: UInt32? = nil, gid: UInt32? = nil, mode: UInt32? = nil, device: UInt64? = nil
    ) throws(LinuxError) {
        if let uid { try set(.uid, file, uid) }
        if let gid { try set(.gid, file, gid) }
        if let mode { try set(.mode, file, mode) }
        if let device { try set(.device, file, device) }
    }

    private static func number<Number: FixedWidthInteger>(_ name: Name, _ file: HostFile) -> Number? {
        var bytes = [UInt8](repeating: 0, count: Number.bitWidth / 8)
        let count = getxattr(file.path, name.rawValue, &bytes, bytes.count)
        return count == bytes.count ? Number(littleEndianBytes: bytes) : nil
    }

    private static func set(_ name: Name, _ file: HostFile, _ number: some FixedWidthInteger) throws(LinuxError) {
        let bytes = number.littleEndianBytes
        try LinuxError.check(setxattr(file.path, name.rawValue, bytes, bytes.count, 0))
    }
}

extension NinePSecurityModel {
    /// Whose a file is.
    func ownership(of file: HostFile, _ status: stat) -> FileOwnership {
        switch self {
        case .mapped: MappedOwnership.read(file, status)
        case .mappedFile: MetadataFiles.read(file, status)
        case .none, .passthrough: FileOwnership(status)
        }
    }

    /// Gives a file that was just made to whom it belongs.
    ///
    /// - Parameters:
    ///   - file: what was made.
    ///   - ownership: whose it is.
    ///   - place: where it was made.
    func give(_ file: HostFile, _ ownership: FileOwnership, _ place: HostPlace) throws(LinuxError) {
        let isDevice = [S_IFCHR, S_IFBLK].contains(mode_t(ownership.kind))
        switch self {
        case .mapped:
            return try MappedOwnership.write(
                file, uid: ownership.uid, gid: ownership.gid, mode: ownership.mode,
                device: isDevice ? ownership.device : nil)
        case .mappedFile:
            return try MetadataFiles.write(
                .place(place), of: file,
                KeptOwnership(
                    uid: ownership.uid, gid: ownership.gid, mode: ownership.mode,
                    device: isDevice ? ownership.device : nil), isNew: true)
        case .none, .passthrough: break
        }
        let result = fchownat(file.descriptor, "", ownership.uid, ownership.gid, LinuxFlag.emptyPath)
        if self == .passthrough { try LinuxError.check(result) }
        // A link has no mode of its own.
        guard mode_t(ownership.kind) != S_IFLNK else { return }
        try LinuxError.check(chmod(file.path, mode_t(ownership.mode & FileOwnership.permissions)))
    }

    func setMode(_ mode: UInt32, of file: HostFile) throws(LinuxError) {
        guard isMapped else {
            return try LinuxError.check(chmod(file.path, mode_t(mode & FileOwnership.permissions)))
        }
        let mode = ownership(of: file, try file.status).kind | mode & FileOwnership.permissions
        if self == .mapped { return try MappedOwnership.write(file, mode: mode) }
        try MetadataFiles.write(file.origin, of: file, KeptOwnership(mode: mode))
    }

    /// nil: that one stays what it is.
    func setOwner(uid: UInt32?, gid: UInt32?, of file: HostFile) throws(LinuxError) {
        guard isMapped else {
            let result = fchownat(
                file.descriptor, "", uid ?? .max, gid ?? .max, LinuxFlag.emptyPath | AT_SYMLINK_NOFOLLOW)
            return try LinuxError.check(result)
        }
        if self == .mapped { return try MappedOwnership.write(file, uid: uid, gid: gid) }
        try MetadataFiles.write(file.origin, of: file, KeptOwnership(uid: uid, gid: gid))
    }
}
