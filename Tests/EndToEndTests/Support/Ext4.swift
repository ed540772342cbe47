// ext4 file systems on disk images, made and checked on the host by e2fsprogs.

import Foundation
import Testing

enum Ext4 {
    static let isThere = ["mke2fs", "e2fsck"].allSatisfy { tool($0) != nil }
    static let whyNot: Comment = "e2fsprogs are not installed: run scripts/setup"

    /// Makes a file system in a new image, the same each time.
    static func make(_ disk: URL, mebibytes: Int) throws {
        let arguments = [
            "-q", "-F", "-t", "ext4", "-U", "6f1c5f3e-0a4d-4f7e-9d57-1d3c5a7b9e20",
            "-E", "lazy_itable_init=0,lazy_journal_init=0,hash_seed=2b7e1516-28ae-d2a6-abf7-158809cf4f3c",
            disk.path, "\(mebibytes)M",
        ]
        let (code, output) = try run("mke2fs", arguments)
        guard code == 0 else { throw DormouseRun.Failure("mke2fs: \(output)") }
    }

    /// Makes one on a disk of its own, with a file `swapfile` of 128 MiB, large enough for a guest's image.
    ///
    /// - Returns: the disk, and where the file is, as the kernel's resume_offset.
    static func makeWithSwapFile(_ scratch: Scratch) throws -> (disk: URL, offset: Int) {
        let disk = try scratch.makeDisk(mebibytes: 200)
        // A file of ones: zeros would be left out.
        let content = scratch.file("content")
        try FileManager.default.createDirectory(at: content, withIntermediateDirectories: true)
        let file = content.appending(path: "swapfile")
        try Data(repeating: 0xFF, count: 128 << 20).write(to: file)
        try Command.tool("mkfs.ext4", ["-q", "-b", "4096", "-d", content.path, disk.path])
        try FileManager.default.removeItem(at: file)
        let block = try Command.tool("debugfs", ["-R", "bmap /swapfile 0", disk.path])
        let offset = Int(String(decoding: block, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        try #require(offset > 0)
        return (disk, offset)
    }

    /// What is wrong with a file system that was unmounted; nil if nothing is. It is not changed.
    static func complaint(about disk: URL) throws -> String? {
        let (code, output) = try run("e2fsck", ["-f", "-n", disk.path])
        return code == 0 ? nil : output
    }

    /// Repairs a file system that cannot be mounted, as a person would.
    static func repair(_ disk: URL) throws {
        let (code, output) = try run("e2fsck", ["-f", "-y", disk.path])
        // 1: errors were corrected.
        guard code <= 1 else { throw DormouseRun.Failure("e2fsck cannot repair \(disk.path): \(output)") }
    }

    /// The sectors of its superblock, which is one write but not one sector.
    static let superblock: Range<UInt64> = 2..<4

    /// Where a tool is: not every user's PATH has those of the administrator.
    private static func tool(_ name: String) -> URL? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"])
            .map { URL(filePath: $0).appending(path: name) }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }

    private static func run(_ name: String, _ arguments: [String]) throws -> (code: Int32, output: String) {
        guard let tool = tool(name) else { throw DormouseRun.Failure("\(name) is not installed: run scripts/setup") }
        let process = Process()
        let pipe = Pipe()
        process.executableURL = tool
        process.arguments = arguments
        process.environment = ["E2FSPROGS_FAKE_TIME": "1767225600", "LC_ALL": "C"]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
