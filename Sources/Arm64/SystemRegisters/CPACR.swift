// The fields of CPACR_EL1 that the CPU models have: DDI 0487, CPACR_EL1.

/// Bits of CPACR_EL1, Architectural Feature Access Control Register.
public enum CPACR {
    /// FPEN: 0b11 no traps, 0b01 EL0 trapped, else both.
    @inlinable public static var fpen: UInt64 { 3 << 20 }
    /// FPEN when only EL0 is trapped.
    @inlinable public static var fpenEL1: UInt64 { 1 << 20 }

    /// All fields, with the features that they need.
    static let fields = [FeatureBits(fpen, needs: .fp)]
}
