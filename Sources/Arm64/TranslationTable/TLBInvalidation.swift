// What a TLBI instruction of the EL1&0 regime asks for.
//
// Responsible for: decoding operation and operand. Not responsible for reaching other CPUs. Follows DDI 0487, section
// C5.5 (TLBI) and the pseudocode TLBIRange. TTL hints are ignored, as the architecture allows: all levels are
// invalidated.

/// The translations that a TLBI instruction invalidates.
public struct TLBInvalidation: Hashable, Sendable {
    /// Which of the EL1&0 regime's entries match.
    public enum Scope: Hashable, Sendable {
        /// Every entry.
        case all
        /// Entries that are not global and belong to the ASID.
        case asid(UInt16)
        /// Entries that translate any of the addresses, and are global or belong to the ASID.
        case addresses(ClosedRange<UInt64>, asid: UInt16)
        /// Entries that translate any of the addresses, whatever their ASID.
        case addressesAllASIDs(ClosedRange<UInt64>)
    }

    /// Addresses are sign-extended from bit 55 and cover whole granules. An entry for a block matches if the block and
    /// the addresses overlap.
    public var scope: Scope
    /// Only entries made from the last level of a walk need to go, not cached table descriptors.
    public var lastLevelOnly: Bool
    /// The operation is for every CPU of the shareability domain: the Inner and Outer Shareable variants.
    public var isBroadcast: Bool

    /// Decodes `instruction` with Xt = `operand` under `regime`, which says the size of ASIDs and of granules.
    /// Nil if it is no TLBI of the EL1&0 regime, or a range operation whose reserved TG asks for nothing.
    public init?(_ instruction: SystemInstruction, operand: UInt64, regime: TranslationRegime) {
        guard instruction.op1 == 0, instruction.crn == 8 else { return nil }
        let isRange: Bool
        switch instruction.crm {
        case CRm.here: (isRange, isBroadcast) = (false, false)
        case CRm.inner, CRm.outer: (isRange, isBroadcast) = (false, true)
        case CRm.rangeHere: (isRange, isBroadcast) = (true, false)
        case CRm.rangeInner, CRm.rangeOuter: (isRange, isBroadcast) = (true, true)
        default: return nil
        }

        let asid = regime.effectiveASID(UInt16(truncatingIfNeeded: operand >> 48))
        lastLevelOnly = instruction.op2 & 4 != 0
        switch (instruction.op2, isRange) {
        case (0, false):
            scope = .all
        case (2, false):
            scope = .asid(asid)
        case (1, _), (5, _):
            guard let addresses = Self.addresses(operand, isRange: isRange, regime: regime) else { return nil }
            scope = .addresses(addresses, asid: asid)
        case (3, _), (7, _):
            guard let addresses = Self.addresses(operand, isRange: isRange, regime: regime) else { return nil }
            scope = .addressesAllASIDs(addresses)
        default:
            return nil
        }
    }

    /// CRm: whom the operation is for, and whether it takes a range.
    private enum CRm {
        static let outer: UInt8 = 1
        static let rangeInner: UInt8 = 2
        static let inner: UInt8 = 3
        static let rangeOuter: UInt8 = 5
        static let rangeHere: UInt8 = 6
        static let here: UInt8 = 7
    }

    private static func addresses(
        _ operand: UInt64, isRange: Bool, regime: TranslationRegime
    ) -> ClosedRange<UInt64>? {
        isRange ? addressRange(operand) : page(operand, regime: regime)
    }

    /// One address: VA[55:12] in bits 43:0. With larger granules the low bits of the field are RES0.
    private static func page(_ operand: UInt64, regime: TranslationRegime) -> ClosedRange<UInt64> {
        let address = signExtended(operand << 12, from: 55)
        let offset: UInt64 = (1 << regime.half(of: address).granuleShift) - 1
        return address & ~offset...address | offset
    }

    /// A range: TG in bits 47:46, SCALE in 45:44, NUM in 43:39, TTL in 38:37, BaseADDR in 36:0. From BaseADDR in
    /// granules, (NUM + 1) × 2^(5 × SCALE + 1) granules; cut where it would leave its half of the address space.
    private static func addressRange(_ operand: UInt64) -> ClosedRange<UInt64>? {
        let granuleShift: UInt64
        switch operand >> 46 & 3 {
        case 1: granuleShift = 12
        case 2: granuleShift = 14
        case 3: granuleShift = 16
        default: return nil
        }
        let scale = operand >> 44 & 3
        let number = operand >> 39 & 0x1F
        let first = signExtended(operand, from: 36) << granuleShift
        let byteCount = (number + 1) << (5 * scale + 1 + granuleShift)
        let last = first &+ (byteCount - 1)
        let endOfHalf: UInt64 = first >> 63 == 0 ? .max >> 1 : .max
        return first...(last >> 63 == first >> 63 ? last : endOfHalf)
    }

    /// `value` with bit `bit` copied to all bits above.
    private static func signExtended(_ value: UInt64, from bit: UInt64) -> UInt64 {
        let shift = 63 - bit
        return UInt64(bitPattern: Int64(bitPattern: value << shift) >> Int64(shift))
    }
}
