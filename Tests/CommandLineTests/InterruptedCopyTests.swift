// Copies of disks that somebody interrupts: there is all of a copy, or nothing of it.
//
// As in KillPointTests, strace(1) sends the signal as the N-th call of a kind is entered, for each N until the command
// gets through; here the signal is Ctrl-C's.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite(
    "Interrupting the copy of a disk", .serialized, .needs(Guest.areBuilt && KillPoint.canBeMade, KillPoint.whyNot),
    .needs(access("/usr/bin/qemu-img", X_OK) == 0, "there is no qemu-img: run scripts/setup"),
    .enabled(if: NamelessFile.canBeMade, "this file system has no files without a name"))
struct InterruptedCopyTests {
    /// Calls by which a copy is written, stored and named, and by which another program that writes it is waited for.
    ///
    /// Names in one line are of one call, in several forms.
    private static let calls = [
        "pwrite64,pwritev", "copy_file_range", "ftruncate", "fallocate", "ioctl", "fsync", "fdatasync",
        "?link,?linkat", "?rename,?renameat,?renameat2", "?unlink,?unlinkat", "wait4",
    ]

    /// What is there, with the size and the digest of each file; names that are hidden, too.
    private static func files(_ directory: TemporaryDirectory) async throws -> [String: String] {
        // State and events of VMs are other tests'.
        let listed = try await Command.shell(
            #"cd "$1" && find . -path ./store -prune -o -type f -printf '%P\n' | sort | xargs sha256sum"#,
            directory.path)
        let pairs = listed.output.split(separator: "\n").map { ($0.dropFirst(66), $0.prefix(64)) }
        return Dictionary(uniqueKeysWithValues: pairs.map { (String($0), String($1)) })
    }

    /// Interrupts the command at each of its calls, and looks at what is there.
    ///
    /// - Parameters:
    ///   - target: the file that it makes.
    ///   - reset: makes everything as it was before it.
    private static func interrupt(
        _ arguments: [String], making target: String, in directory: TemporaryDirectory,
        reset: () async throws -> Void
    ) async throws {
        let before = try await files(directory)
        let done = try await Command.run(arguments)
        #expect(done.exitCode == 0, "\(done.error)")
        let after = try await files(directory)
        #expect(Set(after.keys) == Set(before.keys).union([target]) && after != before)
        var interruptions = 0
        for call in calls {
            var number = 1
            while true {
                try await reset()
                let point = KillPoint(call: call, number: number, signal: "INT")
                let (finished, isReached) = try await point.runAll(arguments)
                let left = try await files(directory)
                let comment: Comment = "interrupted before \(point): \(left.keys.sorted()), \(finished.error)"
                // All of it, or nothing of it, and nothing else.
                #expect(left == before || left == after, comment)
                guard isReached else {
                    #expect(finished.exitCode == 0 && left == after, comment)
                    break
                }
                #expect(finished.exitCode != 0 || left == after, comment)
                interruptions += 1
                number += 1
            }
        }
        // It is stored and it gets its name, on any file system.
        #expect(interruptions >= 2)
        try await reset()
    }

    /// Something, a hole, something.
    private static func disk(_ name: String, in directory: TemporaryDirectory) async throws -> String {
        let path = try directory.file(name, (0..<3 << 20).map { UInt8(truncatingIfNeeded: $0 / 997) })
        let made = try await Command.shell(
            #"truncate -s 32M "$1" && dd if="$1" of="$1" bs=1M count=3 seek=20 conv=notrunc status=none"#, path)
        try #require(made.exitCode == 0, "\(made.error)")
        return path
    }

    @Test("A full copy of a VM leaves no file without a name, and none that is not whole")
    func copy() async throws {
        let vm = try await TestVM(disks: 1)
        try #require(unlink(vm.disks[0]) == 0)
        _ = try await Self.disk("disk0.img", in: vm.directory)
        let target = "disk0.new.img"
        try await Self.interrupt(
            ["copy", TestVM.name, "new", "--full", "--store", vm.store], making: target, in: vm.directory
        ) {
            // The VM may be there by then.
            _ = try await Command.run(["rm", "new", "--store", vm.store])
            unlink("\(vm.directory.path)/\(target)")
        }
    }

    @Test(
        "A disk that is converted leaves nothing, whichever program reads it, and what is to be replaced stays",
        arguments: Nightly.pairs(
            [["--format", "raw"], ["--format", "qcow2"], ["--format", "raw", "--force"]], ["raw", "vmdk"]))
    func convert(options: [String], source: String) async throws {
        let directory = try TemporaryDirectory()
        var path = try await Self.disk("source", in: directory)
        if source == "vmdk" {
            let made = try await Command.shell(#"qemu-img convert -f raw -O vmdk "$1" "$1.vmdk" && rm "$1""#, path)
            try #require(made.exitCode == 0, "\(made.error)")
            path += ".vmdk"
        }
        let replaces = options.contains("--force")
        let target = "\(directory.path)/target"
        func reset() async throws {
            unlink(target)
            if replaces { _ = try directory.file("target", "what was there".utf8) }
        }
        try await reset()
        try await Self.interrupt(
            ["image", "convert", path, target] + options, making: "target", in: directory, reset: reset)
    }
}

private enum NamelessFile {
    /// Whether the directory for temporary files is on a file system with O_TMPFILE, which is no constant to Swift.
    static var canBeMade: Bool {
        let descriptor = open("/tmp", 0o20_000_000 | O_DIRECTORY | O_RDWR | O_CLOEXEC, 0o600)
        if descriptor >= 0 { close(descriptor) }
        return descriptor >= 0
    }
}
