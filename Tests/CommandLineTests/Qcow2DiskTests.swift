import FoundationEssentials
import Glibc
import Machine
import SystemPackage
import TestSupport
import Testing

/// Disks in qcow2 images, as `qemu-img` makes them.
@Suite("Disks in qcow2")
struct Qcow2DiskTests {
    /// MOVZ and MOVK of SYSTEM_OFF2's id and its arguments, HVC, and a loop.
    static let systemOff2: [UInt8] = [
        0x52B0_8000, 0x7280_02A0, 0x5280_0001, 0x5280_0002, 0xD400_0002, 0x1400_0000,
    ].flatMap { (word: UInt32) in withUnsafeBytes(of: word.littleEndian) { Array($0) } }

    /// How the image is made of the raw disk `$2`: `$1`.
    static let scripts = [
        #"qemu-img convert -q -f raw -O qcow2 "$2" "$1""#,
        #"qemu-img convert -q -c -f raw -O qcow2 -o compat=0.10 "$2" "$1""#,
        #"qemu-img create -q -f qcow2 -b "$2" -F raw "$1""#,
    ]

    private struct VM {
        let directory: TemporaryDirectory
        let image: String
        let raw: String
        var store: [String] { ["--store", "\(directory.path)/store"] }

        /// A kept VM that has hibernated, with a disk that is swap with an image's header.
        init(_ script: String, content: (inout [UInt8]) -> Void = { _ in }) async throws {
            directory = try TemporaryDirectory()
            let kernel = try directory.file("kernel.bin", Qcow2DiskTests.systemOff2)
            var bytes = (0..<4 << 20).map { UInt8(truncatingIfNeeded: $0 / 4001) }
            content(&bytes)
            raw = try directory.file("disk.raw", bytes)
            image = "\(directory.path)/disk.qcow2"
            let made = try await Command.shell(script, image, raw)
            try #require(made.exitCode == 0, "\(made.error)")
            let created = try await Command.run(
                ["create", "vm", "--kernel", kernel, "--disk", "\(image),format=qcow2", "--memory", "64"] + store)
            try #require(created.exitCode == 0, "\(created.error)")
            let started = try await start()
            try #require(started.exitCode == 40, "\(started.error)")
        }

        func start(_ options: String...) async throws -> Finished {
            try await Command.run(["start", "vm"] + store + options)
        }

        func shell(_ script: String) async throws {
            let done = try await Command.shell(script, image, raw)
            try #require(done.exitCode == 0, "\(done.error)")
        }
    }

    private static func addHeader(_ bytes: inout [UInt8]) {
        bytes.replaceSubrange(4076..<4096, with: "SWAPSPACE2S1SUSPEND\0".utf8)
    }

    @Test("An image is found in a qcow2 as on a raw disk, discarded and looked for again", arguments: scripts)
    func images(script: String) async throws {
        let vm = try await VM(script, content: Self.addHeader)
        let inspected = try await Command.run(["image", "inspect", vm.image, "--disk-format", "qcow2", "--json"])
        let raw = try await Command.run(["image", "inspect", vm.raw, "--json"])
        // The header alone is no whole image: the same is said of both.
        #expect(inspected.exitCode == 2 && raw.exitCode == 2, "\(inspected.error)")
        #expect(inspected.output.replacing(vm.image, with: vm.raw) == raw.output)
        #expect(try await Command.run(["discard", "vm"] + vm.store).exitCode == 0)
        #expect(try await Command.run(["image", "inspect", vm.image, "--disk-format", "qcow2"]).exitCode == 1)
        // What was written is in the image, and nothing of it in what is behind it.
        try await vm.shell(#"qemu-img check -q "$1" && qemu-img convert -f qcow2 -O raw "$1" "$1.raw""#)
        let after = try Array(Data(contentsOf: URL(filePath: vm.image + ".raw")))
        #expect(after[4086..<4096].elementsEqual("SWAPSPACE2".utf8))
        let before = try Array(Data(contentsOf: URL(filePath: vm.raw)))
        #expect(before[4086..<4096].elementsEqual("S1SUSPEND\0".utf8))
        #expect(after[4096...].elementsEqual(before[4096...]))
        // There is only the header of an image.
        let restored = try await Command.run(["restore-image", "vm"] + vm.store)
        #expect(restored.error.contains("is not whole any more"), "\(restored.error)")
    }

    @Test(
        "A disk that was written while its guest slept is refused, whichever of its files it was",
        arguments: [true, false])
    func written(isOverlay: Bool) async throws {
        for script in [
            #"qemu-io -f qcow2 -c "write -P 1 1M 4k" "$1""#, isOverlay ? #"touch "$2""# : #"touch "$1""#,
            isOverlay ? #"printf x | dd of="$2" bs=1 seek=1000001 conv=notrunc"# : #"qemu-img snapshot -c s "$1""#,
        ] {
            let vm = try await VM(isOverlay ? Self.scripts[2] : Self.scripts[0])
            try await vm.shell("sleep 0.05; \(script)")
            let started = try await vm.start()
            #expect(started.exitCode == 51, "\(script): \(started.error)")
            #expect(started.errorLines.last?.contains("disk 0: ") == true)
            #expect(started.errorLines.last?.contains("written after the guest hibernated") == true)
        }
    }

    @Test("An untouched disk is resumed, and one whose files were renamed, with a word", arguments: [0, 2])
    func untouched(script: Int) async throws {
        let vm = try await VM(Self.scripts[script])
        #expect(try await vm.start().exitCode == 40)
        try await vm.shell(#"sleep 0.05; for f in "$1" "$2"; do cp -a "$f" "$f.copy"; mv "$f.copy" "$f"; done"#)
        let started = try await vm.start()
        #expect(started.exitCode == 40 && started.error.contains("disk 0: it is another file"), "\(started.error)")
    }

    @Test("An image that is its own proof is taken as qcow2 unasked, and one that names other files is not")
    func unasked() async throws {
        let directory = try TemporaryDirectory()
        let kernel = try directory.file("kernel.bin", ForeignDiskTests.powerOff)
        let raw = try directory.file("disk.raw", [UInt8](repeating: 1, count: 1 << 20))
        let image = "\(directory.path)/disk"
        for (script, isTaken) in zip(Self.scripts, [true, true, false]) {
            let made = try await Command.shell(script + " && qemu-img check -q \"$1\"", image, raw)
            try #require(made.exitCode == 0, "\(made.error)")
            let result = try await Command.run(["run", "--kernel", kernel, "--disk", image])
            let inspected = try await Command.run(["image", "inspect", image])
            if isTaken {
                #expect(result.exitCode == 0 && inspected.exitCode == 1, "\(result.error)\(inspected.error)")
            } else {
                #expect(result.exitCode == 64 && result.error.contains(",format=qcow2"), "\(result.error)")
                #expect(inspected.exitCode == 64 && inspected.error.contains("--disk-format qcow2"), "\(image)")
            }
            let named = try await Command.run(["run", "--kernel", kernel, "--disk", "\(image),format=qcow2"])
            #expect(named.exitCode == 0, "\(named.error)")
        }
        let notOne = try await Command.run(["run", "--kernel", kernel, "--disk", "\(raw),format=qcow2"])
        #expect(notOne.exitCode == 64 && notOne.error.contains("magic"), "\(notOne.error)")
    }

    @Test("QEMU and we keep one another from an image that is written")
    func locks() async throws {
        let directory = try TemporaryDirectory()
        let kernel = try directory.file("kernel.bin", ForeignDiskTests.powerOff)
        let image = "\(directory.path)/disk.qcow2"
        // qemu-io has the image open while the command runs.
        let both = try await Command.shell(
            #"""
            qemu-img create -q -f qcow2 "$1" 1M && mkfifo "$1.in" || exit
            qemu-io -f qcow2 "$1" <"$1.in" >"$1.out" &
            exec 3>"$1.in"
            # It answers once it has the image.
            echo length >&3
            until grep -q MiB "$1.out"; do kill -0 $! || exit; sleep 0.05; done
            "$3" run --kernel "$2" --disk "$1"; echo "code $?"
            exec 3>&-
            wait
            """#, image, kernel, Command.path.string)
        #expect(both.output.contains("code 64"), "\(both.output)\(both.error)")
        #expect(both.error.contains("in use by another process"), "\(both.error)")
    }
}
