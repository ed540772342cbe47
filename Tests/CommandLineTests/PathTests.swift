import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("Paths, and where there are none", .needs(Guest.areBuilt, Guest.missing))
struct PathTests {
    @Test("An argument, a store or a working directory that is not UTF-8 is refused in words")
    func bytes() async throws {
        let directory = try TemporaryDirectory()
        for script in [
            "\"$0\" run --kernel \"$1\" --disk \"$(printf '/tmp/\\377.img')\"",
            "DORMOUSE_STORE=\"$(printf '/tmp/\\377')\" \"$0\" list",
            "mkdir \"$2/$(printf '\\377')\"; cd \"$2/$(printf '\\377')\"; cp \"$1\" k.bin; "
                + "\"$0\" create vm --store /tmp/none --kernel k.bin",
        ] {
            let result = try await Command.shell(script, Guest.idle.path, directory.path)
            #expect(result.exitCode == 64, "\(result.error)")
            #expect(result.errorLines.count == 1 && result.error.contains("not UTF-8"), "\(result.error)")
        }
    }

    @Test("The same disk twice is said to be given twice, whatever its names, and two may read it")
    func sameDisk() async throws {
        let directory = try TemporaryDirectory()
        let disk = try directory.file("disk.img", [UInt8](repeating: 0, count: 4096))
        let hard = "\(directory.path)/hard.img"
        let soft = "\(directory.path)/soft.img"
        try #require(link(disk, hard) == 0 && symlink(disk, soft) == 0)
        let readOnly = "readonly=on"
        for (one, other, words) in [
            (disk, disk, "is given twice"), (disk, hard, "are the same"), (soft, disk, "are the same"),
            ("\(disk),\(readOnly)", disk, "is given twice"), ("\(disk),\(readOnly)", "\(hard),\(readOnly)", nil),
        ] as [(String, String, String?)] {
            for command in [["run"], ["create", "vm", "--store", "\(directory.path)/store"]] {
                let result = try await Command.run(
                    command + [
                        "--kernel", Guest.idle.path, "--append", "seconds=0", "--disk", one, "--disk", other,
                    ])
                #expect(result.exitCode == (words == nil ? 0 : 64), "\(result.error)")
                if let words {
                    #expect(result.errorLines.count == 1 && result.error.contains(words), "\(result.error)")
                }
            }
        }
    }

    @Test(
        "An option or an argument without a value is refused",
        arguments: [
            ["run", "--kernel", ""], ["run", "--kernel", "GUEST", "--initrd", ""],
            ["run", "--kernel", "GUEST", "--disk", ""],
            ["run", "--kernel", "GUEST", "--append", "seconds=0", "--report", ""], ["list", "--store", ""],
            ["image", "inspect", ""], ["conformance", "--image", ""], ["conformance", "--image-out", ""],
            ["run", "--kernel", "GUEST", "--append", "seconds=0", "--lab", "disks.record="],
            ["run", "--kernel", "GUEST", "--net", "passt="], ["run", "--kernel", "GUEST", "--net", "tap="],
        ])
    func empty(arguments: [String]) async throws {
        let result = try await Command.run(arguments.map { $0.replacing("GUEST", with: Guest.idle.path) })
        #expect(result.exitCode == 64, "\(result.error)")
        #expect(result.errorLines.count == 1 && result.output == "", "\(result.error)")
    }

    @Test("Without HOME the user's own home is taken, and a relative XDG_DATA_HOME is not heeded")
    func home() async throws {
        let directory = try TemporaryDirectory()
        let store = "\(directory.path)/relative/dormouse/vms"
        try FileManager.default.createDirectory(atPath: store, withIntermediateDirectories: true)
        let made = try await Command.run(
            ["create", "vm", "--store", store, "--kernel", Guest.idle.path])
        #expect(made.exitCode == 0)
        let home = "\(directory.path)/home"
        let result = try await Command.shell(
            "cd \"$1\"; env -u DORMOUSE_STORE XDG_DATA_HOME=relative HOME=\"$2\" \"$0\" list", directory.path, home)
        #expect(result.exitCode == 0 && result.output == "", "\(result.output)")
        let without = try await Command.shell(
            "env -u DORMOUSE_STORE -u XDG_DATA_HOME -u HOME \"$0\" inspect none-of-these")
        let entry = try #require(getpwuid(geteuid()))
        let words = "in \(String(cString: entry.pointee.pw_dir))/.local/share/dormouse/vms;"
        #expect(without.exitCode == 64 && without.error.contains(words), "\(without.error)")
    }

    @Test("A store that cannot be made or listed is said in the host's own words")
    func store() async throws {
        let directory = try TemporaryDirectory()
        let file = try directory.file("file")
        for arguments in [["list"], ["create", "vm", "--kernel", Guest.idle.path]] {
            let result = try await Command.run(arguments + ["--store", "\(file)/store"])
            #expect(result.exitCode == 64 && result.errorLines.count == 1, "\(result.error)")
            #expect(result.error.contains("Not a directory") && !result.error.contains("Error"), "\(result.error)")
        }
    }

    @Test("Where the host limits address space there is a smaller code cache, and no word of the guest's memory")
    func addressSpace() async throws {
        for limit in [600_000, 1_200_000] {
            let result = try await Command.shell(
                "ulimit -v \(limit); exec \"$0\" run --kernel \"$1\" --memory 64 --append seconds=0", Guest.idle.path)
            #expect(result.exitCode == 0, "\(limit): \(result.error)")
        }
        let little = try await Command.shell(
            "ulimit -v 600000; exec \"$0\" run --kernel \"$1\" --memory 4G", Guest.idle.path)
        #expect(little.exitCode == 64 && little.error.contains("--memory"), "\(little.error)")
    }

    @Test("Where there are no descriptors left, that is said, and is the host's fault", arguments: [4, 5])
    func descriptors(limit: Int) async throws {
        let vm = try await TestVM(.idle, append: "seconds=0", disks: 1)
        for words in ["run --kernel \"$1\"", "start vm --store \"$2\"", "inspect vm --store \"$2\""] {
            let result = try await Command.shell("ulimit -n \(limit); exec \"$0\" \(words)", vm.kernel, vm.store)
            // Few are enough for what only reads.
            guard result.exitCode != 0 else { continue }
            #expect(result.exitCode == 70, "\(words): \(result.error)")
            #expect(
                result.errorLines.count == 1 && result.error.contains("Too many open files"),
                "\(words): \(result.error)")
        }
    }
}
