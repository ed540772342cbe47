// `dormouse-serve` with a store of its own, run as a user runs it, and the VMs in it.

import Foundation
import Glibc
import HostSupport
import Synchronization
import TestSupport
import Testing

/// The programs under test: beside the test bundle.
enum Program {
    private static let directory = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    static let dormouse = directory.appending(path: "dormouse")
    static let server = directory.appending(path: "dormouse-serve")

    /// What a program printed, and its exit code.
    static func run(
        _ program: URL, _ arguments: [String], environment: [String: String]? = nil, directory: String? = nil
    ) throws -> (exitCode: Int32, output: String, error: String) {
        let process = Process()
        let (output, error) = (Pipe(), Pipe())
        process.executableURL = program
        process.arguments = arguments
        process.environment = environment ?? ProcessInfo.processInfo.environment
        if let directory { process.currentDirectoryURL = URL(filePath: directory) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = error
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let words = String(decoding: error.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text, words)
    }

    static let curl = tool("curl")
    static let openssl = tool("openssl")
    static let promtool = tool("promtool")
    static let strace = tool("strace")

    /// One of Debian's; nil if it is not there.
    static func tool(_ name: String) -> URL? {
        ["/usr/bin", "/bin", "/usr/sbin"].map { URL(filePath: "\($0)/\(name)") }
            .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    }
}

/// The bare-metal guests, as `Guests/build` makes them.
enum Guest: String, CaseIterable {
    case idle = "Idle"
    case sleeper = "Sleeper"
    case spin = "Spin"
    case systemOff2 = "SystemOff2"

    static let areBuilt = allCases.allSatisfy { FileManager.default.isReadableFile(atPath: $0.path) }
    static let whyNot: Comment = "the bare-metal guests are not built: run Guests/build"

    var path: String {
        (0..<4).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
            .appending(path: "Guests/.build/\(rawValue).bin").path
    }
}

/// A server, and a directory that goes with it.
final class TestServer {
    let directory: String
    private var process = Process()
    /// Whether the server is a child of that.
    private var isChild = false
    private let options: [String]
    /// The port at which it serves by TLS.
    private(set) var port: Int?
    private var said = Words()

    var store: String { "\(directory)/store" }
    /// The number of the server's process, if nothing else runs it.
    var processID: pid_t { process.processIdentifier }

    /// - Parameter options: of `dormouse-serve`, made in the directory that they are given.
    init(_ options: (String) throws -> [String] = { _ in [] }) throws {
        var template = Array("/tmp/dormouse-test-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        self.options = try options(directory)
        try start()
    }

    deinit {
        kill()
        for name in (try? FileManager.default.contentsOfDirectory(atPath: store)) ?? [] {
            _ = try? Program.run(Program.dormouse, ["kill", name, "--store", store])
        }
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Starts a server, and waits until it takes requests.
    func start() throws { try #require(try start(under: nil), "the server ended") }

    /// Starts a server, and waits until it takes requests.
    ///
    /// - Parameter launcher: a program that runs it as a child, and its options; nil: it is started itself.
    /// - Returns: false if it ended instead.
    func start(under launcher: (program: URL, options: [String])?) throws -> Bool {
        process = Process()
        isChild = launcher != nil
        let messages = Pipe()
        process.executableURL = launcher?.program ?? Program.server
        process.arguments =
            (launcher.map { $0.options + [Program.server.path] } ?? [])
            + ["--store", store, "--socket", "\(directory)/socket"] + options
        process.standardInput = FileHandle.nullDevice
        process.standardError = messages
        try process.run()
        var text = ""
        while !text.contains("serves the VMs of") || !text.hasSuffix("\n") {
            let more = messages.fileHandleForReading.availableData
            if more.isEmpty { return false }
            text += String(decoding: more, as: UTF8.self)
        }
        port = text.firstMatch(of: /by TLS at port (\d+)/).flatMap { Int($0.1) }
        // What it says later must not hold it up.
        let said = Words()
        self.said = said
        messages.fileHandleForReading.readabilityHandler = { handle in
            let more = handle.availableData
            if more.isEmpty { handle.readabilityHandler = nil }
            said.add(String(decoding: more, as: UTF8.self))
        }
        return true
    }

    /// What it has said since it serves, as far as that has come.
    var log: String { said.all }

    /// The line of its log that has that text, once it has come.
    func logLine(with text: String) throws -> String {
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while true {
            let lines = log.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            if let line = lines.first(where: { $0.contains(text) }) { return String(line) }
            try #require(ContinuousClock.now < deadline, "nothing was said of \(text): \(log)")
            usleep(10_000)
        }
    }

    /// Ends the server at once.
    func kill() {
        guard process.isRunning else { return }
        if isChild { for child in Self.descendants(of: process.processIdentifier) { Glibc.kill(child, SIGKILL) } }
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// The processes that one has started, and those that they have.
    private static func descendants(of process: pid_t) -> [pid_t] {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
        let children = tasks.flatMap { task in
            let path = "/proc/\(process)/task/\(task)/children"
            return ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: " ").compactMap {
                pid_t($0)
            }
        }
        return children + children.flatMap { descendants(of: $0) }
    }

    /// Has a process hang, and waits until all of its threads do: each does when it gets the signal.
    static func hang(_ process: Int32) throws {
        Glibc.kill(process, SIGSTOP)
        let tasks = "/proc/\(process)/task"
        let deadline = ContinuousClock.now.advanced(by: .seconds(60))
        while try !FileManager.default.contentsOfDirectory(atPath: tasks).allSatisfy({ task in
            let status = try? String(contentsOfFile: "\(tasks)/\(task)/status", encoding: .utf8)
            // One that is gone by now has stopped, too.
            return status?.contains("State:\tT") ?? true
        }) {
            try #require(ContinuousClock.now < deadline, "process \(process) does not stop")
            usleep(1000)
        }
    }

    // MARK: Requests

    func connect() throws -> HTTPConnection { HTTPConnection(try .connected(directory: directory, name: "socket")) }

    func ask(_ method: String, _ path: String, _ body: String? = nil, headers: [String] = []) throws -> Reply {
        let connection = try connect()
        let types = body == nil ? [] : ["Content-Type: application/json"]
        try connection.send(method, path, body: body, headers: headers + types + ["Connection: close"])
        return try connection.reply()
    }

    /// The answer to a request that has to be answered with that status.
    @discardableResult
    func expect(
        _ status: Int, _ method: String, _ path: String, _ body: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Reply {
        let reply = try ask(method, path, body)
        #expect(reply.status == status, "\(reply.text)", sourceLocation: sourceLocation)
        return reply
    }

    func events(_ path: String, headers: [String] = []) throws -> EventReader {
        let connection = try connect()
        try connection.send("GET", path, headers: headers)
        return try EventReader(connection)
    }

    // MARK: VMs

    /// Makes a VM by a request.
    ///
    /// - Parameters:
    ///   - name: its name.
    ///   - guest: its kernel.
    ///   - append: for the kernel's command line.
    ///   - disk: whether it has an empty disk.
    ///   - more: other fields of the request.
    func make(
        _ name: String, _ guest: Guest, append: String = "", disk: Bool = false, fields more: String = ""
    ) throws {
        var fields = "\"name\": \"\(name)\", \"kernel\": \"\(guest.path)\", \"memory\": \"64M\""
        if !append.isEmpty { fields += ", \"append\": \"\(append)\"" }
        if disk {
            let path = "\(directory)/\(name).img"
            #expect(FileManager.default.createFile(atPath: path, contents: Data(count: 1 << 20)))
            fields += ", \"disk\": [\"\(path)\"]"
        }
        if !more.isEmpty { fields += ", \(more)" }
        try expect(201, "POST", "/v1/vms", "{\(fields)}")
    }

    func vm(_ name: String) throws -> VMReply { try expect(200, "GET", "/v1/vms/\(name)").decoded(VMReply.self) }
}

/// What a server says, which comes by another thread.
private final class Words: Sendable {
    private let text = Mutex("")

    var all: String { text.withLock(\.self) }

    func add(_ more: String) { text.withLock { $0 += more } }
}

// MARK: Answers

struct VMReply: Decodable {
    struct End: Decodable { var exitCode: Int }
    var name: String
    var state: String
    var process: Int32?
    var verbs: [String]
    var lastEnd: End?
}

struct OutcomeReply: Decodable {
    var exitCode: Int
    var words: [String]
    var vm: VMReply
}

struct ProblemReply: Decodable {
    var type: String
    var status: Int
    var detail: String
    var reason: String
    var exitCode: Int?
}
