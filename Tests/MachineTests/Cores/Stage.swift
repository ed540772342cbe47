// What threads of a test tell each other, in the order in which it happened.

import HostSupport
import PSCI
import Synchronization

@testable import Machine

/// What happened.
enum Happening: Sendable, Hashable {
    /// A CPU was reset, or powered up with its timers running.
    case reset(Int, CoreStart)
    case powerUp(Int, CoreStart)
    /// What a CPU found in x0 when it went on behind a call.
    case answer(Int, ReturnCode)
    /// A script says so.
    case note(Int, String)
    case undefined(Int)
    case suspended
    case woken(WakeReason)
    case ended(RunEnd)
}

/// A list of what happened, and gates that scripts wait at. Whoever waits sleeps.
final class Stage: Sendable {
    private struct Story {
        var happenings: [Happening] = []
        var openGates: Set<String> = []
    }

    private let story = Mutex(Story())
    private let place = Parking()

    /// A hundred times what a loaded machine needs: only a failure takes so long.
    private static let patience: UInt64 = 60_000_000_000

    var happenings: [Happening] { story.withLock(\.happenings) }

    func note(_ happening: Happening) {
        story.withLock { $0.happenings.append(happening) }
        changed()
    }

    func open(_ gate: String) {
        story.withLock { _ = $0.openGates.insert(gate) }
        changed()
    }

    func isOpen(_ gate: String) -> Bool { story.withLock { $0.openGates.contains(gate) } }

    /// Makes whoever waits look again.
    func changed() { place.wake() }

    /// Sleeps until `condition`, which somebody makes true who calls `changed` then. Returns false after a minute.
    @discardableResult
    func wait(_ condition: () -> Bool) -> Bool {
        place.wait(until: BootClock.now &+ Self.patience, isReady: condition)
        return condition()
    }

    /// Sleeps until something has happened.
    @discardableResult
    func wait(for happening: Happening) -> Bool { wait { happenings.contains(happening) } }
}
