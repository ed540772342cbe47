// `dormouse run`: makes a machine, connects it to the terminal and the signals, and says how it ended.

import ArgumentParser
import Glibc
import Logging
import Machine
import PSCI

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Boot a guest and run it until it ends.",
        discussion: """
            The guest's console is on standard input and output. On a terminal, Ctrl-A h lists the keys that are \
            Dormouse's own; Ctrl-A x quits.

            Exit codes: 0 powered off, 32 reset (with --no-reboot), 33 the guest crashed, 34 stopped with Ctrl-A x, \
            40 hibernated, 64 wrong options or files, 70 internal error, 128+N stopped by signal N. The last line on \
            standard error says the same in words.
            """)

    @OptionGroup(title: "Machine options") var machineOptions: MachineOptions
    @OptionGroup(title: "Run options") var options: RunOptions

    func run() throws {
        let code: Machine.ExitCode
        do {
            code = try runMachine()
        } catch let error as MachineError {
            Message.write(error.description)
            code = error.exitCode
        } catch let error as ReportFileError {
            Message.write(error.description)
            code = .usage
        }
        Glibc.exit(code.rawValue)
    }

    private func runMachine() throws -> Machine.ExitCode {
        SignalWatcher.prepare()
        var logger = Logger(label: "dormouse") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = options.log
        let log = logger

        let report = try options.report.map { try ReportFile(path: $0) }
        let output = ConsoleOutput(descriptor: STDOUT_FILENO) { reason in
            log.warning(
                "standard output cannot be written to (\(reason)); the guest's console goes nowhere from here on")
        }
        let inputWakeUp = try WakeUp()
        var events = MachineEvents(
            consoleOutput: { output.write($0) }, consoleReady: { inputWakeUp.signal() })
        switch options.psciTraceFormat ?? (options.psciTrace ? .text : nil) {
        case .text?: events.firmwareCall = { Message.writeLine("psci: \($0.text)") }
        case .json?: events.firmwareCall = { Message.writeLine($0.json) }
        case nil: break
        }
        events.suspended = { log.notice("\($0.words)") }
        var configuration = machineOptions.machine
        configuration.engine = options.engine
        for laboratory in options.laboratory { configuration.laboratory.add(laboratory) }
        let machine = try VirtualMachine(configuration, events: events)
        let terminal = Terminal(descriptor: STDIN_FILENO)
        let stop = { @Sendable (reason: StopReason) -> Void in
            machine.stop(because: reason)
            output.abandon()
        }
        try output.start()
        // However this function is left, what is said after it is said on a terminal as it was.
        defer {
            output.finish()
            terminal?.release()
        }
        try SignalWatcher(terminal: terminal, wake: { machine.wake(.host) }, stop: { stop(.signal($0)) }).start()
        try input(for: machine, terminal, wakeUp: inputWakeUp, output: output, stop: stop).start()

        let outcome = try machine.runToEnd(rebooting: !options.noReboot) { boot in
            log.info("\(boot == 1 ? "starting the guest" : "the guest reset; starting it for the \(boot). time")")
        }
        output.finish()
        terminal?.release()
        if outcome.end.isUnexpected { log.debug("the cores at the end:\n\(machine.dump())") }
        return conclude(machine, outcome, report)
    }

    private func input(
        for machine: VirtualMachine, _ terminal: Terminal?, wakeUp: WakeUp, output: ConsoleOutput,
        stop: @escaping @Sendable (StopReason) -> Void
    ) -> ConsoleInput {
        ConsoleInput(
            descriptor: STDIN_FILENO,
            source: terminal.map { terminal in .terminal { terminal.claim() } } ?? .stream,
            wakeUp: wakeUp,
            send: { machine.sendConsoleInput($0) },
            command: { command in
                switch command {
                case .quit: stop(.console)
                case .wake: machine.wake(.host)
                case .help: output.write(Array("\n\(EscapeSequence.help)".utf8))
                }
            })
    }

    /// Says how the run ended, in a report and in the last line.
    private func conclude(
        _ machine: VirtualMachine, _ outcome: RunOutcome, _ report: ReportFile?
    ) -> Machine.ExitCode {
        let findings = machine.configuration.disks.map { HibernationFinding(path: $0.path) }
        for failure in findings.compactMap(\.failure) { Message.write(failure) }
        do throws(ReportFileError) {
            try report?.write(
                RunReport(of: machine, outcome: outcome, findings: findings, dormouseVersion: Dormouse.version))
        } catch {
            // The run is over, and its end is what the exit code has to tell.
            Message.write(error.description)
        }
        Message.write(outcome.end.words(findings))
        return outcome.end.exitCode
    }
}

extension SuspendEvent {
    fileprivate var words: String {
        switch self {
        case .suspended: "the guest is suspended to RAM; an alarm of its clock, a key, Ctrl-A w or SIGUSR1 wakes it"
        case .woken(let reason): "the guest is woken: \(reason.rawValue)"
        }
    }
}

extension RunEnd {
    /// Whether the guest did not come to an end by itself, so that one may want to see where it was.
    fileprivate var isUnexpected: Bool {
        switch self {
        case .crashed, .stopped: true
        case .poweredOff, .hibernated, .reset: false
        }
    }
}
