// A kept VM of one test, whose guest calls SYSTEM_OFF2 and is done: what the host makes of it is tested without waiting
// for a kernel. What a kernel makes of it is in EndToEndTests.

import FoundationEssentials
import Glibc
import Hibernation
import Machine
import Subprocess
import SystemPackage
import TestSupport
import Testing

struct TestVM {
    static let name = "vm"
    let directory: TemporaryDirectory
    let kernel: String
    let disks: [String]

    /// - Parameters:
    ///   - append: the guest's command line.
    ///   - options: more of `dormouse create`.
    init(_ guest: Guest = .systemOff2, append: String = "end=off2", disks diskCount: Int = 2, options: [String] = [])
        async throws
    {
        directory = try TemporaryDirectory()
        // A copy, since tests change it.
        kernel = try directory.file("kernel.bin", try Data(contentsOf: URL(filePath: guest.path)))
        var disks: [String] = []
        for index in 0..<diskCount {
            disks.append(
                try directory.file("disk\(index).img", [UInt8](repeating: UInt8(index), count: (index + 1) << 20)))
        }
        self.disks = disks
        let created = try await run(
            "create",
            ["--kernel", kernel, "--append", append, "--memory", "64"] + disks.flatMap { ["--disk", $0] } + options)
        #expect(created.exitCode == 0, "\(created.error)")
    }

    /// A VM that is there already.
    init(_ other: TestVM, disks: [String]) {
        directory = other.directory
        kernel = other.kernel
        self.disks = disks
    }

    var store: String { "\(directory.path)/store" }
    var configurationPath: String { "\(store)/\(Self.name)/vm.toml" }
    var statePath: String { "\(store)/\(Self.name)/state.json" }

    /// Runs `dormouse VERB vm`.
    func run(_ verb: String, _ options: [String] = []) async throws -> Finished {
        try await Command.run([verb, Self.name, "--store", store] + options)
    }

    func start(_ options: String...) async throws -> Start {
        let path = "\(directory.path)/report.json"
        let finished = try await run("start", options + ["--report", path])
        let report = FileManager.default.contents(atPath: path).flatMap {
            try? JSONDecoder().decode(Report.self, from: $0)
        }
        return Start(finished: finished, report: report)
    }

    /// Starts the VM in the background and calls `body`. No process is left then, whatever came of it.
    ///
    /// - Parameter options: of `dormouse start --detach`.
    func inBackground(_ options: [String], _ body: (Finished) async throws -> Void) async throws {
        let started = try await run("start", ["--detach"] + options)
        do {
            try await body(started)
        } catch {
            _ = try? await run("kill")
            throw error
        }
        _ = try await run("kill")
    }

    /// What a start left.
    struct Start {
        var finished: Finished
        var report: Report?

        var exitCode: Int32? { finished.exitCode }
        var kind: String? { report?.vm.start }
        var paths: [String] { report?.vm.differences.map(\.path) ?? [] }
    }

    /// The part of a report that a refusal has, too.
    struct Report: Decodable {
        var vm: RunReport.VM
    }

    /// Replaces text in `vm.toml`.
    func edit(_ old: String, _ new: String) throws {
        try Self.edit(configurationPath, old, new)
    }

    /// Replaces text in `state.json`.
    func editState(_ old: String, _ new: String) throws {
        try Self.edit(statePath, old, new)
    }

    private static func edit(_ path: String, _ old: String, _ new: String) throws {
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        try #require(text.contains(old), "\(text)")
        try Data(text.replacing(old, with: new).utf8).write(to: URL(filePath: path))
    }

    func inspect() async throws -> String {
        try await run("inspect", ["--json"]).output
    }
}
