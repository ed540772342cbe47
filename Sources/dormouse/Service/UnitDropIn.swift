// What systemd is told of one VM besides the unit that all have: its store, its limits, its timeouts, the places that
// it needs mounted. It follows from the VM's configuration, and from where links lead now. Follows systemd.syntax(7), systemd.service(5), "Command
// lines".

import Glibc
import KeptVMs

struct UnitDropIn {
    var name: String
    /// An absolute path.
    var store: String
    /// This executable, where it is not the unit's own.
    var executable: String?
    var rules = VMConfiguration.Host()
    var memoryByteCount: UInt64 = 0
    /// What the VM reads and writes, besides its store.
    var paths: [String] = []

    /// What the unit has.
    static let unitExecutable = "/usr/bin/dormouse"
    static let unitTimeoutSeconds = 120
    static let unitRule = VMConfiguration.LastResort.stop
    /// What SIGTERM and SIGKILL may take, and what else there is to do.
    private static let endingSeconds = 60
    private static let marginSeconds = 40

    private static let storeKey = "Environment=\"DORMOUSE_STORE="

    /// The text of the file.
    func text() throws(ServiceError) -> String {
        let timeout: Int
        let limits: [String]
        do throws(VMConfigurationError) {
            timeout = try rules.timeoutSeconds() ?? Self.unitTimeoutSeconds
            limits = try self.limits()
        } catch { throw .file(path: "\(store)/\(name)/vm.toml", operation: "use", reason: error.description) }
        let rule = rules.then ?? Self.unitRule
        let program = try Self.command(executable ?? Self.unitExecutable)
        var lines = [
            "# Written by `dormouse enable \(name)`, of its vm.toml; the next one writes it anew.",
            "# What is yours goes to another file beside it.",
            "[Unit]",
            "RequiresMountsFor="
                + (try ([store] + paths).flatMap(MountPath.all).map(Self.quoted)).joined(separator: " "),
            "",
            "[Service]",
            Self.storeKey + (try Self.escaped(store)) + "\"",
        ]
        if executable != nil { lines += ["ExecStart=", "ExecStart=\(program) start %i"] }
        lines += [
            "ExecStop=",
            "ExecStop=\(program) hibernate %i --if-running --timeout \(timeout) --then \(rule.rawValue)",
            "TimeoutStopSec=\(Self.stopSeconds(timeout, rule))",
        ]
        return (lines + limits).joined(separator: "\n") + "\n"
    }

    private func limits() throws(VMConfigurationError) -> [String] {
        [
            try rules.memoryMaxByteCount(for: memoryByteCount).map { "MemoryMax=\($0)" },
            try rules.cpuQuotaPercent().map { "CPUQuota=\($0)%" },
        ].compactMap(\.self)
    }

    /// How long the command that hibernates a guest may take.
    static func stopSeconds(_ timeout: Int, _ rule: VMConfiguration.LastResort) -> Int {
        switch rule {
        case .nothing: timeout + marginSeconds
        case .stop: 2 * timeout + endingSeconds + marginSeconds
        case .kill: timeout + endingSeconds + marginSeconds
        }
    }

    // MARK: Syntax

    /// Within double quotes: a percent sign would begin a specifier.
    private static func escaped(_ text: String) throws(ServiceError) -> String {
        guard text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            throw .unspeakable(path: text)
        }
        return text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("%", with: "%%")
    }

    private static func quoted(_ text: String) throws(ServiceError) -> String { "\"\(try escaped(text))\"" }

    /// The first word of a command line, which systemd takes without quotes and backslashes only, and looks for no
    /// variables in.
    private static func command(_ path: String) throws(ServiceError) -> String {
        guard !path.contains(where: { "\"'\\".contains($0) }) else { throw .unspeakable(path: path) }
        return path.contains(" ") ? try quoted(path) : try escaped(path)
    }

    /// The store that a text of ours names.
    static func store(in text: String) -> String? {
        let line = text.split(separator: "\n").first { $0.hasPrefix(storeKey) && $0.hasSuffix("\"") }
        guard var rest = line?.dropFirst(storeKey.count).dropLast() else { return nil }
        var store = ""
        while let character = rest.popFirst() {
            // What is behind one of these is what is meant.
            let isEscape = character == "\\" || character == "%"
            store.append(isEscape ? rest.popFirst() ?? character : character)
        }
        return store
    }
}
