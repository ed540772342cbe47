// What commands print for programs. That each has its own shape is tested with each.

import FoundationEssentials
import Glibc
import TestSupport
import Testing

@Suite("Output for programs", .needs(Guest.areBuilt, Guest.missing))
struct FormatTests {
    /// A VM that hibernated once, and commands that say the same of it each time.
    private static let commands = [
        ["list"], ["inspect", "vm"], ["status", "vm"], ["events", "vm"], ["logs", "vm"], ["wait", "vm"], ["stats"],
        ["image", "inspect", "DISK"], ["psci", "functions"],
    ]

    private struct Listing: Decodable, Equatable {
        struct End: Decodable, Equatable {
            var kind: String
            var exitCode: Int32
        }
        var name: String
        var path: String
        var state: String
        var words: String
        var process: Int?
        var lastEnd: End?
    }

    private func run(_ vm: TestVM, _ command: [String], _ options: [String] = []) async throws -> Finished {
        let words = command.map { $0 == "DISK" ? vm.disks[0] : $0 } + options
        return try await Command.run(["image", "psci"].contains(words[0]) ? words : words + ["--store", vm.store])
    }

    @Test("--format json is --json, --format text is neither, and both together are a contradiction")
    func forms() async throws {
        let vm = try await TestVM(disks: 1)
        #expect(try await vm.start().exitCode == 40)
        for command in Self.commands {
            let json = try await run(vm, command, ["--format", "json"])
            let short = try await run(vm, command, ["--json"])
            #expect(json.output == short.output && json.exitCode == short.exitCode, "\(command)")
            let plain = try await run(vm, command)
            let text = try await run(vm, command, ["--format", "text"])
            #expect(text.output == plain.output && text.exitCode == plain.exitCode, "\(command)")
            // There are no VMs that run, of which there would be statistics.
            #expect(json.output != text.output, "\(command)")
            #expect(json.exitCode == text.exitCode, "\(command)")
            // One value, or one in each line.
            let lines = json.output.split(separator: "\n").map { Data($0.utf8) }
            let isWhole = (try? JSONDecoder().decode(Anything.self, from: Data(json.output.utf8))) != nil
            #expect(isWhole || lines.allSatisfy { (try? JSONDecoder().decode(Anything.self, from: $0)) != nil })
            for wrong in [["--json", "--format", "text"], ["--format", "xml"]] {
                let refused = try await run(vm, command, wrong)
                #expect(refused.exitCode == 64 && refused.output == "" && refused.errorLines.count == 1, "\(command)")
            }
        }
    }

    @Test("status and wait tell programs what the list does, of one that rests and of one that runs")
    func listing() async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        @Sendable func listing(_ command: [String]) async throws -> Listing {
            try JSONDecoder().decode(
                Listing.self, from: Data(try await run(vm, command, ["--format", "json"]).output.utf8))
        }
        @Sendable func list() async throws -> [Listing] {
            try JSONDecoder().decode(
                [Listing].self, from: Data(try await run(vm, ["list"], ["--format", "json"]).output.utf8))
        }
        let made = try await listing(["status", "vm"])
        #expect(made.state == "defined" && made.process == nil && made.lastEnd == nil)
        _ = try await Command.run(["start", "vm", "--store", vm.store]) { running in
            #expect(try await running.waits(for: "idle"))
            let status = try await listing(["status", "vm"])
            #expect(status.state == "running" && status.process == Int(running.process))
            #expect(try await list() == [status])
            running.send(SIGTERM)
        }
        let status = try await listing(["status", "vm"])
        #expect(status.state == "powered-off" && status.lastEnd == Listing.End(kind: "stopped", exitCode: 143))
        #expect(try await list() == [status])
        #expect(try await listing(["wait", "vm"]) == status)
        #expect(status.path == "\(vm.store)/vm")
    }

    @Test("The conformance guest's checks are counted for programs, too")
    func conformance() async throws {
        struct Summary: Decodable {
            struct Row: Decodable {
                var passed: Int
                var failed: Int
            }
            var checks: Int
            var failed: Int
            var notChecked: [String]
            var table: [Row]
            var lines: [String]
        }
        let options = ["conformance", "--psci-version", "0.2", "--cpus", "1", "--clock", "instructions"]
        let json = try await Command.run(options + ["--format", "json", "--verbose"])
        #expect(json.exitCode == 0, "\(json.error)")
        let summary = try JSONDecoder().decode(Summary.self, from: Data(json.output.utf8))
        #expect(summary.checks > 0 && summary.failed == 0 && summary.notChecked == [])
        #expect(summary.table.reduce(0) { $0 + $1.passed } == summary.checks)
        let text = try await Command.run(options)
        #expect(text.output.hasSuffix("\n\(summary.checks) checks, 0 failed\n"), "\(text.output)")
        // Those that were skipped have a line, and count as nothing.
        #expect(summary.lines.filter { $0.contains(": ok: ") }.count == summary.checks)
    }
}

/// Any value of JSON.
private struct Anything: Decodable {
    init(from decoder: any Decoder) throws {
        if let keyed = try? decoder.container(keyedBy: Key.self) {
            for key in keyed.allKeys { _ = try keyed.decode(Anything.self, forKey: key) }
        } else if var list = try? decoder.unkeyedContainer() {
            while !list.isAtEnd { _ = try list.decode(Anything.self) }
        } else {
            _ = try decoder.singleValueContainer()
        }
    }

    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
