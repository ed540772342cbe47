// CPU_ON and CPU_OFF: cores come and go. DEN0022 F.b §5.1.3, §5.1.4, §5.5, §5.6 and §6.6.

extension Firmware {
    func cpuOn(_ arguments: Arguments) -> Answer {
        guard let affinity = Affinity(rawValue: arguments.first), let core = core(affinity) else {
            return .code(.invalidParameters)
        }
        let entryPoint = arguments.second
        guard platform.isValidEntryPoint(entryPoint) else { return .code(invalidEntryPoint) }
        // §6.6: of all callers that find the core off, exactly one makes this transition.
        switch platform.exchangeState(ofCore: core, from: .off, to: .onPending) {
        case .on: return .code(.alreadyOn)
        case .onPending: return .code(.onPending)
        case .off: break
        }
        let contextID = arguments.third
        guard platform.start(core: core, entryPoint: entryPoint, contextID: contextID, caller: arguments.caller) else {
            _ = platform.exchangeState(ofCore: core, from: .onPending, to: .off)
            return .code(.internalFailure)
        }
        return .code(.success)
    }

    func cpuOff(_ arguments: Arguments) -> Answer {
        // §6.6: the moment from which AFFINITY_INFO says OFF and CPU_ON may succeed. There is no trusted OS that would
        // have the call denied (§5.9.1). The code is what the core would see if it went on all the same.
        _ = platform.exchangeState(ofCore: arguments.caller, from: .on, to: .off)
        return .code(.internalFailure, effect: .turnOffCaller)
    }

    /// What a call returns whose entry point is not the guest's (notes in §5.4.5 and §5.6.2).
    private var invalidEntryPoint: ReturnCode {
        policy.version < .v1_0 ? .invalidParameters : .invalidAddress
    }
}
