// The memory-mapped registers of a GICv3: offsets and fields, by the names of the specification.
//
// Follows IHI 0069, chapter "Programmers' Model": the distributor register map (GICD_*) and the redistributor
// register map (GICR_*). Only what this GIC implements is here: everything else reads as zero and ignores writes.

/// Numbers that the whole GIC agrees on.
enum GICGeometry {
    /// Interrupts that one 32-bit register of a bitmap describes.
    static let bankSize = 32
    /// Banks of 32 INTIDs: one of SGIs and PPIs for each PE, and eight of SPIs.
    static let bankCount = 9
    static let spiCount = (bankCount - 1) * bankSize
    /// INTIDs 0 to 287.
    static let interruptCount = bankCount * bankSize
    static let firstPPI = 16
    static let firstSPI = 32
    /// Bits of an INTID that the distributor handles: enough for the special INTIDs 1020 to 1023.
    static let intidBits: UInt32 = 10
    /// Implemented bits of a priority: 32 levels, the most that one ICC_AP0R0_EL1 and one ICC_AP1R0_EL1 describe.
    static let priorityBits: UInt32 = 5
    /// Unimplemented priority bits are the low ones, and read as zero.
    static let priorityShift = UInt8(8 - priorityBits)
    static let priorityMask = UInt8(truncatingIfNeeded: 0xFF << UInt32(priorityShift))
    static let maximumProcessorCount = 64
}

/// Distributor registers.
enum GICD {
    static let frameSize: UInt64 = 0x1_0000

    static let CTLR: UInt64 = 0x0000
    static let TYPER: UInt64 = 0x0004
    static let IIDR: UInt64 = 0x0008
    /// For devices' messages only: see `GICMessages`.
    static let SETSPI_NSR: UInt64 = 0x0040
    /// GICD_IROUTER<n> is at `IROUTER + 8 * n`, for the SPIs only.
    static let IROUTER: UInt64 = 0x6000

    enum CTLRField {
        static let enableGroup0: UInt32 = 1 << 0
        static let enableGroup1: UInt32 = 1 << 1
        /// Affinity routing; always on.
        static let affinityRouting: UInt32 = 1 << 4
        /// One Security state; always so.
        static let disableSecurity: UInt32 = 1 << 6
        static let writable = enableGroup0 | enableGroup1
        static let readAsOne = affinityRouting | disableSecurity
    }

    enum TYPERField {
        static let idBitsShift: UInt32 = 19
        static let affinity3Valid: UInt32 = 1 << 24
        static let rangeSelector: UInt32 = 1 << 26

        /// ITLinesNumber, IDbits, A3V and RSS; no LPIs, no message-based SPIs, no extended ranges; 1-of-N works.
        static let value =
            UInt32(GICGeometry.bankCount - 1) | (GICGeometry.intidBits - 1) << idBitsShift | affinity3Valid
            | rangeSelector
    }

    enum SETSPIField {
        static let intid: UInt32 = 0x1FFF
    }

    enum IROUTERField {
        static let anyParticipating: UInt64 = 1 << 31
        static let affinity: UInt64 = 0xFF_00FF_FFFF
        static let writable = anyParticipating | affinity
    }
}

/// Redistributor registers, as offsets in the 128 KiB of one PE: RD_base, then SGI_base.
enum GICR {
    static let frameSize: UInt64 = 0x2_0000
    static let sgiBase: UInt64 = 0x1_0000

    static let CTLR: UInt64 = 0x0000
    static let IIDR: UInt64 = 0x0004
    static let TYPER: UInt64 = 0x0008
    static let WAKER: UInt64 = 0x0014

    enum TYPERField {
        static let last: UInt64 = 1 << 4
        static let processorNumberShift: UInt64 = 8
        static let affinityShift: UInt64 = 32
    }

    enum WAKERField {
        static let processorSleep: UInt32 = 1 << 1
        static let childrenAsleep: UInt32 = 1 << 2
    }
}

/// What GICD_IIDR, GICR_IIDR and the identification registers at the end of both frames say.
enum GICIdentification {
    /// ProductID "D", no implementer: no erratum list knows it. (It must not be 0: Linux takes that for a Hip07.)
    static let implementer: UInt32 = 0x4400_0000

    private static let first: UInt64 = 0xFFD0
    /// Where GICx_PIDR2 is.
    static let PIDR2: UInt64 = 0xFFE8
    /// PIDR4 to 7, PIDR0 to 3, CIDR0 to 3. GICx_PIDR2.ArchRev says GICv3; the component class is a generic one.
    private static let values: [UInt32] = [0, 0, 0, 0, 0, 0, 0x30, 0, 0x0D, 0xF0, 0x05, 0xB1]

    /// The identification register at `offset`, or nil if none is there.
    static func read(_ offset: UInt64) -> UInt32? {
        guard offset >= first, offset < first + UInt64(values.count) * 4 else { return nil }
        return values[Int((offset - first) / 4)]
    }
}

/// A register that describes some of a bank's 32 interrupts; GICD_* and GICR_* have them at the same offsets.
enum BankRegister {
    case IGROUPR
    case ISENABLER
    case ICENABLER
    case ISPENDR
    case ICPENDR
    case ISACTIVER
    case ICACTIVER
    /// Four priorities, from that interrupt of the bank on.
    case IPRIORITYR(first: Int)
    /// Sixteen configurations, from that interrupt of the bank on.
    case ICFGR(first: Int)

    static let priorities: Range<UInt64> = 0x0400..<0x0800

    /// The register at word-aligned `offset` and the bank that it belongs to; nil if the offset is another's.
    static func decode(_ offset: UInt64) -> (register: BankRegister, bank: Int)? {
        switch offset {
        case 0x0080..<0x0400:
            let bank = Int(offset % 0x80) / 4
            switch offset / 0x80 {
            case 1: return (.IGROUPR, bank)
            case 2: return (.ISENABLER, bank)
            case 3: return (.ICENABLER, bank)
            case 4: return (.ISPENDR, bank)
            case 5: return (.ICPENDR, bank)
            case 6: return (.ISACTIVER, bank)
            default: return (.ICACTIVER, bank)
            }
        case priorities:
            let intid = Int(offset - priorities.lowerBound)
            return (.IPRIORITYR(first: intid % GICGeometry.bankSize), intid / GICGeometry.bankSize)
        case 0x0C00..<0x0D00:
            let intid = Int(offset - 0x0C00) * 4
            return (.ICFGR(first: intid % GICGeometry.bankSize), intid / GICGeometry.bankSize)
        default:
            return nil
        }
    }
}
