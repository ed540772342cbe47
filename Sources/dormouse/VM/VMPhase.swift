// How a kept VM is, as far as its files and its process say.

import KeptVMs
import Machine

/// How a VM is.
enum VMPhase {
    case running(process: String)
    case resting(LifeState, VMState.End?)

    init(_ vm: VM) throws(HostError) {
        if let process = vm.user {
            self = .running(process: process)
            return
        }
        let state = try vm.state()
        self = .resting(state.restingState, state.lastEnd)
    }

    /// The name of the state, as `dormouse status` and `list` print it. That of a running one its process says, which
    /// may be of another version.
    func state(of vm: VM) -> String {
        guard case .running = self else { return name }
        guard let reply = try? vm.tell(.status) else { return LifeState.starting.rawValue }
        if let state = reply.state { return state }
        if reply.isSuspended == true { return LifeState.suspended.rawValue }
        return reply.isPaused == true ? LifeState.paused.rawValue : name
    }

    var name: String {
        switch self {
        case .running: LifeState.running.rawValue
        case .resting(let state, _): state.rawValue
        }
    }

    var words: String {
        switch self {
        case .running(let process): "running, process \(process)"
        case .resting(.defined, _): "never started"
        case .resting(.unknown, _): "unknown: the last run ended without a word, a hibernation image may exist"
        case .resting(.hibernated, _): "hibernated"
        case .resting(let state, let end): end?.words ?? state.rawValue
        }
    }
}
