// MEM_PROTECT and MEM_PROTECT_CHECK_RANGE: nothing of memory survives a reset. DEN0022 F.b §5.1.13, §5.1.14, §5.14 and
// §5.15.
//
// Overwriting is the machine's: it asks `FirmwareState.isMemoryProtected` when it boots again.

extension Firmware {
    func memProtect(_ arguments: Arguments) -> Answer {
        let isEnabled = arguments.firstWord != 0
        return platform.withState { state in
            let wasEnabled = state.isMemoryProtected
            state.isMemoryProtected = isEnabled
            return .value(UInt32(wasEnabled ? 1 : 0))
        }
    }

    func memProtectCheckRange(_ arguments: Arguments) -> Answer {
        let base = arguments.first
        let length = arguments.second
        // An empty range has no bytes that could be protected; one that wraps around has some that are not.
        guard length > 0 else { return .code(.denied) }
        let (last, overflow) = base.addingReportingOverflow(length - 1)
        guard !overflow, platform.isProtectedMemory(from: base, through: last) else { return .code(.denied) }
        return .code(.success)
    }
}
