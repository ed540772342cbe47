// QEMU's own tools for disk images: what ours are compared with.

import Foundation
import FoundationEssentials
import Testing

/// `qemu-img` and `qemu-io`.
enum QEMUTool {
    static let areThere = ["qemu-img", "qemu-io"].allSatisfy { name in
        FileManager.default.isExecutableFile(atPath: "/usr/bin/\(name)")
    }

    /// What a tool said, and how it ended.
    struct Answer {
        var code: Int32
        var text: String
    }

    /// Runs a tool.
    static func run(_ name: String, _ arguments: [String]) throws -> Answer {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/\(name)")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let bytes = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Answer(code: process.terminationStatus, text: String(decoding: bytes, as: UTF8.self))
    }

    /// Runs a tool that has to succeed.
    @discardableResult
    static func expect(_ name: String, _ arguments: [String], _ place: SourceLocation = #_sourceLocation) throws
        -> String
    {
        let answer = try run(name, arguments)
        try #require(answer.code == 0, "\(name) \(arguments): \(answer.text)", sourceLocation: place)
        return answer.text
    }

    /// `qemu-img check` has to find nothing; with `allowsLeaks`, nothing but lost clusters.
    static func check(
        _ path: String, allowsLeaks: Bool = false, _ place: SourceLocation = #_sourceLocation
    ) throws {
        let answer = try run("qemu-img", ["check", "-f", "qcow2", path])
        // 3: leaks, and nothing else.
        #expect(answer.code == 0 || allowsLeaks && answer.code == 3, "\(answer.text)", sourceLocation: place)
    }

    /// The whole disk as QEMU reads it.
    static func contents(_ path: String, format: String = "qcow2") throws -> [UInt8] {
        let raw = path + ".as-raw"
        try expect("qemu-img", ["convert", "-U", "-f", format, "-O", "raw", path, raw])
        defer { try? FileManager.default.removeItem(atPath: raw) }
        return Array(try Data(contentsOf: URL(filePath: raw)))
    }
}

/// A directory that is removed with the object.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "dormouse-qcow2-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// SplitMix64: the same numbers for the same seed.
struct Numbers: RandomNumberGenerator {
    var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    /// A number below `limit`.
    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    /// `count` bytes that are not all the same.
    mutating func bytes(_ count: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count + 8)
        while bytes.count < count {
            let word = next()
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        return Array(bytes.prefix(count))
    }
}
