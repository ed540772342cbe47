// What a client and the server of a share have between them: fids, and the answer to each message.
//
// Responsible for: the session, and the messages that belong to it (version, attach, walk, clunk, flush). Those about
// files are in files of their own. Not responsible for: where messages come from (`NinePServer`).

import Bytes
import Glibc

/// One client's session with one share. Used by one thread at a time.
final class NinePSession {
    /// Something that the client has a number for.
    final class Fid {
        var node: FileNode
        /// Of whom the client says that he uses it.
        let user: UInt32
        var file: OpenFile?
        /// Set if it stands for an extended attribute of the file.
        var attribute: HeldAttribute?

        init(_ node: FileNode, user: UInt32, file: OpenFile? = nil) {
            self.node = node
            self.user = user
            self.file = file
        }
    }

    /// A file that is open, or a directory that is read.
    final class OpenFile {
        let file: HostFile
        /// As the client said them, but for what was done once.
        let flags: UInt32
        /// Set if it is a directory.
        let entries: DirectoryEntries?
        /// Whose it was when that was looked at last: where this is kept by names, nothing else tells of one without.
        var ownership: FileOwnership

        private let counter: NinePOpenFiles
        /// A directory that is read is open twice.
        private var descriptorCount: Int { entries == nil ? 1 : 2 }

        init(
            _ file: HostFile, flags: UInt32, entries: DirectoryEntries? = nil, _ ownership: FileOwnership,
            counter: NinePOpenFiles
        ) {
            self.file = file
            self.ownership = ownership
            self.flags = flags & ~(Flag.truncate | Flag.create | Flag.exclusive)
            self.entries = entries
            self.counter = counter
            counter.add(descriptorCount)
        }

        deinit { counter.add(-descriptorCount) }
    }

    /// How many attributes are held.
    final class HeldCounter { var count = 0 }

    static let version = Array("9P2000.L".utf8)
    private static let unknownVersion = Array("unknown".utf8)
    /// The least and the most bytes of a message that a client may agree on.
    static let messageSizes: ClosedRange<UInt32> = 4096...(1 << 20)
    /// Names in one walk (intro(5), MAXWELEM).
    private static let walkLimit = 16
    static let fidLimit = 1 << 16

    let files: HostFiles
    let model: NinePSecurityModel
    let isReadOnly: Bool
    let openFiles: NinePOpenFiles
    let root = FileNode()
    var messageSize = messageSizes.upperBound
    var fids: [UInt32: Fid] = [:]
    let heldAttributes = HeldCounter()
    /// The host's devices that files were found on, in that order: inodes of two may have the same number.
    private var devices: [UInt64: UInt64] = [:]
    private static let deviceLimit = 1 << 16

    init(_ files: HostFiles, _ share: NinePShare, _ openFiles: NinePOpenFiles) {
        self.files = files
        model = share.securityModel
        isReadOnly = share.isReadOnly
        self.openFiles = openFiles
    }

    /// Carries out a message, and answers it.
    ///
    /// - Parameters:
    ///   - message: with its header, whose size is not looked at.
    ///   - limit: the most bytes that the answer may have.
    func answer(_ message: [UInt8], limit: Int) -> [UInt8] {
        let type = message[NinePMessage.typeOffset]
        let tag = UInt16(littleEndianBytes: message[NinePMessage.tagOffset..<NinePMessage.headerByteCount])
        var error: LinuxError
        do throws(LinuxError) {
            guard message.count <= Int(messageSize) else { throw .tooLong }
            guard let request = NinePMessage(rawValue: type) else { throw .notSupported }
            var reader = NinePReader(message[NinePMessage.headerByteCount...], isReserved: isReserved)
            var reply = NinePWriter(type: type &+ 1, tag: tag)
            try carryOut(request, &reader, &reply, limit: min(limit, Int(messageSize)))
            if reply.bytes.count <= min(limit, Int(messageSize)) { return reply.message }
            throw .tooLong
        } catch let reason { error = reason }
        if error.code <= 0 { error = .inputOutput }
        var reply = NinePWriter(type: NinePMessage.errorType, tag: tag)
        reply.append(UInt32(error.code))
        return reply.message
    }

    private func carryOut(
        _ request: NinePMessage, _ reader: inout NinePReader, _ reply: inout NinePWriter, limit: Int
    ) throws(LinuxError) {
        switch request {
        case .version: try negotiate(&reader, &reply)
        case .attach: try attach(&reader, &reply)
        case .walk: try walk(&reader, &reply)
        case .clunk: try clunk(&reader)
        // Messages are carried out one after the other: what is to be flushed was answered before.
        case .flush: _ = try reader.number(UInt16.self)
        // Nobody has to show who he is.
        case .auth: throw .notSupported
        case .xattrwalk: try walkAttribute(&reader, &reply)
        case .xattrcreate: try createAttribute(&reader)
        case .statfs: try statistics(&reader, &reply)
        case .getattr: try getAttributes(&reader, &reply)
        case .setattr: try setAttributes(&reader)
        case .lopen: try open(&reader, &reply)
        case .lcreate: try create(&reader, &reply)
        case .read: try read(&reader, &reply, limit: limit)
        case .write: try write(&reader, &reply)
        case .fsync: try synchronize(&reader)
        case .lock: try lock(&reader, &reply)
        case .getlock: try getLock(&reader, &reply)
        case .readdir: try readDirectory(&reader, &reply, limit: limit)
        case .mkdir: try makeDirectory(&reader, &reply)
        case .symlink: try makeSymbolicLink(&reader, &reply)
        case .mknod: try makeNode(&reader, &reply)
        case .link: try makeLink(&reader)
        case .readlink: try readLink(&reader, &reply)
        case .rename: try rename(&reader)
        case .renameat: try renameEntry(&reader)
        case .unlinkat: try unlinkEntry(&reader)
        case .remove: try remove(&reader)
        }
    }

    // MARK: The session

    /// A new session, whose fids are none.
    private func negotiate(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let wanted = try reader.number(UInt32.self)
        let version = try reader.string()
        fids = [:]
        guard wanted >= Self.messageSizes.lowerBound else { throw .tooLong }
        messageSize = min(wanted, Self.messageSizes.upperBound)
        reply.append(messageSize)
        reply.append(string: version == Self.version ? version : Self.unknownVersion)
    }

    private func attach(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let fid = try reader.number(UInt32.self)
        _ = try reader.number(UInt32.self)
        // A user's name, and what of the share he wants: there is one thing to be had.
        _ = try reader.string()
        _ = try reader.string()
        let user = try reader.number(UInt32.self)
        reply.append(try qid(of: files.root))
        try add(fid, Fid(root, user: user))
    }

    private func walk(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let fid = try fid(&reader)
        let number = try reader.number(UInt32.self)
        let count = Int(try reader.number(UInt16.self))
        guard count <= Self.walkLimit, fid.file == nil, fid.attribute == nil else { throw .invalid }
        var node = fid.node
        var qids: [NinePQid] = []
        var isWhole = true
        for index in 0..<count {
            let name = try reader.name()
            guard isWhole else { continue }
            do throws(LinuxError) {
                let next = try node.child(name)
                qids.append(try qid(of: files.file(next)))
                node = next
            } catch {
                // The client is told how far it goes, but for the first step.
                guard index > 0 else { throw error }
                isWhole = false
            }
        }
        if isWhole { try add(number, Fid(node, user: fid.user), replacing: fid) }
        reply.append(UInt16(qids.count))
        for qid in qids { reply.append(qid) }
    }

    private func clunk(_ reader: inout NinePReader) throws(LinuxError) {
        guard let fid = fids.removeValue(forKey: try reader.number()) else { throw .badFid }
        if let attribute = fid.attribute { try finish(attribute.value, of: fid) }
    }

    // MARK: Fids

    /// What a fid that the client names is of.
    func fid(_ reader: inout NinePReader) throws(LinuxError) -> Fid {
        guard let fid = fids[try reader.number()] else { throw .badFid }
        return fid
    }

    /// Gives the client a fid. The number may be that of `other`, which it then takes the place of.
    func add(_ number: UInt32, _ fid: Fid, replacing other: Fid? = nil) throws(LinuxError) {
        if let taken = fids[number], taken !== other { throw .invalid }
        guard fids.count < Self.fidLimit || fids[number] != nil else { throw .tooManyFids }
        fids[number] = fid
    }

    /// What a fid leads to: the file that it has open, whatever became of its name, or what is at its place.
    func file(_ fid: Fid) throws(LinuxError) -> HostFile {
        if let open = fid.file { return open.file }
        return try files.file(fid.node)
    }

    /// Whether a name is none of the client's: what owners and modes are kept in.
    func isReserved(_ name: [UInt8]) -> Bool { model == .mappedFile && MetadataFiles.isReserved(name) }

    func checkWritable() throws(LinuxError) { if isReadOnly { throw .readOnly } }

    // MARK: Qids

    func qid(of file: HostFile) throws(LinuxError) -> NinePQid {
        let status = try file.status
        return qid(status, model.ownership(of: file, status))
    }

    func qid(_ status: stat, _ ownership: FileOwnership) -> NinePQid {
        let kind: NinePQid.Kind =
            switch mode_t(ownership.kind) {
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            default: .file
            }
        // Another number when the file has changed, as far as its time tells.
        let version =
            UInt32(truncatingIfNeeded: status.st_mtim.tv_sec) ^ UInt32(truncatingIfNeeded: status.st_size << 8)
        return NinePQid(
            kind: kind, version: version, path: number(ofInode: UInt64(status.st_ino), device: UInt64(status.st_dev)))
    }

    /// A number that no other file of the share has, as far as 64 bits go.
    func number(ofInode inode: UInt64, device: UInt64) -> UInt64 {
        var index = devices[device]
        if index == nil, devices.count < Self.deviceLimit {
            index = UInt64(devices.count)
            devices[device] = index
        }
        return inode ^ (index ?? device) << 48
    }
}
