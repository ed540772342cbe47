// SYSTEM_OFF and SYSTEM_OFF2: the guest powers off, or hibernates. DEN0022 F.b §5.1.9, §5.1.10, §5.10 and §5.11.

/// The type argument of SYSTEM_OFF2: how to hibernate.
public struct HibernateType: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// HIBERNATE_OFF by its number.
    public static var hibernateOff: HibernateType { HibernateType(rawValue: 1) }
    /// 0, which means HIBERNATE_OFF since issue F.b. It is what Linux passes.
    public static var unspecified: HibernateType { HibernateType(rawValue: 0) }

    /// Whether the document gives it a meaning. Bit 31 is reserved, and so is every value but those two.
    public var isDefined: Bool { self == .hibernateOff || self == .unspecified }

    /// The bit of PSCI_FEATURES(SYSTEM_OFF2) that says that the type is supported: bit 0 for type 1.
    var feature: UInt32 { rawValue }
}

extension Firmware {
    func systemOff() -> Answer {
        // The call does not return; INTERNAL_FAILURE is for a core that is made to go on all the same.
        .code(.internalFailure, effect: .systemOff)
    }

    func systemOff2(_ arguments: Arguments) -> Answer {
        let type = HibernateType(rawValue: arguments.firstWord)
        let cookie = arguments.second
        guard type.isDefined, cookie == 0 else { return .code(.invalidParameters) }
        // §5.11.3: from every core, whatever the other cores do.
        return .code(.internalFailure, effect: .systemOff2(type: type, cookie: cookie))
    }
}
