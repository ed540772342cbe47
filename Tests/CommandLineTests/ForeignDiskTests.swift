import FoundationEssentials
import Glibc
import TestSupport
import Testing

/// Files that the tools of each format make.
@Suite("Disks in other formats")
struct ForeignDiskTests {
    /// What is made, how (a script that makes `$1` from the raw disk `$2`), and what it is called.
    struct Foreign: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var script: String
        var name: String

        static func image(_ format: String, _ name: String, options: String = "") -> Foreign {
            Foreign(
                testDescription: format + options,
                script: "qemu-img convert -f raw -O \(format) \(options.isEmpty ? "" : "-o \(options)") \"$2\" \"$1\"",
                name: name)
        }

        static func compressed(_ command: String, _ name: String) -> Foreign {
            Foreign(testDescription: name, script: "\(command) <\"$2\" >\"$1\"", name: name)
        }
    }

    static let foreign: [Foreign] = [
        .image("qcow", "qcow"),
        .image("qed", "QED"), .image("vmdk", "VMDK"), .image("vmdk", "VMDK", options: "subformat=streamOptimized"),
        .image("vmdk", "VMDK", options: "subformat=monolithicFlat"), .image("vdi", "VDI"), .image("vhdx", "VHDX"),
        .image("vpc", "VHD"), .image("vpc", "VHD", options: "subformat=fixed"), .image("parallels", "Parallels"),
        .compressed("gzip -c", "gzip"), .compressed("xz -c", "xz"), .compressed("zstd -q -c", "zstd"),
        .compressed("bzip2 -c", "bzip2"), .compressed("lz4 -q -c", "LZ4"), .compressed("lz4 -q -l -c", "LZ4"),
        .compressed("lzop -c", "lzop"),
        Foreign(testDescription: "ZIP", script: "python3 -m zipfile -c \"$1\" \"$2\"", name: "ZIP"),
    ]

    /// A guest that calls SYSTEM_OFF at once, in an endless loop behind it.
    static let powerOff: [UInt8] = [0x5280_0100, 0x72B0_8000, 0xD400_0002, 0x1400_0000].flatMap { (word: UInt32) in
        withUnsafeBytes(of: word.littleEndian) { Array($0) }
    }

    private func make(_ foreign: Foreign, in directory: TemporaryDirectory) async throws -> String {
        let raw = try directory.file("raw.img", (0..<2 << 20).map { UInt8(truncatingIfNeeded: $0 / 997) })
        let path = "\(directory.path)/disk"
        let made = try await Command.shell(foreign.script, path, raw)
        try #require(made.exitCode == 0, "\(made.error)")
        // What a guest can be given: whole sectors.
        let rounded = try await Command.shell("truncate -c -s %512 \"$1\"", path)
        try #require(rounded.exitCode == 0)
        return path
    }

    @Test("A disk in another format is refused in words that name it, unless somebody insists", arguments: foreign)
    func refused(foreign: Foreign) async throws {
        let directory = try TemporaryDirectory()
        let disk = try await make(foreign, in: directory)
        let kernel = try directory.file("kernel.bin", Self.powerOff)
        for argument in [disk, "\(disk),readonly=on"] {
            let result = try await Command.run(["run", "--kernel", kernel, "--disk", argument])
            #expect(result.exitCode == 64)
            #expect(result.errorLines.count == 1, "\(result.error)")
            #expect(result.error.contains(foreign.name) && result.error.contains(",format=raw"), "\(result.error)")
        }
        let inspected = try await Command.run(["image", "inspect", disk])
        #expect(inspected.exitCode == 64 && inspected.error.contains(foreign.name), "\(inspected.error)")
        #expect(inspected.error.contains("--disk-format raw"))

        let insisted = try await Command.run(["run", "--kernel", kernel, "--disk", "\(disk),readonly=on,format=raw"])
        #expect(insisted.exitCode == 0, "\(insisted.error)")
        #expect(try await Command.run(["image", "inspect", disk, "--disk-format", "raw"]).exitCode == 1)
    }

    @Test("A kept VM keeps that its disk is raw, and one that is not is refused before anything is made")
    func kept() async throws {
        let directory = try TemporaryDirectory()
        let disk = try await make(.image("vdi", "VDI"), in: directory)
        let kernel = try directory.file("kernel.bin", Self.powerOff)
        let store = ["--store", "\(directory.path)/store"]
        let refused = try await Command.run(["create", "vm", "--kernel", kernel, "--disk", disk] + store)
        #expect(refused.exitCode == 64 && refused.error.contains("VDI"), "\(refused.error)")
        let made = try await Command.run(["create", "vm", "--kernel", kernel, "--disk", "\(disk),format=raw"] + store)
        #expect(made.exitCode == 0, "\(made.error)")
        #expect(try await Command.run(["start", "vm"] + store).exitCode == 0)
        let path = "\(directory.path)/store/vm/vm.toml"
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        #expect(text.contains("format = 'raw'"))
        try Data(text.replacing("format = 'raw'", with: "format = 'vdi'").utf8).write(to: URL(filePath: path))
        let unknown = try await Command.run(["start", "vm"] + store)
        #expect(unknown.exitCode == 64 && unknown.error.contains("raw"), "\(unknown.error)")
        try Data(text.replacing("format = 'raw'", with: "").utf8).write(to: URL(filePath: path))
        let started = try await Command.run(["start", "vm"] + store)
        #expect(started.exitCode == 64 && started.error.contains("VDI"), "\(started.error)")
    }
}
