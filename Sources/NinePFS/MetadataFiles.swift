// Owners and modes in files of their own: QEMU's `mapped-file`, for file systems without extended attributes.
//
// Responsible for: those files. A file NAME has one in the directory .virtfs_metadata beside it, by the same name, and
// the share's root has .virtfs_metadata_root in itself. They follow their files: by a hard link of their own where a
// file has several names, and when it is moved or removed. Whatever lies where they should be was put there by the
// host, so that nothing but regular files and directories is used, no link is followed, and little is read. Not
// responsible for: that a guest never says these names (`NinePReader`), and what to do without a file (`ownership`).
//
// Follows QEMU's documentation (docs/devel/9p.rst) and its hw/9pfs for names and lines, so that both can share a
// directory.

import Glibc

/// What is kept of a file; nil: it is as on the host.
struct KeptOwnership: Equatable {
    var uid: UInt32?
    var gid: UInt32?
    /// With the kind of file (S_IFMT).
    var mode: UInt32?
    var device: UInt64?

    /// Lines of names and numbers. Another one, or one that is no number, says nothing.
    init(_ text: some Collection<UInt8>) {
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1)
            guard parts.count == 2, let value = Int64(String(decoding: parts[1], as: UTF8.self)),
                (Int64(Int32.min)...Int64(UInt32.max)).contains(value)
            else { continue }
            // QEMU writes all of them with a sign.
            let number = UInt32(truncatingIfNeeded: value)
            switch String(decoding: parts[0], as: UTF8.self) {
            case "virtfs.uid": uid = number
            case "virtfs.gid": gid = number
            case "virtfs.mode": mode = number
            case "virtfs.rdev": device = UInt64(number)
            default: break
            }
        }
    }

    init(uid: UInt32? = nil, gid: UInt32? = nil, mode: UInt32? = nil, device: UInt64? = nil) {
        (self.uid, self.gid, self.mode, self.device) = (uid, gid, mode, device)
    }

    /// The same with what another one has put over it.
    func replaced(by other: Self) -> Self {
        Self(
            uid: other.uid ?? uid, gid: other.gid ?? gid, mode: other.mode ?? mode, device: other.device ?? device)
    }

    /// As it is kept.
    var text: [UInt8] {
        let lines: [(name: String, number: UInt32?)] = [
            ("uid", uid), ("gid", gid), ("mode", mode), ("rdev", device.map { UInt32(truncatingIfNeeded: $0) }),
        ]
        var text = ""
        for line in lines {
            guard let number = line.number else { continue }
            text += "virtfs.\(line.name)=\(Int32(bitPattern: number))\n"
        }
        return Array(text.utf8)
    }
}

/// Keeps ownership in files beside the files.
enum MetadataFiles {
    private static let directoryName = Array(".virtfs_metadata".utf8)
    private static let rootName = Array(".virtfs_metadata_root".utf8)
    private static let directoryMode: mode_t = 0o700
    private static let fileMode: mode_t = 0o600
    /// Most bytes that are read of a file: a hundred are in use.
    private static let byteLimit = 1024

    /// Whether a name is one of theirs, in any case and with any dots or spaces behind it: there are file systems that
    /// tell no cases apart, and such that leave these out.
    static func isReserved(_ name: [UInt8]) -> Bool {
        let end = name.lastIndex { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: " ") } ?? 0
        let name = name.prefix(end + 1).map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
        return name == directoryName || name == rootName
    }

    /// Whose a file is: what is kept of it, and where nothing is, what the host has.
    static func read(_ file: HostFile, _ status: stat) -> FileOwnership {
        var ownership = FileOwnership(status)
        guard let metadata = try? open(file.origin, of: file, O_RDONLY), let kept = try? contents(metadata) else {
            return ownership
        }
        ownership.uid = kept.uid ?? ownership.uid
        ownership.gid = kept.gid ?? ownership.gid
        ownership.device = kept.device ?? ownership.device
        if let mode = kept.mode {
            // It may be permissions alone.
            ownership.mode = mode & UInt32(S_IFMT) == 0 ? ownership.kind | mode : mode
        }
        return ownership
    }

    /// Keeps something of a file.
    ///
    /// - Parameters:
    ///   - origin: by what the file is found.
    ///   - file: the file.
    ///   - ownership: what is kept beside what already is.
    ///   - isNew: nothing is; what lies there is of another file that had the name.
    static func write(
        _ origin: HostFile.Origin, of file: HostFile, _ ownership: KeptOwnership, isNew: Bool = false
    ) throws(LinuxError) {
        if case .place(let place) = origin {
            try makeDirectory(in: place.directory)
            // The file of another name is left as it is.
            if isNew { remove(place) }
        }
        let metadata = try open(origin, of: file, O_RDWR | O_CREAT)
        let text = try contents(metadata).replaced(by: ownership).text
        let count = text.withUnsafeBytes { pwrite(metadata.descriptor, $0.baseAddress, $0.count, 0) }
        guard count == text.count else { throw count < 0 ? .last : .noSpace }
        try LinuxError.check(ftruncate(metadata.descriptor, off_t(count)))
    }

    /// A file has another name beside one that it has: both have the same metadata from now on.
    static func link(_ old: HostPlace, _ new: HostPlace) throws(LinuxError) {
        let file = try old.directory.entry(old.name)
        let status = try file.status
        let ownership = read(file, status)
        // A file that the host has made has none yet.
        try write(
            file.origin, of: file, KeptOwnership(uid: ownership.uid, gid: ownership.gid, mode: ownership.mode))
        try makeDirectory(in: new.directory)
        remove(new)
        let (from, to) = (try directory(in: old.directory), try directory(in: new.directory))
        try LinuxError.check(linkat(from.descriptor, cString(old.name), to.descriptor, cString(new.name), 0))
    }

    /// A file was moved. What was kept of one in whose place it came is gone, whether or not something is kept of it.
    static func move(_ old: HostPlace, _ new: HostPlace) throws(LinuxError) {
        guard let from = try? directory(in: old.directory) else { return remove(new) }
        try makeDirectory(in: new.directory)
        let to = try directory(in: new.directory)
        guard renameat(from.descriptor, cString(old.name), to.descriptor, cString(new.name)) < 0 else { return }
        let error = LinuxError.last
        guard error == .noEntry else { throw error }
        remove(new)
    }

    /// A file was removed. What cannot be removed with it is written over when there is another one of the name.
    static func remove(_ place: HostPlace) {
        guard let directory = try? directory(in: place.directory) else { return }
        unlinkat(directory.descriptor, cString(place.name), 0)
    }

    /// Removes the metadata in a directory that is to be removed. There may be some of files that the host has removed.
    ///
    /// - Parameter parent: a directory; if something else is in it, it is an error, and nothing is changed.
    static func removeAll(in parent: HostFile) throws(LinuxError) {
        let opened = try parent.opened(O_RDONLY | O_DIRECTORY)
        var isEmpty = true
        try DirectoryEntries(opened, opened.status).forEach(from: 0) { entry in
            isEmpty = [FileNode.this, FileNode.above, directoryName].contains(entry.name)
            return isEmpty
        }
        guard isEmpty else { throw .notEmpty }
        guard let directory = try? directory(in: parent) else { return }
        let metadata = try directory.opened(O_RDONLY | O_DIRECTORY)
        try DirectoryEntries(metadata, metadata.status).forEach(from: 0) { entry in
            if ![FileNode.this, FileNode.above].contains(entry.name) {
                unlinkat(directory.descriptor, cString(entry.name), 0)
            }
            return true
        }
        try LinuxError.check(unlinkat(parent.descriptor, cString(directoryName), AT_REMOVEDIR))
    }

    private static func directory(in parent: HostFile) throws(LinuxError) -> HostFile {
        try parent.directory(directoryName)
    }

    private static func makeDirectory(in parent: HostFile) throws(LinuxError) {
        guard mkdirat(parent.descriptor, cString(directoryName), directoryMode) < 0 else { return }
        let error = LinuxError.last
        guard error == .exists else { throw error }
    }

    /// The metadata of a file, open.
    private static func open(
        _ origin: HostFile.Origin, of file: HostFile, _ flags: Int32
    ) throws(LinuxError) -> HostFile {
        let flags = flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let metadata: HostFile
        switch origin {
        case .root: metadata = try HostFile(openat(file.descriptor, cString(rootName), flags, fileMode))
        case .place(let place):
            let directory = try directory(in: place.directory)
            metadata = try HostFile(openat(directory.descriptor, cString(place.name), flags, fileMode))
        case .unknown: throw .noEntry
        }
        guard try metadata.status.st_mode & S_IFMT == S_IFREG else { throw .inputOutput }
        return metadata
    }

    private static func contents(_ metadata: HostFile) throws(LinuxError) -> KeptOwnership {
        var bytes = [UInt8](repeating: 0, count: byteLimit)
        let count = pread(metadata.descriptor, &bytes, byteLimit, 0)
        guard count >= 0 else { throw .last }
        return KeptOwnership(bytes.prefix(count))
    }
}
