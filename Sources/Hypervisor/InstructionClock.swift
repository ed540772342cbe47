// Time for deterministic runs.

import Synchronization

/// A guest clock that is the number of instructions executed, one nanosecond each; idle time is skipped.
public final class InstructionClock: GuestClock {
    private let ticks: Atomic<UInt64>

    /// - Parameter counter: where to start.
    public init(counter: UInt64 = 0) {
        ticks = Atomic(counter)
    }

    public var frequency: UInt64 { 1_000_000_000 }

    public var counter: UInt64 { ticks.load(ordering: .relaxed) }

    /// Called by the back end for the instructions that it executed.
    public func advance(by instructions: UInt64) {
        ticks.wrappingAdd(instructions, ordering: .relaxed)
    }

    /// Skips idle time: to `counter`, unless that is past already.
    public func skip(to counter: UInt64) {
        let now = ticks.load(ordering: .relaxed)
        if counter > now { ticks.store(counter, ordering: .relaxed) }
    }
}
