// The system registers of the CPU interface: encodings and fields, by the names of the specification.
//
// Follows IHI 0069, "AArch64 System register descriptions". Encoded as `InterruptControllerInterface` says.

/// ICC_*_EL1.
enum ICC {
    static let PMR_EL1 = encode(4, 6, 0)
    static let IAR0_EL1 = encode(12, 8, 0)
    static let EOIR0_EL1 = encode(12, 8, 1)
    static let HPPIR0_EL1 = encode(12, 8, 2)
    static let BPR0_EL1 = encode(12, 8, 3)
    /// The others, AP0R1 to AP0R3 and AP1R1 to AP1R3, exist with more than five bits of priority.
    static let AP0R0_EL1 = encode(12, 8, 4)
    static let AP1R0_EL1 = encode(12, 9, 0)
    static let DIR_EL1 = encode(12, 11, 1)
    static let RPR_EL1 = encode(12, 11, 3)
    static let SGI1R_EL1 = encode(12, 11, 5)
    static let ASGI1R_EL1 = encode(12, 11, 6)
    static let SGI0R_EL1 = encode(12, 11, 7)
    static let IAR1_EL1 = encode(12, 12, 0)
    static let EOIR1_EL1 = encode(12, 12, 1)
    static let HPPIR1_EL1 = encode(12, 12, 2)
    static let BPR1_EL1 = encode(12, 12, 3)
    static let CTLR_EL1 = encode(12, 12, 4)
    static let SRE_EL1 = encode(12, 12, 5)
    static let IGRPEN0_EL1 = encode(12, 12, 6)
    static let IGRPEN1_EL1 = encode(12, 12, 7)

    /// All have op0 3 and op1 0.
    private static func encode(_ CRn: UInt16, _ CRm: UInt16, _ op2: UInt16) -> UInt16 {
        3 << 14 | CRn << 7 | CRm << 3 | op2
    }

    /// The INTID that says "none": nothing pending, or nothing that may be taken now.
    static let spurious = 1023
    /// The INTID field of ICC_EOIR0_EL1, ICC_EOIR1_EL1 and ICC_DIR_EL1.
    static let intidMask: UInt64 = 0xFF_FFFF
    /// ICC_IGRPEN0_EL1.Enable and ICC_IGRPEN1_EL1.Enable.
    static let groupEnable: UInt64 = 1
    /// ICC_SRE_EL1: SRE, DFB and DIB, all of them fixed: there is no other interface and nothing to bypass.
    static let systemRegisterEnable: UInt64 = 0b111

    enum CTLRField {
        static let commonBinaryPoint: UInt64 = 1 << 0
        static let endOfInterruptMode: UInt64 = 1 << 1
        private static let priorityBitsShift: UInt64 = 8
        private static let affinity3Valid: UInt64 = 1 << 15
        private static let rangeSelector: UInt64 = 1 << 18

        /// PRIbits, IDbits (16 bits of INTID), A3V and RSS; no SEIS, no PMHE, no extended range.
        static let readOnly =
            UInt64(GICGeometry.priorityBits - 1) << priorityBitsShift | affinity3Valid | rangeSelector
    }
}

/// What is written to ICC_SGI0R_EL1, ICC_SGI1R_EL1 or ICC_ASGI1R_EL1.
struct SGIRequest: Sendable {
    let intid: Int
    /// Interrupt Routing Mode: every PE but the one that asks.
    let isBroadcast: Bool
    /// The affinity that bit 0 of the target list stands for.
    let firstAffinity: Affinity
    let targetList: UInt16

    init(_ value: UInt64) {
        func byte(_ shift: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: value >> shift) }
        let rangeSelector = UInt8(truncatingIfNeeded: value >> 44 & 0xF)
        intid = Int(value >> 24 & 0xF)
        isBroadcast = value >> 40 & 1 != 0
        firstAffinity = Affinity(aff3: byte(48), aff2: byte(32), aff1: byte(16), aff0: rangeSelector << 4)
        targetList = UInt16(truncatingIfNeeded: value)
    }
}
