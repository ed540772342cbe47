// `dormouse`, which does everything that changes something: a verb is a process of its own, and its words and its exit
// code are the answer.
//
// Responsible for: that such a process outlives the server, and that how many there are has a bound. Whoever kills the
// server leaves a verb that is under way to end as if the server were there. Not responsible for: what an exit code
// means (`Verb`).

import FoundationEssentials
import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// The executable that VMs are made, started and ended with.
final class DormouseProgram: Sendable {
    /// What came of a verb.
    struct Answer: Sendable {
        /// Nil if a signal ended it.
        var exitCode: Int32?
        /// What it said on standard error, line by line.
        var words: [String]
        /// What it printed.
        var output: [UInt8]
    }

    /// Verbs at a time.
    static let processLimit = 64
    /// Bytes of what one prints: `inspect` has all that a guest can see.
    private static let outputLimit = 4 << 20
    /// Bytes and lines of what one says.
    private static let wordsLimit = 1 << 14
    private static let lineLimit = 64

    let path: String
    private let store: String
    private let processes = Mutex(0)

    init(path: String, store: String) {
        self.path = path
        self.store = store
    }

    /// Runs a verb to its end.
    ///
    /// - Parameters:
    ///   - verb: the subcommand, and the names behind it.
    ///   - options: what else it is given.
    /// - Throws: a `Problem` if there are too many already, or it cannot be run.
    func run(_ verb: [String], _ options: [String] = []) async throws(Problem) -> Answer {
        let isFull = processes.withLock { count in
            guard count < Self.processLimit else { return true }
            count += 1
            return false
        }
        guard !isFull else { throw Problem(.busy, "\(Self.processLimit) verbs are under way; try again") }
        // Not this request's task, with which it would be ended.
        let task = Task { [self] in
            defer { processes.withLock { $0 -= 1 } }
            return try await start(verb + ["--store=\(store)"] + options)
        }
        do {
            return try await task.value
        } catch { throw Problem(.hostFailed, "\(path) cannot be run: \(error)") }
    }

    private func start(_ arguments: [String]) async throws -> Answer {
        // Files rather than pipes: nobody need read them for the process to go on.
        let output = try UnnamedFile()
        let words = try UnnamedFile()
        var platform = PlatformOptions()
        platform.createSession = true
        let result = try await Subprocess.run(
            .path(FilePath(path)), arguments: Arguments(arguments), workingDirectory: "/", platformOptions: platform,
            input: .none, output: .fileDescriptor(output.descriptor, closeAfterSpawningProcess: false),
            error: .fileDescriptor(words.descriptor, closeAfterSpawningProcess: false))
        let code: Int32? =
            if case .exited(let code) = result.terminationStatus { code } else { nil }
        return Answer(
            exitCode: code, words: try Self.lines(words.contents(limit: Self.wordsLimit)),
            output: try output.contents(limit: Self.outputLimit))
    }

    /// The last lines, without the program's name before each.
    private static func lines(_ bytes: [UInt8]) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).suffix(lineLimit).map { line in
            String(line.hasPrefix("dormouse: ") ? line.dropFirst(10) : line)
        }
    }
}

/// A file that is gone when nobody has it open any more.
private final class UnnamedFile: Sendable {
    let descriptor: FileDescriptor

    init() throws {
        let directory = FilePath(FileManager.default.temporaryDirectory.path)
        let path = directory.appending("dormouse-serve-\(UInt64.random(in: .min ... .max))")
        descriptor = try FileDescriptor.open(
            path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
        unlink(path.string)
    }

    deinit {
        try? descriptor.close()
    }

    func contents(limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < limit {
            var piece = [UInt8](repeating: 0, count: 1 << 16)
            let offset = Int64(bytes.count)
            // Safe: `read` fills at most as many bytes as there are, and says how many it did.
            let count = try piece.withUnsafeMutableBytes { try descriptor.read(fromAbsoluteOffset: offset, into: $0) }
            if count == 0 { break }
            bytes += piece.prefix(count)
        }
        return bytes
    }
}
