// A machine that is suspended to RAM, and who wakes it.
//
// Responsible for: which core waits, and the host's word that it shall not. Not responsible for interrupts, which wake
// it too.

import Synchronization

/// Whether a machine is suspended, and whether it is to wake.
final class SystemSuspend: Sendable {
    private enum State {
        case running
        case suspended(core: Int)
        case woken(WakeReason)
    }

    private let state = Mutex(State.running)

    /// The machine is suspended from now on; `core` waits.
    func begin(core: Int) { state.withLock { $0 = .suspended(core: core) } }

    /// The machine runs again. Returns why, if it was asked to.
    func end() -> WakeReason? {
        state.withLock { state in
            defer { state = .running }
            guard case .woken(let reason) = state else { return nil }
            return reason
        }
    }

    /// Asks the machine to wake. Returns the core that waits; nil if the machine is not suspended, or about to wake.
    func wake(_ reason: WakeReason) -> Int? {
        state.withLock { state in
            guard case .suspended(let core) = state else { return nil }
            state = .woken(reason)
            return core
        }
    }

    /// Whether somebody asked the machine to wake.
    var isWoken: Bool {
        state.withLock { state in
            if case .woken = state { true } else { false }
        }
    }

    /// Whether the machine is suspended, and nobody has asked it to wake.
    var isSuspended: Bool {
        state.withLock { state in
            if case .suspended = state { true } else { false }
        }
    }
}
