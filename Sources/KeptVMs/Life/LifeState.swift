// How a kept VM is, from its making on: one word, and which word may follow which.
//
// Responsible for: the words and the one function that says what may come next; docs/host.md draws it. Not responsible
// for: who finds out (`VMLife`), or the states of a core or of a machine, which `Machine` has.

/// A state of a VM.
///
/// Later versions may have more of them. Whoever reads one that it does not know takes it for `other`: it says nothing
/// of whether the VM runs.
public enum LifeState: String, Sendable, Hashable, CaseIterable {
    /// It was made, and never started.
    case defined
    /// A process has it, and decides what the start is to be.
    case starting
    /// The guest runs.
    case running
    /// The guest is held by its host.
    case paused
    /// The guest suspended the machine to RAM.
    case suspended
    /// The guest was asked to hibernate, or is at it.
    case hibernating
    /// The guest hibernated, and can be resumed.
    case hibernated
    /// The guest was asked to power off.
    case stopping
    /// The guest powered off, or was ended from outside; nothing is to be resumed.
    case poweredOff = "powered-off"
    /// The guest reset the machine.
    case reset
    /// The guest could not go on.
    case crashed
    /// A start was refused, and nothing became of it: what there was to be resumed is there still.
    case refused
    /// A run ended without a word.
    case unknown
    /// A state of a later version.
    case other

    /// The state of that name.
    public init(named name: String) {
        self = LifeState(rawValue: name) ?? .other
    }

    /// Whether a process has the VM in this state; nil if nobody knows.
    public var isLive: Bool? {
        switch self {
        case .starting, .running, .paused, .suspended, .hibernating, .stopping: true
        case .defined, .hibernated, .poweredOff, .crashed, .refused, .unknown: false
        // It is booted again, unless nobody wants that.
        case .reset, .other: nil
        }
    }

    /// Whether `next` may follow this state.
    public func mayBecome(_ next: LifeState) -> Bool {
        switch self {
        case .defined: next == .starting
        // Besides a start: an image that is discarded, and one that is put back.
        case .hibernated, .refused, .unknown: next == .starting || next != self && Self.resting.contains(next)
        case .poweredOff, .crashed: [.starting, .hibernated].contains(next)
        case .starting: [.running, .refused].contains(next) || Self.ends.contains(next)
        case .running, .paused, .suspended, .hibernating, .stopping:
            next != self
                && ([.running, .paused, .suspended, .hibernating, .stopping].contains(next)
                    || Self.ends.contains(next))
        case .reset: [.starting, .running].contains(next) || next != self && Self.ends.contains(next)
        case .other: true
        }
    }

    /// What `state.json` may say of a VM that does not run, but that nobody knows.
    private static let resting: Set<LifeState> = [.defined, .hibernated, .poweredOff, .reset, .crashed]
    /// How a run may end.
    private static let ends: Set<LifeState> = [.hibernated, .poweredOff, .reset, .crashed, .unknown]
}

extension VMState {
    /// How the VM is while no process has it.
    public var restingState: LifeState {
        if lost?.isChanging == true { return .unknown }
        if hibernation?.isCertain == true { return .hibernated }
        if run != nil { return .unknown }
        guard let lastEnd else { return .defined }
        return switch lastEnd.kind {
        case "reset": .reset
        case "crashed": .crashed
        default: .poweredOff
        }
    }
}
