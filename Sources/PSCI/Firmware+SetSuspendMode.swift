// PSCI_SET_SUSPEND_MODE: who coordinates. DEN0022 F.b §5.1.20 and §5.21.

extension Firmware {
    func psciSetSuspendMode(_ arguments: Arguments) -> Answer {
        guard let mode = SuspendMode(rawValue: arguments.firstWord) else { return .code(.invalidParameters) }
        return platform.withState { state in
            // What is so already needs no conditions: a guest that comes back from hibernation says it once more.
            guard mode != state.suspendMode else { return .code(.success) }
            guard state.maySwitch(to: mode, caller: arguments.caller) else { return .code(.denied) }
            state.suspendMode = mode
            state.hasSuspended = false
            return .code(.success)
        }
    }
}

extension FirmwareState {
    /// The conditions of §5.21.2.
    fileprivate func maySwitch(to mode: SuspendMode, caller: Int) -> Bool {
        switch mode {
        case .platformCoordinated: isAlone(caller)
        case .osInitiated: !hasSuspended && cores.allSatisfy { $0.state != .onPending && !$0.isFrozen }
        }
    }
}
