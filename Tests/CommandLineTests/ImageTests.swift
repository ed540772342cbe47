import Glibc
import SystemPackage
import TestSupport
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
            (["inspect", "/dev/null"], "neither a file nor a block device"),
            (["inspect", #filePath, "--partition", "3"], "no partition 3"),
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
        #expect(text.output == "\(disk): 1024 KiB, nothing that is known\n")
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

    @Test("The image of a sparse disk of 32 GiB, all of it used, takes a bit of memory for each page")
    func memory() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("disk.img")
        let pageCount: UInt64 = (32 << 30) / 4096
        try #require(truncate(path, Int(pageCount) * 4096) == 0)
        let disk = try FileDescriptor.open(FilePath(path), .writeOnly)
        defer { try? disk.close() }
        func write(_ words: [UInt64], at page: UInt64) throws {
            try words.withUnsafeBytes { _ = try disk.writeAll(toAbsoluteOffset: Int64(page) * 4096, $0) }
        }
        // The map from page 1 on, and the image's pages behind it.
        let mapPageCount = pageCount / 512
        var next = mapPageCount + 1
        let storedPageCount = pageCount - next
        var written: UInt64 = 0
        for map in 1...mapPageCount {
            let count = min(511, storedPageCount - written)
            let entries = (0..<count).map { next + $0 } + [UInt64](repeating: 0, count: 511 - Int(count))
            try write(entries + [map < mapPageCount ? map + 1 : 0], at: map)
            next += count
            written += count
        }
        // `struct swsusp_info`: the kernel's version, and the numbers of pages of memory, of the image and of all.
        var information = [UInt64](repeating: 0, count: 512)
        information[0] = 0x2023_3120_534D_5020
        information[50] = storedPageCount * 4
        information[52] = storedPageCount - 2
        information[53] = storedPageCount
        information[54] = storedPageCount * 4096
        try write(information, at: mapPageCount + 1)
        // `union swap_header` and `struct swsusp_header`, uncompressed.
        var header = [UInt8](repeating: 0, count: 4096)
        header.replaceSubrange(1024..<1025, with: [1])
        withUnsafeBytes(of: UInt32(pageCount - 1).littleEndian) { header.replaceSubrange(1028..<1032, with: $0) }
        header[4064] = 1
        header[4072] = 2
        header.replaceSubrange(4076..<4096, with: "SWAPSPACE2S1SUSPEND\0".utf8)
        try disk.writeAll(toAbsoluteOffset: 0, header)
        let result = try await Command.shell("ulimit -d 65536; exec \"$0\" image inspect --no-checksum \"$1\"", path)
        #expect(result.exitCode == 0, "\(result.error)")
        #expect(
            result.output.contains("\(storedPageCount) pages, and \(mapPageCount) for their map"), "\(result.output)")
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
            result.output == """
                \(disk): 1024 KiB, swap
                \(disk): swap with pages of 16 KiB, at byte 0x0, without hibernation image (SWAPSPACE2)

                """)
    }
}
