// ACPICA's compiler and its interpreter of AML, as the judges that are not ours.

import Foundation
import Testing

enum ASLCompiler {
    /// Where `iasl` is, or nil if it is not installed.
    static let path = executable("iasl")
    /// Where `acpiexec` is, which comes in the same package.
    static let interpreterPath = executable("acpiexec")

    private static func executable(_ name: String) -> String? {
        (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin")
            .split(separator: ":").map { $0 + "/" + name }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// What becomes of a table that is taken apart and put together again.
    struct RoundTrip {
        /// The disassembly.
        let source: String
        /// The bytes of the table that the disassembly compiles to; empty if it does not.
        let bytes: [UInt8]
        /// What `iasl` said, of both.
        let messages: String
    }

    /// Takes `table` apart and compiles what comes out.
    static func roundTrip(_ table: [UInt8]) throws -> RoundTrip {
        try inDirectory { directory in
            let file = directory.appending(path: "table.dat")
            try Data(table).write(to: file)
            let apart = try run(path, ["-dl", file.path], in: directory)
            let sourceFile = directory.appending(path: "table.dsl")
            let source = (try? String(contentsOf: sourceFile, encoding: .utf8)) ?? ""
            // Optimised, names would come back shorter; and in the legacy syntax, an operation and a store stay two.
            let together = try run(path, ["-oa", "-p", "again", sourceFile.path], in: directory)
            let bytes = (try? Data(contentsOf: directory.appending(path: "again.aml"))) ?? Data()
            return RoundTrip(source: source, bytes: Array(bytes), messages: apart + together)
        }
    }

    /// Evaluates expressions (an object and its arguments each), in a machine that has `dsdt` and nothing else; returns
    /// what the interpreter says of each. A run takes it a second whatever it does, so that there are several in one.
    static func evaluate(_ expressions: [String], dsdt: [UInt8]) throws -> [String] {
        try inDirectory { directory in
            let file = directory.appending(path: "dsdt.aml")
            try Data(dsdt).write(to: file)
            var answers: [String] = []
            // A line of commands is at most about a thousand characters.
            for start in stride(from: 0, to: expressions.count, by: 8) {
                let some = expressions[start..<min(start + 8, expressions.count)]
                let commands = some.map { "evaluate " + $0 }.joined(separator: ";")
                let text = try run(interpreterPath, ["-b", commands, file.path], in: directory)
                let parts = text.components(separatedBy: "\nEvaluating ").dropFirst()
                try #require(parts.count == some.count, "\(text)")
                answers += parts
            }
            return answers
        }
    }

    private static func inDirectory<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appending(path: "dormouse-iasl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        return try body(directory)
    }

    private static func run(_ path: String?, _ arguments: [String], in directory: URL) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: try #require(path))
        process.arguments = arguments
        process.currentDirectoryURL = directory
        let messages = directory.appending(path: "messages")
        try Data().write(to: messages)
        let output = try FileHandle(forWritingTo: messages)
        process.standardInput = FileHandle.nullDevice
        process.standardError = output
        process.standardOutput = output
        try process.run()
        process.waitUntilExit()
        return String(decoding: try Data(contentsOf: messages), as: UTF8.self)
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips a test where there is no `iasl`.
    static var needsASLCompiler: Self {
        .enabled(
            if: ASLCompiler.path != nil && ASLCompiler.interpreterPath != nil, "iasl is missing; install acpica-tools")
    }
}
