// SYSTEM_SUSPEND: suspend to RAM. DEN0022 F.b §5.1.19 and §5.20.

extension Firmware {
    func systemSuspend(_ arguments: Arguments) -> Answer {
        let entryPoint = arguments.first
        let contextID = arguments.second
        guard platform.isValidEntryPoint(entryPoint) else { return .code(invalidEntryPoint) }
        let now = platform.now
        let isDone = platform.withState { state in
            guard state.isAlone(arguments.caller) else { return false }
            state.suspendSystem(arguments.caller, at: now)
            return true
        }
        // §5.20.2 names this code; the list in §5.1.19 has ALREADY_ON in its place.
        guard isDone else { return .code(.denied) }
        return .code(.success, effect: .systemSuspend(entryPoint: entryPoint, contextID: contextID))
    }
}
