// The device tree compiler, as the judge that is not ours.

import Foundation
import TestSupport
import Testing

enum DeviceTreeCompiler {
    /// Where `dtc` is, or nil if it is not installed.
    static let path = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin")
        .split(separator: ":").map { $0 + "/dtc" }.first { FileManager.default.isExecutableFile(atPath: $0) }

    struct Result {
        let output: [UInt8]
        /// Warnings and errors.
        let complaints: String
        let status: Int32

        var text: String { String(decoding: output, as: UTF8.self) }
    }

    enum Format: String {
        case blob = "dtb"
        case source = "dts"
    }

    /// Reads `input` and writes it in the other format, properties and nodes sorted.
    static func convert(_ input: [UInt8], from: Format, to: Format) throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appending(path: "dormouse-dtc-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appending(path: "input")
        try Data(input).write(to: file)

        let process = Process()
        process.executableURL = URL(filePath: try #require(path))
        process.arguments = ["-s", "-I", from.rawValue, "-O", to.rawValue, file.path]
        let complaints = directory.appending(path: "complaints")
        let output = directory.appending(path: "output")
        for url in [complaints, output] { try Data().write(to: url) }
        process.standardError = try FileHandle(forWritingTo: complaints)
        process.standardOutput = try FileHandle(forWritingTo: output)
        try process.run()
        process.waitUntilExit()
        return Result(
            output: Array(try Data(contentsOf: output)),
            complaints: String(decoding: try Data(contentsOf: complaints), as: UTF8.self),
            status: process.terminationStatus)
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where there is no `dtc`.
    static var needsDeviceTreeCompiler: Self {
        .needs(DeviceTreeCompiler.path != nil, "dtc is missing; install device-tree-compiler")
    }
}
