// The versions of PSCI. DEN0022 F.b §5.3, Table 6.

/// A version of PSCI that a machine can be made with. The raw value is what PSCI_VERSION returns.
public enum Version: UInt32, CaseIterable, Comparable, Sendable {
    case v0_2 = 0x0000_0002
    case v1_0 = 0x0001_0000
    case v1_1 = 0x0001_0001
    case v1_2 = 0x0001_0002
    case v1_3 = 0x0001_0003

    /// Bits 30:16 of PSCI_VERSION.
    public var major: UInt32 { rawValue >> Self.majorShift }
    /// Bits 15:0 of PSCI_VERSION.
    public var minor: UInt32 { rawValue & ~(~0 << Self.majorShift) }

    /// The version of those numbers, nil if PSCI never had it or this module does not speak it.
    public init?(major: UInt32, minor: UInt32) {
        guard major <= Self.v1_3.major, minor <= Self.v1_3.minor else { return nil }
        self.init(rawValue: major << Self.majorShift | minor)
    }

    public static func < (left: Version, right: Version) -> Bool {
        left.rawValue < right.rawValue
    }

    private static var majorShift: UInt32 { 16 }
}
