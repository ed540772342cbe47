// The EL1&0 translation regime: its registers, and what they mean for one half of the address space.
//
// Responsible for: the controls, as an equatable value. The walk itself is in `TranslationRegime+Walk`. Follows
// DDI 0487, section D8.2, with 48-bit virtual and up to 48-bit physical addresses, without FEAT_TTST (TxSZ is 16 to
// 39), FEAT_LPA2 and stage 2.

/// The registers that decide a translation at EL1 and EL0.
public struct TranslationRegime: Equatable, Sendable {
    /// SCTLR_EL1; M and WXN matter.
    public var sctlr: UInt64
    /// TCR_EL1.
    public var tcr: UInt64
    /// TTBR0_EL1.
    public var ttbr0: UInt64
    /// TTBR1_EL1.
    public var ttbr1: UInt64
    /// MAIR_EL1.
    public var mair: UInt64
    /// The physical address size of the CPU model (ID_AA64MMFR0_EL1.PARange) in bits, 32 to 48.
    public var physicalAddressBits: UInt64

    @inlinable
    public init(
        sctlr: UInt64, tcr: UInt64, ttbr0: UInt64, ttbr1: UInt64, mair: UInt64, physicalAddressBits: UInt64 = 40
    ) {
        self.sctlr = sctlr
        self.tcr = tcr
        self.ttbr0 = ttbr0
        self.ttbr1 = ttbr1
        self.mair = mair
        self.physicalAddressBits = physicalAddressBits
    }

    /// Whether stage 1 translation is on: SCTLR_EL1.M.
    @inlinable
    public var isEnabled: Bool { sctlr & SCTLR.m != 0 }

    /// The current ASID, from the TTBR that TCR_EL1.A1 says and of the size that TCR_EL1.AS says.
    @inlinable
    public var asid: UInt16 {
        let ttbr = tcr & TCR.a1 != 0 ? ttbr1 : ttbr0
        return effectiveASID(UInt16(truncatingIfNeeded: ttbr >> 48))
    }

    /// `asid` without its upper byte when TCR_EL1.AS says that ASIDs have 8 bits.
    @inlinable
    public func effectiveASID(_ asid: UInt16) -> UInt16 {
        tcr & TCR.asidSize != 0 ? asid : asid & 0xFF
    }

    /// The physical address size in effect, in bits: TCR_EL1.IPS, no more than the model has.
    @inlinable
    public var outputSize: UInt64 {
        let bits: UInt64 =
            switch tcr >> TCR.ipsShift & TCR.ipsMask {
            case 0: 32
            case 1: 36
            case 2: 40
            case 3: 42
            case 4: 44
            default: 48
            }
        return min(bits, physicalAddressBits)
    }

    /// One half of the address space: what TTBR0_EL1 or TTBR1_EL1 translates.
    public struct Half: Equatable, Sendable {
        /// The TTBR.
        public var ttbr: UInt64
        /// Log2 of the translation granule: 12, 14 or 16.
        public var granuleShift: UInt64
        /// Virtual address bits that the tables translate: 64 − TxSZ, not yet checked.
        public var inputSize: UInt64
        /// The top byte of an address is ignored.
        public var ignoresTopByte: Bool
        /// EPDx: every walk faults.
        public var isDisabled: Bool
        /// HPDx: what table descriptors say of what is below them does not count.
        public var ignoresTableAttributes: Bool
        /// E0PDx: unprivileged accesses fault without a walk.
        public var isDisabledForEL0: Bool

        @inlinable
        public init(
            ttbr: UInt64, granuleShift: UInt64, inputSize: UInt64, ignoresTopByte: Bool, isDisabled: Bool,
            ignoresTableAttributes: Bool, isDisabledForEL0: Bool
        ) {
            self.ttbr = ttbr
            self.granuleShift = granuleShift
            self.inputSize = inputSize
            self.ignoresTopByte = ignoresTopByte
            self.isDisabled = isDisabled
            self.ignoresTableAttributes = ignoresTableAttributes
            self.isDisabledForEL0 = isDisabledForEL0
        }

        /// Address bits that one level resolves: a table fills a granule with 8-byte descriptors.
        @inlinable
        public var stride: UInt64 { granuleShift &- 3 }
    }

    /// The half that holds `address`, which bit 55 decides.
    @inlinable @inline(__always)
    public func half(of address: UInt64) -> Half {
        address >> 55 & 1 == 0 ? lowerHalf : upperHalf
    }

    /// What TTBR0_EL1 translates. A reserved TG0 counts as 4 KiB.
    @inlinable @inline(__always)
    public var lowerHalf: Half {
        let granuleShift: UInt64 =
            switch tcr >> TCR.tg0Shift & 3 {
            case 1: 16
            case 2: 14
            default: 12
            }
        return Half(
            ttbr: ttbr0, granuleShift: granuleShift, inputSize: 64 &- tcr & TCR.sizeMask,
            ignoresTopByte: tcr & TCR.tbi0 != 0, isDisabled: tcr & TCR.epd0 != 0,
            ignoresTableAttributes: tcr & TCR.hpd0 != 0, isDisabledForEL0: tcr & TCR.e0pd0 != 0)
    }

    /// What TTBR1_EL1 translates. A reserved TG1 counts as 4 KiB.
    @inlinable @inline(__always)
    public var upperHalf: Half {
        let granuleShift: UInt64 =
            switch tcr >> TCR.tg1Shift & 3 {
            case 1: 14
            case 3: 16
            default: 12
            }
        return Half(
            ttbr: ttbr1, granuleShift: granuleShift, inputSize: 64 &- tcr >> TCR.t1szShift & TCR.sizeMask,
            ignoresTopByte: tcr & TCR.tbi1 != 0, isDisabled: tcr & TCR.epd1 != 0,
            ignoresTableAttributes: tcr & TCR.hpd1 != 0, isDisabledForEL0: tcr & TCR.e0pd1 != 0)
    }
}
