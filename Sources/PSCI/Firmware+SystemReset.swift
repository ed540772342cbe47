// SYSTEM_RESET and SYSTEM_RESET2: the guest starts over. DEN0022 F.b §5.1.11, §5.1.12, §5.12 and §5.13.

/// The reset_type argument of SYSTEM_RESET2.
public struct ResetType: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// SYSTEM_WARM_RESET, the one architectural type: memory is kept.
    public static var systemWarmReset: ResetType { ResetType(rawValue: 0) }

    /// Whether the meaning is the vendor's: bit 31.
    public var isVendorSpecific: Bool { rawValue & 1 << 31 != 0 }
}

extension Firmware {
    func systemReset() -> Answer {
        // The call does not return; INTERNAL_FAILURE is for a core that is made to go on all the same.
        .code(.internalFailure, effect: .systemReset)
    }

    func systemReset2(_ arguments: Arguments) -> Answer {
        let type = ResetType(rawValue: arguments.firstWord)
        guard type == .systemWarmReset || type.isVendorSpecific else { return .code(.invalidParameters) }
        return .code(.internalFailure, effect: .systemReset2(type: type, cookie: arguments.second))
    }
}
