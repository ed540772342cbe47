import DiskImages
import FoundationEssentials
import Glibc
import Machine
import SystemPackage
import TestSupport
import Testing

@testable import DormouseCommand

@Suite("Making and copying disks")
struct ImageMakingTests {
    private static let content = (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0 / 997) }

    private func image(_ arguments: String...) async throws -> Finished {
        try await Command.run(["image"] + arguments)
    }

    /// `$1` and so on are files in the directory.
    private func shell(_ script: String, in directory: TemporaryDirectory) async throws -> String {
        let done = try await Command.shell("cd \"$1\" && \(script)", directory.path)
        try #require(done.exitCode == 0, "\(script): \(done.error)\(done.output)")
        return done.output
    }

    @Test(
        "A size is in bytes, or in units of 1024",
        arguments: [
            ("8G", 8 << 30), ("512M", 512 << 20), ("1t", 1 << 40), ("4096", 4096), ("10k", 10240), ("0", nil),
            ("1000", nil), ("8GB", nil), ("-1", nil), ("", nil), ("99999999T", nil), ("1.5G", nil),
        ] as [(String, UInt64?)])
    func sizes(text: String, byteCount: UInt64?) {
        #expect(DiskSizeArgument(argument: text)?.byteCount == byteCount)
    }

    @Test("A new disk is what qemu-img says it is, and nothing is replaced")
    func create() async throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/a"
        #expect(try await image("create", path, "8G").exitCode == 0)
        let information = try await shell(
            "qemu-img check -q a && qemu-img info --output=json a && du -k a", in: directory)
        #expect(information.contains("\"virtual-size\": 8589934592") && information.contains("\"format\": \"qcow2\""))
        let again = try await image("create", path, "1G")
        #expect(again.exitCode == 64 && again.errorLines.count == 1 && again.error.contains("exists"), "\(again.error)")
        #expect(try await image("create", "\(directory.path)/b", "1G", "--format", "raw").exitCode == 0)
        #expect(try await shell("stat -c '%s %b' b", in: directory) == "1073741824 0\n")
        for wrong in [
            ["c"], ["c", "1G", "--format", "raw", "--backing", "b"], ["c", "1G", "--backing-format", "raw"],
            ["c", "7"],
        ] {
            #expect(try await Command.run(["image", "create"] + wrong).exitCode == 64, "\(wrong)")
        }
    }

    @Test("An overlay has its disk's size and format, and both can be moved together")
    func overlay() async throws {
        let directory = try TemporaryDirectory()
        let raw = try directory.file("base", Self.content)
        #expect(try await image("create", "\(directory.path)/top", "--backing", raw).exitCode == 0)
        #expect(
            try await image(
                "create", "\(directory.path)/above", "4M", "--backing", "\(directory.path)/top", "--backing-format",
                "qcow2"
            ).exitCode == 0)
        let unnamed = try await image("create", "\(directory.path)/other", "--backing", "\(directory.path)/top")
        #expect(unnamed.exitCode == 64 && unnamed.error.contains("--backing-format qcow2"), "\(unnamed.error)")
        let text = try await shell(
            "mkdir d && mv base top above d && qemu-img check -q d/above && qemu-img info --backing-chain d/above && "
                + "qemu-img compare -f qcow2 -F raw d/top d/base", in: directory)
        #expect(
            text.contains("virtual size: 4 MiB") && text.contains("backing file: base") && text.contains("identical"))
        #expect(text.contains("backing file format: raw") && text.contains("backing file format: qcow2"))
    }

    @Test(
        "A disk is copied into another format byte for byte, and takes room for what is there",
        arguments: [nil, "qcow2", "raw"])
    func convert(from: String?) async throws {
        let directory = try TemporaryDirectory()
        // Something, a hole, something.
        _ = try directory.file("data", Self.content)
        _ = try await shell(
            "truncate -s 256M raw && dd if=data of=raw conv=notrunc status=none && "
                + "dd if=data of=raw bs=1M seek=200 conv=notrunc status=none && "
                + "qemu-img convert -c -f raw -O qcow2 raw qcow2 && qemu-img create -q -f qcow2 -b qcow2 -F qcow2 over && "
                + "qemu-io -f qcow2 -c 'write -P 9 100M 1M' over", in: directory)
        let path = directory.path
        let source = from ?? "over"
        let format = from ?? "qcow2"
        for target in ["qcow2", "raw"] {
            let done = try await image(
                "convert", "\(path)/\(source)", "\(path)/to-\(target)", "--format", target, "--from", format)
            #expect(done.exitCode == 0, "\(done.error)")
            let text = try await shell(
                "qemu-img compare -f \(format) -F \(target) \(source) to-\(target) && du -k to-\(target) && ls -a",
                in: directory)
            #expect(text.contains("identical"))
            let room = try #require(text.firstMatch(of: /(\d+)\s+to-/).flatMap { Int($0.output.1) })
            #expect(room < 8 << 10)
            #expect(!text.contains(".tmp"))
            if target == "qcow2" { _ = try await shell("qemu-img check -q to-qcow2", in: directory) }
        }
        let again = try await image("convert", "\(path)/raw", "\(path)/to-raw")
        #expect(again.exitCode == 64 && again.error.contains("exists"), "\(again.error)")
        #expect(try await image("convert", "\(path)/raw", "\(path)/to-raw", "--format", "raw", "--force").exitCode == 0)
        #expect(try await shell("cmp raw to-raw && ls -a", in: directory).contains(".tmp") == false)
        let same = try await image("convert", "\(path)/raw", "\(path)/raw", "--force")
        #expect(same.exitCode == 64 && same.error.contains("itself"), "\(same.error)")
    }

    @Test("Other formats are read by qemu-img, and a compressed file is refused with what unpacks it")
    func foreign() async throws {
        let directory = try TemporaryDirectory()
        _ = try directory.file("raw", Self.content)
        _ = try await shell("qemu-img convert -f raw -O vmdk raw a.vmdk && gzip -k raw", in: directory)
        let path = directory.path
        #expect(try await image("convert", "\(path)/a.vmdk", "\(path)/b").exitCode == 0)
        #expect(try await shell("qemu-img compare -f raw -F qcow2 raw b", in: directory).contains("identical"))
        let packed = try await image("convert", "\(path)/raw.gz", "\(path)/c")
        #expect(packed.exitCode == 64 && packed.error.contains("gzip -d"), "\(packed.error)")
        let wrong = try await image("convert", "\(path)/raw", "\(path)/c", "--from", "vmdk")
        #expect(wrong.exitCode == 64 && wrong.error.contains("vmdk"), "\(wrong.error)")
        let missing = try await Command.shell(
            "PATH=/nowhere \"$1\" image convert \"$2/a.vmdk\" \"$2/c\"", Command.path.string, path)
        #expect(missing.exitCode == 64 && missing.error.contains("qemu-utils"), "\(missing.error)")
        #expect(try await shell("ls -a", in: directory).contains(".tmp") == false)
        #expect(!FileManager.default.fileExists(atPath: "\(path)/c"))
    }
}

/// What is written goes elsewhere.
@Suite("Overlays of disks")
struct OverlayTests {
    /// A guest that calls SYSTEM_OFF at once.
    private static let kernel = ForeignDiskTests.powerOff

    @Test(
        "What follows overlay= is a file, wherever it stands behind the path",
        arguments: [
            ("a,overlay=b", "a", "b"), ("a,format=raw,overlay=b,readonly=off", "a", "b"),
            ("a,overlay=b,on-error=report", "a", "b"), ("a,overlay=c,b", "a", "c,b"),
            ("a,overlay=x,overlay=b", "a,overlay=x", "b"),
        ])
    func argument(text: String, path: String, overlay: String) {
        let disk = DiskArgument(text)
        #expect(disk?.disk.path == path && disk?.overlay == overlay)
        #expect(DiskArgument("a,overlay=") == nil && DiskArgument(",overlay=b") == nil)
        #expect(DiskArgument("a,format=qcow2,overlay=b,readonly=on")?.disk.format == .qcow2)
        #expect(DiskArgument("a,format=qcow2,overlay=b,readonly=on")?.disk.isReadOnly == true)
    }

    @Test("An overlay is made once, over what the disk is, and used again; that of another disk is refused")
    func overlay() async throws {
        let directory = try TemporaryDirectory()
        let kernel = try directory.file("kernel.bin", Self.kernel)
        let base = try directory.file("base", [UInt8](repeating: 3, count: 1 << 20))
        let other = try directory.file("other", [UInt8](repeating: 3, count: 1 << 20))
        let overlay = "\(directory.path)/over"
        func run(_ disk: String) async throws -> Finished {
            try await Command.run(["run", "--kernel", kernel, "--disk", disk])
        }
        for _ in 0..<2 { #expect(try await run("\(base),overlay=\(overlay)").exitCode == 0) }
        let information = try await Command.shell(#"qemu-img check -q "$1" && qemu-img info "$1""#, overlay)
        #expect(information.output.contains("backing file: base") && information.output.contains("format: raw"))
        let refused = try await run("\(other),overlay=\(overlay)")
        #expect(refused.exitCode == 64 && refused.error.contains("is an overlay of"), "\(refused.error)")
        let notOne = try await run("\(base),overlay=\(other)")
        #expect(notOne.exitCode == 64 && notOne.error.contains("magic"), "\(notOne.error)")
        // A kept VM has the overlay as its disk.
        let store = ["--store", "\(directory.path)/store"]
        let made = try await Command.run(
            ["create", "vm", "--kernel", kernel, "--disk", "\(base),overlay=\(overlay)2"] + store)
        #expect(made.exitCode == 0, "\(made.error)")
        let text = try String(
            decoding: Data(contentsOf: URL(filePath: "\(directory.path)/store/vm/vm.toml")), as: UTF8.self)
        #expect(text.contains("format = 'qcow2'") && text.contains("over2"))
        #expect(try await Command.run(["start", "vm"] + store).exitCode == 0)
    }

    @Test("With -snapshot nothing of a disk is changed, and nothing is left", arguments: ["-snapshot", ",snapshot=on"])
    func snapshot(option: String) async throws {
        let directory = try TemporaryDirectory()
        let kernel = try directory.file("kernel.bin", Self.kernel)
        let base = try directory.file("base", [UInt8](repeating: 3, count: 1 << 20))
        let drive = "file=\(base),format=raw" + (option.hasPrefix(",") ? option : "")
        let done = try await Command.shell(
            #"chmod 444 "$2"; export TMPDIR="$4"; "$1" qemu -M virt -kernel "$3" -nographic -drive "$5" $6; code=$?; ls -a "$4"; exit $code"#,
            Command.path.string, base, kernel, directory.path, drive, option.hasPrefix("-") ? option : "")
        #expect(done.exitCode == 0, "\(done.error)")
        #expect(
            Set(done.output.split(separator: "\n").map(String.init)).isSubset(of: [".", "..", "base", "kernel.bin"]))
        #expect(try Data(contentsOf: URL(filePath: base)) == Data(repeating: 3, count: 1 << 20))
    }
}
