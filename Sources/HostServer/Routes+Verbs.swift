// Routes that change something: each is a verb of `dormouse`, with what the caller says as its options.

import Bytes
import HTTPTypes
import Hummingbird
import KeptVMs

/// What came of a verb.
private struct Outcome: Encodable {
    /// 0: what was asked for; docs/cli.md has the others.
    var exitCode: Int32
    /// What `dormouse` said.
    var words: [String]
    var vm: VMSummary
}

extension Call {
    /// Runs a verb for the VM that the path names, if it means anything for it now.
    ///
    /// - Parameters:
    ///   - verb: the verb.
    ///   - options: of `dormouse`.
    ///   - unfinished: an exit code that is an answer, too: what was asked for is under way.
    fileprivate func run(
        _ verb: Verb, _ options: [String] = [], unfinished: Int32? = nil
    ) async throws -> DormouseProgram.Answer {
        let vm = try await vm()
        let summary = try await server.blocking { VMSummary(vm) }
        try verb.check(summary)
        let name = verb == .remove ? "rm" : verb.rawValue
        let answer = try await server.program.run([name, vm.name], options)
        if let code = answer.exitCode, code == unfinished { return answer }
        if let problem = verb.problem(answer) {
            // Somebody else may have taken it away meanwhile.
            _ = try await self.vm()
            throw problem
        }
        return answer
    }

    /// The answer to a verb: what came of it, and how the VM is now.
    fileprivate func outcome(
        _ answer: DormouseProgram.Answer, status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let vm = try await vm()
        let summary = try await server.blocking { VMSummary(vm) }
        return try .json(
            Outcome(exitCode: answer.exitCode ?? 0, words: answer.words, vm: summary), status: status)
    }

    /// A verb without options.
    func plain(_ verb: Verb) async throws -> Response {
        _ = try query()
        try await fields().allow([])
        return try await outcome(try await run(verb))
    }

    /// The answer with which another VM is there.
    fileprivate func made(_ name: String) async throws -> Response {
        let store = server.store
        let summary = try await server.blocking { VMSummary(try store.vm(name)) }
        return try .json(summary, status: .created, headers: [.location: "/v1/vms/\(name)"])
    }

    /// A name for a VM that is not there yet.
    fileprivate func newName(_ fields: RequestBodyFields) async throws -> String {
        guard let name = try fields.text("name") else { throw Problem(.invalid, "give a \"name\"") }
        guard VMStore.isName(name) else { throw Problem(.invalid, "\(HostError.badName(name))") }
        let store = server.store
        if let there = try? await server.blocking({ try store.vm(name) }) {
            throw Problem(HostError.exists(name: name, path: there.path))
        }
        return name
    }
}

extension Route {
    /// Exit code of `dormouse start --detach`: the VM runs, and has not said in time what was waited for.
    private static let unsaid: Int32 = 53
    /// Seconds that a guest may be given.
    private static let timeouts = 0...86_400

    @Sendable static func createVM(_ call: Call) async throws -> Response {
        _ = try call.query()
        let fields = try await call.fields()
        let options = try CreateOptions.arguments(fields)
        let name = try await call.newName(fields)
        let answer = try await call.server.program.run(["create", name], options)
        if let problem = Problem(of: answer, invalid: true) { throw problem }
        return try await call.made(name)
    }

    @Sendable static func startVM(_ call: Call) async throws -> Response {
        _ = try call.query()
        let fields = try await call.fields()
        try fields.allow([
            "onChange", "fresh", "acceptDiskChange", "discardImage", "verifyDisks", "waitFor", "waitForAgent",
            "timeout",
        ])
        var options = ["--detach"]
        if let policy = try fields.word("onChange", of: ["refuse", "clean", "keep"]) {
            options.append("--on-change=\(policy)")
        }
        if try fields.flag("fresh") { options.append("--fresh") }
        if try fields.flag("acceptDiskChange") { options.append("--accept-disk-change") }
        if try fields.flag("discardImage") { options.append("--discard-image") }
        if try fields.flag("verifyDisks") { options.append("--verify-disks") }
        if try fields.flag("waitForAgent") { options.append("--wait-for-agent") }
        if let text = try fields.text("waitFor", length: 1...256) { options.append("--wait-for=\(text)") }
        if let seconds = try fields.number("timeout", in: timeouts) { options.append("--timeout=\(seconds)") }
        let answer = try await call.run(.start, options, unfinished: unsaid)
        return try await call.outcome(answer, status: answer.exitCode == unsaid ? .accepted : .ok)
    }

    @Sendable static func hibernateVM(_ call: Call) async throws -> Response {
        _ = try call.query()
        let fields = try await call.fields()
        try fields.allow(["timeout", "then", "by", "wake"])
        var options = try way(fields)
        if let seconds = try fields.number("timeout", in: timeouts) { options.append("--timeout=\(seconds)") }
        if let then = try fields.word("then", of: ["nothing", "stop", "kill"]) { options.append("--then=\(then)") }
        if try fields.flag("wake") { options.append("--wake") }
        return try await call.outcome(try await call.run(.hibernate, options))
    }

    @Sendable static func stopVM(_ call: Call) async throws -> Response {
        _ = try call.query()
        let fields = try await call.fields()
        try fields.allow(["timeout", "then", "by"])
        var options = try way(fields)
        if let seconds = try fields.number("timeout", in: timeouts) { options.append("--timeout=\(seconds)") }
        if let then = try fields.word("then", of: ["nothing", "kill"]) { options.append("--then=\(then)") }
        return try await call.outcome(try await call.run(.stop, options))
    }

    /// Who in the guest is asked.
    private static func way(_ fields: RequestBodyFields) throws(Problem) -> [String] {
        try fields.word("by", of: ["automatic", "agent", "button"]).map { ["--by=\($0)"] } ?? []
    }

    @Sendable static func killVM(_ call: Call) async throws -> Response {
        _ = try call.query()
        let fields = try await call.fields()
        try fields.allow(["signal"])
        let signal = try fields.word("signal", of: ["KILL", "TERM"])
        return try await call.outcome(try await call.run(.kill, signal.map { ["--signal=\($0)"] } ?? []))
    }

    @Sendable static func renameVM(_ call: Call) async throws -> Response {
        _ = try call.query()
        let fields = try await call.fields()
        try fields.allow(["name"])
        _ = try await call.vm()
        let name = try await call.newName(fields)
        _ = try await call.run(.rename, [name])
        return try await call.made(name)
    }

    @Sendable static func copyVM(_ call: Call) async throws -> Response {
        _ = try call.query()
        let fields = try await call.fields()
        try fields.allow(["name", "disks", "by", "directory"])
        let disks = try copiedDisks(fields)
        _ = try await call.vm()
        let name = try await call.newName(fields)
        _ = try await call.run(.copy, [name] + disks)
        return try await call.made(name)
    }

    /// Where a copy's disks come from.
    private static func copiedDisks(_ fields: RequestBodyFields) throws(Problem) -> [String] {
        let disks = try fields.texts("disks").map { "--disk=\($0)" }
        let kind = try fields.word("by", of: ["full", "overlay"])
        guard disks.isEmpty || kind == nil else {
            throw Problem(.invalid, "give \"disks\" that are there already, or \"by\" to have them made")
        }
        guard let directory = try fields.text("directory") else { return disks + (kind.map { ["--\($0)"] } ?? []) }
        guard let kind else { throw Problem(.invalid, "\"directory\" means nothing without \"by\"") }
        // That of the server means nothing to whoever asks.
        guard directory.hasPrefix("/") else {
            throw Problem(.invalid, "\"directory\" has to begin with a slash")
        }
        return ["--\(kind)", "--directory=\(directory)"]
    }

    @Sendable static func removeVM(_ call: Call) async throws -> Response {
        let isForced = try call.query("force").flag("force") ?? false
        _ = try await call.run(.remove, isForced ? ["--force"] : [])
        return Response(status: .noContent)
    }

    @Sendable static func setValues(_ call: Call) async throws -> Response {
        _ = try call.query()
        let fields = try await call.fields()
        guard !fields.values.isEmpty else { throw Problem(.invalid, "give at least one key of vm.toml") }
        var settings: [String] = []
        for (key, value) in fields.values.sorted(by: { $0.key < $1.key }) {
            settings.append("\(try settingKey(key))=\(try settingValue(key, value))")
        }
        return try await call.outcome(try await call.run(.set, settings))
    }

    /// A key is the beginning of an argument: no option, and no value.
    private static func settingKey(_ key: String) throws(Problem) -> String {
        guard key.first?.isLetter == true, key.count <= 64,
            key.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || ".-[]_".contains($0)) })
        else { throw Problem(.invalid, "\"\(key)\" is no key, such as cpus or hibernation.on-change") }
        return key
    }

    /// As `dormouse set` reads it; nothing for a key that is to go.
    private static func settingValue(_ key: String, _ value: JSONValue) throws(Problem) -> String {
        switch value {
        case .null: return ""
        case .boolean(let flag): return "\(flag)"
        case .integer, .number:
            guard let whole = value.wholeNumber else { break }
            return "\(whole)"
        case .string(let text):
            guard !text.isEmpty, text.utf8.count <= 4096, !text.unicodeScalars.contains("\0") else { break }
            return text
        case .array, .object: break
        }
        throw Problem(
            .invalid, "\"\(key)\" has to be a text, a whole number, true, false, or null for a key that is to go")
    }
}
