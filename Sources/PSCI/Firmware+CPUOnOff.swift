// CPU_ON, CPU_OFF and CPU_FREEZE: cores come and go. DEN0022 F.b §5.1.3, §5.1.4, §5.1.16, §5.5, §5.6, §5.17 and §6.6.

extension Firmware {
    func cpuOn(_ arguments: Arguments) -> Answer {
        guard let core = core(arguments.first) else { return .code(.invalidParameters) }
        let entryPoint = arguments.second
        guard platform.isValidEntryPoint(entryPoint) else { return .code(invalidEntryPoint) }
        guard !platform.isWithheld(core) else { return .code(.denied) }
        let now = platform.now
        // §6.6: of all callers that find the core off, exactly one makes this transition.
        switch platform.withState({ $0.beginStart(core, at: now) }) {
        case .on: return .code(.alreadyOn)
        case .onPending: return .code(.onPending)
        case .off: break
        }
        let contextID = arguments.third
        guard platform.start(core: core, entryPoint: entryPoint, contextID: contextID, caller: arguments.caller) else {
            platform.withState { $0.cancelStart(core, at: now) }
            return .code(.internalFailure)
        }
        return .code(.success)
    }

    func cpuOff(_ arguments: Arguments) -> Answer {
        let now = platform.now
        let isDone = platform.withState { state in
            guard mayStop(arguments.caller, state) else { return false }
            // §6.6: the moment from which AFFINITY_INFO says OFF and CPU_ON may succeed.
            state.turnOff(arguments.caller, at: now)
            return true
        }
        // The code is what the core would see if it went on all the same.
        return isDone ? .code(.internalFailure, effect: .turnOffCaller) : .code(.denied)
    }

    /// §5.17: as CPU_OFF, but interrupts stay with the core, and it still counts as on. Only CPU_ON ends it; the
    /// machine does not look at interrupts of a core that it turned off.
    func cpuFreeze(_ arguments: Arguments) -> Answer {
        let now = platform.now
        let isDone = platform.withState { state in
            guard mayStop(arguments.caller, state) else { return false }
            state.freeze(arguments.caller, at: now)
            return true
        }
        return isDone ? .code(.internalFailure, effect: .turnOffCaller) : .code(.denied)
    }

    /// §5.9.1: the core of a trusted OS stays on.
    private func mayStop(_ core: Int, _ state: FirmwareState) -> Bool {
        policy.trustedOS == .none || state.trustedOSCore != core
    }
}
