// How a run ended, for whoever started the process: a number, a kind and a line of words.
//
// The one table of exit codes. docs/cli.md documents it for users.

import Devices
import Glibc
import Hibernation
import Hypervisor

/// What the process exits with.
public struct ExitCode: RawRepresentable, Sendable, Hashable {
    public let rawValue: Int32

    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    public static let poweredOff = ExitCode(rawValue: 0)
    /// `dormouse conformance`: some checks did not pass.
    public static let checksFailed = ExitCode(rawValue: 1)
    /// The guest wanted a reset and was not to be booted again.
    public static let reset = ExitCode(rawValue: 32)
    public static let crashed = ExitCode(rawValue: 33)
    /// The user ended the run at the console.
    public static let stoppedAtConsole = ExitCode(rawValue: 34)
    /// The laboratory cut the power.
    public static let powerCut = ExitCode(rawValue: 35)
    public static let hibernated = ExitCode(rawValue: 40)
    /// `dormouse start`: nothing was started, because a hibernated guest would find another environment.
    public static let refusedEnvironment = ExitCode(rawValue: 50)
    /// `dormouse start`: nothing was started, because a disk was changed while its guest was hibernated.
    public static let refusedDisks = ExitCode(rawValue: 51)
    /// `dormouse start`: nothing was started, because the hibernation is older than it may become.
    public static let refusedExpired = ExitCode(rawValue: 52)
    /// `dormouse stop` and `hibernate`: the guest still runs.
    public static let noReaction = ExitCode(rawValue: 53)
    /// What was asked for cannot be done: an option, a file, a size (EX_USAGE of sysexits.h).
    public static let usage = ExitCode(rawValue: 64)
    /// The host or Dormouse itself failed (EX_SOFTWARE of sysexits.h).
    public static let internalError = ExitCode(rawValue: 70)

    /// A signal ended the run: 128 and its number, as shells say it.
    public static func signal(_ number: Int32) -> ExitCode { ExitCode(rawValue: 128 + number) }
}

extension RunEnd {
    public var exitCode: ExitCode {
        switch self {
        case .poweredOff: .poweredOff
        case .hibernated: .hibernated
        case .reset: .reset
        case .crashed: .crashed
        case .stopped(.signal(let number)): .signal(number)
        case .stopped(.console): .stoppedAtConsole
        case .stopped(.powerCut): .powerCut
        case .stopped(.host): .internalError
        }
    }

    /// A name for programs.
    public var kind: String {
        switch self {
        case .poweredOff: "powered-off"
        case .hibernated: "hibernated"
        case .reset: "reset"
        case .crashed: "crashed"
        case .stopped: "stopped"
        }
    }

    /// One line for people. A power-off or a reset with a hibernation image on a disk is how a guest hibernates that
    /// does not call SYSTEM_OFF2, so that is said; what the disks of a guest hold that ended otherwise is not. Requests that the host could not do
    /// are told of in every case: a guest that was told of an error may have gone on.
    public func words(_ findings: [HibernationFinding], _ failures: [DiskFailures] = []) -> String {
        ([words(of: findings)] + failures.map(\.words)).joined(separator: "; ")
    }

    private func words(of findings: [HibernationFinding]) -> String {
        switch self {
        case .poweredOff: return "powered off" + Self.words(findings)
        case .hibernated: return "hibernated"
        case .reset: return "reset" + Self.words(findings)
        case .crashed(let reason): return "crashed: \(reason)"
        case .stopped(let reason): return "stopped \(reason.words)"
        }
    }

    private static func words(_ findings: [HibernationFinding]) -> String {
        let places = findings.compactMap(\.place)
        return switch places.count {
        case 0: ""
        case 1: "; a hibernation image is on disk \(places[0])"
        default: "; hibernation images are on disks \(places.joined(separator: ", "))"
        }
    }
}

extension StopReason {
    /// To follow "stopped".
    fileprivate var words: String {
        switch self {
        case .signal(let number): "by \(Self.name(ofSignal: number))"
        case .console: "from the console"
        case .powerCut: "by a power cut of the laboratory"
        case .host(let text): "by the host: \(text)"
        }
    }

    private static func name(ofSignal number: Int32) -> String {
        switch number {
        case SIGHUP: "SIGHUP"
        case SIGINT: "SIGINT"
        case SIGQUIT: "SIGQUIT"
        case SIGTERM: "SIGTERM"
        default: "signal \(number)"
        }
    }
}

extension MachineError {
    /// What the process exits with if no machine could be had.
    public var exitCode: ExitCode {
        switch self {
        case .memory(.cannotReserveCode): .internalError
        case .cpuCount, .memorySize, .tooManyDisks, .generationID, .file, .kernel, .initrdForFlatImage, .bootPlan,
            .memory, .laboratoryDisk, .sameDisk, .diskLog:
            .usage
        case .disk(.failed), .network(.host), .host: .internalError
        case .disk, .network: .usage
        }
    }
}
