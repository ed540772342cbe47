// The fields of TCR_EL1 that the CPU models have.
//
// Follows DDI 0487, TCR_EL1. Not named: TBID, 52-bit addresses and all else
// that no model advertises, which is RES0; and the cacheability and shareability of walks, which change nothing here.

/// Bits of TCR_EL1, Translation Control Register.
public enum TCR {
    /// T0SZ, 5:0; T1SZ is the same field 16 bits up.
    @inlinable public static var sizeMask: UInt64 { 0x3F }
    @inlinable public static var t1szShift: UInt64 { 16 }
    /// Walks by TTBR0_EL1 are disabled.
    @inlinable public static var epd0: UInt64 { 1 << 7 }
    /// Walks by TTBR1_EL1 are disabled.
    @inlinable public static var epd1: UInt64 { 1 << 23 }
    /// TG0 and TG1, two bits each, with unlike encodings.
    @inlinable public static var tg0Shift: UInt64 { 14 }
    @inlinable public static var tg1Shift: UInt64 { 30 }
    /// The ASID is that of TTBR1_EL1 rather than TTBR0_EL1.
    @inlinable public static var a1: UInt64 { 1 << 22 }
    /// IPS, 34:32: the physical address size.
    @inlinable public static var ipsShift: UInt64 { 32 }
    @inlinable public static var ipsMask: UInt64 { 7 }
    /// ASIDs have 16 bits.
    @inlinable public static var asidSize: UInt64 { 1 << 36 }
    /// The top byte of addresses in the lower half is ignored.
    @inlinable public static var tbi0: UInt64 { 1 << 37 }
    /// The top byte of addresses in the upper half is ignored.
    @inlinable public static var tbi1: UInt64 { 1 << 38 }
    /// Hardware sets the access flag.
    @inlinable public static var ha: UInt64 { 1 << 39 }
    /// Hardware manages dirty state, if HA is set too.
    @inlinable public static var hd: UInt64 { 1 << 40 }

    /// Attributes of tables in the lower half do not restrict what is below them.
    @inlinable public static var hpd0: UInt64 { 1 << 41 }
    /// The same in the upper half.
    @inlinable public static var hpd1: UInt64 { 1 << 42 }

    /// Unprivileged accesses to the lower half find nothing.
    @inlinable public static var e0pd0: UInt64 { 1 << 55 }
    /// The same of the upper half.
    @inlinable public static var e0pd1: UInt64 { 1 << 56 }

    /// All fields, with the features that they need. Bits 6 and 35 are RES0.
    static let fields = [
        FeatureBits((asidSize - 1) & ~(1 << 6 | 1 << 35) | tbi0 | tbi1),
        FeatureBits(asidSize, needs: .asid16),
        FeatureBits(ha | hd, needs: .hafdbs),
        FeatureBits(hpd0 | hpd1, needs: .hpds),
        FeatureBits(e0pd0 | e0pd1, needs: .e0pd),
    ]
}
