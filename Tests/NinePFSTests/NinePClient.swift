// A client for the tests: messages are put together by hand, as protocol.md of 9P2000.L has them.

import Bytes
import Foundation
import Glibc
import NinePFS
import Testing

/// What a request is made of.
enum Field {
    case byte(UInt8)
    case short(UInt16)
    case word(UInt32)
    case long(UInt64)
    case text(String)
    case data([UInt8])

    var bytes: [UInt8] {
        switch self {
        case .byte(let value): [value]
        case .short(let value): value.littleEndianBytes
        case .word(let value): value.littleEndianBytes
        case .long(let value): value.littleEndianBytes
        case .text(let text): UInt16(text.utf8.count).littleEndianBytes + Array(text.utf8)
        case .data(let bytes): bytes
        }
    }
}

/// Why the server did not do it: a number of errno(3).
struct Refused: Error, Equatable {
    var code: Int32
}

/// An answer, whose fields are read in their order.
struct Answer {
    var rest: ArraySlice<UInt8>

    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) -> Number {
        defer { rest = rest.dropFirst(Number.bitWidth / 8) }
        return Number(littleEndianBytes: rest.prefix(Number.bitWidth / 8))
    }

    mutating func text() -> String {
        let count = Int(number(UInt16.self))
        defer { rest = rest.dropFirst(count) }
        return String(decoding: rest.prefix(count), as: UTF8.self)
    }

    /// A qid's type, and its number.
    mutating func qid() -> (kind: UInt8, path: UInt64) {
        let kind = number(UInt8.self)
        _ = number(UInt32.self)
        return (kind, number(UInt64.self))
    }
}

/// A directory that is shared, beside one that is not, and a client of the server.
final class NinePClient {
    enum Message {
        static let statfs: UInt8 = 8
        static let lopen: UInt8 = 12
        static let lcreate: UInt8 = 14
        static let symlink: UInt8 = 16
        static let mknod: UInt8 = 18
        static let rename: UInt8 = 20
        static let readlink: UInt8 = 22
        static let getattr: UInt8 = 24
        static let setattr: UInt8 = 26
        static let xattrwalk: UInt8 = 30
        static let xattrcreate: UInt8 = 32
        static let readdir: UInt8 = 40
        static let fsync: UInt8 = 50
        static let lock: UInt8 = 52
        static let link: UInt8 = 70
        static let mkdir: UInt8 = 72
        static let renameat: UInt8 = 74
        static let unlinkat: UInt8 = 76
        static let version: UInt8 = 100
        static let attach: UInt8 = 104
        static let walk: UInt8 = 110
        static let read: UInt8 = 116
        static let write: UInt8 = 118
        static let clunk: UInt8 = 120
        static let remove: UInt8 = 122
    }

    static let root: UInt32 = 1
    static let noFid = UInt32.max
    /// Of the client's user.
    static let user: UInt32 = 1000

    /// Holds the shared directory `share` and what is `outside`.
    let base: URL
    let server: NinePServer
    private var nextFid: UInt32 = 100

    var share: URL { base.appending(path: "share") }
    var outside: URL { base.appending(path: "outside") }

    init(
        _ model: NinePSecurityModel = .none, isReadOnly: Bool = false,
        openFiles: NinePOpenFiles = NinePOpenFiles(limit: 64)
    ) throws {
        base = FileManager.default.temporaryDirectory.appending(path: "dormouse-9p-\(UUID().uuidString)")
        for name in ["share", "outside"] {
            try FileManager.default.createDirectory(at: base.appending(path: name), withIntermediateDirectories: true)
        }
        try Data("hidden".utf8).write(to: base.appending(path: "outside/secret"))
        server = try NinePServer(
            NinePShare(
                path: base.appending(path: "share").path(), securityModel: model, isReadOnly: isReadOnly),
            openFiles: openFiles)
        try begin()
    }

    deinit { try? FileManager.default.removeItem(at: base) }

    /// A session, with the root as fid 1.
    func begin() throws {
        _ = try ask(Message.version, .word(1 << 16), .text("9P2000.L"))
        _ = try ask(
            Message.attach, .word(Self.root), .word(Self.noFid), .text("user"), .text(""), .word(Self.user))
    }

    static func message(_ type: UInt8, _ fields: [Field]) -> [UInt8] {
        let body = fields.flatMap(\.bytes)
        return UInt32(body.count + 7).littleEndianBytes + [type, 0x34, 0x12] + body
    }

    /// Sends a request, and returns what is behind the answer's header.
    @discardableResult
    func ask(_ type: UInt8, _ fields: Field..., limit: Int = 1 << 20) throws -> Answer {
        let bytes = server.answer(Self.message(type, fields), limit: limit)
        #expect(bytes.count >= 7 && UInt32(littleEndianBytes: bytes[..<4]) == UInt32(bytes.count))
        #expect(bytes[5...6] == [0x34, 0x12])
        var answer = Answer(rest: bytes[7...])
        if bytes[4] == 7 { throw Refused(code: Int32(answer.number(UInt32.self))) }
        #expect(bytes[4] == type + 1)
        return answer
    }

    /// The error that a request is refused with; nil if it is not.
    func refusal(_ type: UInt8, _ fields: Field...) -> Int32? {
        let bytes = server.answer(Self.message(type, fields), limit: 1 << 20)
        guard bytes[4] == 7 else { return nil }
        return Int32(UInt32(littleEndianBytes: bytes[7..<11]))
    }

    /// A new fid for a place below another one.
    func walk(_ names: String..., from fid: UInt32 = root) throws -> UInt32 {
        nextFid += 1
        var answer = try ask(
            Message.walk, .word(fid), .word(nextFid), .short(UInt16(names.count)),
            .data(names.flatMap { Field.text($0).bytes }))
        guard answer.number(UInt16.self) == names.count else { throw Refused(code: ENOENT) }
        return nextFid
    }

    /// Makes a file with contents, and leaves it closed.
    func make(_ name: String, _ contents: String = "", in directory: UInt32 = root, mode: UInt32 = 0o644) throws {
        let fid = try walk(from: directory)
        try ask(Message.lcreate, .word(fid), .text(name), .word(0o102), .word(mode), .word(Self.user))
        try ask(
            Message.write, .word(fid), .long(0), .word(UInt32(contents.utf8.count)), .data(Array(contents.utf8)))
        try ask(Message.clunk, .word(fid))
    }

    func read(_ fid: UInt32, at offset: UInt64 = 0, count: UInt32 = 4096) throws -> String {
        var answer = try ask(Message.read, .word(fid), .long(offset), .word(count))
        let length = answer.number(UInt32.self)
        #expect(Int(length) == answer.rest.count)
        return String(decoding: answer.rest, as: UTF8.self)
    }

    /// What is at a place: its contents.
    func contents(_ names: String...) throws -> String {
        nextFid += 1
        let fid = nextFid
        var answer = try ask(
            Message.walk, .word(Self.root), .word(fid), .short(UInt16(names.count)),
            .data(names.flatMap { Field.text($0).bytes }))
        guard answer.number(UInt16.self) == names.count else { throw Refused(code: ENOENT) }
        try ask(Message.lopen, .word(fid), .word(0))
        defer { _ = try? ask(Message.clunk, .word(fid)) }
        return try read(fid)
    }

    struct Attributes: Equatable {
        var kind: UInt8
        var mode: UInt32
        var uid: UInt32
        var gid: UInt32
        var device: UInt64
        var size: UInt64
    }

    func attributes(_ fid: UInt32) throws -> Attributes {
        var answer = try ask(Message.getattr, .word(fid), .long(0x7FF))
        #expect(answer.number(UInt64.self) == 0x7FF)
        let kind = answer.qid().kind
        let (mode, uid, gid) = (answer.number(UInt32.self), answer.number(UInt32.self), answer.number(UInt32.self))
        _ = answer.number(UInt64.self)
        let device = answer.number(UInt64.self)
        return Attributes(
            kind: kind, mode: mode, uid: uid, gid: gid, device: device, size: answer.number(UInt64.self))
    }

    struct Entry: Equatable {
        var name: String
        var kind: UInt8
        var number: UInt64
        var type: UInt8
    }

    /// All entries of an open directory, asked for `count` bytes at a time.
    func entries(_ fid: UInt32, count: UInt32 = 4096) throws -> [Entry] {
        var entries: [Entry] = []
        var offset: UInt64 = 0
        while true {
            var answer = try ask(Message.readdir, .word(fid), .long(offset), .word(count))
            #expect(answer.number(UInt32.self) <= count)
            if answer.rest.isEmpty { return entries }
            while !answer.rest.isEmpty {
                let (kind, number) = answer.qid()
                offset = answer.number(UInt64.self)
                let type = answer.number(UInt8.self)
                entries.append(Entry(name: answer.text(), kind: kind, number: number, type: type))
            }
        }
    }
}
