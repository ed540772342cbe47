// Owners and modes in files of their own, compared with what QEMU's documentation and its own files have.

import Foundation
import Glibc
import NinePFS
import Testing

@Suite("9P: owners in files of their own")
struct NinePMappedFileTests {
    private typealias M = NinePClient.Message
    private static let root = NinePClient.root
    private static let directory = ".virtfs_metadata"

    /// The lines that are kept of a file; nil if there are none.
    private func lines(_ client: NinePClient, _ path: String) -> Set<String>? {
        let url = client.share.appending(path: path)
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
        return Set(text.split(separator: "\n").map { String($0) })
    }

    private func put(_ client: NinePClient, _ path: String, _ text: String) throws {
        let url = client.share.appending(path: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }

    private func set(
        _ client: NinePClient, _ fid: UInt32, mode: UInt32? = nil, uid: UInt32? = nil, gid: UInt32? = nil
    ) throws {
        let valid: UInt32 = (mode == nil ? 0 : 1) | (uid == nil ? 0 : 2) | (gid == nil ? 0 : 4)
        try client.ask(
            M.setattr, .word(fid), .word(valid), .word(mode ?? 0), .word(uid ?? 0), .word(gid ?? 0), .long(0), .long(0),
            .long(0), .long(0), .long(0))
    }

    private func mode(_ client: NinePClient, _ names: String) throws -> UInt32 {
        try client.attributes(client.walk(names)).mode
    }

    @Test("Files, directories, links and devices are this user's on the host, and the guest's as their lines say")
    func kept() throws {
        let client = try NinePClient(.mappedFile)
        try client.make("file", "text", mode: 0o4755)
        var status = stat()
        lstat(client.share.appending(path: "file").path(), &status)
        #expect(status.st_mode == 0o100600)
        // Decimal, and with the kind: S_IFREG is 0o100000.
        #expect(
            lines(client, "\(Self.directory)/file") == ["virtfs.uid=1000", "virtfs.gid=1000", "virtfs.mode=35309"])
        let file = try client.walk("file")
        let made = NinePClient.Attributes(kind: 0, mode: 0o104755, uid: 1000, gid: 1000, device: 0, size: 4)
        #expect(try client.attributes(file) == made)
        try set(client, file, mode: 0o640)
        try set(client, file, uid: 0, gid: .max - 5)
        #expect(
            lines(client, "\(Self.directory)/file") == ["virtfs.uid=0", "virtfs.gid=-6", "virtfs.mode=33184"])
        #expect(try client.attributes(file).mode == 0o100640 && client.attributes(file).gid == .max - 5)

        try client.ask(M.mkdir, .word(Self.root), .text("d"), .word(0o1777), .word(7))
        lstat(client.share.appending(path: "d").path(), &status)
        #expect(status.st_mode == 0o040700)
        let d = try client.walk("d")
        #expect(try client.attributes(d).mode == 0o041777 && client.attributes(d).gid == 7)
        try client.ask(M.symlink, .word(d), .text("link"), .text("../../outside/secret"), .word(0))
        let link = try client.walk("d", "link")
        #expect(try client.attributes(link).kind == 0x02 && client.attributes(link).mode == 0o120777)
        var answer = try client.ask(M.readlink, .word(link))
        #expect(answer.text() == "../../outside/secret")
        #expect(client.refusal(M.lopen, .word(link), .word(0)) == ELOOP)
        try client.ask(M.mknod, .word(d), .text("null"), .word(0o020666), .word(1), .word(3), .word(0))
        #expect(lines(client, "d/\(Self.directory)/null")?.contains("virtfs.rdev=259") == true)
        let device = try client.walk("d", "null")
        #expect(try client.attributes(device).mode == 0o020666 && client.attributes(device).device == 0x103)
        #expect(client.refusal(M.lopen, .word(device), .word(0)) == ENXIO)

        // The root has its own beside what is in it.
        try set(client, Self.root, mode: 0o755, uid: 3)
        #expect(lines(client, ".virtfs_metadata_root") == ["virtfs.uid=3", "virtfs.mode=16877"])
        #expect(try client.attributes(Self.root).mode == 0o040755 && client.attributes(Self.root).uid == 3)
    }

    @Test("Lines of QEMU's are read, and of what they do not say the host's is so")
    func read() throws {
        let client = try NinePClient(.mappedFile)
        try Data("text".utf8).write(to: client.share.appending(path: "a"))
        chmod(client.share.appending(path: "a").path(), 0o604)
        let a = try client.walk("a")
        #expect(try client.attributes(a).mode == 0o100604 && client.attributes(a).uid == getuid())
        try put(client, "\(Self.directory)/a", "virtfs.uid=12\nvirtfs.gid=-2\nvirtfs.mode=8612\nvirtfs.rdev=1281\n")
        #expect(
            try client.attributes(a)
                == .init(kind: 0, mode: 0o020644, uid: 12, gid: .max - 1, device: 0x501, size: 4))
        // Permissions alone, and lines that nobody writes.
        try put(
            client, "\(Self.directory)/a",
            "virtfs.mode=256\nvirtfs.uid=\nvirtfs.gid=99999999999999999999\nvirtfs.size=7\nnothing\n=\n")
        #expect(try client.attributes(a).mode == 0o100400 && client.attributes(a).uid == getuid())
        // What was not said stays unsaid.
        try put(client, "\(Self.directory)/a", "virtfs.gid=5\n")
        try set(client, a, uid: 6)
        #expect(lines(client, "\(Self.directory)/a") == ["virtfs.uid=6", "virtfs.gid=5"])
    }

    @Test("They follow their files: moved, replaced, linked, removed, and made again")
    func followed() throws {
        let client = try NinePClient(.mappedFile)
        for name in ["d", "e"] {
            try client.ask(M.mkdir, .word(Self.root), .text(name), .word(0o700), .word(0))
        }
        let (d, e) = (try client.walk("d"), try client.walk("e"))
        try client.make("a", mode: 0o604)
        try client.make("b", mode: 0o611)
        try client.ask(M.renameat, .word(Self.root), .text("a"), .word(d), .text("c"))
        #expect(try client.attributes(client.walk("d", "c")).mode == 0o100604)
        #expect(lines(client, "\(Self.directory)/a") == nil)
        // One that nothing is kept of takes the place of another: it is not that one.
        try Data("host's".utf8).write(to: client.share.appending(path: "host"))
        chmod(client.share.appending(path: "host").path(), 0o622)
        try client.ask(M.renameat, .word(Self.root), .text("host"), .word(d), .text("c"))
        #expect(try client.attributes(client.walk("d", "c")).mode == 0o100622)
        // Two names of a file have one owner and mode.
        try client.ask(M.link, .word(e), .word(try client.walk("b")), .text("hard"))
        try set(client, try client.walk("e", "hard"), mode: 0o605)
        #expect(try mode(client, "b") == 0o100605)
        try client.ask(M.link, .word(Self.root), .word(try client.walk("d", "c")), .text("c2"))
        try set(client, try client.walk("c2"), mode: 0o606, uid: 9)
        #expect(try client.attributes(client.walk("d", "c")).uid == 9)
        // A directory is moved with what is in it, over another one that is empty.
        try client.ask(M.unlinkat, .word(e), .text("hard"), .word(0))
        #expect(lines(client, "e/\(Self.directory)/hard") == nil)
        try client.ask(M.renameat, .word(Self.root), .text("d"), .word(Self.root), .text("e"))
        #expect(try client.attributes(client.walk("e", "c")).mode == 0o100606)
        #expect(client.refusal(M.unlinkat, .word(Self.root), .text("e"), .word(0x200)) == ENOTEMPTY)
        #expect(try client.attributes(client.walk("e", "c")).uid == 9)
        try client.ask(M.unlinkat, .word(try client.walk("e")), .text("c"), .word(0))
        // Of a file that the host has removed, something is left.
        try put(client, "e/\(Self.directory)/gone", "virtfs.mode=33261\n")
        try client.ask(M.unlinkat, .word(Self.root), .text("e"), .word(0x200))
        #expect(access(client.share.appending(path: "e").path(), F_OK) != 0)
        try put(client, "\(Self.directory)/new", "virtfs.mode=8612\nvirtfs.rdev=259\nvirtfs.uid=77\n")
        try client.make("new", mode: 0o600)
        let new = try client.attributes(client.walk("new"))
        #expect(new.mode == 0o100600 && new.uid == 1000 && new.device == 0)
    }

    @Test("A file that is open has its owner and mode by whatever name it has, and without one")
    func open() throws {
        let client = try NinePClient(.mappedFile)
        try client.make("a", mode: 0o604)
        let fid = try client.walk("a")
        try client.ask(M.lopen, .word(fid), .word(2))
        try client.ask(M.renameat, .word(Self.root), .text("a"), .word(Self.root), .text("b"))
        try set(client, fid, mode: 0o640)
        #expect(try mode(client, "b") == 0o100640 && client.attributes(fid).mode == 0o100640)
        // Another one has its name.
        try client.ask(M.unlinkat, .word(Self.root), .text("b"), .word(0))
        try client.make("b", mode: 0o777)
        #expect(try client.attributes(fid).mode == 0o100640)
        try set(client, fid, mode: 0o601, uid: 4)
        #expect(try client.attributes(fid).mode == 0o100601 && client.attributes(fid).uid == 4)
        #expect(try mode(client, "b") == 0o100777)
    }

    @Test("A guest sees nothing of them, and makes, moves, links and removes none")
    func hidden() throws {
        let client = try NinePClient(.mappedFile)
        try client.make("a")
        try client.ask(M.mkdir, .word(Self.root), .text("d"), .word(0o700), .word(0))
        try set(client, Self.root, mode: 0o755)
        let (a, d) = (try client.walk("a"), try client.walk("d"))
        try client.make("b", in: d)
        let before = try FileManager.default.subpathsOfDirectory(atPath: client.share.path()).sorted()
        for directory in [try client.walk(), try client.walk("d")] {
            try client.ask(M.lopen, .word(directory), .word(0o200000))
            #expect(try client.entries(directory).allSatisfy { !$0.name.hasPrefix(".virtfs") })
        }
        for name in [".virtfs_metadata", ".virtfs_metadata_root", ".VIRTFS_Metadata", ".virtfs_metadata. ."] {
            for parent in [Self.root, d] {
                #expect(client.refusal(M.walk, .word(parent), .word(9), .short(1), .text(name)) == ENOENT)
                #expect(client.refusal(M.mkdir, .word(parent), .text(name), .word(0o755), .word(0)) == EINVAL)
                #expect(client.refusal(M.symlink, .word(parent), .text(name), .text("a"), .word(0)) == EINVAL)
                #expect(
                    client.refusal(
                        M.mknod, .word(parent), .text(name), .word(0o100644), .word(0), .word(0), .word(0)) == EINVAL)
                #expect(client.refusal(M.link, .word(parent), .word(a), .text(name)) == EINVAL)
                #expect(client.refusal(M.rename, .word(a), .word(parent), .text(name)) == EINVAL)
                #expect(
                    client.refusal(M.renameat, .word(Self.root), .text("a"), .word(parent), .text(name)) == EINVAL)
                #expect(
                    client.refusal(M.renameat, .word(parent), .text(name), .word(Self.root), .text("x")) == EINVAL)
                #expect(client.refusal(M.unlinkat, .word(parent), .text(name), .word(0)) == EINVAL)
                #expect(client.refusal(M.unlinkat, .word(parent), .text(name), .word(0x200)) == EINVAL)
                let maker = try client.walk(from: parent)
                #expect(
                    client.refusal(M.lcreate, .word(maker), .text(name), .word(0o102), .word(0o644), .word(0))
                        == EINVAL)
            }
        }
        var walk = [Field.word(Self.root), .word(9), .short(2)]
        walk += [.text(".virtfs_metadata"), .text("a")]
        #expect(client.server.answer(NinePClient.message(M.walk, walk), limit: 4096)[4] == 7)
        #expect(try FileManager.default.subpathsOfDirectory(atPath: client.share.path()).sorted() == before)
        // Elsewhere it is a name like any other.
        let other = try NinePClient(.mapped)
        try other.ask(M.mkdir, .word(Self.root), .text(".virtfs_metadata"), .word(0o755), .word(0))
    }

    @Test("A session that was saved with a fid among them is none that a guest can have come to")
    func saved() throws {
        let unguarded = try NinePClient()
        try unguarded.ask(M.mkdir, .word(Self.root), .text(Self.directory), .word(0o755), .word(0))
        _ = try unguarded.walk(Self.directory)
        let server = try NinePServer(NinePShare(path: unguarded.share.path(), securityModel: .mappedFile))
        #expect(!server.restore(unguarded.server.saved))
    }

    @Test("Links and other things in their place are not gone through, and nothing outside changes")
    func planted() throws {
        let client = try NinePClient(.mappedFile)
        let files = FileManager.default
        // A directory that was shared without a map before.
        try files.createSymbolicLink(
            at: client.share.appending(path: Self.directory), withDestinationURL: client.outside)
        let maker = try client.walk()
        #expect(
            client.refusal(M.lcreate, .word(maker), .text("secret"), .word(0o102), .word(0o644), .word(0)) == ENOTDIR)
        #expect(access(client.share.appending(path: "secret").path(), F_OK) != 0)
        try files.removeItem(at: client.share.appending(path: Self.directory))
        try client.make("a", mode: 0o600)
        let metadata = client.share.appending(path: "\(Self.directory)/a")
        try files.removeItem(at: metadata)
        try files.createSymbolicLink(at: metadata, withDestinationURL: client.outside.appending(path: "secret"))
        let a = try client.walk("a")
        #expect(try client.attributes(a).mode == 0o100600)
        #expect(throws: Refused(code: ELOOP)) { try set(client, a, mode: 0o644) }
        try files.removeItem(at: metadata)
        #expect(mkfifo(metadata.path(), 0o600) == 0)
        #expect(try client.attributes(a).mode == 0o100600)
        #expect(throws: Refused(code: EIO)) { try set(client, a, mode: 0o644) }
        #expect(try files.contentsOfDirectory(atPath: client.outside.path()) == ["secret"])
        #expect(
            try String(contentsOf: client.outside.appending(path: "secret"), encoding: .utf8) == "hidden")
    }
}
