// What a machine is doing, as a whole.

import HostSupport
import Synchronization

/// What a machine is doing.
public enum MachineState: Sendable, Hashable {
    /// It was not run yet, or could not be.
    case off
    /// Its guest runs, or starts.
    case running
    /// Its guest is to be paused, and some core has not stopped yet.
    case pausing
    /// No core executes anything until it is resumed.
    case paused
    /// Its guest is suspended to RAM.
    case suspended
    /// The run is over, and what the guest wrote is being made durable.
    case ending
    /// `run` has returned this.
    case ended(RunEnd)
}

/// Where a machine is in its run.
enum RunPhase: Sendable, Hashable {
    case off
    case underWay
    case ended(RunEnd)
}

extension MachineState {
    /// - Parameters:
    ///   - isEnding: how the run ends is known.
    ///   - isSuspended: to RAM.
    init(_ phase: RunPhase, isEnding: Bool, isPaused: Bool, isSuspended: Bool, cores: [CoreActivity]) {
        switch phase {
        case .off: self = .off
        case .ended(let end): self = .ended(end)
        case .underWay:
            if isEnding {
                self = .ending
            } else if isPaused {
                self = cores.allSatisfy(\.isPaused) ? .paused : .pausing
            } else {
                self = isSuspended ? .suspended : .running
            }
        }
    }
}

extension CoreActivity {
    fileprivate var isPaused: Bool { if case .paused = self { true } else { false } }
}

extension VirtualMachine {
    /// What the machine is doing. From any thread, at any time; it may be something else by the time that it is looked
    /// at.
    public var state: MachineState {
        MachineState(
            phase.withLock(\.self), isEnding: hasEnded, isPaused: isPaused, isSuspended: isSuspended,
            cores: coreActivities)
    }
}
