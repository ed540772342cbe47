// The commands that people type.
//
// Follows QEMU's hmp-commands.hx and hmp-commands-info.hx for names and the lines that programs look for.

/// A command of HMP.
struct HMPCommand: Sendable {
    /// What is shown.
    struct Answer {
        /// With its line ends.
        var text = ""
        var then: (@Sendable () -> Void)?
    }

    var names: [String]
    var help: String
    var run: @Sendable (_ rest: [Substring], Monitor) throws(QMPError) -> Answer

    private init(
        _ names: String..., help: String,
        run: @escaping @Sendable (_ rest: [Substring], Monitor) throws(QMPError) -> Answer
    ) {
        self.names = names
        self.help = help
        self.run = run
    }

    /// Does what a line says.
    static func execute(_ line: String, _ monitor: Monitor) -> Answer {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard let name = words.first else { return Answer() }
        guard let command = all.first(where: { $0.names.contains(String(name)) }) else {
            return Answer(text: "unknown command: '\(name.prefix(64))'\r\n")
        }
        do throws(QMPError) { return try command.run(Array(words.dropFirst()), monitor) } catch {
            return Answer(text: "Error: \(error.description)\r\n")
        }
    }

    /// What `info` knows.
    private static let facts = ["chardev", "cpus", "name", "status", "uuid", "version"]

    static let all: [HMPCommand] = [
        HMPCommand("help", "?", help: "help [command] -- show the help") { (rest, _) throws(QMPError) in
            let shown = all.filter { rest.first.map(String.init).map($0.names.contains) ?? true }
            return Answer(text: shown.map { $0.help + "\r\n" }.joined())
        },
        HMPCommand("info", help: "info \(facts.joined(separator: "|")) -- show a fact") {
            (rest, monitor) throws(QMPError) in Answer(text: try fact(rest.first.map(String.init) ?? "", monitor))
        },
        HMPCommand("stop", "s", help: "stop|s -- pause the guest") { (_, monitor) throws(QMPError) in
            try monitor.machine().pause()
            monitor.note(isPaused: true)
            return Answer()
        },
        HMPCommand("cont", "c", help: "cont|c -- let the guest go on") { (_, monitor) throws(QMPError) in
            try monitor.machine().goOn(monitor)
            return Answer()
        },
        HMPCommand("quit", "q", help: "quit|q -- end the run") { (_, monitor) throws(QMPError) in
            let machine = try monitor.machine()
            return Answer { machine.quit() }
        },
        HMPCommand("system_powerdown", help: "system_powerdown -- press the power button") {
            (_, monitor) throws(QMPError) in
            try monitor.machine().powerDown(monitor)
            return Answer()
        },
        HMPCommand("system_reset", help: "system_reset -- start the guest again") { (_, monitor) throws(QMPError) in
            try monitor.machine().reset()
            return Answer()
        },
        HMPCommand("system_wakeup", help: "system_wakeup -- wake the guest from suspend to RAM") {
            (_, monitor) throws(QMPError) in
            try monitor.machine().wakeUp()
            return Answer()
        },
    ]

    private static func fact(_ name: String, _ monitor: Monitor) throws(QMPError) -> String {
        let names = monitor.identity
        switch name {
        case "status":
            let status = try monitor.machine().status
            return "VM status: \(status == .running ? "running" : "paused (\(status.rawValue))")\r\n"
                .replacing("paused (paused)", with: "paused")
        case "name": return names.name.map { "\($0)\r\n" } ?? ""
        case "uuid": return "\(names.uuid)\r\n"
        case "version": return "\(names.versionText) (\(names.package))\r\n"
        case "chardev": return names.characterDevices.map { "\($0.label): filename=\($0.filename)\r\n" }.joined()
        case "cpus":
            return try monitor.machine().threadIDs.enumerated()
                .map { "\($0.offset == 0 ? "*" : " ") CPU #\($0.offset): thread_id=\($0.element)\r\n" }.joined()
        default: throw QMPError("info knows \(facts.joined(separator: ", "))")
        }
    }
}
