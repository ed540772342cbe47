// What `dormouse start` tells the service manager that started it: that the guest runs, and as what; that it ends; and,
// as long as that is so, that the process is alive.
//
// Where no manager wants to be told it does nothing. A manager that cannot be told is warned of once: the guest runs
// on.

import Glibc
import HostSupport
import Logging
import Synchronization

final class Supervision: Sendable {
    private let manager: ServiceManager?
    private let log: Logger
    private let isBroken = Mutex(false)
    private let hasPulse = Mutex(false)

    /// To be made before there are other threads.
    static func manager() -> (ServiceManager?, problem: String?) {
        do throws(ServiceManager.Failure) {
            return (try .take(), nil)
        } catch { return (nil, error.description) }
    }

    init(_ found: (manager: ServiceManager?, problem: String?), log: Logger) {
        manager = found.manager
        self.log = log
        if let problem = found.problem ?? found.manager?.watchdogFailure?.description { log.warning("\(problem)") }
    }

    /// The guest runs.
    ///
    /// - Parameters:
    ///   - words: as what.
    ///   - isAlive: returns if the machine answers, and is asked again and again from now on.
    func ready(_ words: String, isAlive: @escaping @Sendable () -> Void) {
        tell([("READY", "1"), ("STATUS", words)])
        guard let manager, let interval = manager.watchdogInterval else { return }
        let isFirst = hasPulse.withLock { hasPulse in
            defer { hasPulse = true }
            return !hasPulse
        }
        guard isFirst else { return }
        do {
            // It ends with the process.
            try HostThread.start { [self] in
                while true {
                    isAlive()
                    tell([("WATCHDOG", "1")])
                    pause(interval)
                }
            }
        } catch { log.warning("\(error); the service manager is not told that this process is alive") }
    }

    /// The run is over, and how.
    func stopping(_ words: String) { tell([("STOPPING", "1"), ("STATUS", words)]) }

    private func tell(_ assignments: [(name: String, value: String)]) {
        guard let manager else { return }
        do throws(ServiceManager.Failure) {
            try manager.tell(assignments)
        } catch {
            let wasBroken = isBroken.withLock { isBroken in
                defer { isBroken = true }
                return isBroken
            }
            if !wasBroken { log.warning("\(error)") }
        }
    }

    private func pause(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        var time = timespec(tv_sec: Int(clamping: seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
        nanosleep(&time, nil)
    }
}
