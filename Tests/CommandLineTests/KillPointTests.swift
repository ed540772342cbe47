// SIGKILL at every step of every verb: what is known afterwards is right, or "unknown", and nobody else is disturbed.
//
// Steps are system calls that change something outside the process, or tell somebody: strace(1) kills it as it enters
// the N-th call of one kind, for each kind and each N, until the verb gets through. So the states between all of them
// are seen, and nothing in Dormouse knows of it. In every run those before a file gets its name, which are those where
// the state changes; nightly all of them.

import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage
import TestSupport
import Testing

@Suite("SIGKILL at every step", .serialized, .needs(Guest.areBuilt && KillPoint.canBeMade, KillPoint.whyNot))
struct KillPointTests {
    /// A verb, and what may be known of the VM `vm` when it was killed.
    struct Verb: Sendable, CustomTestStringConvertible {
        var words: [String]
        var exitCode: Int32 = 0
        var guest: (guest: Guest, append: String) = (.systemOff2, "end=off2")
        /// What is done before it; each with its exit code.
        var before: [(words: [String], exitCode: Int32)] = []
        /// Whether the VM is made by the verb.
        var makes = false
        /// Whether the VM runs. It is its own process, which goes on when the verb is killed.
        var isRunning = false
        /// Whether it is paused then.
        var isPaused = false
        /// The states that the VM may be in; nil: there is no such VM.
        var allowed: Set<String?>
        /// The state once the verb was repeated.
        var after: String?
        /// Another name that the VM may have instead, or what the verb makes.
        var other: String?
        /// Whether the VM's process is there once the verb was repeated.
        var runsOn: Bool { after == "running" || after == "paused" }
        /// Whether it changes units of a service manager, in a directory that is `HOST` in words.
        var changesUnits: Bool { words.contains("HOST") }

        var testDescription: String {
            (words + (before.first.map { ["after", $0.words[0]] } ?? [])).joined(separator: " ")
        }
    }

    private static let start = (words: ["start", "vm"], exitCode: Int32(40))
    private static let idle = (guest: Guest.idle, append: "seconds=3600")
    private static let sleeper = (guest: Guest.sleeper, append: "cycles=1")

    static let verbs: [Verb] = [
        Verb(words: ["create", "vm"], makes: true, allowed: [nil, "defined"], after: "defined"),
        Verb(
            words: ["start", "vm"], exitCode: 40, allowed: ["defined", "unknown", "hibernated"], after: "hibernated"),
        Verb(
            words: ["start", "vm"], exitCode: 40, before: [start], allowed: ["unknown", "hibernated"],
            after: "hibernated"),
        Verb(
            words: ["start", "vm"], guest: (.idle, "seconds=0"), allowed: ["defined", "unknown", "powered-off"],
            after: "powered-off"),
        Verb(words: ["rename", "vm", "new"], before: [start], allowed: [nil, "hibernated"], after: nil, other: "new"),
        Verb(words: ["rm", "vm", "--force"], before: [start], allowed: [nil, "hibernated"], after: nil),
        Verb(words: ["copy", "vm", "new", "--overlay"], allowed: ["defined"], after: "defined", other: "new"),
        Verb(
            words: ["copy", "vm", "new", "--full"], before: [start], allowed: ["hibernated"], after: "hibernated",
            other: "new"),
        Verb(
            words: ["set", "vm", "hibernation.on-change=keep"], before: [start], allowed: ["hibernated"],
            after: "hibernated"),
        Verb(words: ["bump", "vm"], before: [start], allowed: ["hibernated"], after: "hibernated"),
        Verb(
            words: ["discard", "vm"], guest: sleeper, before: [start],
            allowed: ["hibernated", "unknown", "powered-off"], after: "powered-off"),
        Verb(words: ["enable", "vm", "--root", "HOST"], allowed: ["defined"], after: "defined"),
        Verb(
            words: ["disable", "vm", "--root", "HOST"], before: [(["enable", "vm", "--root", "HOST"], 0)],
            allowed: ["defined"], after: "defined"),
        Verb(
            words: ["kill", "vm"], guest: idle, isRunning: true, allowed: ["running", "unknown"], after: "unknown"),
        Verb(
            words: ["kill", "vm", "--signal", "TERM"], guest: idle, isRunning: true,
            allowed: ["running", "powered-off"], after: "powered-off"),
        // A guest that does not react: whoever is killed there has asked it, signalled it, or neither.
        Verb(
            words: ["hibernate", "vm", "--then", "stop"], exitCode: 55, guest: idle, isRunning: true,
            allowed: ["running", "powered-off"], after: "powered-off"),
        Verb(
            words: ["stop", "vm", "--then", "kill"], exitCode: 55, guest: idle, isRunning: true,
            allowed: ["running", "powered-off"], after: "powered-off"),
        Verb(words: ["pause", "vm"], guest: idle, isRunning: true, allowed: ["running", "paused"], after: "paused"),
        Verb(
            words: ["unpause", "vm"], guest: idle, isRunning: true, isPaused: true, allowed: ["paused", "running"],
            after: "running"),
        Verb(
            words: ["repair", "vm"], before: [start, (["break"], 0)], allowed: ["broken", "defined"],
            after: "defined"),
    ]

    @Test(
        "A verb that is killed leaves what was true before it, what is true after it, or the unknown", arguments: verbs)
    func kill(verb: Verb) async throws {
        let fixture = try await Fixture(verb)
        var units = ""
        if verb.changesUnits {
            _ = try await fixture.run(verb.words)
            units = try await fixture.units()
        }
        for call in KillPoint.calls {
            var number = 1
            while true {
                try await fixture.reset()
                if verb.isRunning { try await fixture.begin() }
                let others = try await fixture.digest()
                let point = KillPoint(call: call, number: number)
                let killed = try await point.run(fixture.arguments(verb.words))
                guard killed.signal == SIGKILL else {
                    #expect(killed.exitCode == verb.exitCode, "\(point): \(killed.error)")
                    if verb.isRunning { _ = try await fixture.run(["kill", "vm"]) }
                    break
                }
                let comment: Comment = "killed before \(point)"
                let states = try await fixture.states()
                #expect(verb.allowed.contains(states["vm"]), "\(states), \(comment)")
                #expect(states["bystander"] == "hibernated", comment)
                if verb.words[0] == "rename" { #expect((states["vm"] == nil) != (states["new"] == nil), comment) }
                let known: Set = ["vm", "bystander", verb.other ?? "vm"]
                #expect(known.isSuperset(of: states.keys), "\(states), \(comment)")
                for (name, state) in states {
                    let status = try await fixture.run(["status", name]).output.split(separator: "\n").first ?? ""
                    // One that runs may have come further meanwhile.
                    let isRight =
                        verb.isRunning && name == "vm" ? verb.allowed.contains(String(status)) : status == state
                    #expect(isRight || state == "broken", "\(status), \(state), \(comment)")
                    let inspected = try await fixture.run(["inspect", name, "--json"])
                    #expect(inspected.exitCode == (state == "broken" ? 64 : 0), "\(inspected.error), \(comment)")
                }
                let repeated = try await fixture.run(fixture.arguments(verb.words, isBare: true))
                let settled = try await fixture.states()
                #expect(settled["vm"] == verb.after, "\(repeated.error), \(comment)")
                if verb.after == nil, let other = verb.other { #expect(settled[other] != nil, comment) }
                #expect(try await fixture.digest() == others, comment)
                if verb.changesUnits { #expect(try await fixture.units() == units, comment) }
                if verb.runsOn { _ = try await fixture.run(["kill", "vm"]) }
                for name in settled.keys where name != "bystander" {
                    let state = verb.runsOn ? "unknown" : settled[name] ?? ""
                    try await fixture.check(name, state, comment)
                }
                number += 1
            }
        }
    }

    /// Starts that leave the VM running by itself, for as long as its guest takes to hibernate.
    private static let detached = [[], [start]].map { before in
        Verb(
            words: ["start", "vm", "--detach", "--timeout", "600"], before: before,
            allowed: before.isEmpty ? ["defined", "unknown", "hibernated"] : ["unknown", "hibernated"],
            after: "hibernated")
    }

    @Test(
        "Whichever process of a start in the background is killed, what is known is right, and done by the next start",
        arguments: detached)
    func detach(verb: Verb) async throws {
        struct Inspection: Decodable {
            struct Start: Decodable { var start: String }
            var nextStart: Start
        }
        let fixture = try await Fixture(verb)
        for call in KillPoint.calls {
            var number = 1
            while true {
                try await fixture.reset()
                let others = try await fixture.digest()
                let point = KillPoint(call: call, number: number)
                let comment: Comment = "killed before \(point)"
                let (asked, isReached) = try await point.runAll(fixture.arguments(verb.words))
                // The one that asks was killed; or it says that the other one was, or before, that the guest runs.
                #expect(asked.signal == SIGKILL || [0, 128 + SIGKILL].contains(asked.exitCode), comment)
                if asked.exitCode == 0 { #expect(asked.error.contains("; process "), "\(asked.error), \(comment)") }
                let states = try await fixture.states()
                #expect(Set(states.keys) == ["vm", "bystander"] && states["bystander"] == "hibernated", comment)
                let state = try #require(states["vm"])
                guard isReached else {
                    #expect(asked.exitCode == 0 && state == verb.after, "\(asked.error), \(comment)")
                    break
                }
                #expect(verb.allowed.contains(state), "\(state), \(comment)")
                #expect(try await fixture.run(["status", "vm"]).output == "\(state)\n", comment)
                let inspected = try await fixture.run(["inspect", "vm", "--json"])
                #expect(inspected.exitCode == 0, "\(inspected.error), \(comment)")
                let next = try JSONDecoder().decode(Inspection.self, from: Data(inspected.output.utf8)).nextStart.start
                // What is known to be hibernated is resumed; what is unknown may be.
                #expect(next == "resume" || next == "boot" && state != "hibernated", "\(next), \(state), \(comment)")
                let again = try await fixture.run(verb.words)
                let words = next == "resume" ? "resumed" : "booted"
                #expect(again.exitCode == 0, "\(again.error), \(comment)")
                #expect(again.error.contains("VM vm: \(words); process "), "\(again.error), \(comment)")
                #expect(try await fixture.run(["wait", "vm"]).output == "40\n", comment)
                let settled = try await fixture.states()
                #expect(settled["vm"] == verb.after && settled.count == 2, "\(settled), \(comment)")
                #expect(try await fixture.digest() == others, comment)
                try await fixture.check("vm", settled["vm"] ?? "", comment)
                number += 1
            }
        }
    }
}

@Suite("SIGKILL of a VM's process", .needs(Guest.areBuilt, Guest.missing))
struct KilledVMTests {
    @Test(
        "Whoever speaks to it or waits for it is not left waiting, and what is known then is unknown",
        arguments: [["wait"], ["stop"], ["hibernate"], ["pause"], ["status"], ["logs", "--follow"], ["console"]],
        [0, 100, 400])
    func client(verb: [String], milliseconds: Int) async throws {
        let vm = try await TestVM(.idle, append: "seconds=3600", disks: 1)
        let run = try await Command.run(["start", TestVM.name, "--store", vm.store]) { running in
            #expect(try await running.waits(for: "idle"))
            // It hears nothing any more, so that who asks it waits.
            running.send(SIGSTOP)
            async let ended = vm.run(verb[0], Array(verb.dropFirst()))
            try await Task.sleep(for: .milliseconds(milliseconds))
            running.send(SIGKILL)
            let finished = try await ended
            switch verb[0] {
            case "wait": #expect(finished.exitCode == 0 && finished.output == "unknown\n", "\(finished.error)")
            case "status": #expect(finished.exitCode == 4 || finished.exitCode == 0, "\(finished.error)")
            case "logs": #expect(finished.exitCode == 0, "\(finished.error)")
            default:
                #expect(finished.signal == nil && finished.exitCode != 0, "\(finished.error)")
                #expect(finished.errorLines.count >= 1, "\(finished.errorLines)")
            }
        }
        #expect(run.signal == SIGKILL)
        #expect(try await vm.run("status").output == "unknown\n")
    }

    @Test("How an earlier run ended is not taken for the end of one that was killed")
    func laterRun() async throws {
        let vm = try await TestVM(.idle, append: "seconds=0", disks: 1)
        #expect(try await vm.start().exitCode == 0)
        #expect(try await vm.run("wait").output == "0\n")
        try vm.edit("append = 'seconds=0'", "append = 'seconds=3600'")
        let run = try await Command.run(["start", TestVM.name, "--store", vm.store]) { running in
            let isIdle = try await running.waits(for: "idle")
            #expect(isIdle)
            running.send(SIGKILL)
        }
        #expect(run.signal == SIGKILL)
        #expect(try await vm.run("wait").output == "unknown\n")
        #expect(try await !vm.run("wait", ["--json"]).output.contains("lastEnd"))
    }
}

/// A place at which a process is killed.
struct KillPoint: CustomStringConvertible {
    var call: String
    var number: Int
    /// By which signal, as strace(1) has its name.
    var signal = "KILL"

    var description: String { "\(call) \(number)" }

    /// Calls that change what others see.
    ///
    /// Names in one line are of one call, in several forms; not every architecture has each of them.
    static let calls =
        ["?rename,?renameat,?renameat2", "?link,?linkat"]
        + (Nightly.isOn
            ? [
                "?mkdir,?mkdirat", "write", "pwrite64", "pwritev", "ftruncate", "fsync", "fdatasync",
                "?unlink,?unlinkat", "?rmdir", "?symlink,?symlinkat", "?chmod,?fchmodat", "fchmod", "connect", "sendto",
                "fallocate",
            ] : [])

    static let strace = "/usr/bin/strace"
    static let whyNot: Comment = "there are no bare-metal guests, or no strace: run Guests/build and scripts/setup"
    static var canBeMade: Bool { access(strace, X_OK) == 0 }

    /// Runs Dormouse until it is killed there, or to its end.
    func run(_ arguments: [String]) async throws -> Finished {
        try await run(arguments, ["-qq", "-o", "/dev/null"])
    }

    /// The same of all processes that it starts, to the end of each of them. Threads count their calls by themselves.
    ///
    /// - Returns: how the first one ended, and whether any of them was killed.
    func runAll(_ arguments: [String]) async throws -> (finished: Finished, isReached: Bool) {
        let directory = try TemporaryDirectory()
        let trace = try directory.file("trace")
        let finished = try await run(arguments, ["-q", "-o", trace])
        let text = String(decoding: try Data(contentsOf: URL(filePath: trace)), as: UTF8.self)
        return (finished, text.contains("+++ killed by SIG\(signal) +++"))
    }

    private func run(_ arguments: [String], _ options: [String]) async throws -> Finished {
        try await Command.run(
            .path(FilePath(Self.strace)),
            ["-f"] + options + ["-e", "trace=\(call)", "-e", "inject=\(call):signal=\(signal):when=\(number)"]
                + ["--", Command.path.string] + arguments)
    }
}

/// A store with the VM that something is done to, and a bystander; and how both were.
private final class Fixture: Sendable {
    private let directory: TemporaryDirectory
    private let verb: KillPointTests.Verb
    private var work: String { "\(directory.path)/work" }
    private var store: String { "\(work)/store" }

    init(_ verb: KillPointTests.Verb) async throws {
        directory = try TemporaryDirectory()
        self.verb = verb
        try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: true)
        for name in ["vm", "bystander"] {
            try Data(count: 1 << 20).write(to: URL(filePath: "\(work)/\(name).img"))
        }
        if verb.changesUnits {
            // Where the package has them.
            try await shell(
                #"mkdir -p "$1/work/host/usr/lib/systemd/system""#
                    + #" && cp "$2"/Packaging/systemd/dormouse* "$1/work/host/usr/lib/systemd/system""#)
        }
        try await expect(0, arguments(["create", "bystander"]))
        try await expect(40, ["start", "bystander"])
        if !verb.makes { try await expect(0, arguments(["create", "vm"])) }
        for step in verb.before {
            if step.words == ["break"] {
                try Data("{".utf8).write(to: URL(filePath: "\(store)/vm/state.json"))
            } else {
                try await expect(step.exitCode, step.words)
            }
        }
        try await shell(#"cp -a "$1/work" "$1/as-it-was""#)
    }

    private func expect(_ code: Int32, _ words: [String]) async throws {
        let finished = try await run(words)
        try #require(finished.exitCode == code, "\(words): \(finished.error)")
    }

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").path

    private func shell(_ script: String) async throws {
        try #require(try await Command.shell(script, directory.path, Self.root).exitCode == 0)
    }

    /// Makes everything as it was, but for the number of the disks' files, which says nothing.
    func reset() async throws { try await shell(#"rm -rf "$1/work" && cp -a "$1/as-it-was" "$1/work""#) }

    /// Starts the VM, which runs on, or is paused.
    func begin() async throws {
        try await expect(0, ["start", "vm", "--detach", "--wait-for", "idle", "--timeout", "600"])
        if verb.isPaused { try await expect(0, ["pause", "vm"]) }
    }

    /// What is given to the command.
    ///
    /// - Parameter isBare: without the store, which `run` adds.
    func arguments(_ words: [String], isBare: Bool = false) -> [String] {
        var words = words.map { $0 == "HOST" ? "\(work)/host" : $0 }
        if words[0] == "create" {
            let guest: (guest: Guest, append: String) = words[1] == "vm" ? verb.guest : (.systemOff2, "end=off2")
            words += [
                "--kernel", guest.guest.path, "--append", guest.append, "--memory", "64", "--disk",
                "\(work)/\(words[1]).img",
            ]
        }
        return isBare ? words : words + ["--store", store]
    }

    func run(_ words: [String]) async throws -> Finished {
        let words = words.map { $0 == "HOST" ? "\(work)/host" : $0 }
        return try await Command.run(words.contains("--store") ? words : words + ["--store", store])
    }

    /// The files by which a service manager knows the VM, and what they are.
    func units() async throws -> String {
        try await Command.shell(
            #"cd "$1/work/host/etc" && find . -not -type d -printf '%p %l\n' | sort && find . -type f -exec cat {} +"#,
            directory.path
        ).output
    }

    /// The state of each VM.
    func states() async throws -> [String: String] {
        struct Entry: Decodable {
            var name: String
            var state: String
        }
        let listed = try await run(["list", "--json"])
        let entries = try JSONDecoder().decode([Entry].self, from: Data(listed.output.utf8))
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.state) })
    }

    /// What the bystander's files are.
    func digest() async throws -> String {
        try await Command.shell(
            #"cd "$1/work" && find store/bystander bystander.img -type f -print0 | sort -z | xargs -0 sha256sum"#,
            directory.path
        ).output
    }

    /// That the events of a VM are whole and come to its state, and that its next user leaves nothing behind of what a
    /// killed process did not finish.
    func check(_ name: String, _ state: String, _ comment: Comment) async throws {
        struct Event: Decodable {
            var number: Int
            var state: String
        }
        #expect(try await run(["bump", name]).exitCode == 0, comment)
        let events = try await run(["events", name, "--json"]).output.split(separator: "\n")
            .map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }
        #expect(events.map(\.number) == Array(1...max(1, events.count)), comment)
        // A copy is made, and may have something to resume.
        #expect(events.last?.state == state || events.count == 1, "\(events), \(state), \(comment)")
        let left = try await Command.shell(#"find "$1/work" -name ".dormouse-*" -path "*/store/*""#, directory.path)
        #expect(left.output.isEmpty, comment)
    }
}
