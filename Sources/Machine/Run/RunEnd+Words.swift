// How a run ended, for programs and people: a kind, and a line of words.

import Glibc

extension RunEnd {
    /// A name for programs.
    public var kind: String {
        switch self {
        case .poweredOff: "powered-off"
        case .exited: "exited"
        case .hibernated: "hibernated"
        case .reset: "reset"
        case .crashed: "crashed"
        case .stopped: "stopped"
        }
    }

    /// One line for people. A power-off or a reset with a hibernation image on a disk is how a guest hibernates that
    /// does not call SYSTEM_OFF2, so that is said; what the disks of a guest hold that ended otherwise is not. Requests
    /// that the host could not do are told of in every case: a guest that was told of an error may have gone on.
    ///
    /// - Parameters:
    ///   - findings: what is on the disks.
    ///   - failures: what the host could not do.
    ///   - panic: what the console said of one; no fact, and so in the guest's words.
    public func words(
        _ findings: [HibernationFinding], _ failures: [DiskFailures] = [], panic: String? = nil
    ) -> String {
        ([words(of: findings)] + failures.map(\.words) + (panic.map { ["the console said \"\($0)\""] } ?? []))
            .joined(separator: "; ")
    }

    private func words(of findings: [HibernationFinding]) -> String {
        switch self {
        case .poweredOff: return "powered off" + Self.words(findings)
        case .exited(let code): return "the program exited with \(code)"
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
        case .monitor: "from the monitor"
        case .reset: "by a reset from outside"
        case .watchdog: "by its watchdog"
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
