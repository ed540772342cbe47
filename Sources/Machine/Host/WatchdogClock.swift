// The guest's watchdog, in runs on the host's clock.
//
// Responsible for: a thread that sleeps until the watchdog is to be looked at, and not while the guest is paused. A
// guest without one that counts lets it sleep for good.

import Devices
import HostSupport
import Synchronization

/// Looks at a watchdog when it is time.
final class WatchdogClock: Sendable {
    private let place: Parking
    private let changes = Atomic<Int>(0)
    private let isStopped = Atomic(false)
    private let isPaused = Atomic(false)

    /// - Parameter time: the clock to sleep by, in nanoseconds.
    init(time: @escaping @Sendable () -> UInt64) { place = Parking(time: time) }

    /// The guest did something, or time has another relation to the counter.
    func deadlineChanged() {
        changes.wrappingAdd(1, ordering: .sequentiallyConsistent)
        place.wake()
    }

    /// Looks at nothing until it is called again.
    func set(isPaused: Bool) {
        self.isPaused.store(isPaused, ordering: .releasing)
        deadlineChanged()
    }

    /// Lets `run` run.
    func start() { isStopped.store(false, ordering: .releasing) }

    /// Runs until `stop`.
    ///
    /// - Parameter hostTime: when the counter gets to a value, by the clock that this sleeps by.
    func run(_ watchdog: GenericWatchdog, hostTime: (UInt64) -> UInt64) {
        while !isStopped.load(ordering: .acquiring) {
            let seen = changes.load(ordering: .sequentiallyConsistent)
            var deadline: UInt64?
            if !isPaused.load(ordering: .acquiring) {
                watchdog.poll()
                deadline = watchdog.nextDeadline.map(hostTime)
            }
            place.wait(until: deadline) {
                isStopped.load(ordering: .acquiring) || changes.load(ordering: .sequentiallyConsistent) != seen
            }
        }
    }

    /// Ends `run` soon.
    func stop() {
        isStopped.store(true, ordering: .releasing)
        place.wake()
    }
}
