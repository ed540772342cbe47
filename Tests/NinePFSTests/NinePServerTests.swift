// A share as its client sees it, compared with the directory of the host.

import Foundation
import Glibc
import NinePFS
import Testing

@Suite("9P: a share")
struct NinePServerTests {
    private typealias M = NinePClient.Message
    private static let root = NinePClient.root

    private func text(_ url: URL) throws -> String { try String(contentsOf: url, encoding: .utf8) }

    // MARK: The session

    @Test("A version is agreed on, with what both can take; another one is unknown, and a tiny message is refused")
    func version() throws {
        let client = try NinePClient()
        var answer = try client.ask(M.version, .word(8192), .text("9P2000.L"))
        #expect(answer.number(UInt32.self) == 8192 && answer.text() == "9P2000.L")
        answer = try client.ask(M.version, .word(1 << 30), .text("9P2000.u"))
        #expect(answer.number(UInt32.self) == 1 << 20 && answer.text() == "unknown")
        #expect(client.refusal(M.version, .word(100), .text("9P2000.L")) == EMSGSIZE)
        // The fids of the last session are none of this one's.
        #expect(client.refusal(M.getattr, .word(Self.root), .long(0)) == EBADF)
    }

    @Test("A walk goes as far as there is something, and says how far; a fid is there once")
    func walk() throws {
        let client = try NinePClient()
        try client.ask(M.mkdir, .word(Self.root), .text("a"), .word(0o755), .word(0))
        var answer = try client.ask(
            M.walk, .word(Self.root), .word(7), .short(2), .text("a"), .text("nothing"))
        #expect(answer.number(UInt16.self) == 1)
        #expect(client.refusal(M.getattr, .word(7), .long(0)) == EBADF)
        #expect(client.refusal(M.walk, .word(Self.root), .word(7), .short(1), .text("nothing")) == ENOENT)
        let a = try client.walk("a")
        #expect(try client.attributes(a).kind == 0x80)
        #expect(client.refusal(M.walk, .word(Self.root), .word(a), .short(0)) == EINVAL)
        try client.ask(M.clunk, .word(a))
        #expect(client.refusal(M.clunk, .word(a)) == EBADF)
    }

    @Test("No name leads out: not above the root, not by a link, not by a name that is a path")
    func confinement() throws {
        let client = try NinePClient()
        let up = try client.walk("..", "..", "..")
        #expect(try client.attributes(up) == client.attributes(Self.root))
        for name in ["../outside/secret", "/etc/passwd", "a/b", "", "a\0b"] {
            #expect(client.refusal(M.walk, .word(Self.root), .word(9), .short(1), .text(name)) == ENOENT, "\(name)")
        }
        try FileManager.default.createSymbolicLink(
            at: client.share.appending(path: "way-out"), withDestinationURL: client.outside)
        try FileManager.default.createSymbolicLink(
            at: client.share.appending(path: "file-out"),
            withDestinationURL: client.outside.appending(path: "secret"))
        let link = try client.walk("way-out")
        #expect(try client.attributes(link).kind == 0x02)
        #expect(throws: Refused(code: ENOENT)) { try client.walk("way-out", "secret") }
        #expect(client.refusal(M.walk, .word(link), .word(9), .short(1), .text("secret")) == ENOTDIR)
        for fid in [link, try client.walk("file-out")] {
            #expect(client.refusal(M.lopen, .word(fid), .word(0)) == ELOOP)
            #expect(client.refusal(M.lopen, .word(fid), .word(0o1001)) == ELOOP)
            #expect(client.refusal(M.readdir, .word(fid), .long(0), .word(4096)) == EBADF)
            let times: [Field] = [
                .word(8), .word(0), .word(0), .word(0), .long(0), .long(0), .long(0), .long(0), .long(0),
            ]
            #expect(client.server.answer(NinePClient.message(M.setattr, [.word(fid)] + times), limit: 4096)[4] == 7)
        }
        // To make a file by a link that leads out makes none.
        let parent = try client.walk()
        #expect(
            client.refusal(M.lcreate, .word(parent), .text("file-out"), .word(0o1102), .word(0o644), .word(0)) == ELOOP)
        #expect(client.refusal(M.mkdir, .word(link), .text("d"), .word(0o755), .word(0)) == ENOTDIR)
        #expect(client.refusal(M.unlinkat, .word(link), .text("secret"), .word(0)) == ENOTDIR)
        #expect(try text(client.outside.appending(path: "secret")) == "hidden")
        for name in [".", ".."] {
            #expect(client.refusal(M.mkdir, .word(Self.root), .text(name), .word(0o755), .word(0)) == EEXIST)
            #expect(client.refusal(M.unlinkat, .word(Self.root), .text(name), .word(0x200)) == EEXIST)
        }
    }

    @Test("A directory that became a link to elsewhere is not gone through")
    func swappedDirectory() throws {
        let client = try NinePClient()
        try client.ask(M.mkdir, .word(Self.root), .text("d"), .word(0o755), .word(0))
        let directory = try client.walk("d")
        try client.make("secret", "inside", in: directory)
        let file = try client.walk("d", "secret")
        try FileManager.default.removeItem(at: client.share.appending(path: "d"))
        try FileManager.default.createSymbolicLink(
            at: client.share.appending(path: "d"), withDestinationURL: client.outside)
        #expect(client.refusal(M.lopen, .word(file), .word(0)) == ENOTDIR)
        #expect(
            client.refusal(M.lcreate, .word(directory), .text("new"), .word(0o101), .word(0o644), .word(0)) == ENOTDIR)
        #expect(try FileManager.default.contentsOfDirectory(atPath: client.outside.path()) == ["secret"])
    }

    @Test("A FIFO of the host's is seen, and not opened")
    func special() throws {
        let client = try NinePClient()
        #expect(mkfifo(client.share.appending(path: "fifo").path(), 0o600) == 0)
        let fid = try client.walk("fifo")
        #expect(try client.attributes(fid).mode & 0o170000 == 0o010000)
        #expect(client.refusal(M.lopen, .word(fid), .word(2)) == ENXIO)
    }

    // MARK: Files

    @Test("Files are made, written, read and cut, and are the host's files")
    func files() throws {
        let client = try NinePClient()
        try client.make("file", "hello, world")
        let path = client.share.appending(path: "file")
        #expect(try text(path) == "hello, world")
        let fid = try client.walk("file")
        try client.ask(M.lopen, .word(fid), .word(2))
        #expect(try client.read(fid, at: 7, count: 3) == "wor")
        #expect(try client.read(fid, at: 100) == "")
        var answer = try client.ask(M.write, .word(fid), .long(7), .word(5), .data(Array("there".utf8)))
        #expect(answer.number(UInt32.self) == 5)
        try client.ask(M.fsync, .word(fid), .word(1))
        #expect(try text(path) == "hello, there")
        try client.ask(
            M.setattr, .word(fid), .word(8 | 1), .word(0o600), .word(0), .word(0), .long(5), .long(0), .long(0),
            .long(0), .long(0))
        #expect(try client.attributes(fid).size == 5)
        #expect(try client.attributes(fid).mode == 0o100600)
        // What is open goes on without its name.
        try client.ask(M.unlinkat, .word(Self.root), .text("file"), .word(0))
        #expect(try client.read(fid) == "hello")
        #expect(try client.attributes(fid).size == 5)
        try client.ask(M.clunk, .word(fid))
        #expect(throws: Refused(code: ENOENT)) { try client.walk("file") }
        // The lock is the guest's own.
        try client.make("other")
        let other = try client.walk("other")
        answer = try client.ask(
            M.lock, .word(other), .byte(1), .word(1), .long(0), .long(0), .word(1), .text("client"))
        #expect(answer.number(UInt8.self) == 0)
        #expect(client.refusal(M.xattrwalk, .word(other), .word(50), .text("security.selinux")) == EOPNOTSUPP)
    }

    @Test("Making a file that is there opens it, unless it is to be new; appending and truncating do what they say")
    func flags() throws {
        let client = try NinePClient()
        try client.make("file", "one")
        let fid = try client.walk()
        #expect(client.refusal(M.lcreate, .word(fid), .text("file"), .word(0o302), .word(0o644), .word(0)) == EEXIST)
        try client.ask(M.lcreate, .word(fid), .text("file"), .word(0o2102), .word(0o644), .word(0))
        try client.ask(M.write, .word(fid), .long(0), .word(3), .data(Array("two".utf8)))
        #expect(try client.contents("file") == "onetwo")
        let other = try client.walk("file")
        try client.ask(M.lopen, .word(other), .word(0o1001))
        #expect(try client.contents("file") == "")
        #expect(client.refusal(M.lopen, .word(other), .word(0)) == EINVAL)
        #expect(client.refusal(M.walk, .word(other), .word(400), .short(0)) == EINVAL)
    }

    @Test("Times are those that are set, or now")
    func times() throws {
        let client = try NinePClient()
        try client.make("file")
        let fid = try client.walk("file")
        try client.ask(
            M.setattr, .word(fid), .word(0x20 | 0x100 | 0x10), .word(0), .word(0), .word(0), .long(0), .long(0),
            .long(0), .long(1_000_000_000), .long(5))
        var status = stat()
        stat(client.share.appending(path: "file").path(), &status)
        #expect(status.st_mtim.tv_sec == 1_000_000_000 && status.st_mtim.tv_nsec == 5)
        #expect(status.st_atim.tv_sec > 1_600_000_000)
        #expect(
            client.refusal(
                M.setattr, .word(fid), .word(0x120), .word(0), .word(0), .word(0), .long(0), .long(0), .long(0),
                .long(0), .long(1_000_000_000)) == EINVAL)
    }

    @Test("Directories are read whole, however few bytes are asked for at once, and have nothing above the root")
    func directories() throws {
        let client = try NinePClient()
        let names = (0..<100).map { "file-\($0)" }
        for name in names { try client.make(name) }
        try client.ask(M.mkdir, .word(Self.root), .text("directory"), .word(0o755), .word(0))
        try client.ask(M.symlink, .word(Self.root), .text("link"), .text("../outside"), .word(0))
        let fid = try client.walk()
        try client.ask(M.lopen, .word(fid), .word(0o200000))
        for count in [60, 300, 60000] as [UInt32] {
            let entries = try client.entries(fid, count: count)
            #expect(Set(entries.map(\.name)) == Set(names + ["directory", "link", ".", ".."]))
            #expect(entries.count == names.count + 4)
            let byName = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })
            #expect(byName["directory"]?.kind == 0x80 && byName["link"]?.kind == 0x02)
            #expect(byName["."]?.number == byName[".."]?.number)
        }
        #expect(client.refusal(M.read, .word(fid), .long(0), .word(10)) == EISDIR)
        #expect(client.refusal(M.lopen, .word(Self.root), .word(2)) == EISDIR)
        #expect(client.refusal(M.unlinkat, .word(Self.root), .text("directory"), .word(0)) == EISDIR)
        try client.ask(M.unlinkat, .word(Self.root), .text("directory"), .word(0x200))
        let link = try client.walk("link")
        var answer = try client.ask(M.readlink, .word(link))
        #expect(answer.text() == "../outside")
    }

    @Test("Names move, and whoever is below moves with them")
    func renaming() throws {
        let client = try NinePClient()
        for name in ["a", "b"] {
            try client.ask(M.mkdir, .word(Self.root), .text(name), .word(0o755), .word(0))
        }
        let (a, b) = (try client.walk("a"), try client.walk("b"))
        try client.make("file", "contents", in: a)
        let file = try client.walk("a", "file")
        try client.ask(M.renameat, .word(Self.root), .text("a"), .word(b), .text("c"))
        #expect(try client.attributes(file).size == 8)
        #expect(try client.contents("b", "c", "file") == "contents")
        try client.ask(M.rename, .word(file), .word(Self.root), .text("top"))
        #expect(try client.contents("top") == "contents")
        #expect(client.refusal(M.renameat, .word(Self.root), .text("b"), .word(a), .text("x")) == EINVAL)
        // What another one takes the place of is gone, and not another one.
        try client.make("other", "other")
        let old = try client.walk("top")
        try client.ask(M.renameat, .word(Self.root), .text("other"), .word(Self.root), .text("top"))
        #expect(client.refusal(M.getattr, .word(old), .long(0)) == ENOENT)
        #expect(try client.contents("top") == "other")
        try client.ask(M.link, .word(Self.root), .word(try client.walk("top")), .text("second"))
        #expect(try client.contents("second") == "other")
        try client.ask(M.remove, .word(try client.walk("second")))
        #expect(throws: Refused(code: ENOENT)) { try client.walk("second") }
    }

    @Test("A share that is read-only is read, and nothing else")
    func readOnly() throws {
        let client = try NinePClient(isReadOnly: true)
        try Data("text".utf8).write(to: client.share.appending(path: "file"))
        #expect(try client.contents("file") == "text")
        let file = try client.walk("file")
        #expect(client.refusal(M.lopen, .word(file), .word(1)) == EROFS)
        #expect(client.refusal(M.lopen, .word(file), .word(0o1000)) == EROFS)
        #expect(client.refusal(M.mkdir, .word(Self.root), .text("d"), .word(0o755), .word(0)) == EROFS)
        #expect(client.refusal(M.symlink, .word(Self.root), .text("l"), .text("t"), .word(0)) == EROFS)
        #expect(
            client.refusal(M.mknod, .word(Self.root), .text("n"), .word(0o100644), .word(0), .word(0), .word(0))
                == EROFS)
        #expect(client.refusal(M.link, .word(Self.root), .word(file), .text("l")) == EROFS)
        #expect(client.refusal(M.renameat, .word(Self.root), .text("file"), .word(Self.root), .text("x")) == EROFS)
        #expect(client.refusal(M.rename, .word(file), .word(Self.root), .text("x")) == EROFS)
        #expect(client.refusal(M.unlinkat, .word(Self.root), .text("file"), .word(0)) == EROFS)
        #expect(
            client.refusal(
                M.setattr, .word(file), .word(1), .word(0), .word(0), .word(0), .long(0), .long(0), .long(0), .long(0),
                .long(0)) == EROFS)
        let parent = try client.walk()
        #expect(client.refusal(M.lcreate, .word(parent), .text("n"), .word(0o101), .word(0o644), .word(0)) == EROFS)
        #expect(client.refusal(M.remove, .word(file)) == EROFS)
        #expect(try FileManager.default.contentsOfDirectory(atPath: client.share.path()) == ["file"])
    }

    @Test("An answer is never longer than its buffer or than was agreed on")
    func limits() throws {
        let client = try NinePClient()
        try client.make("file", String(repeating: "x", count: 60000))
        _ = try client.ask(M.version, .word(4096), .text("9P2000.L"))
        _ = try client.ask(M.attach, .word(Self.root), .word(NinePClient.noFid), .text(""), .text(""), .word(0))
        let fid = try client.walk("file")
        try client.ask(M.lopen, .word(fid), .word(0))
        #expect(try client.read(fid, count: UInt32.max).count == 4096 - 11)
        var answer = try client.ask(M.read, .word(fid), .long(0), .word(4000), limit: 100)
        #expect(answer.number(UInt32.self) == 89)
        #expect(throws: Refused(code: EMSGSIZE)) { try client.ask(M.getattr, .word(fid), .long(0), limit: 100) }
        let long = NinePClient.message(
            M.write, [.word(fid), .long(0), .word(8000), .data([UInt8](repeating: 0, count: 8000))])
        #expect(client.server.answer(long, limit: 4096)[4] == 7)
    }

    @Test("There is an end to what may be open, and to how many fids there are")
    func bounds() throws {
        let client = try NinePClient(openFiles: NinePOpenFiles(limit: 4))
        try client.make("file")
        var fids: [UInt32] = []
        for _ in 0..<4 {
            fids.append(try client.walk("file"))
            try client.ask(M.lopen, .word(fids[fids.count - 1]), .word(0))
        }
        let another = try client.walk("file")
        #expect(client.refusal(M.lopen, .word(another), .word(0)) == EMFILE)
        try client.ask(M.clunk, .word(fids[0]))
        try client.ask(M.lopen, .word(another), .word(0))
        var refused: Int32?
        for number in 1000..<(1000 + 1 << 17) as Range<UInt32> where refused == nil {
            refused = client.refusal(M.walk, .word(Self.root), .word(number), .short(0))
        }
        #expect(refused == ENFILE)
    }

    @Test("Shares that have their open files together give each other what they do not use")
    func boundsTogether() throws {
        let openFiles = NinePOpenFiles(limit: 4)
        let clients = try (0..<2).map { _ in try NinePClient(openFiles: openFiles) }
        var fids: [UInt32] = []
        for client in clients { try client.make("file") }
        func open(_ client: NinePClient) throws -> Int32? {
            fids.append(try client.walk("file"))
            return client.refusal(M.lopen, .word(fids[fids.count - 1]), .word(0))
        }
        for client in [clients[0], clients[0], clients[0], clients[1]] { #expect(try open(client) == nil) }
        for client in clients { #expect(try open(client) == EMFILE) }
        try clients[0].ask(M.clunk, .word(fids[0]))
        #expect(try open(clients[1]) == nil)
        #expect(try open(clients[0]) == EMFILE)
        clients[0].server.reset()
        #expect(try open(clients[1]) == nil && open(clients[1]) == nil)
        #expect(try open(clients[1]) == EMFILE)
    }

    // MARK: Owners

    @Test("Mapped owners, modes, links and devices are the guest's, and on the host files of this user's")
    func mapped() throws {
        let client = try NinePClient(.mapped)
        try client.make("file", "text", mode: 0o4755)
        let file = try client.walk("file")
        var status = stat()
        lstat(client.share.appending(path: "file").path(), &status)
        try #require(status.st_mode == 0o100600)
        #expect(
            try client.attributes(file)
                == .init(kind: 0, mode: 0o104755, uid: 1000, gid: 1000, device: 0, size: 4))
        try client.ask(
            M.setattr, .word(file), .word(7), .word(0o640), .word(5), .word(6), .long(0), .long(0), .long(0), .long(0),
            .long(0))
        #expect(try client.attributes(file).mode == 0o100640)
        #expect(try client.attributes(file).uid == 5 && client.attributes(file).gid == 6)
        try client.ask(M.symlink, .word(Self.root), .text("link"), .text("../outside/secret"), .word(0))
        lstat(client.share.appending(path: "link").path(), &status)
        #expect(status.st_mode == 0o100600)
        let link = try client.walk("link")
        #expect(try client.attributes(link).kind == 0x02 && client.attributes(link).mode == 0o120777)
        var answer = try client.ask(M.readlink, .word(link))
        #expect(answer.text() == "../outside/secret")
        #expect(client.refusal(M.lopen, .word(link), .word(0)) == ELOOP)
        try client.ask(
            M.mknod, .word(Self.root), .text("null"), .word(0o020666), .word(1), .word(3), .word(0))
        let device = try client.walk("null")
        #expect(try client.attributes(device).mode == 0o020666 && client.attributes(device).device == 0x103)
        #expect(client.refusal(M.lopen, .word(device), .word(0)) == ENXIO)
        try client.ask(M.mkdir, .word(Self.root), .text("d"), .word(0o1777), .word(7))
        #expect(try client.attributes(client.walk("d")).mode == 0o041777)
        #expect(try client.attributes(client.walk("d")).gid == 7)
    }

    @Test("Without a map a guest makes no devices, and its files have the modes that it says")
    func unmapped() throws {
        let client = try NinePClient()
        let old = umask(0o077)
        try client.make("file", mode: 0o664)
        umask(old)
        #expect(try client.attributes(client.walk("file")).mode == 0o100664)
        #expect(
            client.refusal(M.mknod, .word(Self.root), .text("n"), .word(0o020666), .word(1), .word(3), .word(0))
                == EPERM)
        try client.ask(M.mknod, .word(Self.root), .text("f"), .word(0o010600), .word(0), .word(0), .word(0))
        #expect(try client.attributes(client.walk("f")).mode == 0o010600)
    }

    // MARK: Going on

    @Test("A session that is saved goes on at another server: fids, what is open, and where")
    func saved() throws {
        let client = try NinePClient()
        try client.ask(M.mkdir, .word(Self.root), .text("d"), .word(0o755), .word(0))
        let directory = try client.walk("d")
        try client.make("file", "text", in: directory)
        let file = try client.walk("d", "file")
        try client.ask(M.lopen, .word(file), .word(0o1002))
        try client.ask(M.write, .word(file), .long(0), .word(3), .data(Array("new".utf8)))
        let saved = client.server.saved
        let other = try NinePServer(NinePShare(path: client.share.path()))
        #expect(other.restore(saved))
        #expect(other.saved == saved)
        let answer = other.answer(NinePClient.message(M.read, [.word(file), .long(0), .word(10)]), limit: 100)
        #expect(answer[4] == M.read + 1 && answer.suffix(3) == Array("new".utf8)[...])
    }
}
