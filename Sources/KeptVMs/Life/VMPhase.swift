// How a kept VM is, as far as its files and its process say.

/// How a VM is.
public enum VMPhase: Sendable {
    case running(process: String)
    case resting(LifeState, VMState.End?)

    public init(_ vm: VM) throws(HostError) {
        if let process = vm.user {
            self = .running(process: process)
            return
        }
        let state = try vm.state()
        self = .resting(state.restingState, state.lastEnd)
    }

    /// The name of the state, as `dormouse status` and `list` print it. That of a running one its process says, which
    /// may be of another version.
    public func state(of vm: VM) -> String { state(of: vm, reply(of: vm)) }

    /// What the process of a running VM says of it; nil if there is none, or if it gives no answer.
    ///
    /// - Parameters:
    ///   - vm: the VM.
    ///   - patience: how long it has for that, in milliseconds; nil: as long as for any verb.
    public func reply(of vm: VM, patience: Int? = nil) -> ControlReply? {
        guard case .running = self else { return nil }
        return try? vm.tell(.status, patience: patience)
    }

    /// Asks the process of a running VM how it is, for `state(of:_:)`; nil if there is none, or if it cannot be asked.
    ///
    /// - Parameter vm: the VM.
    public func ask(_ vm: VM) -> PendingReply? {
        guard case .running = self else { return nil }
        return try? vm.begin(.status)
    }

    /// The name of the state.
    ///
    /// - Parameters:
    ///   - vm: the VM.
    ///   - reply: what its process said.
    public func state(of vm: VM, _ reply: ControlReply?) -> String {
        guard case .running = self else { return name }
        guard let reply else { return Self.silentState(of: vm).rawValue }
        if let state = reply.state { return state }
        if reply.isSuspended == true { return LifeState.suspended.rawValue }
        return reply.isPaused == true ? LifeState.paused.rawValue : name
    }

    /// The state of a VM that had a process a moment ago, which gave no answer.
    private static func silentState(of vm: VM) -> LifeState {
        // It may have ended meanwhile.
        if case .resting(let state, _)? = try? VMPhase(vm) { return state }
        // Or it is at its end, and has said so; else it is at its beginning. One that hangs is neither.
        let last = (try? vm.events.last())?.event.lifeState
        if let last, last.isLive == false || last == .reset { return last }
        return last == .starting ? .starting : .unknown
    }

    public var name: String {
        switch self {
        case .running: LifeState.running.rawValue
        case .resting(let state, _): state.rawValue
        }
    }

    public var words: String {
        switch self {
        case .running(let process): "running, process \(process)"
        case .resting(.defined, _): "never started"
        case .resting(.unknown, _): "unknown: the last run ended without a word, a hibernation image may exist"
        case .resting(.hibernated, _): "hibernated"
        case .resting(.poweredOff, let end?) where end.kind == LifeState.hibernated.rawValue:
            "powered off: it hibernated, and that was given up since"
        case .resting(let state, let end): end?.words ?? state.rawValue
        }
    }
}
