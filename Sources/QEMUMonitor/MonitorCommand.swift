// The commands of QMP: one table.
//
// Follows QEMU's qapi/*.json for names, arguments and what is returned. Those that begin with "x-dormouse-" are ours.

import Bytes

/// A command that clients may call.
struct MonitorCommand: Sendable {
    /// What becomes of it.
    struct Answer {
        var value: JSONValue = [:]
        /// Done once the answer is on its way.
        var then: (@Sendable () -> Void)?
    }

    var name: String
    var run: @Sendable (Monitor, inout QMPArguments) throws(QMPError) -> Answer

    /// One that needs nothing but the machine.
    init(
        _ name: String, _ run: @escaping @Sendable (any MonitoredMachine, Monitor) throws(QMPError) -> Answer
    ) {
        self.name = name
        self.run = { (monitor, arguments) throws(QMPError) in
            try arguments.finish()
            return try run(try monitor.machine(), monitor)
        }
    }

    init(
        _ name: String, value: @escaping @Sendable (any MonitoredMachine) -> JSONValue
    ) {
        self.init(name) { machine, _ in Answer(value: value(machine)) }
    }

    init(
        _ name: String, names: @escaping @Sendable (MonitorIdentity) -> JSONValue
    ) {
        self.name = name
        run = { (monitor, arguments) throws(QMPError) in
            try arguments.finish()
            return Answer(value: names(monitor.identity))
        }
    }

    init(
        _ name: String,
        arguments: @escaping @Sendable (Monitor, inout QMPArguments) throws(QMPError) -> Answer
    ) {
        self.name = name
        run = arguments
    }

    /// Answers one command.
    ///
    /// - Throws: why it was not done.
    static func execute(_ request: QMPRequest, _ monitor: Monitor) throws(QMPError) -> Answer {
        guard let command = byName[request.command] else {
            throw QMPError("there is no command \"\(request.command.prefix(64))\"", .commandNotFound)
        }
        var arguments = QMPArguments(request.arguments)
        return try command.run(monitor, &arguments)
    }

    static let byName = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }

    static let all: [MonitorCommand] = simple + dumps

    private static let simple: [MonitorCommand] = [
        MonitorCommand("query-version") { (names: MonitorIdentity) in
            let version = names.qemuVersion
            return [
                "qemu": [
                    "major": .integer(Int64(version.major)), "minor": .integer(Int64(version.minor)),
                    "micro": .integer(Int64(version.micro)),
                ],
                "package": .string(names.package),
            ]
        },
        MonitorCommand("query-commands") { (_: MonitorIdentity) in
            .array((["qmp_capabilities"] + all.map(\.name)).sorted().map { ["name": .string($0)] })
        },
        MonitorCommand("query-name") { (names: MonitorIdentity) in names.name.map { ["name": .string($0)] } ?? [:] },
        MonitorCommand("query-uuid") { (names: MonitorIdentity) in ["UUID": .string(names.uuid)] },
        MonitorCommand("query-chardev") { (names: MonitorIdentity) in
            .array(
                names.characterDevices.map {
                    ["label": .string($0.label), "filename": .string($0.filename), "frontend-open": true]
                })
        },
        MonitorCommand("query-status") { (machine: any MonitoredMachine) in
            let status = machine.status
            return ["status": .string(status.rawValue), "running": .boolean(status == .running)]
        },
        MonitorCommand("query-cpus-fast") { (machine: any MonitoredMachine) in
            .array(
                machine.threadIDs.enumerated().map { index, thread in
                    [
                        "cpu-index": .integer(Int64(index)), "thread-id": .integer(Int64(thread)),
                        "qom-path": .string("/machine/unattached/device[\(index)]"), "target": "aarch64",
                        "props": ["core-id": .integer(Int64(index))],
                    ]
                })
        },
        MonitorCommand("query-block") { (machine: any MonitoredMachine) in .array(machine.disks.map(\.queryBlock)) },
        MonitorCommand("stop") { (machine, monitor) in
            machine.pause()
            monitor.note(isPaused: true)
            return Answer()
        },
        MonitorCommand("cont") { (machine, monitor) throws(QMPError) in
            try machine.goOn(monitor)
            return Answer()
        },
        MonitorCommand("quit") { (machine, _) in Answer { machine.quit() } },
        MonitorCommand("system_reset") { (machine, _) in
            machine.reset()
            return Answer()
        },
        MonitorCommand("system_powerdown") { (machine, monitor) throws(QMPError) in
            try machine.powerDown(monitor)
            return Answer()
        },
        MonitorCommand("system_wakeup") { (machine, _) throws(QMPError) in
            try machine.wakeUp()
            return Answer()
        },
        MonitorCommand(
            "human-monitor-command",
            arguments: { (monitor, arguments) throws(QMPError) in
                let line = try arguments.string("command-line")
                if let index = try arguments.optionalInteger("cpu-index") {
                    guard try monitor.machine().threadIDs.indices.contains(Int(clamping: index)) else {
                        throw QMPError("there is no CPU \(index)")
                    }
                }
                try arguments.finish()
                let answer = HMPCommand.execute(line, monitor)
                return Answer(value: .string(answer.text), then: answer.then)
            }),
        MonitorCommand("x-dormouse-hibernate") { (machine, _) throws(QMPError) in
            guard machine.pressSleepButton() else {
                throw QMPError("the machine has no sleep button; one that is described by ACPI has")
            }
            return Answer()
        },
        MonitorCommand("x-dormouse-query-hibernation") { (machine: any MonitoredMachine) in
            let hibernation = machine.hibernation
            return [
                "system-off2": .boolean(hibernation.offersSystemOff2),
                "sleep-button": .boolean(hibernation.hasSleepButton),
                "image-headers": .array(
                    hibernation.imageHeaders.map {
                        ["device": .string($0.disk), "end": .integer(Int64(clamping: $0.end))]
                    }),
            ]
        },
    ]
}

extension MonitoredMachine {
    func goOn(_ monitor: Monitor) throws(QMPError) {
        guard ![.shutdown, .guestPanicked].contains(status) else {
            throw QMPError("the guest has ended: reset the machine to start it again")
        }
        // A disk that is waited for holds it still. Told before it goes on: its end may be told in a moment.
        if status != .ioError { monitor.note(isPaused: false) }
        resume()
    }

    func powerDown(_ monitor: Monitor) throws(QMPError) {
        guard pressPowerButton() else {
            throw QMPError("the machine has no power button; one that is described by ACPI has")
        }
        monitor.post(.powerdown)
    }

    func wakeUp() throws(QMPError) {
        guard status == .suspended else { throw QMPError("the guest is not suspended to RAM") }
        wake()
    }
}

extension MonitoredDisk {
    /// As a member of what `query-block` returns (`BlockInfo`).
    fileprivate var queryBlock: JSONValue {
        [
            "device": .string(name), "type": "unknown", "removable": false, "locked": false, "io-status": "ok",
            "inserted": [
                "file": .string(path), "drv": .string(format), "ro": .boolean(isReadOnly), "encrypted": false,
                "bps": 0, "bps_rd": 0, "bps_wr": 0, "iops": 0, "iops_rd": 0, "iops_wr": 0, "detect_zeroes": "off",
                "write_threshold": 0, "backing_file_depth": 0,
                "cache": ["writeback": true, "direct": false, "no-flush": false],
                "image": [
                    "filename": .string(path), "format": .string(format),
                    "virtual-size": .integer(Int64(clamping: byteCount)),
                ],
            ],
        ]
    }
}
