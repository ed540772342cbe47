// How often cores came back from guest code to the machine, by the reason.
//
// What the software CPU does for itself, such as an access to a device, is none: translated code counts nothing.

import Hypervisor
import Synchronization

/// Why a core came back: `Exit`, without what belongs to one of them only.
public enum ExitReason: Int, Sendable, CaseIterable {
    case hypercall, secureMonitorCall, semihostingCall, waitForInterrupt, waitForEvent, budgetExhausted, interrupted
    case debug, failed

    /// As figures have it.
    public var name: String {
        switch self {
        case .hypercall: "hypercall"
        case .secureMonitorCall: "secure-monitor-call"
        case .semihostingCall: "semihosting-call"
        case .waitForInterrupt: "wait-for-interrupt"
        case .waitForEvent: "wait-for-event"
        case .budgetExhausted: "budget-exhausted"
        case .interrupted: "interrupted"
        case .debug: "debug"
        case .failed: "failed"
        }
    }

    fileprivate init(_ exit: Exit) {
        self =
            switch exit {
            case .hypercall: .hypercall
            case .secureMonitorCall: .secureMonitorCall
            case .semihostingCall: .semihostingCall
            case .waitForInterrupt: .waitForInterrupt
            case .waitForEvent: .waitForEvent
            case .budgetExhausted: .budgetExhausted
            case .interrupted: .interrupted
            case .debug: .debug
            case .failed: .failed
            }
    }
}

/// The exits of one core. Counted by the thread that runs it, and read from any.
final class ExitCounts: Sendable {
    /// By the number of the reason.
    private let counts = Mutex([UInt64](repeating: 0, count: ExitReason.allCases.count))

    func add(_ exit: Exit) { counts.withLock { $0[ExitReason(exit).rawValue] += 1 } }

    subscript(_ reason: ExitReason) -> UInt64 { counts.withLock { $0[reason.rawValue] } }
}
