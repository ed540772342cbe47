import Glibc
import TestSupport
import Testing

@Suite("Output that is lost is no success", .needs(Guest.areBuilt, Guest.missing))
struct OutputTests {
    @Test(
        "A standard output that takes nothing more, or is closed, is said, and the exit code is not 0",
        arguments: [
            ["psci", "functions"], ["psci", "0x84000000"], ["psci", "state", "1"], ["psci", "code", "-3"], ["--help"],
            ["run", "--help"], ["--version"], ["list", "--store", "STORE"], ["inspect", "vm", "--store", "STORE"],
            ["inspect", "vm", "--json", "--store", "STORE"], ["image", "inspect", "DISK"],
            ["image", "inspect", "--json", "DISK"], ["create", "vm2", "--store", "STORE", "--kernel", "KERNEL"],
            ["conformance", "--psci-version", "0.2", "--cpus", "1", "--clock", "instructions"],
        ])
    func lost(arguments: [String]) async throws {
        let vm = try await TestVM(.idle, disks: 0)
        // A swap area, of which there is something to say.
        var disk = [UInt8](repeating: 0, count: 1 << 20)
        disk.replaceSubrange(4086..<4096, with: "SWAPSPACE2".utf8)
        let path = try vm.directory.file("disk.img", disk)
        let words = arguments.map {
            let word = $0.replacing("STORE", with: vm.store).replacing("DISK", with: path)
                .replacing("KERNEL", with: vm.kernel)
            return "'\(word)'"
        }.joined(separator: " ")
        for redirection in [">/dev/full", ">&-"] {
            let result = try await Command.shell("\"$0\" \(words) \(redirection)")
            // Also of `image inspect`, which without an image has a code of its own: nobody got its answer.
            #expect(result.exitCode == 70, "\(redirection): \(result.error)")
            #expect(result.error.contains("standard output could not be written"), "\(result.error)")
            _ = try await Command.shell("rm -rf '\(vm.store)/vm2'")
        }
    }

    @Test("A console, a trace or a report that gets lost makes a success a failure, and another end is kept")
    func runs() async throws {
        let directory = try TemporaryDirectory()
        let pipe = "\(directory.path)/pipe"
        try #require(mkfifo(pipe, 0o600) == 0)
        for (options, code) in [
            ("--append end=off >/dev/full", 70), ("--append end=off2 >/dev/full", 40),
            ("--append end=off --psci-trace 2>/dev/full", 70), ("--append end=off --psci-trace", 0),
            ("--append end=off --report /dev/full", 70), ("--append end=off --report '\(pipe)'", 70),
        ] as [(String, Int32)] {
            let result = try await Command.shell("\"$0\" run --kernel \"$1\" \(options)", Guest.systemOff2.path)
            #expect(result.exitCode == code, "\(options): \(result.error)")
        }
    }

    @Test("A reader that goes away ends a command, and is no success")
    func readerGoes() async throws {
        let directory = try TemporaryDirectory()
        let result = try await Command.shell(
            """
            { until [ -e "$1" ]; do sleep 0.05; done; "$0" psci functions; echo "code $?" >&2; } | { exec <&-; : >"$1"; }
            """, "\(directory.path)/gone")
        // By SIGPIPE, or with an error if whoever runs the tests ignores that.
        #expect(["code 141", "code 70"].contains(result.errorLines.last), "\(result.error)")
    }

    @Test("A report goes to a descriptor that was handed over, behind what is there")
    func descriptor() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("log", "before\n".utf8)
        let result = try await Command.shell(
            "\"$0\" run --kernel \"$1\" --append end=off --report /dev/stderr 2>>\"$2\"; cat \"$2\"",
            Guest.systemOff2.path, path)
        #expect(access("/dev/stderr", F_OK) == 0)
        let text = result.output[(result.output.firstRange(of: "before")?.lowerBound ?? result.output.startIndex)...]
        #expect(text.hasPrefix("before\n{") && text.hasSuffix("}\ndormouse: powered off\n"), "\(text)")
    }

    @Test("A report that would take the place of the machine's own files is refused, and they stay")
    func reportOverFile() async throws {
        let directory = try TemporaryDirectory()
        let disk = try directory.file("disk.img", [UInt8](repeating: 0, count: 4096))
        let link = "\(directory.path)/link"
        try #require(Glibc.link(disk, link) == 0)
        for option in [["--report", disk], ["--report", link], ["--lab", "disks.record=\(link)"]] {
            let result = try await Command.run(
                ["run", "--kernel", Guest.systemOff2.path, "--append", "end=off", "--disk", disk] + option)
            #expect(result.exitCode == 64 && result.errorLines.count == 1, "\(option): \(result.error)")
            var status = stat()
            #expect(stat(disk, &status) == 0 && status.st_size == 4096 && stat(link, &status) == 0)
        }
    }
}
