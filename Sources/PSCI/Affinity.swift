// Which core, or group of cores, an argument means. DEN0022 F.b §5.1.4 and §5.1.5.

/// The affinity fields of a core's MPIDR_EL1, where they stand there: Aff3 in bits 39:32, Aff2 in bits 23:16, Aff1 in
/// bits 15:8, Aff0 in bits 7:0.
public struct Affinity: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt64

    /// Nil if a bit outside the four fields is set, which makes the argument of a call invalid.
    public init?(rawValue: UInt64) {
        guard rawValue & ~Self.fields == 0 else { return nil }
        self.rawValue = rawValue
    }

    /// The affinity in an MPIDR_EL1, whose other bits are left out.
    public init(mpidr: UInt64) {
        rawValue = mpidr & Self.fields
    }

    public init(aff3: UInt8 = 0, aff2: UInt8 = 0, aff1: UInt8 = 0, aff0: UInt8) {
        rawValue = UInt64(aff3) << 32 | UInt64(aff2) << 16 | UInt64(aff1) << 8 | UInt64(aff0)
    }

    /// Whether both are in the same affinity instance of `level`: equal in the fields from Aff`level` up.
    ///
    /// No two cores are, if there is no such level.
    public func isInSameInstance(as other: Affinity, level: UInt32) -> Bool {
        guard level <= Self.highestLevel else { return false }
        // Aff3 does not follow on Aff2 (bits 31:24 are not part of the affinity), but no level needs that shift.
        let ignored = level == Self.highestLevel ? 0xFF_FFFF : UInt64(1) << UInt64(level * 8) - 1
        return (rawValue ^ other.rawValue) & ~ignored == 0
    }

    /// The level of Aff3.
    public static var highestLevel: UInt32 { 3 }

    private static var fields: UInt64 { 0xFF_00FF_FFFF }
}
