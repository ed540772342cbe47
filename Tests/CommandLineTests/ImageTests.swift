import Testing

@Suite("dormouse image inspect")
struct ImageTests {
    @Test(
        "Wrong usage is one line and exit code 64",
        arguments: [
            (["inspect"], "<disk>"),
            (["inspect", "a", "--partition", "0"], "--partition"),
            (["inspect", "a", "--partition", "x"], "--partition"),
            (["inspect", "a", "--resume-offset", "x"], "--resume-offset"),
            (["inspect", "a", "b"], "'b'"), (["inspect", "/nonexistent/disk.img"], "/nonexistent/disk.img"),
            (["inspect", "/dev/null", "--partition", "3"], "no partition 3"),
        ])
    func usage(arguments: [String], text: String) async throws {
        let result = try await Command.run(["image"] + arguments)
        #expect(result.exitCode == 64)
        #expect(result.output == "")
        #expect(result.errorLines.count == 1)
        #expect(result.error.contains(text), "\(result.error)")
    }

    @Test("A disk without image has exit code 1, says so, and as JSON, too")
    func none() async throws {
        let directory = try TemporaryDirectory()
        let disk = try directory.file("disk.img", [UInt8](repeating: 0, count: 1 << 20))
        let text = try await Command.run(["image", "inspect", disk])
        #expect(text.exitCode == 1)
        #expect(text.output == "")
        #expect(text.errorLines == ["dormouse: no hibernation image is on disk \(disk)"])
        let json = try await Command.run(["image", "inspect", disk, "--json"])
        #expect(json.exitCode == 1)
        for part in [
            "\"areas\" : [", "\"partitionTable\" : \"none\"", "\"schemaVersion\" : 1", "\"verdict\" : \"none\"",
        ] {
            #expect(json.output.contains(part), "\(json.output)")
        }
    }

    @Test("A header without image behind it is a torn image, with exit code 2")
    func torn() async throws {
        let directory = try TemporaryDirectory()
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.replaceSubrange(4076..<4096, with: "SWAPSPACE2S1SUSPEND\0".utf8)
        let disk = try directory.file("disk.img", bytes)
        let result = try await Command.run(["image", "inspect", disk])
        #expect(result.exitCode == 2)
        #expect(result.output.contains("\n  original signature  SWAPSPACE2\n"))
        #expect(result.errorLines.count == 1)
        #expect(result.error.hasPrefix("dormouse: the hibernation image on disk \(disk) is torn: "))
    }

    @Test("What was found of swap without image is listed")
    func plainSwap() async throws {
        let directory = try TemporaryDirectory()
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        bytes.replaceSubrange(16374..<16384, with: "SWAPSPACE2".utf8)
        let disk = try directory.file("disk.img", bytes)
        let result = try await Command.run(["image", "inspect", disk])
        #expect(result.exitCode == 1)
        #expect(
            result.output
                == "\(disk): swap with pages of 16 KiB, at byte 0x0, without hibernation image (SWAPSPACE2)\n")
    }
}
