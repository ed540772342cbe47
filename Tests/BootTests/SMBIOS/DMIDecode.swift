// Debian's dmidecode, as the judge of SMBIOS tables that is not ours.

import Foundation
import Testing

enum DMIDecode {
    /// Where it is, or nil if it is not installed.
    static let path = ["/usr/sbin/dmidecode", "/sbin/dmidecode", "/usr/bin/dmidecode"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Where tables begin in a dump, behind the entry point.
    static let tablesOffset = 32

    /// What it reads in a dump: an entry point, and the tables at `tablesOffset`.
    static func decode(entryPoint: [UInt8], tables: [UInt8]) throws -> String {
        let directory = FileManager.default.temporaryDirectory.appending(path: "dormouse-smbios-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appending(path: "dump")
        let padding = [UInt8](repeating: 0, count: tablesOffset - entryPoint.count)
        try Data(entryPoint + padding + tables).write(to: file)
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: try #require(path))
        process.arguments = ["--from-dump", file.path]
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: data, as: UTF8.self)
    }
}
