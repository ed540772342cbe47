// The fields of SCTLR_EL1 that the CPU models have.
//
// Follows DDI 0487, SCTLR_EL1. Fields of features that no model advertises (pointer authentication, MTE, LSE2, ExS,
// mixed endianness, AArch32 at EL0) are RES0 or RES1 and not named here.

/// Bits of SCTLR_EL1, System Control Register.
public enum SCTLR {
    /// The MMU is on.
    @inlinable public static var m: UInt64 { 1 << 0 }
    /// Every data access is checked for alignment.
    @inlinable public static var a: UInt64 { 1 << 1 }
    /// Data is cacheable.
    @inlinable public static var c: UInt64 { 1 << 2 }
    /// SP is checked for alignment at EL1.
    @inlinable public static var sa: UInt64 { 1 << 3 }
    /// SP is checked for alignment at EL0.
    @inlinable public static var sa0: UInt64 { 1 << 4 }
    /// EL0 may use DAIF.
    @inlinable public static var uma: UInt64 { 1 << 9 }
    /// Instructions are cacheable.
    @inlinable public static var i: UInt64 { 1 << 12 }
    /// EL0 may use DC ZVA.
    @inlinable public static var dze: UInt64 { 1 << 14 }
    /// EL0 may read CTR_EL0.
    @inlinable public static var uct: UInt64 { 1 << 15 }
    /// EL0 may wait with WFI.
    @inlinable public static var nTWI: UInt64 { 1 << 16 }
    /// EL0 may wait with WFE.
    @inlinable public static var nTWE: UInt64 { 1 << 18 }
    /// What is writable is not executable.
    @inlinable public static var wxn: UInt64 { 1 << 19 }
    /// Exceptions to EL1 and returns from it are error synchronization events. No error is ever pending here.
    @inlinable public static var iesb: UInt64 { 1 << 21 }
    /// PSTATE.PAN stays as it is on an exception to EL1.
    @inlinable public static var span: UInt64 { 1 << 23 }
    /// EL0 may use the cache maintenance instructions by address.
    @inlinable public static var uci: UInt64 { 1 << 26 }

    /// What PSTATE.SSBS becomes on an exception to EL1.
    @inlinable public static var dssbs: UInt64 { 1 << 44 }

    /// Bits that read as one whatever is written: ITD, SED, EOS, TSCXT, EIS, nTLSMD, LSMAOE.
    static var res1: UInt64 {
        1 << 7 | 1 << 8 | 1 << 11 | 1 << 20 | 1 << 22 | 1 << 28 | 1 << 29
    }

    /// All fields, with the features that they need. Without FEAT_PAN there is nothing for SPAN to decide, and it is
    /// RES1.
    static let fields = [
        FeatureBits(m | a | c | sa | sa0 | uma | i | dze | uct | nTWI | nTWE | wxn | uci),
        FeatureBits(span, needs: .pan, onesWithout: true),
        FeatureBits(iesb, needs: .iesb),
        FeatureBits(dssbs, needs: .ssbs),
    ]

    /// What the writable fields are after reset: MMU and caches off, no traps, PAN left alone. The Arm ARM leaves most
    /// of it UNKNOWN.
    @inlinable public static var reset: UInt64 { nTWI | nTWE | span }
}
