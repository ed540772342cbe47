// The stage 1 descriptor formats of VMSAv8-64 with 48-bit addresses.
//
// Responsible for: naming the bits. Follows DDI 0487, section D8.3. Ignored, as nothing that the CPU models advertise
// gives them a meaning: nT (16), GP (50), the PBHA and software bits; and NS and NSTable, as there is one security
// state.

/// One 64-bit translation table descriptor.
@usableFromInline
struct Descriptor {
    @usableFromInline let rawValue: UInt64

    @inlinable
    init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Bit 0; a descriptor without it generates a Translation fault.
    @inlinable var isValid: Bool { rawValue & 1 != 0 }
    /// Bit 1: a table at levels 0 to 2 (else a block), a page at level 3 (else reserved).
    @inlinable var isTableOrPage: Bool { rawValue & 2 != 0 }

    /// The output or next-level table address, of which the low `shift` bits are not part.
    @inlinable
    func address(shift: UInt64) -> UInt64 {
        rawValue & Self.addressMask & (UInt64.max &<< shift)
    }
    @inlinable static var addressMask: UInt64 { (1 << 48) - 1 }

    // Blocks and pages.

    /// AttrIndx, 4:2.
    @inlinable var attributeIndex: UInt64 { rawValue >> 2 & 7 }
    /// AP[1]: EL0 has access.
    @inlinable var ap1: Bool { rawValue & 1 << 6 != 0 }
    /// AP[2]: read-only.
    @inlinable static var ap2: UInt64 { 1 << 7 }
    /// SH, 9:8.
    @inlinable var shareability: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 8 & 3) }
    /// The access flag.
    @inlinable static var af: UInt64 { 1 << 10 }
    /// Not global.
    @inlinable var nG: Bool { rawValue & 1 << 11 != 0 }
    /// Dirty bit modifier.
    @inlinable static var dbm: UInt64 { 1 << 51 }
    /// The contiguous hint.
    @inlinable var isContiguous: Bool { rawValue & 1 << 52 != 0 }
    /// Not executable at EL1.
    @inlinable var pxn: Bool { rawValue & 1 << 53 != 0 }
    /// Not executable at EL0.
    @inlinable var uxn: Bool { rawValue & 1 << 54 != 0 }

    // Tables. These restrict all below, so that the descriptors of a walk can simply be ORed.

    /// PXNTable: nothing below is executable at EL1.
    @inlinable static var pxnTable: UInt64 { 1 << 59 }
    /// UXNTable: nothing below is executable at EL0.
    @inlinable static var uxnTable: UInt64 { 1 << 60 }
    /// APTable[0]: EL0 has no access to anything below.
    @inlinable static var apTable0: UInt64 { 1 << 61 }
    /// APTable[1]: nothing below is writable.
    @inlinable static var apTable1: UInt64 { 1 << 62 }
}
