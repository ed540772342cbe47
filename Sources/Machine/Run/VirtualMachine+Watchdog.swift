// A guest that its watchdog takes for one that hangs.

import Devices
import Hypervisor

extension VirtualMachine {
    /// The second timeout. On the thread of whoever found it, which may be a core's.
    func watchdogExpired() {
        guard let action = configuration.watchdog else { return }
        events.watchdog?(action)
        switch action {
        case .reset: finish(.stopped(.watchdog))
        case .crash: finish(.crashed("the guest's watchdog was not refreshed"))
        case .hibernate: _ = press(.sleep)
        case .nothing: break
        }
    }

    /// The guest is paused, or goes on: what passed meanwhile is not held against it.
    ///
    /// - Parameter ticks: of the counter, which have passed since the pause; nil when one begins.
    func watchdogNotes(ticksPaused ticks: UInt64?) {
        guard let watchdog else { return }
        if let ticks { watchdog.postpone(by: ticks) }
        watchdogClock.set(isPaused: ticks == nil)
    }
}
