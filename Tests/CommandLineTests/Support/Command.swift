// The built command, run as a user runs it.

import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage
import TestSupport
import Testing

/// What a run of the command left.
struct Finished {
    var exitCode: Int32?
    /// What ended it instead.
    var signal: Int32?
    var output: String
    var error: String

    /// The lines of standard error, without the last newline.
    var errorLines: [String] {
        var lines = error.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }
}

extension Finished {
    fileprivate init(_ status: TerminationStatus, output: String?, error: String?) {
        switch status {
        case .exited(let code): exitCode = code
        case .signaled(let number): signal = number
        }
        self.output = output ?? ""
        self.error = error ?? ""
    }
}

/// A run of the command that goes on.
struct Running: Sendable {
    let process: pid_t
    fileprivate let outputPath: String
    fileprivate let errorPath: String

    func send(_ signal: Int32) {
        kill(process, signal)
    }

    /// Waits, for at most ten minutes, until it has the file at `path` open.
    func waits(forOpen path: String) async throws -> Bool {
        for _ in 0..<30_000 {
            let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd")) ?? []
            for descriptor in descriptors {
                let target = try? FileManager.default.destinationOfSymbolicLink(
                    atPath: "/proc/\(process)/fd/\(descriptor)")
                if target == path { return true }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    /// Waits, for at most ten minutes, until the guest's console has said `text` that often.
    func waits(for text: String, times: Int = 1) async throws -> Bool {
        try await Self.waits(for: text, in: outputPath, times: times)
    }

    /// The same of what the command says.
    func waits(forMessage text: String) async throws -> Bool {
        try await Self.waits(for: text, in: errorPath, times: 1)
    }

    private static func waits(for text: String, in path: String, times: Int) async throws -> Bool {
        for _ in 0..<30_000 {
            if try Command.text(ofFile: path).ranges(of: text).count >= times { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }
}

enum Command {
    /// The executable, which is built next to the tests.
    static let path: FilePath = {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let tests = FilePath(String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
        return tests.removingLastComponent().appending("dormouse")
    }()

    static let executable = Executable.path(path)

    /// No backtraces of a process that ends before it has handlers of its own: one on a terminal would wait for a key.
    static let environment = Environment.inherit.updating(["SWIFT_BACKTRACE": "enable=no"])

    /// Runs it with `arguments`, and nothing on standard input.
    static func run(_ arguments: [String]) async throws -> Finished { try await run(executable, arguments) }

    /// Runs another program in the same way.
    static func run(_ program: Executable, _ arguments: [String]) async throws -> Finished {
        let result = try await Slots.programs.withOne {
            try await Subprocess.run(
                program, arguments: Arguments(arguments), environment: environment,
                output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        }
        return Finished(result.terminationStatus, output: result.standardOutput, error: result.standardError)
    }

    /// Runs it with `arguments`, and `input` on standard input: from a file, since a pipe whose reader goes before it
    /// has read everything ends the library's process.
    static func run(_ arguments: [String], input: String) async throws -> Finished {
        let directory = try TemporaryDirectory()
        let path = FilePath(try directory.file("input", input.utf8))
        let result = try await Slots.programs.withOne {
            try await Subprocess.run(
                executable, arguments: Arguments(arguments), environment: environment,
                input: .fileDescriptor(try .open(path, .readOnly), closeAfterSpawningProcess: true),
                output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        }
        return Finished(result.terminationStatus, output: result.standardOutput, error: result.standardError)
    }

    /// Runs it with `arguments`, and calls `body` meanwhile.
    static func run(
        _ arguments: [String], environment: Environment = environment,
        _ body: @escaping @Sendable (Running) async throws -> Void
    ) async throws -> Finished {
        let directory = try TemporaryDirectory()
        let outputPath = try directory.file("output")
        let errorPath = try directory.file("error")
        let output = try FileDescriptor.open(FilePath(outputPath), .writeOnly)
        let error = try FileDescriptor.open(FilePath(errorPath), .writeOnly)
        let result = try await Subprocess.run(
            executable, arguments: Arguments(arguments), environment: environment, input: .none,
            output: .fileDescriptor(output, closeAfterSpawningProcess: true),
            error: .fileDescriptor(error, closeAfterSpawningProcess: true)
        ) { execution in
            try await body(
                Running(
                    process: execution.processIdentifier.value, outputPath: outputPath, errorPath: errorPath))
        }
        return Finished(
            result.terminationStatus, output: try text(ofFile: outputPath), error: try text(ofFile: errorPath))
    }

    /// A conversation of PyPI's `qemu.qmp` with a monitor, as `PythonQMP` describes it, by lines.
    static func converse(_ address: String, _ actions: [String]) async throws -> [String] {
        let environment = PythonQMP.environment.map { "\($0.key)=\($0.value)" }
        let result = try await Slots.programs.withOne {
            try await Subprocess.run(
                .name("env"), arguments: Arguments(environment + ["python3"] + PythonQMP.arguments(address, actions)),
                output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        }
        #expect(result.terminationStatus == .exited(0), "\(result.standardError)")
        return result.standardOutput.split(separator: "\n").map(String.init)
    }

    /// What is in a file of text.
    fileprivate static func text(ofFile path: String) throws -> String {
        let descriptor = try FileDescriptor.open(FilePath(path), .readOnly)
        return try descriptor.closeAfter {
            var bytes = [UInt8](repeating: 0, count: 1 << 20)
            let count = try bytes.withUnsafeMutableBytes { try descriptor.read(into: $0) }
            return String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }

    /// Runs `script` in the shell, where `$0` is the executable, with the rest of the arguments as `$1` and on.
    static func shell(_ script: String, _ arguments: String...) async throws -> Finished {
        let result = try await Slots.programs.withOne {
            try await Subprocess.run(
                .path("/bin/sh"), arguments: Arguments(["-c", script, path.string] + arguments),
                environment: environment, output: .string(limit: 1 << 20), error: .string(limit: 1 << 20))
        }
        return Finished(result.terminationStatus, output: result.standardOutput, error: result.standardError)
    }
}

/// The bare-metal guests, as `Guests/build` makes them.
enum Guest: String {
    case idle = "Idle"
    case sleeper = "Sleeper"
    case spin = "Spin"
    case systemOff2 = "SystemOff2"

    /// Why a test without them is skipped.
    static let missing: Comment = "the bare-metal guests are not built: run Guests/build"

    static var areBuilt: Bool {
        [idle, sleeper, spin, systemOff2].allSatisfy { access($0.path, R_OK) == 0 }
    }

    var path: String {
        FilePath(#filePath).removingLastComponent().appending("../../../Guests/.build/\(rawValue).bin")
            .lexicallyNormalized().string
    }
}

extension TemporaryDirectory {
    /// The path of a new file with `bytes`.
    func file(_ name: String, _ bytes: some Collection<UInt8> = []) throws -> String {
        let path = "\(path)/\(name)"
        let descriptor = try FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
        try descriptor.closeAfter { _ = try descriptor.writeAll(bytes) }
        return path
    }
}
