// PSCI_FEATURES of SYSTEM_OFF2, and every call of it that returns: DEN0022 F.b §5.1.10, §5.2.1 and §5.16.2.

import PSCI

struct Refusals {
    let firmware: GuestClient
    let version: VersionCheck

    /// Makes the calls from `core`.
    func check(_ tap: inout TAP, core: Int) {
        let flags = version.hasSystemOff2 ? 1 : Int64(ReturnCode.notSupported.rawValue)
        expect(flags, from: features(.smc64), &tap, core)
        expect(flags, from: features(.smc32), &tap, core)
        refused(.smc64, &tap, core)
        refused(.smc32, &tap, core)
        // The cookie is 64 bits wide in an SMC64 call.
        refuse(.smc64, type: 0, cookie: 1 << 32, &tap, core)
        guard !version.hasSystemOff2 else { return }
        // These would end the run, if there were a SYSTEM_OFF2.
        for type in UInt64(0)...1 {
            refuse(.smc64, type: type, cookie: 0, &tap, core)
            refuse(.smc32, type: type, cookie: 0, &tap, core)
        }
    }

    private func refused(_ width: CallWidth, _ tap: inout TAP, _ core: Int) {
        refuse(width, type: 1, cookie: 1, &tap, core)
        refuse(width, type: 0, cookie: 1, &tap, core)
        refuse(width, type: 0, cookie: 0x8000_0000, &tap, core)
        refuse(width, type: 2, cookie: 0, &tap, core)
        refuse(width, type: 3, cookie: 0, &tap, core)
        refuse(width, type: 0x7FFF_FFFF, cookie: 0, &tap, core)
        refuse(width, type: 0x8000_0000, cookie: 0, &tap, core)
        refuse(width, type: 0x8000_0001, cookie: 0, &tap, core)
    }

    private func refuse(_ width: CallWidth, type: UInt64, cookie: UInt64, _ tap: inout TAP, _ core: Int) {
        let code: ReturnCode = version.hasSystemOff2 ? .invalidParameters : .notSupported
        expect(Int64(code.rawValue), from: CallRegisters(.systemOff2, width, type, cookie), &tap, core)
    }

    private func features(_ width: CallWidth) -> CallRegisters {
        CallRegisters(.psciFeatures, .smc32, UInt64(FunctionID(.systemOff2, width).rawValue))
    }

    private func expect(_ value: Int64, from registers: CallRegisters, _ tap: inout TAP, _ core: Int) {
        tap.expect(value, from: registers, calling: firmware, core: core)
    }
}
