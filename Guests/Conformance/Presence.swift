// Which functions there are, at both widths: every row of Table 17 (DEN0022 F.b §6.9), and what lies beside them.

import PSCI

extension Checks {
    mutating func checkPresence() {
        let version = call(.smc32, .psciVersion)
        check(
            version == Int64(expected.version), .smc32, .psciVersion, "is the one that is expected", returned: version)
        for number in UInt8(0)...UInt8.max {
            guard let function = Function(rawValue: number), function.interface == .psci else { continue }
            checkPresence(of: function, .smc32)
            checkPresence(of: function, .smc64)
        }
        checkUnknownFunctions()
    }

    private mutating func checkPresence(of function: Function, _ width: CallWidth) {
        let isThere = expected.has(function) && function.exists(as: width)
        let hasFeatures = expected.isAtLeast(.v1_0)
        if hasFeatures {
            let flags = firmware.features(of: function, width)
            if isThere {
                check(
                    flags == featureFlags(of: function), width, function, "PSCI_FEATURES has its flags", returned: flags
                )
            } else if isLack(function, width) {
                skip(width, function, "PSCI_FEATURES does not have it", because: "it is optional")
            } else {
                check(flags == Self.notSupported, width, function, "PSCI_FEATURES does not have it", returned: flags)
            }
        }
        guard !isThere else {
            if !hasFeatures { check(true, width, function, "is expected, and its own checks follow") }
            return
        }
        // §5.3.2. A function that is not there can be called: nothing happens.
        expect(.notSupported, width, function, 0, Self.nowhere, 0, what: "is NOT_SUPPORTED")
    }

    /// Whether a firmware that nothing is known of may leave the function out.
    private func isLack(_ function: Function, _ width: CallWidth) -> Bool {
        guard !expected.isTold, function.exists(as: width), !function.isMandatory else { return false }
        return expected.has(function) == false
    }

    /// §5.16.2, Table 11.
    private func featureFlags(of function: Function) -> Int64 {
        switch function {
        case .cpuSuspend:
            (expected.has(.psciSetSuspendMode) ? 1 : 0) | (expected.format == .extendedStateID ? 2 : 0)
        case .systemOff2: 1
        default: 0
        }
    }

    private mutating func checkUnknownFunctions() {
        // Of the alpha of 1.3: CLEAN_INV_MEMREGION, and numbers that nobody has.
        for number: UInt32 in [0x8400_0016, 0xC400_0016, 0x8400_001F, 0x8400_FFFF, 0xC600_0000] {
            let registers = CallRegisters(x0: UInt64(number), x1: 0, x2: 0, x3: 0)
            let width = registers.functionID.width
            let value = width.signed(firmware.conduit.call(registers).x0)
            check(
                value == Self.notSupported, width, .psciFeatures, "a call that nobody knows is NOT_SUPPORTED",
                returned: value)
        }
        guard expected.isAtLeast(.v1_0) else { return }
        expect(.notSupported, .smc32, .psciFeatures, 0x8400_0016, what: "of an id that nobody knows is NOT_SUPPORTED")
        expect(.notSupported, .smc32, .psciFeatures, 0xC400_0008, what: "of an id without that width is NOT_SUPPORTED")
        guard expected.has(.smcccVersion) else { return }
        let flags = firmware.features(of: .smcccVersion, .smc32)
        check(flags == 0, .smc32, .psciFeatures, "finds SMCCC_VERSION", returned: flags)
        let version = call(.smc32, .smcccVersion)
        check(version >= 0x1_0001, .smc32, .smcccVersion, "is 1.1 or later", returned: version)
    }

    static var notSupported: Int64 { Int64(ReturnCode.notSupported.rawValue) }
}
