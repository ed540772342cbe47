// Messages about extended attributes (xattr(7)).
//
// Responsible for: reading, listing, setting and removing them, and which of the host's a guest gets to see. A client
// asks for a fid that stands for an attribute, reads or writes it as if it were a file, and lets go of it; what was
// written is set then. What is to be set is kept here until all of it has come, as the protocol has it.
//
// Follows the protocol as diod's documentation has it (protocol.md of 9P2000.L, xattrwalk and xattrcreate) and Linux's
// fs/9p/xattr.c for how it is used: to remove one is to replace it with nothing.

import CExtendedAttributes
import Glibc

extension NinePSession {
    /// What a fid stands for after Txattrwalk or Txattrcreate.
    struct ExtendedAttribute: Codable, Hashable {
        /// Of the attribute; empty for the list of all.
        var name: [UInt8]
        /// What is read, or what has come of what is to be set.
        var bytes: [UInt8]
        /// nil: it is read.
        var setting: Setting?

        /// What is to become of what is written.
        struct Setting: Codable, Hashable {
            /// How much will come.
            var byteCount: UInt32
            var flags: UInt32
        }

        /// Whether a client can have come to it.
        var isPossible: Bool {
            guard name.count <= FileNode.nameLimit, !name.contains(0), bytes.count <= attributeByteLimit else {
                return false
            }
            guard let setting else { return true }
            return !name.isEmpty && bytes.count <= Int(setting.byteCount)
                && Int(setting.byteCount) <= attributeByteLimit
                && setting.flags & ~(AttributeFlag.create | AttributeFlag.replace) == 0
        }
    }

    /// An attribute that a fid stands for, counted as long as it does.
    final class HeldAttribute {
        var value: ExtendedAttribute
        private let counter: HeldCounter

        init(_ value: ExtendedAttribute, counter: HeldCounter) {
            self.value = value
            self.counter = counter
            counter.count += 1
        }

        deinit { counter.count -= 1 }
    }

    private enum AttributeFlag {
        /// P9_XATTR_CREATE and P9_XATTR_REPLACE, the numbers of setxattr(2).
        static let create: UInt32 = 1
        static let replace: UInt32 = 2
    }

    /// Most bytes of an attribute, and of the list of their names (XATTR_SIZE_MAX, XATTR_LIST_MAX).
    static let attributeByteLimit = 1 << 16
    /// Most fids that stand for attributes: each may hold that much.
    static let attributeLimit = 256

    private static let userPrefix = Array("user.".utf8)
    /// Where `mapped` keeps owners and modes: no attributes of the guest's.
    private static let mappedPrefix = Array("user.virtfs.".utf8)

    /// Whether the guest has an attribute of this name, or may have. What Linux keeps its own security in belongs to
    /// the host, unless the share is the superuser's matter anyhow.
    private func isGuests(_ name: some Collection<UInt8>) -> Bool {
        switch model {
        case .passthrough: true
        case .none, .mappedFile: name.starts(with: Self.userPrefix)
        case .mapped: name.starts(with: Self.userPrefix) && !name.starts(with: Self.mappedPrefix)
        }
    }

    private func checkAttributeCount() throws(LinuxError) {
        guard heldAttributes.count < Self.attributeLimit else { throw .tooManyOpen }
    }

    /// The name of an attribute.
    private func name(_ reader: inout NinePReader) throws(LinuxError) -> [UInt8] {
        let name = try reader.string()
        guard name.count <= FileNode.nameLimit, !name.contains(0) else { throw .invalid }
        return name
    }

    func walkAttribute(_ reader: inout NinePReader, _ reply: inout NinePWriter) throws(LinuxError) {
        let fid = try fid(&reader)
        let number = try reader.number(UInt32.self)
        let name = try name(&reader)
        guard fid.attribute == nil else { throw .invalid }
        try checkAttributeCount()
        let file = try file(fid)
        let bytes: [UInt8]
        if name.isEmpty {
            bytes = try names(of: file)
        } else {
            guard isGuests(name) else { throw .notSupported }
            bytes = try Self.read { getxattr(file.path, cString(name), $0, $1) }
        }
        let attribute = Fid(fid.node, user: fid.user)
        attribute.attribute = HeldAttribute(ExtendedAttribute(name: name, bytes: bytes), counter: heldAttributes)
        try add(number, attribute)
        reply.append(UInt64(bytes.count))
    }

    /// The names of all attributes that the guest has, each with a NUL behind it.
    private func names(of file: HostFile) throws(LinuxError) -> [UInt8] {
        let all: [UInt8]
        do throws(LinuxError) {
            all = try Self.read { listxattr(file.path, $0, $1) }
        } catch {
            // Where the file system has none, there are none.
            guard error == .notSupported else { throw error }
            return []
        }
        return all.split(separator: 0).filter { isGuests($0) }.flatMap { $0 + [0] }
    }

    /// What a call fills a buffer with.
    private static func read(_ call: (UnsafeMutablePointer<CChar>?, Int) -> Int) throws(LinuxError) -> [UInt8] {
        var bytes = [CChar](repeating: 0, count: attributeByteLimit)
        let count = bytes.withUnsafeMutableBufferPointer { call($0.baseAddress, $0.count) }
        guard count >= 0 else { throw .last }
        return bytes.prefix(count).map { UInt8(bitPattern: $0) }
    }

    /// The fid is the attribute's from now on.
    func createAttribute(_ reader: inout NinePReader) throws(LinuxError) {
        let fid = try fid(&reader)
        let name = try name(&reader)
        let byteCount = try reader.number(UInt64.self)
        let flags = try reader.number(UInt32.self)
        guard fid.attribute == nil, fid.file == nil, !name.isEmpty,
            flags & ~(AttributeFlag.create | AttributeFlag.replace) == 0
        else { throw .invalid }
        guard byteCount <= UInt64(Self.attributeByteLimit) else { throw .noSpace }
        try checkWritable()
        guard isGuests(name) else { throw .notSupported }
        try checkAttributeCount()
        _ = try files.file(fid.node)
        let setting = ExtendedAttribute.Setting(byteCount: UInt32(byteCount), flags: flags)
        fid.attribute = HeldAttribute(
            ExtendedAttribute(name: name, bytes: [], setting: setting), counter: heldAttributes)
    }

    func read(_ attribute: ExtendedAttribute, at offset: UInt64, count: Int) throws(LinuxError) -> [UInt8] {
        guard attribute.setting == nil else { throw .invalid }
        return Array(attribute.bytes.dropFirst(Int(clamping: offset)).prefix(count))
    }

    /// Takes the next piece of what is to be set: from its beginning to its end.
    func write(_ bytes: ArraySlice<UInt8>, at offset: UInt64, to held: HeldAttribute) throws(LinuxError) {
        let attribute = held.value
        guard let setting = attribute.setting, offset == UInt64(attribute.bytes.count) else { throw .invalid }
        guard bytes.count <= Int(setting.byteCount) - attribute.bytes.count else { throw .noSpace }
        held.value.bytes += bytes
    }

    /// Sets what was written, or removes the attribute, as the client lets go of it.
    func finish(_ attribute: ExtendedAttribute, of fid: Fid) throws(LinuxError) {
        guard let setting = attribute.setting else { return }
        guard attribute.bytes.count == Int(setting.byteCount) else { throw .invalid }
        let file = try files.file(fid.node)
        let name = cString(attribute.name)
        if attribute.bytes.isEmpty, setting.flags == AttributeFlag.replace {
            return try LinuxError.check(removexattr(file.path, name))
        }
        try LinuxError.check(
            setxattr(file.path, name, attribute.bytes, attribute.bytes.count, Int32(setting.flags)))
    }
}
