// Messages of 9P2000.L as bytes: size[4] type[1] tag[2], and what the type has.
//
// Responsible for: reading and writing numbers, names and qids, never behind a message's end. Not responsible for: what
// messages mean.
//
// Follows the protocol as diod's documentation has it (protocol.md of 9P2000.L) and intro(5) of Plan 9.

import Bytes

/// The types of requests; the answer's is one more.
enum NinePMessage: UInt8 {
    case statfs = 8
    case lopen = 12
    case lcreate = 14
    case symlink = 16
    case mknod = 18
    case rename = 20
    case readlink = 22
    case getattr = 24
    case setattr = 26
    case xattrwalk = 30
    case xattrcreate = 32
    case readdir = 40
    case fsync = 50
    case lock = 52
    case getlock = 54
    case link = 70
    case mkdir = 72
    case renameat = 74
    case unlinkat = 76
    case version = 100
    case auth = 102
    case attach = 104
    case flush = 108
    case walk = 110
    case read = 116
    case write = 118
    case clunk = 120
    case remove = 122

    /// Of the answer that says why not.
    static let errorType: UInt8 = 7
    /// size, type and tag.
    static let headerByteCount = 7
    static let typeOffset = 4
    static let tagOffset = 5
    /// Of an answer to `read` or `readdir`, before its data: the header, and how much data there is.
    static let dataOffset = 11
}

/// What a server knows a file by (intro(5)).
struct NinePQid: Hashable {
    static let byteCount = 13

    /// QTDIR, QTSYMLINK.
    enum Kind: UInt8 {
        case file = 0
        case symbolicLink = 0x02
        case directory = 0x80
    }

    var kind: Kind
    var version: UInt32
    var path: UInt64
}

/// Reads the fields of a request, in their order.
struct NinePReader {
    private var rest: ArraySlice<UInt8>
    /// What no name of the client's may be.
    private let isReserved: ([UInt8]) -> Bool

    /// - Parameters:
    ///   - bytes: of a message, behind its header.
    ///   - isReserved: whether there is an entry of this name, perhaps, that the client has nothing to do with.
    init(_ bytes: ArraySlice<UInt8>, isReserved: @escaping ([UInt8]) -> Bool) {
        rest = bytes
        self.isReserved = isReserved
    }

    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws(LinuxError) -> Number {
        Number(littleEndianBytes: try bytes(Number.bitWidth / 8))
    }

    mutating func bytes(_ count: Int) throws(LinuxError) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw .invalid }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    /// A string: its length, and its bytes, which need not be text.
    mutating func string() throws(LinuxError) -> [UInt8] { Array(try bytes(Int(try number(UInt16.self)))) }

    /// The name of an entry of a directory. One that is reserved is that of nothing.
    mutating func name() throws(LinuxError) -> [UInt8] {
        let name = try anyName()
        guard !isReserved(name) else { throw .noEntry }
        return name
    }

    private mutating func anyName() throws(LinuxError) -> [UInt8] {
        let name = try string()
        guard !name.isEmpty, !name.contains(0), !name.contains(UInt8(ascii: "/")) else { throw .noEntry }
        guard name.count <= FileNode.nameLimit else { throw .nameTooLong }
        return name
    }

    /// The name of an entry that is made or taken away: not one of those that every directory has.
    mutating func newName() throws(LinuxError) -> [UInt8] {
        let name = try anyName()
        guard !isReserved(name) else { throw .invalid }
        guard name != FileNode.this, name != FileNode.above else { throw .exists }
        return name
    }
}

/// Writes an answer.
struct NinePWriter {
    private(set) var bytes: [UInt8]

    init(type: UInt8, tag: UInt16) {
        bytes = [0, 0, 0, 0, type]
        append(tag)
    }

    mutating func append(_ number: some FixedWidthInteger) { bytes += number.littleEndianBytes }

    mutating func append(string: [UInt8]) {
        append(UInt16(truncatingIfNeeded: string.count))
        bytes += string
    }

    mutating func append(_ qid: NinePQid) {
        append(qid.kind.rawValue)
        append(qid.version)
        append(qid.path)
    }

    mutating func append(data: [UInt8]) {
        append(UInt32(truncatingIfNeeded: data.count))
        bytes += data
    }

    /// The whole message, which begins with its size.
    var message: [UInt8] {
        var message = bytes
        message.replace(at: 0, littleEndian: UInt32(truncatingIfNeeded: message.count))
        return message
    }
}
