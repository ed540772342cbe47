// `dormouse image inspect`, as a user runs it, and what tests read of its report: docs/image.md describes it.

import Foundation
import Testing

/// A finished `dormouse image inspect --json`.
struct ImageInspect {
    /// 0 whole, 1 no image, 2 torn.
    var exitCode: Int32
    var report: Report
    /// The last line on standard error, without "dormouse: ".
    var words: String

    struct Report: Decodable {
        var verdict: String
        var partitionTable: String
        var areas: [Area]
    }

    struct Area: Decodable {
        var partition: Int?
        var offset: String
        var pageSize: Int
        var image: Image?
    }

    struct Image: Decodable {
        var verdict: String
        var failedCheck: String?
        var compression: String
        var checksumState: String
        var hardwareSignature: String?
        var build: String?
        var kernelRelease: String?
    }

    /// The disk's only image.
    var image: Image {
        get throws {
            let images = report.areas.compactMap(\.image)
            try #require(images.count == 1)
            return images[0]
        }
    }

    init(_ disk: URL, _ options: String...) throws {
        let (code, output, error) = try Command.run(
            Dormouse.executable, ["image", "inspect", disk.path, "--json"] + options)
        exitCode = code
        words = String(error.split(separator: "\n").last?.trimmingPrefix("dormouse: ") ?? "")
        try #require(code <= 2, "\(error)")
        report = try JSONDecoder().decode(Report.self, from: output)
    }
}

/// Other programs.
enum Command {
    /// Runs one to its end. What it prints is little enough for a pipe.
    @discardableResult
    static func run(
        _ program: URL, _ arguments: [String], input: String = ""
    ) throws -> (exitCode: Int32, output: Data, error: String) {
        let process = Process()
        let (standardInput, output, error) = (Pipe(), Pipe(), Pipe())
        process.executableURL = program
        process.arguments = arguments
        process.standardInput = standardInput
        process.standardOutput = output
        process.standardError = error
        try process.run()
        try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try standardInput.fileHandleForWriting.close()
        let outputData = output.fileHandleForReading.readDataToEndOfFile()
        let errorData = error.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, outputData, String(decoding: errorData, as: UTF8.self))
    }

    /// Runs one of Debian's, which has to succeed.
    @discardableResult
    static func tool(_ name: String, _ arguments: [String], input: String = "") throws -> Data {
        let places = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map { URL(filePath: "\($0)/\(name)") }
        let program = try #require(
            places.first { FileManager.default.isExecutableFile(atPath: $0.path) }, "scripts/setup installs \(name)")
        let (code, output, error) = try run(program, arguments, input: input)
        try #require(code == 0, "\(name) \(arguments): \(error)")
        return output
    }
}

/// Reading and changing a disk at a place.
struct DiskBytes {
    private let handle: FileHandle

    init(_ disk: URL) throws {
        handle = try FileHandle(forUpdating: disk)
    }

    func read(at offset: UInt64, count: Int) throws -> [UInt8] {
        try handle.seek(toOffset: offset)
        return try [UInt8](handle.read(upToCount: count) ?? Data())
    }

    func number(at offset: UInt64) throws -> UInt64 {
        try read(at: offset, count: 8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    func write(_ bytes: [UInt8], at offset: UInt64) throws {
        try handle.seek(toOffset: offset)
        try handle.write(contentsOf: Data(bytes))
    }
}
