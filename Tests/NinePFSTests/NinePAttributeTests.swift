// Extended attributes as a share's client sees them, compared with what the host's own calls say of the files.

import CExtendedAttributes
import Foundation
import Glibc
import NinePFS
import Testing

@Suite("9P: extended attributes")
struct NinePAttributeTests {
    private typealias M = NinePClient.Message
    private static let root = NinePClient.root
    private static let newFid: UInt32 = 50

    /// An attribute of a file of the host's; nil if it has none of that name.
    private func hosts(_ url: URL, _ name: String) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = lgetxattr(url.path(), name, &bytes, bytes.count)
        return count < 0 ? nil : Array(bytes.prefix(count))
    }

    private func set(_ url: URL, _ name: String, _ text: String) {
        #expect(setxattr(url.path(), name, text, text.utf8.count, 0) == 0, "\(String(cString: strerror(errno)))")
    }

    /// What the client reads of an attribute, or of the list of all for an empty name.
    private func read(_ client: NinePClient, _ fid: UInt32, _ name: String) throws -> [UInt8] {
        var answer = try client.ask(M.xattrwalk, .word(fid), .word(Self.newFid), .text(name))
        let size = answer.number(UInt64.self)
        var bytes: [UInt8] = []
        while true {
            var piece = try client.ask(M.read, .word(Self.newFid), .long(UInt64(bytes.count)), .word(3000))
            _ = piece.number(UInt32.self)
            if piece.rest.isEmpty { break }
            bytes += piece.rest
        }
        #expect(size == bytes.count)
        try client.ask(M.clunk, .word(Self.newFid))
        return bytes
    }

    /// Sets an attribute as Linux does: a fid of its own, pieces, and the end.
    private func set(
        _ client: NinePClient, _ names: String, _ name: String, _ bytes: [UInt8], flags: UInt32 = 0
    ) throws {
        let fid = try names.isEmpty ? client.walk() : client.walk(names)
        do {
            try client.ask(M.xattrcreate, .word(fid), .text(name), .long(UInt64(bytes.count)), .word(flags))
        } catch {
            try client.ask(M.clunk, .word(fid))
            throw error
        }
        for start in stride(from: 0, to: bytes.count, by: 1000) {
            let piece = Array(bytes[start..<min(start + 1000, bytes.count)])
            try client.ask(M.write, .word(fid), .long(UInt64(start)), .word(UInt32(piece.count)), .data(piece))
        }
        try client.ask(M.clunk, .word(fid))
    }

    @Test("What is set is the host's attribute, and what the host has is read, listed, replaced and removed")
    func attributes() throws {
        let client = try NinePClient()
        try client.make("file", "text")
        let url = client.share.appending(path: "file")
        let file = try client.walk("file")
        set(url, "user.from-host", "host")
        #expect(try read(client, file, "user.from-host") == Array("host".utf8))
        let value = (0..<2500).map { UInt8(truncatingIfNeeded: $0) }
        try set(client, "file", "user.from-guest", value)
        #expect(hosts(url, "user.from-guest") == value)
        #expect(try read(client, file, "user.from-guest") == value)
        let names = try read(client, file, "").split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        #expect(Set(names) == ["user.from-host", "user.from-guest"])
        // To be made, it must not be there; to be replaced, it must.
        #expect(throws: Refused(code: EEXIST)) { try set(client, "file", "user.from-guest", [1], flags: 1) }
        #expect(throws: Refused(code: ENODATA)) { try set(client, "file", "user.other", [1], flags: 2) }
        try set(client, "file", "user.empty", [])
        #expect(hosts(url, "user.empty") == [])
        // Linux removes one by replacing it with nothing.
        try set(client, "file", "user.from-host", [], flags: 2)
        #expect(hosts(url, "user.from-host") == nil)
        #expect(client.refusal(M.xattrwalk, .word(file), .word(9), .text("user.from-host")) == ENODATA)
        // Directories have them, too.
        try set(client, "", "user.root", [7])
        #expect(hosts(client.share, "user.root") == [7])
        #expect(try String(contentsOf: url, encoding: .utf8) == "text")
    }

    @Test("What Linux keeps its security in stays the host's, and where owners are mapped, their attributes are hidden")
    func others() throws {
        for model in [NinePSecurityModel.none, .mapped] {
            let client = try NinePClient(model)
            try client.make("file")
            let file = try client.walk("file")
            for name in ["security.capability", "trusted.x", "system.posix_acl_access", "user"] {
                #expect(client.refusal(M.xattrwalk, .word(file), .word(9), .text(name)) == EOPNOTSUPP)
                #expect(throws: Refused(code: EOPNOTSUPP)) { try set(client, "file", name, [1]) }
            }
        }
        let client = try NinePClient(.mapped)
        try client.make("file", mode: 0o640)
        let file = try client.walk("file")
        try set(client, "file", "user.mine", [1])
        #expect(hosts(client.share.appending(path: "file"), "user.virtfs.mode") != nil)
        #expect(try read(client, file, "") == Array("user.mine\0".utf8))
        #expect(client.refusal(M.xattrwalk, .word(file), .word(9), .text("user.virtfs.mode")) == EOPNOTSUPP)
        #expect(throws: Refused(code: EOPNOTSUPP)) { try set(client, "file", "user.virtfs.uid", [0, 0, 0, 0]) }
        #expect(try client.attributes(file).mode == 0o100640)
    }

    @Test("A link's attributes are not those of what it leads to")
    func links() throws {
        let client = try NinePClient()
        let secret = client.outside.appending(path: "secret")
        set(secret, "user.hidden", "hidden")
        try FileManager.default.createSymbolicLink(
            at: client.share.appending(path: "link"), withDestinationURL: secret)
        let link = try client.walk("link")
        #expect(client.refusal(M.xattrwalk, .word(link), .word(9), .text("user.hidden")) != nil)
        #expect(try read(client, link, "").isEmpty)
        #expect(throws: Refused.self) { try set(client, "link", "user.new", [1]) }
        #expect(hosts(secret, "user.new") == nil)
    }

    @Test("A fid of an attribute is that and no file; what does not come whole is not set; and there is an end to both")
    func bounds() throws {
        let client = try NinePClient()
        try client.make("file", "text")
        let file = try client.walk("file")
        let url = client.share.appending(path: "file")
        // Longer than any may be, or with unknown flags.
        #expect(client.refusal(M.xattrcreate, .word(file), .text("user.x"), .long(65537), .word(0)) == ENOSPC)
        #expect(client.refusal(M.xattrcreate, .word(file), .text("user.x"), .long(1), .word(4)) == EINVAL)
        #expect(client.refusal(M.xattrcreate, .word(file), .text(""), .long(1), .word(0)) == EINVAL)
        try client.ask(M.xattrcreate, .word(file), .text("user.x"), .long(4), .word(0))
        for (type, fields) in [
            (M.lopen, [.word(file), .word(0)]), (M.walk, [.word(file), .word(9), .short(0)]),
            (M.read, [.word(file), .long(0), .word(4)]), (M.readdir, [.word(file), .long(0), .word(100)]),
            (M.write, [.word(file), .long(1), .word(1), .data([1])]),
        ] as [(UInt8, [Field])] {
            #expect(client.server.answer(NinePClient.message(type, fields), limit: 4096)[4] == 7, "\(type)")
        }
        #expect(client.refusal(M.write, .word(file), .long(0), .word(5), .data([1, 2, 3, 4, 5])) == ENOSPC)
        try client.ask(M.write, .word(file), .long(0), .word(2), .data([1, 2]))
        #expect(client.refusal(M.clunk, .word(file)) == EINVAL)
        #expect(hosts(url, "user.x") == nil)
        // It is gone all the same, and so is the fid.
        #expect(client.refusal(M.clunk, .word(file)) == EBADF)
        let again = try client.walk("file")
        try client.ask(M.xattrcreate, .word(again), .text("user.x"), .long(4), .word(0))
        #expect(client.refusal(M.remove, .word(again)) == EINVAL)
        #expect(FileManager.default.fileExists(atPath: url.path()))
        set(url, "user.y", "y")
        let reading = try client.walk("file")
        var refused: Int32?
        for number in 1000..<2000 as Range<UInt32> where refused == nil {
            refused = client.refusal(M.xattrwalk, .word(reading), .word(number), .text("user.y"))
        }
        #expect(refused == EMFILE)
        try client.ask(M.clunk, .word(1000))
        try client.ask(M.xattrwalk, .word(reading), .word(1000), .text("user.y"))
    }

    @Test("A share that is read-only has attributes to read, and a session that is saved goes on in the middle of one")
    func readOnlyAndSaved() throws {
        let readOnly = try NinePClient(isReadOnly: true)
        try Data("text".utf8).write(to: readOnly.share.appending(path: "file"))
        set(readOnly.share.appending(path: "file"), "user.x", "x")
        #expect(try read(readOnly, readOnly.walk("file"), "user.x") == [UInt8(ascii: "x")])
        #expect(throws: Refused(code: EROFS)) { try set(readOnly, "file", "user.y", [1]) }

        let client = try NinePClient()
        try client.make("file")
        let url = client.share.appending(path: "file")
        let file = try client.walk("file")
        try client.ask(M.xattrcreate, .word(file), .text("user.x"), .long(2), .word(0))
        try client.ask(M.write, .word(file), .long(0), .word(1), .data([1]))
        let saved = client.server.saved
        let other = try NinePServer(NinePShare(path: client.share.path()))
        #expect(other.restore(saved))
        #expect(other.saved == saved)
        let write = NinePClient.message(M.write, [.word(file), .long(1), .word(1), .data([2])])
        #expect(other.answer(write, limit: 100)[4] == M.write + 1)
        #expect(other.answer(NinePClient.message(M.clunk, [.word(file)]), limit: 100)[4] == M.clunk + 1)
        #expect(hosts(url, "user.x") == [1, 2])
    }
}
