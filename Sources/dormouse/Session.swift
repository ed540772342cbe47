// A process that runs guests: the terminal, the signals and the console's input and output, connected to whichever
// machine runs at the time.
//
// Responsible for what one process has once. A VM whose guest resets may go on as another machine, with the same
// terminal. Not responsible for which machine that is, nor for what its end means.

import Devices
import Emulator
import Glibc
import HostSupport
import Logging
import Machine
import Synchronization

final class Session: Sendable {
    private struct Shared {
        var machine: VirtualMachine?
        /// Whether there is a thread that writes the guest's output.
        var isStarted = false
        /// A stop that came while no machine ran.
        var stop: StopReason?
        /// What is done when the host is shut down, and waits for this process.
        var hostGoesDown: (@Sendable () -> Void)?
        /// Whether an end has to be orderly: before that, nothing was changed yet.
        var isUnderWay = false
    }

    private let options: RunOptions
    private let output: ConsoleOutput
    private let terminal: Terminal?
    private let inputWakeUp: WakeUp
    private let shared = Mutex(Shared())
    let losses: Losses
    let log: Logger

    /// Takes the signals of this process, before any thread is started, and makes everything ready. Until `begin`, one
    /// that is to end it ends it at once, whatever it is reading.
    init(_ options: RunOptions) throws(HostResourceError) {
        SignalWatcher.prepare()
        self.options = options
        let losses = Losses()
        self.losses = losses
        var logger = Logger(label: "dormouse") { StreamLogHandler(label: $0, stream: MessageStream()) }
        logger.logLevel = options.log
        let log = logger
        self.log = log
        output = ConsoleOutput(descriptor: STDOUT_FILENO) { code in
            let reason = String(cString: strerror(code))
            log.warning(
                "standard output cannot be written to (\(reason)); the guest's console goes nowhere from here on")
            losses.note(code, "what the guest wrote to its console is not whole on standard output (\(reason))")
        }
        inputWakeUp = try WakeUp()
        terminal = Terminal(descriptor: STDIN_FILENO)
        try SignalWatcher(
            terminal: terminal, wake: { [self] in wake() }, press: { [self] in press($0) },
            hostGoesDown: { [self] in
                guard let body = shared.withLock(\.hostGoesDown) else { return false }
                body()
                return true
            },
            stop: { [self] in stop(.signal($0)) },
            // Before the guest runs, the terminal is not its.
            resume: { [self] in if shared.withLock({ $0.isStarted }) { _ = terminal?.claim() } }
        ).start()
    }

    /// Makes a machine whose events go to this process's output.
    ///
    /// - Parameters:
    ///   - imageWritten: as in `MachineEvents`.
    ///   - steering: what else wants to be told of events.
    ///   - connect: adds others that want to be told of events.
    func machine(
        _ configuration: MachineConfiguration, imageWritten: (@Sendable (Int, UInt64) -> Void)? = nil,
        steering: (any RunSteering)? = nil, connect: (inout MachineEvents) -> Void = { _ in }
    ) throws(MachineError) -> VirtualMachine {
        let output = output
        let inputWakeUp = inputWakeUp
        let log = log
        var events = MachineEvents(
            consoleOutput: { output.write($0) }, consoleReady: { inputWakeUp.signal() })
        switch options.psciTraceFormat ?? (options.psciTrace ? .text : nil) {
        case .text?: events.firmwareCall = { [losses] in losses.note(Message.writeLine("psci: \($0.text)")) }
        case .json?: events.firmwareCall = { [losses] in losses.note(Message.writeLine($0.json)) }
        case nil: break
        }
        events.linkDown = { log.warning("network \($0.network) is down: \($0.reason); the guest runs on without it") }
        events.disk = { log.warning("\($0.words)") }
        events.imageWritten = imageWritten
        events.panic = { log.warning("\($0.words)") }
        // A guest can have these as often as it likes.
        let (suspendLines, watchdogLines, shareLines) = (LineLimit(most: 200), LineLimit(), LineLimit())
        events.suspended = { event in
            guard let more = suspendLines.more() else { return }
            log.notice("\(event.words)\(more)")
        }
        events.watchdog = { action in
            guard let more = watchdogLines.more() else { return }
            log.warning("the guest did not refresh its watchdog: \(action.rawValue)\(more)")
        }
        events.shareLost = { tag in
            guard let more = shareLines.more() else { return }
            log.warning(
                """
                the guest's driver lost the share \(tag) when the guest suspended or hibernated: what uses the share \
                waits for ever; before it does so, let the guest unmount shares and unload the driver\(more)
                """)
        }
        steering?.connect(&events)
        connect(&events)
        for warning in [configuration.model.warning, configuration.cpu?.warning].compactMap(\.self) {
            log.warning("\(warning)")
        }
        var configuration = configuration
        for laboratory in options.laboratory { configuration.laboratory.add(laboratory) }
        return try VirtualMachine(configuration, events: events, backend: EmulatorBackend(engine: options.engine))
    }

    /// Has `body` called, by the thread that takes signals, when the service manager says that the host goes down, or
    /// the terminal is gone.
    func whenHostGoesDown(_ body: @escaping @Sendable () -> Void) { shared.withLock { $0.hostGoesDown = body } }

    /// From here on something is kept of the run, and a signal that is to end it lets it end in order.
    func begin() { shared.withLock { $0.isUnderWay = true } }

    /// Connects the terminal. However the caller goes on, it calls `finish`.
    func start() throws(HostResourceError) {
        begin()
        try output.start()
        shared.withLock { $0.isStarted = true }
        try ConsoleInput(
            descriptor: STDIN_FILENO,
            source: terminal.map { terminal in .terminal(claim: { terminal.claim() }) } ?? .stream,
            wakeUp: inputWakeUp,
            escape: options.escape,
            send: { [self] bytes in current?.sendConsoleInput(bytes) ?? 0 },
            command: { [self] command in
                switch command {
                case .quit: stop(.console)
                case .wake: wake()
                case .powerButton: press(.power)
                case .sleepButton: press(.sleep)
                case .sendBreak: sendBreak()
                case .detach: break
                case .help: output.write(Array("\n\(EscapeSequence.help(escape: options.escape))".utf8))
                }
            }
        ).start()
    }

    /// Runs a machine to its end.
    ///
    /// - Parameters:
    ///   - machine: is known as the current one meanwhile.
    ///   - rebooting: whether a guest that resets is started again.
    ///   - willBoot: called before each start, with its number.
    func run(
        _ machine: VirtualMachine, rebooting: Bool, willBoot: (Int) -> Void = { _ in }
    ) throws(MachineError) -> RunOutcome {
        let pending = shared.withLock { shared in
            shared.machine = machine
            return shared.stop
        }
        if let pending { machine.stop(because: pending) }
        defer { shared.withLock { $0.machine = nil } }
        inputWakeUp.signal()
        let log = log
        let outcome = try machine.runToEnd(rebooting: rebooting) { boot in
            willBoot(boot)
            log.info("\(boot == 1 ? "starting the guest" : "the guest reset; starting it for the \(boot). time")")
        }
        if let error = machine.variablesFailure { losses.note(error) }
        return outcome
    }

    /// Whether a terminal writes to the guest's console.
    var hasTerminal: Bool { terminal != nil }

    /// Whether somebody asked for the end.
    var isStopped: Bool { shared.withLock { $0.stop != nil } }

    /// What is said after this is said on a terminal as it was, behind all that the guest wrote.
    func finish() {
        if shared.withLock({ $0.isStarted }) { output.finish() }
        terminal?.release()
    }

    /// The machine that runs.
    var current: VirtualMachine? { shared.withLock { $0.machine } }

    private func wake() { current?.wake(.host) }

    private func press(_ button: MachineButton) {
        guard let machine = current, !machine.press(button) else { return }
        log.warning("there is no \(button.rawValue) button with a device tree; start the guest with --firmware acpi")
    }

    private func sendBreak() {
        switch current?.sendBreak() {
        case .notHeard?: log.warning("the guest's UART is off or full, and does not hear a break")
        case .noLine?: log.warning("the virtio console has no line on which a break could be sent; --console pl011 has")
        case .sent?, nil: break
        }
    }

    /// Ends the run, now or before it begins. From any thread.
    func stop(_ reason: StopReason) {
        let machine = shared.withLock { shared in
            guard shared.isUnderWay else {
                // No caller of ours may come to anything that has to be undone: the lock is never let go of.
                let end = RunEnd.stopped(reason)
                Message.write(end.words([]))
                _exit(end.exitCode.rawValue)
            }
            shared.stop = shared.stop ?? reason
            return shared.machine
        }
        machine?.stop(because: reason)
        output.abandon()
    }
}

/// What was to be written and is lost, for the end of the run to say.
final class Losses: Sendable {
    private let words = Mutex<[String]>([])

    /// Notes that something could not be written, once. A reader that goes away does so on purpose.
    func note(_ code: Int32, _ text: String) {
        guard code != EPIPE else { return }
        words.withLock { if !$0.contains(text) { $0.append(text) } }
    }

    /// The same of the trace on standard error, if there was an error.
    func note(_ code: Int32?) {
        guard let code else { return }
        note(code, "the trace of firmware calls is not whole on standard error (\(String(cString: strerror(code))))")
    }

    /// Notes that the report could not be written.
    func note(_ error: ReportFileError) { words.withLock { $0.append(error.description) } }

    /// Notes that firmware variables could not be stored.
    func note(_ error: FlashFileError) {
        words.withLock { if !$0.contains(error.description) { $0.append(error.description) } }
    }

    var all: [String] { words.withLock(\.self) }
}

extension SuspendEvent {
    fileprivate var words: String {
        switch self {
        case .suspended: "the guest is suspended to RAM; an alarm of its clock, a key, Ctrl-A w or SIGUSR1 wakes it"
        case .woken(let reason): "the guest is woken: \(reason.rawValue)"
        }
    }
}

extension PanicEvent {
    fileprivate var words: String {
        switch self {
        case .panicked: "the guest says that its kernel panicked"
        case .crashLoaded: "the guest says that its kernel panicked; the kernel that was loaded for this goes on"
        }
    }
}

extension RunEnd {
    /// Whether the guest did not come to an end by itself, so that one may want to see where it was.
    var isUnexpected: Bool {
        switch self {
        case .crashed, .stopped: true
        case .poweredOff, .exited, .hibernated, .reset: false
        }
    }
}
