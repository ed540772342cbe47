import Glibc
import TestSupport
import Testing

@Suite("Nothing holds a start up", .needs(Guest.areBuilt, Guest.missing))
struct StartUpTests {
    /// A pipe with a name, at whose other end nobody is.
    private func pipe(in directory: TemporaryDirectory) throws -> String {
        let path = "\(directory.path)/pipe"
        try #require(mkfifo(path, 0o600) == 0)
        return path
    }

    @Test(
        "A pipe in the place of a file is refused in words, and not waited for",
        arguments: [
            ["run", "--kernel", "PIPE"], ["run", "--kernel", "GUEST", "--kernel-format", "linux", "--initrd", "PIPE"],
            ["run", "--kernel", "GUEST", "--disk", "PIPE"], ["run", "--kernel", "GUEST", "--disk", "PIPE,readonly=on"],
            ["run", "--kernel", "GUEST", "--lab", "disks.record=PIPE"],
            ["create", "vm", "--store", "STORE", "--kernel", "PIPE"],
            ["create", "vm", "--store", "STORE", "--kernel", "GUEST", "--disk", "PIPE"],
            ["image", "inspect", "PIPE"], ["conformance", "--image", "PIPE"],
            ["conformance", "--image", "PIPE", "--image-out", "STORE"],
        ])
    func pipes(arguments: [String]) async throws {
        let directory = try TemporaryDirectory()
        let pipe = try pipe(in: directory)
        let result = try await Command.run(
            arguments.map {
                $0.replacing("PIPE", with: pipe).replacing("GUEST", with: Guest.idle.path)
                    .replacing("STORE", with: "\(directory.path)/store")
            })
        #expect(result.exitCode == 64, "\(result.error)")
        #expect(result.errorLines.count == 1)
        #expect(result.error.contains(pipe), "\(result.error)")
    }

    @Test("A VM whose files became pipes is refused in words", arguments: ["vm.toml", "state.json"])
    func filesOfVM(name: String) async throws {
        let vm = try await TestVM(.idle, disks: 0)
        let path = "\(vm.store)/\(TestVM.name)/\(name)"
        unlink(path)
        try #require(mkfifo(path, 0o600) == 0)
        for verb in ["start", "inspect"] {
            let result = try await vm.run(verb)
            #expect(result.exitCode == 64, "\(verb): \(result.error)")
            #expect(result.errorLines.count == 1 && result.error.contains(path), "\(result.error)")
        }
    }

    @Test("What the shell makes of <(…), and standard input, are pipes as well")
    func substitution() async throws {
        let result = try await Command.shell("cat \"$1\" | \"$0\" run --kernel /dev/stdin", Guest.idle.path)
        #expect(result.exitCode == 64)
        #expect(result.error.contains("it is a pipe; a guest that resets needs it again"), "\(result.error)")
    }

    @Test(
        "A start that reads a file without end is ended by a signal, and the VM is as it was",
        arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
    func interrupted(number: Int32) async throws {
        let vm = try await TestVM(.idle, append: "seconds=0", disks: 0)
        let initrd = try vm.directory.file("initrd")
        // Which takes hours to sum up.
        try #require(truncate(initrd, 8 << 40) == 0)
        let linux = try vm.directory.file("Image", Self.imageHeader)
        try vm.edit("kernel = '\(vm.kernel)'", "kernel = '\(linux)'\ninitrd = '\(initrd)'")
        let result = try await Command.run(["start", TestVM.name, "--store", vm.store]) { running in
            let isReading = try await running.waits(forOpen: initrd)
            #expect(isReading)
            running.send(number)
        }
        #expect(result.exitCode == 128 + number)
        #expect(result.errorLines.count == 1 && result.error.contains("stopped by SIG"), "\(result.error)")
        #expect(try await Command.run(["list", "--store", vm.store]).output == "vm\tnever started\n")
    }

    /// The first 64 bytes of Linux's arm64 Image, and nothing else.
    private static var imageHeader: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 64)
        bytes[18] = 1
        bytes.replaceSubrange(56..<60, with: "ARM\u{64}".utf8)
        return bytes
    }
}
