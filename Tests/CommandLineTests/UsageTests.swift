import TestSupport
import Testing

@Suite("What is wrong is said in one line")
struct UsageTests {
    /// Arguments, and what the line must contain.
    private static let wrongUsage: [([String], String)] = [
        (["run"], "--kernel"),
        (["nonsense"], "nonsense"),
        // Whose help tells more.
        (["nonsense"], "`dormouse --help`"),
        (["run"], "`dormouse run --help`"),
        (["create", "vm", "--kernel", "a", "--cpus", "many"], "`dormouse create --help`"),
        (["image", "create", "--nonsense"], "`dormouse image create --help`"),
        (["create", "vm", "--kernel", "a", "--package", "a b"], "no name of a package"),
        (["create", "vm", "--kernel", "a", "--run", ""], "no command"),
        (["create", "vm", "--kernel", "a", "--user-data", "/nonexistent"], "/nonexistent"),
        (["run", "--kernel", "a", "--nonsense"], "--nonsense"),
        (["run", "--kernel", "a", "b"], "'b'"),
        (["run", "--kernel", "a", "--memory", "lots"], "such as 512 or 512M"),
        (["run", "--kernel", "a", "--memory"], "--memory"),
        (["run", "--kernel", "a", "--cpus", "many"], "--cpus"),
        (["run", "--kernel", "a", "--psci-version", "1.4"], "0.2, 1.0, 1.1, 1.2 or 1.3"),
        (["run", "--kernel", "a", "--conduit", "svc"], "hvc or smc"),
        (["run", "--kernel", "a", "--clock=sundial"], "'instructions'"),
        (["run", "--kernel", "a", "--console", "vga"], "'pl011'"),
        (["run", "--kernel", "a", "--log", "loud"], "error or critical"),
        (["run", "--kernel", "a", "--kernel-format", "elf"], "'flat'"),
        (["run", "--kernel", "a", "--seed", "1"], "--clock=instructions"),
        (["run", "--kernel", "a", "--seed", "-1", "--clock=instructions"], "--seed"),
        (["run", "--kernel", "a", "--disk", ",readonly=on"], "FILE,readonly=on"),
        (["run", "--kernel", "a", "--net", "wifi"], "say user, passt=SOCKET, tap=INTERFACE or none"),
        (["run", "--kernel", "a", "--net", "user,mac=1"], "52:54:00:12:34:56"),
        (["run", "--kernel", "a", "--net", "user", "--clock=instructions"], "--clock=instructions"),
        (["run", "--kernel", "a", "--net", "passt=/nonexistent"], "passt --socket /nonexistent"),
        (["run", "--kernel", "a", "--net", "tap=nonexistent"], "ip tuntap add dev nonexistent mode tap"),
        (["run", "--kernel", "a\nb"], "a b"),
        (["run"], "--firmware uefi"),
        (["run", "--kernel", "a", "--firmware", "bios"], "uefi=CODE"),
        (["run", "--kernel", "a", "--firmware", "uefi="], "uefi=CODE"),
        (["run", "--kernel", "a", "--uefi-vars", "b"], "--firmware uefi"),
        (["run", "--firmware", "uefi=/code", "--append", "quiet"], "--kernel"),
        (["run", "--model", "virt-1", "--firmware", "uefi=/code"], "--model virt-2"),
        (["run", "--model", "virt-1", "--firmware", "uefi=/code", "--memory", "64"], "--model virt-2"),
    ]

    @Test("Wrong usage is one line and exit code 64", arguments: wrongUsage)
    func usage(arguments: [String], text: String) async throws {
        let result = try await Command.run(arguments)
        #expect(result.exitCode == 64)
        #expect(result.output == "")
        #expect(result.errorLines.count == 1)
        #expect(result.error.hasPrefix("dormouse: "))
        #expect(result.error.contains(text), "\(result.error)")
    }

    /// Beginnings of files that are no kernel for this machine, and what must be said of them.
    private static let wrongKernels: [(String, [UInt8], String)] = [
        ("empty", [], "is empty"),
        ("gzip", [0x1F, 0x8B, 8, 0], "is cut short: the gzip data"),
        ("zboot", Array("MZ\0\0zimg".utf8) + [UInt8](repeating: 0xFF, count: 100), "zboot image that is cut short"),
        ("elf", [0x7F] + Array("ELF".utf8), "ELF"),
        ("exe", Array("MZ".utf8) + [UInt8](repeating: 0, count: 100), "EFI"),
        ("text", [UInt8](repeating: 0x41, count: 1000), "--kernel-format flat"),
        ("elf.bin", [0x7F] + Array("ELF".utf8), "ELF"),
    ]

    @Test("A file that is no arm64 Image is named, with what to do about it", arguments: wrongKernels)
    func kernels(name: String, bytes: [UInt8], text: String) async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file(name, bytes)
        let result = try await Command.run(["run", "--kernel", path])
        #expect(result.exitCode == 64)
        #expect(result.errorLines.count == 1)
        #expect(result.error.contains(path) && result.error.contains(text), "\(result.error)")
    }

    @Test("A file that is missing is named, whatever it is for")
    func missingFiles() async throws {
        let directory = try TemporaryDirectory()
        let kernel = try directory.file("kernel.bin", [0])
        let missing = "\(directory.path)/missing"
        for arguments in [
            ["--kernel", missing], ["--kernel", kernel, "--initrd", missing], ["--kernel", kernel, "--disk", missing],
            ["--kernel", directory.path], ["--kernel", kernel, "--disk", directory.path],
            ["--kernel", kernel, "--report", "\(missing)/report.json"],
        ] {
            let result = try await Command.run(["run"] + arguments)
            #expect(result.exitCode == 64)
            #expect(result.errorLines.count == 1)
            #expect(result.error.contains(directory.path), "\(result.error)")
        }
    }

    @Test(
        "A machine that cannot be had is refused",
        arguments: [
            (["--memory", "3"], "--memory"), (["--memory", "0"], "--memory"), (["--memory", "257G"], "--memory"),
            (["--cpus", "0"], "--cpus"), (["--cpus", "65"], "--cpus"), (["--memory", "2M"], "--memory"),
        ])
    func machines(arguments: [String], text: String) async throws {
        let directory = try TemporaryDirectory()
        let kernel = try directory.file("large.bin", [UInt8](repeating: 0x41, count: 3 << 20))
        let result = try await Command.run(["run", "--kernel", kernel] + arguments)
        #expect(result.exitCode == 64)
        #expect(result.errorLines.count == 1)
        #expect(result.error.contains(text), "\(result.error)")
    }

    @Test("Where passt is not installed, the package that has it is named")
    func noPasst() async throws {
        let result = try await Command.shell("PATH=/nonexistent exec \"$0\" run --kernel \"$1\" --net user", "a")
        #expect(result.exitCode == 64)
        #expect(result.errorLines.count == 1)
        #expect(result.error.contains("install Debian's package passt"), "\(result.error)")
    }

    @Test("Help is on standard output, with every option, and is no error")
    func help() async throws {
        let result = try await Command.run(["run", "--help"])
        #expect(result.exitCode == 0)
        #expect(result.error == "")
        for option in [
            "--kernel", "--kernel-format", "--initrd", "--disk", "--memory", "--cpus", "--append", "--psci-version",
            "--conduit", "--net", "--psci-trace", "--clock", "--seed", "--console", "--report", "--log", "--no-reboot",
        ] {
            #expect(result.output.contains("\n  \(option) ") || result.output.contains("\n  \(option)\n"), "\(option)")
        }
        #expect(try await Command.run(["--help"]).output.contains("run"))
    }

    @Test("The version is a number")
    func version() async throws {
        let result = try await Command.run(["--version"])
        #expect(result.exitCode == 0)
        #expect(result.output.split(separator: ".").count == 3)
    }
}
