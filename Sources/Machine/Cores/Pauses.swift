// Why a guest is paused: one value.

/// What a guest's counter does while the guest is paused.
public enum PauseClock: String, Sendable, Hashable, CaseIterable {
    /// It goes on, as it does while the host sleeps: the guest finds that time has passed.
    case goesOn
    /// It stands still: the guest finds nothing. The time of day goes on all the same.
    case standsStill
}

/// The reasons for which a guest is paused. It goes on when there are none left.
struct Pauses: Sendable, Hashable {
    /// It was asked for, by `VirtualMachine.pause`.
    var asked: PauseClock?
    /// Disks that cannot do what the guest wants of them.
    var waitingDisks = 0
    /// The guest's counter when the pause began.
    var counter: UInt64 = 0

    var isPaused: Bool { asked != nil || waitingDisks > 0 }
    var stopsClock: Bool { asked == .standsStill }
}

/// Counts how often a guest was paused and went on: whoever sees the same number twice has missed nothing.
struct PauseNumber: Sendable, Hashable {
    var rawValue: Int

    var isPaused: Bool { !rawValue.isMultiple(of: 2) }
}
