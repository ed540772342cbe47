// Messages about entries of directories.

import Glibc

extension NinePSession {
    /// DT_DIR and DT_LNK of readdir(3), and what stands for "not known".
    private enum EntryType {
        static let unknown: UInt8 = 0
        static let directory: UInt8 = 4
        static let symbolicLink: UInt8 = 10
    }

    /// Bytes of an entry of Rreaddir beside its name: qid, offset, type, and the name's length.
    private static let entryByteCount = NinePQid.byteCount + 8 + 1 + 2
    private static let removesDirectory: UInt32 = 0x200
    /// Most bytes of what a symbolic link leads to.
    private static let targetLimit = 4095

    func readDirectory(_ reader: inout NinePReader, _ reply: inout NinePWriter, limit: Int) throws(LinuxError) {
        let fid = try fid(&reader)
        let offset = try reader.number(UInt64.self)
        let count = min(Int(try reader.number(UInt32.self)), limit - NinePMessage.dataOffset)
        guard let entries = fid.file?.entries else { throw fid.file == nil ? .badFid : .notDirectory }
        let rootNumber = fid.node.parent == nil ? try qid(of: files.root).path : nil
        var data = NinePWriter(type: 0, tag: 0)
        let start = data.bytes.count
        try entries.forEach(from: offset) { entry in
            guard !isReserved(entry.name) else { return true }
            guard data.bytes.count - start + Self.entryByteCount + entry.name.count <= count else { return false }
            let type = model.isMapped && entry.type != EntryType.directory ? EntryType.unknown : entry.type
            let kind: NinePQid.Kind =
                switch type {
                case EntryType.directory: .directory
                case EntryType.symbolicLink: .symbolicLink
                default: .file
                }
            var path = number(ofInode: entry.inode, device: entries.device)
            // There is nothing above the root.
            if let rootNumber, entry.name == FileNode.above { path = rootNumber }
            data.append(NinePQid(kind: kind, version: 0, path: path))
            data.append(entry.next)
            data.append(type)
            data.append(string: entry.name)
            return true
        }
        reply.append(data: Array(data.bytes[start...]))
    }

    // MARK: Making

    func makeDirectory(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let parent = try fid(&reader)
        let name = try reader.newName()
        let mode = try reader.number(UInt32.self) & FileOwnership.permissions
        let gid = try reader.number(UInt32.self)
        try checkWritable()
        let directory = try files.directory(parent.node)
        let hostMode = model.isMapped ? MappedOwnership.directoryMode : mode_t(mode)
        try LinuxError.check(mkdirat(directory.descriptor, cString(name), hostMode))
        let made = FileOwnership(uid: parent.user, gid: gid, mode: UInt32(S_IFDIR) | mode, device: 0)
        reply.append(try finish(made, name, in: directory, parent.node))
    }

    func makeSymbolicLink(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let parent = try fid(&reader)
        let name = try reader.newName()
        let target = try reader.string()
        let gid = try reader.number(UInt32.self)
        guard !target.isEmpty, !target.contains(0) else { throw .invalid }
        guard target.count <= Self.targetLimit else { throw .nameTooLong }
        try checkWritable()
        let directory = try files.directory(parent.node)
        let made = FileOwnership(
            uid: parent.user, gid: gid, mode: UInt32(S_IFLNK) | 0o777, device: 0)
        if model.isMapped {
            try makeFile(name, in: directory, contents: target)
        } else {
            try LinuxError.check(symlinkat(cString(target), directory.descriptor, cString(name)))
        }
        reply.append(try finish(made, name, in: directory, parent.node))
    }

    /// Devices of the guest's are none of the host's: they are to be had where they are mapped.
    func makeNode(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let parent = try fid(&reader)
        let name = try reader.newName()
        let mode = try reader.number(UInt32.self)
        let (major, minor) = (try reader.number(UInt32.self), try reader.number(UInt32.self))
        let gid = try reader.number(UInt32.self)
        try checkWritable()
        let directory = try files.directory(parent.node)
        var kind = mode_t(mode & UInt32(S_IFMT))
        if kind == 0 { kind = S_IFREG }
        switch kind {
        case S_IFREG, S_IFIFO, S_IFSOCK: break
        case S_IFCHR, S_IFBLK: guard model.isMapped else { throw .notPermitted }
        default: throw .invalid
        }
        if model.isMapped {
            try makeFile(name, in: directory)
        } else {
            let permissions = mode_t(mode & FileOwnership.permissions)
            try LinuxError.check(mknodat(directory.descriptor, cString(name), kind | permissions, 0))
        }
        let made = FileOwnership(
            uid: parent.user, gid: gid, mode: UInt32(kind) | mode & FileOwnership.permissions,
            device: Self.deviceNumber(major, minor))
        reply.append(try finish(made, name, in: directory, parent.node))
    }

    /// As Linux has it (makedev(3)).
    private static func deviceNumber(_ major: UInt32, _ minor: UInt32) -> UInt64 {
        let (major, minor) = (UInt64(major), UInt64(minor))
        return minor & 0xFF | (major & 0xFFF) << 8 | (minor & ~0xFF) << 12 | (major & ~0xFFF) << 32
    }

    /// A file of the host's that stands for something else.
    private func makeFile(
        _ name: [UInt8], in directory: HostFile, contents: [UInt8] = []
    ) throws(LinuxError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = try HostFile(openat(directory.descriptor, cString(name), flags, MappedOwnership.fileMode))
        guard Glibc.write(file.descriptor, contents, contents.count) == contents.count else {
            let error = LinuxError.last
            unlinkat(directory.descriptor, cString(name), 0)
            throw error
        }
    }

    /// Gives what was just made to whom it belongs.
    private func finish(
        _ made: FileOwnership, _ name: [UInt8], in directory: HostFile, _ parent: FileNode
    ) throws(LinuxError) -> NinePQid {
        parent.remove(name)
        let file = try directory.entry(name)
        try give(file, made, name, in: directory)
        return try qid(of: file)
    }

    func makeLink(_ reader: inout NinePReader) throws(LinuxError) {
        let parent = try fid(&reader)
        let old = try fid(&reader)
        let name = try reader.newName()
        try checkWritable()
        guard old.node.parent != nil, !old.node.isGone else { throw .noEntry }
        let from = try files.directory(of: old.node)
        let to = try files.directory(parent.node)
        try LinuxError.check(linkat(from.descriptor, cString(old.node.name), to.descriptor, cString(name), 0))
        parent.node.remove(name)
        guard model == .mappedFile else { return }
        do throws(LinuxError) {
            try MetadataFiles.link(
                HostPlace(directory: from, name: old.node.name), HostPlace(directory: to, name: name))
        } catch {
            unlinkat(to.descriptor, cString(name), 0)
            throw error
        }
    }

    func readLink(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let fid = try fid(&reader)
        let file = try files.file(fid.node)
        guard mode_t(model.ownership(of: file, try file.status).kind) == S_IFLNK else { throw .notSymbolicLink }
        var target = [UInt8](repeating: 0, count: Self.targetLimit)
        let count: Int
        if try file.status.st_mode & S_IFMT == S_IFLNK {
            var characters = [CChar](repeating: 0, count: target.count)
            count = readlinkat(file.descriptor, "", &characters, characters.count)
            target = characters.map { UInt8(bitPattern: $0) }
        } else {
            let contents = try file.opened(O_RDONLY)
            count = withExtendedLifetime(contents) { pread(contents.descriptor, &target, target.count, 0) }
        }
        guard count >= 0 else { throw .last }
        reply.append(string: Array(target.prefix(count)))
    }

    // MARK: Moving and taking away

    func rename(_ reader: inout NinePReader) throws(LinuxError) {
        let fid = try fid(&reader)
        let directory = try self.fid(&reader)
        let name = try reader.newName()
        guard let parent = fid.node.parent, !fid.node.isGone else { throw .noEntry }
        try move(fid.node.name, of: parent, to: directory.node, name)
    }

    func renameEntry(_ reader: inout NinePReader) throws(LinuxError) {
        let old = try fid(&reader)
        let oldName = try reader.newName()
        let new = try fid(&reader)
        try move(oldName, of: old.node, to: new.node, try reader.newName())
    }

    private func move(
        _ name: [UInt8], of parent: FileNode, to directory: FileNode, _ newName: [UInt8]
    ) throws(LinuxError) {
        try checkWritable()
        let from = try files.directory(parent)
        let to = try files.directory(directory)
        // The host says the same of what is below itself.
        if directory.isBelow(try parent.child(name)) { throw .invalid }
        guard parent.mayMove(name, to: directory, newName) else { throw .nameTooLong }
        if model == .mappedFile, (try? from.directory(name)) != nil, let replaced = try? to.directory(newName) {
            // As far as the guest sees it may be empty.
            try MetadataFiles.removeAll(in: replaced)
        }
        try LinuxError.check(renameat(from.descriptor, cString(name), to.descriptor, cString(newName)))
        parent.move(name, to: directory, newName)
        if model == .mappedFile {
            try MetadataFiles.move(HostPlace(directory: from, name: name), HostPlace(directory: to, name: newName))
        }
    }

    func unlinkEntry(_ reader: inout NinePReader) throws(LinuxError) {
        let parent = try fid(&reader)
        let name = try reader.newName()
        let flags = try reader.number(UInt32.self)
        guard flags & ~Self.removesDirectory == 0 else { throw .invalid }
        try unlink(name, of: parent.node, isDirectory: flags != 0)
    }

    /// The fid is gone, whether or not the file could be taken away.
    func remove(_ reader: inout NinePReader) throws(LinuxError) {
        let number = try reader.number(UInt32.self)
        guard let fid = fids.removeValue(forKey: number) else { throw .badFid }
        guard fid.attribute == nil else { throw .invalid }
        guard let parent = fid.node.parent, !fid.node.isGone else { throw .noEntry }
        let isDirectory = try files.file(fid.node).status.st_mode & S_IFMT == S_IFDIR
        try unlink(fid.node.name, of: parent, isDirectory: isDirectory)
    }

    private func unlink(_ name: [UInt8], of parent: FileNode, isDirectory: Bool) throws(LinuxError) {
        try checkWritable()
        let directory = try files.directory(parent)
        // As far as the guest sees there is nothing else in it.
        if isDirectory, model == .mappedFile { try MetadataFiles.removeAll(in: directory.directory(name)) }
        try LinuxError.check(unlinkat(directory.descriptor, cString(name), isDirectory ? AT_REMOVEDIR : 0))
        parent.remove(name)
        if model == .mappedFile { MetadataFiles.remove(HostPlace(directory: directory, name: name)) }
    }
}
