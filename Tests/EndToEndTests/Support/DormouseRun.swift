// A process of `dormouse run`, seen from outside: its console, its last words, its exit code, its report.
//
// Standard output and error go to files, which are read again while it runs: nothing that this process does or does not
// do holds the guest up. Every wait has a deadline, after which the process is killed and the test fails.

import Foundation
import Glibc

/// A run that was started. It is killed when nobody holds it any more.
final class DormouseRun {
    enum Input {
        /// The end of the input at once.
        case none
        /// What `send` writes.
        case pipe
    }

    /// What is left of a run.
    struct End {
        var exitCode: Int32
        /// What the guest wrote, with plain line ends.
        var console: String
        /// The last line on standard error, without "dormouse: ".
        var words: String
        /// Nil if there is none, as when the machine could not be had.
        var report: Report?
    }

    private let process = Process()
    /// Before its process was there.
    let began: Date
    private let consoleFile: URL
    private let messagesFile: URL
    private let reportFile: URL
    private let input: Pipe?
    /// Before a wait gives up. Generous: machines that test are slow, and busy with other things.
    private static let patience: Duration = .seconds(300)
    private static let pollInterval: TimeInterval = 0.05

    /// - Parameters:
    ///   - launcher: words of a command that runs another in its own place.
    ///   - files: what the names of this run's files begin with.
    ///   - reports: whether the command can write a report.
    init(
        _ arguments: [String], launcher: [String] = [], files: URL, input: Input, reports: Bool = true
    ) throws {
        consoleFile = files.appendingPathExtension("console")
        messagesFile = files.appendingPathExtension("messages")
        reportFile = files.appendingPathExtension("json")
        self.input = input == .pipe ? Pipe() : nil
        for file in [consoleFile, messagesFile] {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        }
        let report = reports ? ["--report", reportFile.path] : []
        let words = launcher + [Dormouse.executable.path] + arguments + report
        process.executableURL = launcher.isEmpty ? Dormouse.executable : URL(filePath: "/usr/bin/env")
        process.arguments = launcher.isEmpty ? Array(words.dropFirst()) : words
        process.standardInput = self.input ?? FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: consoleFile)
        process.standardError = try FileHandle(forWritingTo: messagesFile)
        began = Date()
        do {
            try process.run()
        } catch {
            throw Failure("cannot start \(Dormouse.executable.path), which building the package makes: \(error)")
        }
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    // MARK: While it runs

    /// What the guest has written so far, with plain line ends.
    var console: String { Self.text(of: consoleFile) }

    var isRunning: Bool { process.isRunning }

    /// Waits until the guest has written `text` for the `count`-th time.
    func waitForConsole(_ text: String, count: Int = 1) throws {
        try wait(for: "\"\(text)\" on the console") {
            // Asked first: what is written before the end is in the file then.
            let isRunning = process.isRunning
            if console.ranges(of: text).count >= count { return true }
            guard isRunning else { throw failure("the run ended without \"\(text)\" on the console") }
            return false
        }
    }

    /// What Dormouse itself has said so far.
    var messages: String { Self.text(of: messagesFile) }

    /// Waits until Dormouse itself has said `text`.
    func waitForMessage(_ text: String) throws {
        try wait(for: "\"\(text)\" among the messages") {
            if messages.contains(text) { return true }
            guard process.isRunning else { throw failure("the run ended without \"\(text)\" among the messages") }
            return false
        }
    }

    /// Types `text` on the console.
    func send(_ text: String) throws {
        try input?.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    }

    /// Ends the console's input.
    func closeInput() throws {
        try input?.fileHandleForWriting.close()
    }

    func signal(_ number: Int32) {
        kill(process.processIdentifier, number)
    }

    /// The processes that it has started and that still run: field 4 of proc(5), /proc/pid/stat, is the parent.
    var children: [pid_t] {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid_t($0) } ?? []
        return processes.filter { candidate in
            let stat = Self.text(of: URL(filePath: "/proc/\(candidate)/stat"))
            let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
            return fields.count > 1 && fields[0] != "Z" && pid_t(fields[1]) == process.processIdentifier
        }
    }

    /// CPU time of all threads so far, user and system: fields 14 and 15 of proc(5), /proc/pid/stat.
    var cpuSeconds: Double {
        get throws {
            let stat = Self.text(of: URL(filePath: "/proc/\(process.processIdentifier)/stat"))
            // The second field is a name in parentheses, which may hold anything.
            let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
            guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
                throw failure("/proc does not say how much CPU time was used")
            }
            return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
        }
    }

    /// How much of a core is used in the next `seconds`: 1 is a whole one.
    func coreUse(seconds: Double) throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        let startCPUSeconds = try cpuSeconds
        Thread.sleep(forTimeInterval: seconds)
        let used = try cpuSeconds - startCPUSeconds
        return used / ((clock.now - start) / .seconds(1))
    }

    // MARK: Its end

    func waitForEnd() throws -> End {
        try wait(for: "the end of the run") { !process.isRunning }
        guard process.terminationReason == .exit else {
            throw failure("the process was killed by signal \(process.terminationStatus)")
        }
        let messages = Self.text(of: messagesFile).split(separator: "\n")
        let report = try? Data(contentsOf: reportFile)
        return End(
            exitCode: process.terminationStatus,
            console: console,
            words: String(messages.last?.trimmingPrefix("dormouse: ") ?? ""),
            // A start that was refused reports why, and nothing of a run.
            report: ExitCode.refusals.contains(process.terminationStatus)
                ? nil : try report.map { try JSONDecoder().decode(Report.self, from: $0) })
    }

    // MARK: Waiting and failing

    struct Failure: Error, CustomStringConvertible {
        var description: String

        init(_ description: String) { self.description = description }
    }

    private func wait(for what: String, until condition: () throws -> Bool) throws {
        let clock = ContinuousClock()
        let deadline = clock.now + Self.patience
        while try !condition() {
            guard clock.now < deadline else {
                kill(process.processIdentifier, SIGKILL)
                throw failure("waited \(Self.patience) for \(what)")
            }
            Thread.sleep(forTimeInterval: Self.pollInterval)
        }
    }

    /// With what there is to find out why.
    private func failure(_ text: String) -> Failure {
        Failure(
            """
            \(text)
            \(process.arguments?.joined(separator: " ") ?? "")
            the end of \(consoleFile.path):
            \(console.suffix(2000))
            \(messagesFile.path):
            \(Self.text(of: messagesFile).suffix(2000))
            """)
    }

    private static func text(of file: URL) -> String {
        let bytes = (try? Data(contentsOf: file)) ?? Data()
        return String(decoding: bytes.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    }
}
