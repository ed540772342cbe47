// CPU_SUSPEND and CPU_DEFAULT_SUSPEND: the calling core has no work for now. DEN0022 F.b §5.1.2, §5.1.17, §5.4 and
// §5.18.

extension Firmware {
    func cpuSuspend(_ arguments: Arguments) -> Answer {
        guard
            let request = PowerState(rawValue: arguments.firstWord).composite(in: policy.powerStateFormat),
            isOffered(request)
        else { return .code(.invalidParameters) }
        return suspend(
            arguments.caller, request, entryPoint: arguments.second, contextID: arguments.third, isByCPUSuspend: true)
    }

    /// §5.18: power-down of the core where there is such a state, and never anything of its cluster's, so that whoever
    /// tracks the last core of a cluster need not know.
    func cpuDefaultSuspend(_ arguments: Arguments) -> Answer {
        let state: LocalState = policy.idleStates.contains(.core, .powerDown) ? .powerDown : .standby
        return suspend(
            arguments.caller, CompositeState(core: state), entryPoint: arguments.first, contextID: arguments.second,
            isByCPUSuspend: false)
    }

    private func suspend(
        _ caller: Int, _ request: CompositeState, entryPoint: UInt64, contextID: UInt64, isByCPUSuspend: Bool
    ) -> Answer {
        // §5.4.2.1: the entry point and the context id are only valid with a power-down state.
        guard !request.isPowerDown || platform.isValidEntryPoint(entryPoint) else { return .code(invalidEntryPoint) }
        let now = platform.now
        let objection = platform.withState { state -> ReturnCode? in
            if state.suspendMode == .osInitiated, let objection = state.objection(to: request, of: caller) {
                return objection
            }
            if isByCPUSuspend { state.hasSuspended = true }
            state.suspend(caller, request, at: now)
            return nil
        }
        if let objection { return .code(objection) }
        // §5.4.9: a standby state is indistinguishable from WFI, and SUCCESS is what the core finds when it wakes.
        // After a power-down it is what the core finds if an interrupt is pending at once (§5.4.5).
        return .code(
            .success,
            effect: request.isPowerDown ? .powerDown(entryPoint: entryPoint, contextID: contextID) : .standby)
    }

    private func isOffered(_ request: CompositeState) -> Bool {
        for level in PowerLevel.allCases where !policy.idleStates.contains(level, request[level]) { return false }
        return true
    }
}
