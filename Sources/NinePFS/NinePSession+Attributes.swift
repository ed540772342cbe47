// Messages about a file's attributes, and about the file system.

import Glibc

extension NinePSession {
    /// `valid` of Tsetattr (P9_ATTR_*).
    private enum Attribute {
        static let mode: UInt32 = 1 << 0
        static let uid: UInt32 = 1 << 1
        static let gid: UInt32 = 1 << 2
        static let size: UInt32 = 1 << 3
        static let accessTime: UInt32 = 1 << 4
        static let modificationTime: UInt32 = 1 << 5
        static let changeTime: UInt32 = 1 << 6
        static let accessTimeIsSet: UInt32 = 1 << 7
        static let modificationTimeIsSet: UInt32 = 1 << 8
    }

    /// P9_GETATTR_BASIC: all but the time of birth, the generation and the data's version.
    private static let basicMask: UInt64 = 0x7FF
    /// V9FS_MAGIC, and what this kind of time is of utimensat(2).
    private static let fileSystemType: UInt32 = 0x0102_1997
    private static let nanosecondLimit: UInt64 = 1_000_000_000
    private static let timeOfNow = (1 << 30) - 1
    private static let timeOmitted = (1 << 30) - 2

    func getAttributes(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let fid = try fid(&reader)
        let file = try file(fid)
        let status = try file.status
        let ownership = ownership(of: fid, file, status)
        reply.append(Self.basicMask)
        reply.append(qid(status, ownership))
        reply.append(ownership.mode)
        reply.append(ownership.uid)
        reply.append(ownership.gid)
        reply.append(UInt64(status.st_nlink))
        reply.append(ownership.device)
        reply.append(UInt64(bitPattern: Int64(status.st_size)))
        reply.append(UInt64(bitPattern: Int64(status.st_blksize)))
        reply.append(UInt64(bitPattern: Int64(status.st_blocks)))
        for time in [status.st_atim, status.st_mtim, status.st_ctim, timespec()] {
            reply.append(UInt64(bitPattern: Int64(time.tv_sec)))
            reply.append(UInt64(bitPattern: Int64(time.tv_nsec)))
        }
        reply.append(UInt64(0))
        reply.append(UInt64(0))
    }

    /// Whose a fid's file is.
    private func ownership(of fid: Fid, _ file: HostFile, _ status: stat) -> FileOwnership {
        guard model == .mappedFile, let open = fid.file else { return model.ownership(of: file, status) }
        if let named = named(fid, open) { open.ownership = model.ownership(of: named, status) }
        return open.ownership
    }

    /// An open file by the name that it has now; nil if it has none any more.
    private func named(_ fid: Fid, _ open: OpenFile) -> HostFile? {
        guard let named = try? files.file(fid.node), let status = try? named.status,
            let opened = try? open.file.status, status.st_ino == opened.st_ino, status.st_dev == opened.st_dev
        else { return nil }
        return named
    }

    /// Sets the mode, the owner or both; nil: that one stays what it is.
    private func setOwnership(
        of fid: Fid, _ file: HostFile, mode: UInt32?, uid: UInt32?, gid: UInt32?
    ) throws(LinuxError) {
        var file = file
        if model == .mappedFile, let open = fid.file {
            guard let named = named(fid, open) else {
                if let mode { open.ownership.mode = open.ownership.kind | mode & FileOwnership.permissions }
                open.ownership.uid = uid ?? open.ownership.uid
                open.ownership.gid = gid ?? open.ownership.gid
                return
            }
            file = named
        }
        if let mode { try model.setMode(mode, of: file) }
        if uid != nil || gid != nil { try model.setOwner(uid: uid, gid: gid, of: file) }
    }

    func setAttributes(_ reader: inout NinePReader) throws(LinuxError) {
        try checkWritable()
        let fid = try fid(&reader)
        let valid = try reader.number(UInt32.self)
        let mode = try reader.number(UInt32.self)
        let uid = try reader.number(UInt32.self)
        let gid = try reader.number(UInt32.self)
        let size = try reader.number(UInt64.self)
        let accessTime = try time(&reader, valid, Attribute.accessTime, Attribute.accessTimeIsSet)
        let modificationTime = try time(&reader, valid, Attribute.modificationTime, Attribute.modificationTimeIsSet)
        func has(_ attribute: UInt32) -> Bool { valid & attribute != 0 }
        let file = try file(fid)
        try setOwnership(
            of: fid, file, mode: has(Attribute.mode) ? mode : nil, uid: has(Attribute.uid) ? uid : nil,
            gid: has(Attribute.gid) ? gid : nil)
        if valid == Attribute.changeTime {
            // Which sets that time.
            _ = fchownat(file.descriptor, "", .max, .max, LinuxFlag.emptyPath | AT_SYMLINK_NOFOLLOW)
        }
        if has(Attribute.size) {
            guard let size = off_t(exactly: size) else { throw .invalid }
            guard try file.status.st_mode & S_IFMT == S_IFREG else { throw .invalid }
            try LinuxError.check(truncate(file.path, size))
        }
        if has(Attribute.accessTime) || has(Attribute.modificationTime) {
            try LinuxError.check(utimensat(AT_FDCWD, file.path, [accessTime, modificationTime], 0))
        }
    }

    /// A time of Tsetattr, as utimensat(2) has it.
    private func time(
        _ reader: inout NinePReader, _ valid: UInt32, _ attribute: UInt32, _ isSet: UInt32
    ) throws(LinuxError) -> timespec {
        let seconds = try reader.number(UInt64.self)
        let nanoseconds = try reader.number(UInt64.self)
        guard valid & attribute != 0 else { return timespec(tv_sec: 0, tv_nsec: Self.timeOmitted) }
        guard valid & isSet != 0 else { return timespec(tv_sec: 0, tv_nsec: Self.timeOfNow) }
        guard nanoseconds < Self.nanosecondLimit else { throw .invalid }
        return timespec(tv_sec: Int(Int64(bitPattern: seconds)), tv_nsec: Int(nanoseconds))
    }

    func statistics(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let file = try file(try fid(&reader))
        var system = statvfs()
        try LinuxError.check(fstatvfs(file.descriptor, &system))
        reply.append(Self.fileSystemType)
        reply.append(UInt32(truncatingIfNeeded: system.f_frsize))
        for count in [system.f_blocks, system.f_bfree, system.f_bavail, system.f_files, system.f_ffree] {
            reply.append(UInt64(count))
        }
        reply.append(UInt64(system.f_fsid))
        reply.append(UInt32(truncatingIfNeeded: min(system.f_namemax, UInt(FileNode.nameLimit))))
    }
}
