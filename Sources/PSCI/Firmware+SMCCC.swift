// SMCCC's own discovery, and the workarounds that a software CPU does not need. DEN0028 §7.
//
// SMCCC_ARCH_SOC_ID is not offered: there is no such chip.

/// What the calling convention's own functions return.
public enum SMCCCReturnCode: Int32, CaseIterable, Sendable {
    case success = 0
    case notSupported = -1
    case notRequired = -2
    case invalidParameter = -3
}

/// A version of the calling convention. The raw value is what SMCCC_VERSION returns.
public enum SMCCCVersion: UInt32, CaseIterable, Sendable {
    /// x4 to x17 are preserved, and SMCCC_VERSION and SMCCC_ARCH_FEATURES are there.
    case v1_1 = 0x0001_0001
}

extension Firmware {
    func smcccVersion() -> Answer {
        .value(SMCCCVersion.v1_1.rawValue)
    }

    func smcccArchFeatures(_ arguments: Arguments) -> Answer {
        guard let function = offeredFunction(FunctionID(rawValue: arguments.firstWord)) else {
            return .smccc(.notSupported)
        }
        switch function {
        case .smcccVersion, .smcccArchFeatures: return .smccc(.success)
        // No speculation, hence no branch prediction to train (CVE-2017-5715, CVE-2022-23960): the call is there, and
        // not needed on this core, which is the same for all of them.
        case .smcccArchWorkaround1, .smcccArchWorkaround3: return .value(Self.notRequiredOnThisCore)
        // Nor a store to bypass (CVE-2018-3639); this one has a code for "on no core".
        case .smcccArchWorkaround2: return .smccc(.notRequired)
        default: return .smccc(.notSupported)
        }
    }

    func smcccArchWorkaround() -> Answer {
        // Safe to call where it is not needed, and without effect.
        .smccc(.success)
    }

    private static var notRequiredOnThisCore: UInt32 { 1 }
}

extension Answer {
    fileprivate static func smccc(_ code: SMCCCReturnCode) -> Answer {
        Answer(value: Int64(code.rawValue))
    }
}
