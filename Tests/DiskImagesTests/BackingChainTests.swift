import Foundation
import HostSupport
import TestSupport
import Testing

@testable import DiskImages

@Suite("qcow2: backing files", .needs(QEMUTool.areThere, "qemu-img: apt-get install qemu-utils"))
struct BackingChainTests {
    private func make(_ arguments: [String]) throws {
        try QEMUTool.expect("qemu-img", ["create", "-q", "-f", "qcow2"] + arguments)
    }

    @Test("A chain of images is one disk, and the names are relative to the image that has them")
    func chain() throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(atPath: directory.file("below"), withIntermediateDirectories: true)
        var numbers = Numbers(5)
        var model = numbers.bytes(1 << 20)
        try Data(model).write(to: URL(filePath: directory.file("below/base.raw")))
        try make(["-b", "base.raw", "-F", "raw", directory.file("below/middle.qcow2")])
        try QEMUTool.expect(
            "qemu-io", ["-f", "qcow2", "-c", "write -P 7 65536 65536", directory.file("below/middle.qcow2")])
        model.replaceSubrange(65536..<131072, with: repeatElement(7, count: 65536))
        try make(["-b", "below/middle.qcow2", "-F", "qcow2", directory.file("top.qcow2"), "2M"])
        model += [UInt8](repeating: 0, count: 1 << 20)
        let image = try Qcow2Image(path: directory.file("top.qcow2"), readOnly: false)
        #expect(image.backingFiles.map(\.format) == [.qcow2, .raw])
        #expect(try image.bytes(model.count, at: 0) == model)
        try image.write([UInt8](repeating: 9, count: 1024), at: 66 << 10)
        model.replaceSubrange(66 << 10..<67 << 10, with: repeatElement(9, count: 1024))
        try image.synchronize()
        #expect(try image.bytes(model.count, at: 0) == model)
        // The files behind it are kept from being written meanwhile, and may be read.
        let middle = directory.file("below/middle.qcow2")
        #expect(throws: DiskImageError.locked(path: middle, readOnly: false)) {
            try Qcow2Image(path: middle, readOnly: false)
        }
        #expect(try Qcow2Image(path: middle, readOnly: true).byteCount == 1 << 20)
        // What is in a hole everywhere is known to be zero without being read.
        #expect(try image.nextData(from: 0) == 0)
        #expect(try image.nextData(from: 1 << 20) == nil)
        let sparse = directory.file("sparse.raw")
        try Data().write(to: URL(filePath: sparse))
        try #require(truncate(sparse, 64 << 20) == 0)
        try make(["-b", sparse, "-F", "raw", directory.file("over.qcow2")])
        try QEMUTool.expect("qemu-io", ["-f", "qcow2", "-c", "write 33M 64k", directory.file("over.qcow2")])
        #expect(try Qcow2Image(path: directory.file("over.qcow2"), readOnly: true).nextData(from: 0) == 33 << 20)
        image.unlockBacking()
        #expect(try Qcow2Image(path: middle, readOnly: false).byteCount == 1 << 20)
        withExtendedLifetime(image) {}
    }

    @Test("A backing file that is written by somebody is refused")
    func writtenBacking() throws {
        let directory = try TemporaryDirectory()
        let base = directory.file("base.raw")
        try Data(count: 1 << 20).write(to: URL(filePath: base))
        try make(["-b", base, "-F", "raw", directory.file("top.qcow2")])
        let writer = try HostDisk(path: base, forWriting: true)
        try writer.lock(exclusively: true)
        #expect(throws: DiskImageError.backing(of: directory.file("top.qcow2"), .locked(path: base, readOnly: true))) {
            try Qcow2Image(path: directory.file("top.qcow2"), readOnly: false)
        }
        withExtendedLifetime(writer) {}
    }

    @Test("A backing file's format is what the image says, and nothing is guessed")
    func formats() throws {
        let directory = try TemporaryDirectory()
        let base = directory.file("base.qcow2")
        try make([base, "1M"])
        let top = directory.file("top.qcow2")
        // Taken for raw although it looks like qcow2: that is what the image says.
        try Qcow2Image.create(
            at: top, byteCount: 1 << 20, options: .init(backing: .init(name: "base.qcow2", format: .raw)))
        #expect(try Qcow2Image(path: top, readOnly: true).bytes(4, at: 0) == Qcow2Header.magic)
        // Older images say nothing.
        var bytes = Array(try Data(contentsOf: URL(filePath: top)))
        let at = try #require(bytes.firstRange(of: [0xE2, 0x79, 0x2A, 0xCA]))
        bytes.replaceSubrange(at, with: [0x12, 0x34, 0x56, 0x78])
        try Data(bytes).write(to: URL(filePath: top))
        let error = #expect(throws: DiskImageError.self) { try Qcow2Image(path: top, readOnly: true) }
        #expect(error == .backingFormatMissing(path: top, backing: base))
        #expect(error?.description.contains("rebase -u -F") == true)
        bytes.replaceSubrange(at, with: [0xE2, 0x79, 0x2A, 0xCA])
        bytes.replaceSubrange(at.upperBound + 4..<at.upperBound + 7, with: Array("vdi".utf8))
        try Data(bytes).write(to: URL(filePath: top))
        #expect(throws: DiskImageError.unsupported(path: top, .backingFormat("vdi"))) {
            try Qcow2Image(path: top, readOnly: true)
        }
    }

    @Test("An image that nobody named as one must not name files of the host")
    func unnamed() throws {
        let directory = try TemporaryDirectory()
        let top = directory.file("top.qcow2")
        try Qcow2Image.create(
            at: top, byteCount: 1 << 20, options: .init(backing: .init(name: "/etc/passwd", format: .raw)))
        let disk = try HostDisk(path: top, forWriting: false)
        #expect(throws: DiskImageError.unnamedFormat(path: top, backing: "/etc/passwd")) {
            try Qcow2Image(disk, path: top, readOnly: true, isNamed: false)
        }
    }

    @Test("A chain that is a circle, too long, or not of plain files is refused")
    func loops() throws {
        let directory = try TemporaryDirectory()
        func create(_ name: String, _ backing: String) throws {
            try Qcow2Image.create(
                at: directory.file(name), byteCount: 1 << 20,
                options: .init(backing: .init(name: backing, format: .qcow2)))
        }
        try create("a", "b")
        try create("b", "./a")
        let error = #expect(throws: DiskImageError.self) { try Qcow2Image(path: directory.file("a"), readOnly: true) }
        #expect(error?.description.contains("its own backing file") == true, "\(String(describing: error))")
        for index in 0..<40 { try create("c\(index)", "c\(index + 1)") }
        try Qcow2Image.create(at: directory.file("c40"), byteCount: 1 << 20)
        let long = #expect(throws: DiskImageError.self) { try Qcow2Image(path: directory.file("c0"), readOnly: true) }
        #expect(long?.description.contains("longer than 16") == true, "\(String(describing: long))")
        #expect(long == .backingChainTooLong(path: directory.file("c0"), limit: 16))
        #expect(try Qcow2Image(path: directory.file("c30"), readOnly: true).backingFiles.count == 10)
        for name in ["nbd:localhost:10809", "json:{}", "http://host/a"] {
            #expect(throws: DiskImageError.self) { try create("d", name) }
            #expect(throws: DiskImageError.unsupported(path: "x/d", .protocolName(name))) {
                try BackingChain.path(of: name, from: "x/d")
            }
        }
        #expect(try BackingChain.path(of: "file:e", from: "x/d") == "x/e")
        #expect(try BackingChain.path(of: "/e:f", from: "x/d") == "/e:f")
        mkfifo(directory.file("pipe"), 0o600)
        try Qcow2Image.create(
            at: directory.file("e"), byteCount: 1 << 20, options: .init(backing: .init(name: "pipe", format: .raw)))
        #expect(throws: DiskImageError.self) { try Qcow2Image(path: directory.file("e"), readOnly: true) }
    }

    @Test(
        "A new image is what qemu-img makes of the same words, as far as qemu-img tells", arguments: [2, 3] as [UInt32])
    func creation(version: UInt32) throws {
        let directory = try TemporaryDirectory()
        for size in [UInt64(512), 1 << 20, 5 << 30, 1 << 44] {
            for bits in [9, 16, 21] where size <= 1 << 36 || bits > 9 {
                let path = directory.file("\(size)-\(bits)")
                var options = Qcow2Image.Options()
                options.version = version
                options.clusterBits = bits
                try Qcow2Image.create(at: path, byteCount: size, options: options)
                try QEMUTool.check(path)
                let text = try QEMUTool.expect("qemu-img", ["info", "--output=json", path])
                #expect(text.contains("\"virtual-size\": \(size),"))
                #expect(text.contains("\"cluster-size\": \(1 << bits),"))
                #expect(text.contains("\"compat\": \"\(version == 2 ? "0.10" : "1.1")\""))
                #expect(throws: DiskImageError.alreadyThere(path: path)) {
                    try Qcow2Image.create(at: path, byteCount: size, options: options)
                }
            }
        }
        #expect(throws: DiskImageError.self) {
            try Qcow2Image.create(at: directory.file("odd"), byteCount: 1000)
        }
        #expect(throws: DiskImageError.self) {
            try Qcow2Image.create(at: directory.file("huge"), byteCount: 1 << 60)
        }
        #expect(!FileManager.default.fileExists(atPath: directory.file("huge")))
    }
}
