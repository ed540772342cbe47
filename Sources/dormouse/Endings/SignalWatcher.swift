// Signals, taken by a thread that waits for them: no handler interrupts anything.
//
// Responsible for: which signals end the run, and stopping and continuing with the terminal's own modes.

import Glibc
import HostSupport
import Machine
import Synchronization

/// Takes the signals of this process.
final class SignalWatcher: Sendable {
    /// What ends a run.
    private static let endingSignals = [SIGTERM, SIGINT, SIGHUP, SIGQUIT]
    /// What has to do with job control.
    private static let jobSignals = [SIGTSTP, SIGCONT]

    /// How long the first request to end is given.
    private static let patience = Duration.seconds(1)

    /// What wakes a guest that is suspended to RAM.
    private static let wakingSignal = SIGUSR1
    /// What presses a button. SIGPWR asks an init to power off, too.
    private static let buttonSignals: [Int32: MachineButton] = [SIGPWR: .power, SIGUSR2: .sleep]

    /// What a service manager sends that waits for the run when the host goes down. It is ignored by others.
    private static let hostSignal = TransientScope.signal

    private let terminal: Terminal?
    private let wake: @Sendable () -> Void
    private let press: @Sendable (MachineButton) -> Void
    private let hostGoesDown: @Sendable () -> Bool
    private let stop: @Sendable (Int32) -> Void
    private let resume: @Sendable () -> Void

    /// Blocks the signals that `start` waits for. To be called before any thread is started: they inherit it.
    static func prepare() {
        // A reader that has gone is an error of write, not the end.
        signal(SIGPIPE, SIG_IGN)
        // Reading a terminal in the background is an error of read; the process is not to be stopped by it.
        signal(SIGTTIN, SIG_IGN)
        var set = watched
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// - Parameters:
    ///   - terminal: gets its own modes while the process is stopped.
    ///   - wake: wakes a suspended guest.
    ///   - press: presses a button of the machine.
    ///   - hostGoesDown: the host is being shut down, and waits, or the terminal is gone. Returns false if that means
    ///     nothing to the run.
    ///   - stop: ends the run because of a signal, by its number.
    ///   - resume: the process goes on after it was stopped.
    init(
        terminal: Terminal?, wake: @escaping @Sendable () -> Void,
        press: @escaping @Sendable (MachineButton) -> Void, hostGoesDown: @escaping @Sendable () -> Bool,
        stop: @escaping @Sendable (Int32) -> Void, resume: @escaping @Sendable () -> Void
    ) {
        self.terminal = terminal
        self.wake = wake
        self.press = press
        self.hostGoesDown = hostGoesDown
        self.stop = stop
        self.resume = resume
    }

    /// Starts the thread.
    func start() throws(HostResourceError) {
        try HostThread.start { [self] in run() }
    }

    /// All but those that whoever started us wants ignored, as nohup does with SIGHUP.
    private static var watched: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        let others = [wakingSignal, hostSignal] + buttonSignals.keys
        for number in endingSignals + jobSignals + others where !isIgnored(number) { sigaddset(&set, number) }
        return set
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        // SIG_IGN is the handler 1, which cannot be compared with as a function.
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == 1
    }

    private func run() {
        var set = Self.watched
        var endingSince: ContinuousClock.Instant?
        while true {
            var number: Int32 = 0
            guard sigwait(&set, &number) == 0 else { continue }
            switch number {
            case SIGTSTP:
                terminal?.yield()
                kill(getpid(), SIGSTOP)
            case SIGCONT:
                resume()
            case Self.wakingSignal:
                wake()
            case Self.hostSignal:
                _ = hostGoesDown()
            // The terminal of one that is to hibernate with the host goes at the same time.
            case SIGHUP where hostGoesDown(): break
            case SIGPWR, SIGUSR2:
                if let button = Self.buttonSignals[number] { press(button) }
            default:
                if let endingSince {
                    // Whoever asks again does not want to wait, for instance for a disk that hangs. timeout(1) sends
                    // its signal twice in a row, which is one request.
                    guard endingSince.duration(to: .now) > Self.patience else { continue }
                    terminal?.release()
                    _exit(ExitCode.signal(number).rawValue)
                }
                endingSince = .now
                stop(number)
            }
        }
    }
}
