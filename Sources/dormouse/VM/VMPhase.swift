// How a kept VM is, as far as its files and its process say.

import KeptVMs
import Machine

/// How a VM is.
enum VMPhase {
    case running(process: String)
    case new
    case unknown
    case hibernated
    case off(VMState.End)

    init(_ vm: VM) throws(HostError) {
        if let process = vm.user {
            self = .running(process: process)
            return
        }
        let state = try vm.state()
        if state.hibernation?.isCertain == true {
            self = .hibernated
        } else if state.run != nil {
            self = .unknown
        } else if let end = state.lastEnd {
            self = .off(end)
        } else {
            self = .new
        }
    }

    /// The state that `dormouse status` and `list` print. How a running one is, its process says.
    func state(of vm: VM) -> String {
        guard case .running = self, let reply = try? vm.tell(.status) else { return name }
        if reply.isSuspended == true { return "suspended" }
        return reply.isPaused == true ? "paused" : name
    }

    var name: String {
        switch self {
        case .running: "running"
        case .new: "new"
        case .unknown: "unknown"
        case .hibernated: "hibernated"
        case .off: "off"
        }
    }

    var words: String {
        switch self {
        case .running(let process): "running, process \(process)"
        case .new: "never started"
        case .unknown: "unknown: the last run ended without a word, a hibernation image may exist"
        case .hibernated: "hibernated"
        case .off(let end): end.words
        }
    }
}
