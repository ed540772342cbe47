// How the process ends, for whoever started it: a number.
//
// The one table of exit codes. docs/cli.md documents it for users, docs/image.md those of `dormouse image inspect`.

import Hibernation
import HostSupport
import Machine

/// What the process exits with.
struct ExitCode: RawRepresentable, Sendable, Hashable {
    let rawValue: Int32

    init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    static let poweredOff = ExitCode(rawValue: 0)
    /// `dormouse conformance`: some checks did not pass.
    static let checksFailed = ExitCode(rawValue: 1)
    /// `dormouse status`: the VM does not run, as init scripts say it (LSB, "Init Script Actions").
    static let notRunning = ExitCode(rawValue: 3)
    /// `dormouse status`: nobody knows how the last run ended (LSB).
    static let statusUnknown = ExitCode(rawValue: 4)
    /// The guest wanted a reset and was not to be booted again.
    static let reset = ExitCode(rawValue: 32)
    static let crashed = ExitCode(rawValue: 33)
    /// The user ended the run at the console, or by the monitor.
    static let stoppedAtConsole = ExitCode(rawValue: 34)
    /// The laboratory cut the power.
    static let powerCut = ExitCode(rawValue: 35)
    static let hibernated = ExitCode(rawValue: 40)
    /// `dormouse start`: nothing was started, because a hibernated guest would find another environment.
    static let refusedEnvironment = ExitCode(rawValue: 50)
    /// `dormouse start`: nothing was started, because a disk was changed while its guest was hibernated.
    static let refusedDisks = ExitCode(rawValue: 51)
    /// `dormouse start`: nothing was started, because the hibernation is older than it may become.
    static let refusedExpired = ExitCode(rawValue: 52)
    /// `dormouse stop` and `hibernate`: the guest still runs.
    static let noReaction = ExitCode(rawValue: 53)
    /// `dormouse hibernate`: the guest did not hibernate, and powered off instead.
    static let stoppedInstead = ExitCode(rawValue: 54)
    /// `dormouse stop` and `hibernate` with `--then`: the run was ended, and the guest not asked.
    static let endedInstead = ExitCode(rawValue: 55)
    /// What was asked for cannot be done: an option, a file, a size (EX_USAGE of sysexits.h).
    static let usage = ExitCode(rawValue: 64)
    /// The host or Dormouse itself failed (EX_SOFTWARE of sysexits.h).
    static let internalError = ExitCode(rawValue: 70)

    /// `dormouse image inspect`: there is no image.
    static let noImage = ExitCode(rawValue: 1)
    /// `dormouse image inspect`: there is one, and it is not whole.
    static let tornImage = ExitCode(rawValue: 2)

    /// A signal ended the run: 128 and its number, as shells say it.
    static func signal(_ number: Int32) -> ExitCode { ExitCode(rawValue: 128 + number) }
}

extension RunEnd {
    var exitCode: ExitCode {
        switch self {
        case .poweredOff: .poweredOff
        // The program's own, as far as a process has it.
        case .exited(let code): ExitCode(rawValue: Int32(code & 0xFF))
        case .hibernated: .hibernated
        case .reset: .reset
        case .crashed: .crashed
        case .stopped(.signal(let number)): .signal(number)
        case .stopped(.console), .stopped(.monitor): .stoppedAtConsole
        case .stopped(.reset), .stopped(.watchdog): .reset
        case .stopped(.powerCut): .powerCut
        case .stopped(.host): .internalError
        }
    }
}

extension ImageReport.Verdict {
    var exitCode: ExitCode {
        switch self {
        case .whole: .poweredOff
        case .none: .noImage
        case .torn: .tornImage
        }
    }
}

extension ExitCode {
    /// What the process exits with if `error` kept it from doing what it was to do.
    init(of error: any Error) {
        self = (error as? any AttributedError)?.isHosts == false ? .usage : .internalError
    }
}
