// Messages about the contents of files.

import Glibc

extension NinePSession {
    /// Flags of Tlopen and Tlcreate (P9_DOTL_*): those of Linux on most architectures, whatever the host's are.
    enum Flag {
        static let accessMask: UInt32 = 0o3
        static let readOnly: UInt32 = 0o0
        static let create: UInt32 = 0o100
        static let exclusive: UInt32 = 0o200
        static let truncate: UInt32 = 0o1000
        static let append: UInt32 = 0o2000
        static let dataSync: UInt32 = 0o10000
        static let directory: UInt32 = 0o200000
        static let sync: UInt32 = 0o4000000
    }

    /// A file system in the guest says itself how much it writes at once.
    private static let noPreference: UInt32 = 0
    /// `status` of Rlock, and `type` of Rgetlock: whoever asks has the lock.
    private static let lockSuccess: UInt8 = 0
    private static let unlocked: UInt8 = 2
    private static let lockFlags: UInt32 = 1

    /// The host's flags for the client's; what else a client asks for changes nothing here.
    private func hostFlags(_ flags: UInt32) -> Int32 {
        var result: Int32 =
            switch flags & Flag.accessMask {
            case 0: O_RDONLY
            case 1: O_WRONLY
            default: O_RDWR
            }
        if flags & Flag.truncate != 0 { result |= O_TRUNC }
        if flags & Flag.append != 0 { result |= O_APPEND }
        if flags & Flag.dataSync != 0 { result |= O_DSYNC }
        if flags & Flag.sync != 0 { result |= O_SYNC }
        return result
    }

    private func isWriting(_ flags: UInt32) -> Bool {
        flags & Flag.accessMask != Flag.readOnly || flags & Flag.truncate != 0
    }

    private func checkOpen(_ fid: Fid) throws(LinuxError) {
        guard fid.file == nil, fid.attribute == nil else { throw .invalid }
        guard openFiles.hasRoom else { throw .tooManyOpen }
    }

    func open(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let fid = try fid(&reader)
        let flags = try reader.number(UInt32.self)
        try checkOpen(fid)
        let file = try files.file(fid.node)
        fid.file = try open(file, flags)
        reply.append(try qid(of: file))
        reply.append(Self.noPreference)
    }

    /// Opens what is there.
    func open(_ file: HostFile, _ flags: UInt32) throws(LinuxError) -> OpenFile {
        let status = try file.status
        let ownership = model.ownership(of: file, status)
        let kind = mode_t(ownership.kind)
        guard kind == S_IFDIR else {
            // What the guest takes for a device or a link is a file of the host's if it is mapped.
            guard kind == S_IFREG else { throw kind == S_IFLNK ? .isLoop : .noDevice }
            guard flags & Flag.directory == 0 else { throw .notDirectory }
            if isWriting(flags) { try checkWritable() }
            return OpenFile(try file.opened(hostFlags(flags)), flags: flags, ownership, counter: openFiles)
        }
        guard flags & Flag.accessMask == Flag.readOnly else { throw .isDirectory }
        let opened = try file.opened(O_RDONLY | O_DIRECTORY)
        return OpenFile(
            opened, flags: flags, entries: try DirectoryEntries(opened, status), ownership, counter: openFiles)
    }

    func create(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let fid = try fid(&reader)
        let name = try reader.newName()
        let flags = try reader.number(UInt32.self)
        let mode = try reader.number(UInt32.self) & FileOwnership.permissions
        let gid = try reader.number(UInt32.self)
        try checkOpen(fid)
        try checkWritable()
        let directory = try files.directory(fid.node)
        // Before anything is made: what can have no place cannot be told of.
        _ = try fid.node.child(name)
        let hostMode = model.isMapped ? MappedOwnership.fileMode : mode_t(mode)
        // Made by nobody else: what is there already may be anything.
        let descriptor = openat(
            directory.descriptor, cString(name), hostFlags(flags) | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, hostMode)
        if descriptor < 0, errno == EEXIST, flags & Flag.exclusive == 0 {
            let node = try fid.node.child(name)
            let file = try directory.entry(name)
            fid.file = try open(file, flags)
            fid.node = node
            reply.append(try qid(of: file))
            return reply.append(Self.noPreference)
        }
        let file = try HostFile(descriptor)
        let made = FileOwnership(uid: fid.user, gid: gid, mode: UInt32(S_IFREG) | mode, device: 0)
        try give(file, made, name, in: directory)
        // What had the name before is something else.
        fid.node.remove(name)
        fid.node = try fid.node.child(name)
        fid.file = OpenFile(file, flags: flags, made, counter: openFiles)
        reply.append(try qid(of: file))
        reply.append(Self.noPreference)
    }

    /// Gives what was just made to whom it belongs, or takes it away again.
    func give(
        _ file: HostFile, _ ownership: FileOwnership, _ name: [UInt8], in directory: HostFile
    ) throws(LinuxError) {
        let place = HostPlace(directory: directory, name: name)
        do throws(LinuxError) { try model.give(file, ownership, place) } catch {
            unlinkat(directory.descriptor, cString(name), mode_t(ownership.kind) == S_IFDIR ? AT_REMOVEDIR : 0)
            throw error
        }
    }

    /// The file that a fid has open.
    private func openFile(_ fid: Fid) throws(LinuxError) -> OpenFile {
        guard let file = fid.file else { throw .badFid }
        return file
    }

    func read(_ reader: inout NinePReader, _ reply: inout NinePWriter, limit: Int) throws(LinuxError) {
        let fid = try fid(&reader)
        let place = try reader.number(UInt64.self)
        let count = min(Int(try reader.number(UInt32.self)), max(0, limit - NinePMessage.dataOffset))
        if let attribute = fid.attribute {
            return reply.append(data: try read(attribute.value, at: place, count: count))
        }
        let open = try openFile(fid)
        guard open.entries == nil else { throw .isDirectory }
        guard let offset = off_t(exactly: place) else { throw .invalid }
        var bytes = [UInt8](repeating: 0, count: count)
        let result = pread(open.file.descriptor, &bytes, count, offset)
        guard result >= 0 else { throw .last }
        bytes.removeLast(count - result)
        reply.append(data: bytes)
    }

    func write(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let fid = try fid(&reader)
        let place = try reader.number(UInt64.self)
        let bytes = try reader.bytes(Int(try reader.number(UInt32.self)))
        if let attribute = fid.attribute {
            try write(bytes, at: place, to: attribute)
            return reply.append(UInt32(truncatingIfNeeded: bytes.count))
        }
        let open = try openFile(fid)
        guard open.entries == nil else { throw .isDirectory }
        guard let offset = off_t(exactly: place) else { throw .invalid }
        let result = bytes.withUnsafeBytes { pwrite(open.file.descriptor, $0.baseAddress, $0.count, offset) }
        guard result >= 0 else { throw .last }
        reply.append(UInt32(truncatingIfNeeded: result))
    }

    func synchronize(_ reader: inout NinePReader) throws(LinuxError) {
        let open = try openFile(fid(&reader))
        // Early clients do not say it.
        let isDataOnly = ((try? reader.number(UInt32.self)) ?? 0) != 0
        let descriptor = open.file.descriptor
        try LinuxError.check(isDataOnly ? fdatasync(descriptor) : fsync(descriptor))
    }

    /// Locks are the guest's own, as with QEMU: nobody else is asked.
    func lock(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        _ = try fid(&reader)
        _ = try reader.number(UInt8.self)
        guard try reader.number(UInt32.self) & ~Self.lockFlags == 0 else { throw .invalid }
        reply.append(Self.lockSuccess)
    }

    func getLock(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        _ = try fid(&reader)
        _ = try reader.number(UInt8.self)
        let (start, length) = (try reader.number(UInt64.self), try reader.number(UInt64.self))
        let process = try reader.number(UInt32.self)
        let client = try reader.string()
        reply.append(Self.unlocked)
        reply.append(start)
        reply.append(length)
        reply.append(process)
        reply.append(string: client)
    }
}
