// A little assembler: instruction words for the guest programs of the system tests.
//
// Responsible for: the encodings that those tests use, by DDI 0487, C4.1 and C6.2. Nothing is shared with the decoder
// under test; `A64Tests` compares the words with clang's. Not responsible for labels: branches take a distance in
// instructions.

/// A general register; number 31 is SP or XZR, as the instruction has it.
enum Register: UInt32 {
    case x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15
    case x16, x17, x18, x19, x20, x21, x22, x23, x24, x25, x26, x27, x28, x29, x30
    case zr
    static let sp = zr

    var index: Int { Int(rawValue) }
}

/// A system register, by op0, op1, CRn, CRm and op2 (DDI 0487, D17).
enum SystemName: UInt32 {
    case mdscrEL1 = 0b10_000_0000_0010_010
    case oslarEL1 = 0b10_000_0001_0000_100
    case midrEL1 = 0b11_000_0000_0000_000
    case idAA64PFR0EL1 = 0b11_000_0000_0100_000
    case sctlrEL1 = 0b11_000_0001_0000_000
    case cpacrEL1 = 0b11_000_0001_0000_010
    case ttbr0EL1 = 0b11_000_0010_0000_000
    case ttbr1EL1 = 0b11_000_0010_0000_001
    case tcrEL1 = 0b11_000_0010_0000_010
    case spsrEL1 = 0b11_000_0100_0000_000
    case elrEL1 = 0b11_000_0100_0000_001
    case spEL0 = 0b11_000_0100_0001_000
    case spSel = 0b11_000_0100_0010_000
    case currentEL = 0b11_000_0100_0010_010
    case pan = 0b11_000_0100_0010_011
    case esrEL1 = 0b11_000_0101_0010_000
    case farEL1 = 0b11_000_0110_0000_000
    case parEL1 = 0b11_000_0111_0100_000
    case mairEL1 = 0b11_000_1010_0010_000
    case vbarEL1 = 0b11_000_1100_0000_000
    case isrEL1 = 0b11_000_1100_0001_000
    case contextidrEL1 = 0b11_000_1101_0000_001
    case tpidrEL1 = 0b11_000_1101_0000_100
    case cntkctlEL1 = 0b11_000_1110_0001_000
    case ctrEL0 = 0b11_011_0000_0000_001
    case dczidEL0 = 0b11_011_0000_0000_111
    case nzcv = 0b11_011_0100_0010_000
    case daif = 0b11_011_0100_0010_001
    case fpcr = 0b11_011_0100_0100_000
    case fpsr = 0b11_011_0100_0100_001
    case tpidrEL0 = 0b11_011_1101_0000_010
    case tpidrroEL0 = 0b11_011_1101_0000_011
    case cntfrqEL0 = 0b11_011_1110_0000_000
    case cntpctEL0 = 0b11_011_1110_0000_001
    case cntvctEL0 = 0b11_011_1110_0000_010
    case cntpCTLEL0 = 0b11_011_1110_0010_001
    case cntpCVALEL0 = 0b11_011_1110_0010_010
    case cntvTVALEL0 = 0b11_011_1110_0011_000
    case cntvCTLEL0 = 0b11_011_1110_0011_001
    case cntvCVALEL0 = 0b11_011_1110_0011_010
}

/// A cache, TLB or address translation instruction: op1, CRn, CRm and op2 of SYS (DDI 0487, C5.3 to C5.5).
enum SystemOperation: UInt32 {
    case icIALLU = 0b000_0111_0101_000
    case icIVAU = 0b011_0111_0101_001
    case dcIVAC = 0b000_0111_0110_001
    case dcCVAU = 0b011_0111_1011_001
    case dcCIVAC = 0b011_0111_1110_001
    case dcZVA = 0b011_0111_0100_001
    case atS1E1R = 0b000_0111_1000_000
    case atS1E1W = 0b000_0111_1000_001
    case atS1E0R = 0b000_0111_1000_010
    case atS1E0W = 0b000_0111_1000_011
    case tlbiVMALLE1 = 0b000_1000_0111_000
    case tlbiVAE1 = 0b000_1000_0111_001
    case tlbiASIDE1 = 0b000_1000_0111_010
    case tlbiVAAE1 = 0b000_1000_0111_011
    case tlbiVALE1 = 0b000_1000_0111_101
    case tlbiVAALE1 = 0b000_1000_0111_111
    case tlbiVMALLE1IS = 0b000_1000_0011_000
    case tlbiVAE1IS = 0b000_1000_0011_001
    case tlbiVAAE1IS = 0b000_1000_0011_011
    case tlbiASIDE1IS = 0b000_1000_0011_010
    case tlbiVAALE1IS = 0b000_1000_0011_111
    case tlbiRVAE1 = 0b000_1000_0110_001
    case tlbiRVAAE1 = 0b000_1000_0110_011
    case tlbiRVALE1IS = 0b000_1000_0010_101
}

/// Conditions of B.cond.
enum Condition: UInt32 {
    case eq, ne, cs, cc, mi, pl, vs, vc, hi, ls, ge, lt, gt, le
}

/// One instruction.
struct A64: Equatable {
    let word: UInt32

    init(_ word: UInt32) { self.word = word }

    /// An instruction word of which the test says what it is.
    static func word(_ word: UInt32) -> A64 { A64(word) }

    private static func signed(_ value: Int, bits: UInt32) -> UInt32 {
        precondition(value >= -(1 << (bits - 1)) && value < 1 << (bits - 1), "the immediate does not fit")
        return UInt32(truncatingIfNeeded: value) & (1 << bits - 1)
    }

    private static func unsigned(_ value: Int, bits: UInt32) -> UInt32 {
        precondition(value >= 0 && value < 1 << bits, "the immediate does not fit")
        return UInt32(value)
    }
}

// Data processing.
extension A64 {
    static func movz(_ d: Register, _ immediate: Int, lsl: Int = 0) -> A64 {
        A64(0xD280_0000 | UInt32(lsl / 16) << 21 | unsigned(immediate, bits: 16) << 5 | d.rawValue)
    }
    static func movk(_ d: Register, _ immediate: Int, lsl: Int = 0) -> A64 {
        A64(0xF280_0000 | UInt32(lsl / 16) << 21 | unsigned(immediate, bits: 16) << 5 | d.rawValue)
    }
    /// MOV Xd, Xm.
    static func mov(_ d: Register, _ m: Register) -> A64 { A64(0xAA00_03E0 | m.rawValue << 16 | d.rawValue) }
    /// MOV SP, Xn.
    static func movToSP(_ n: Register) -> A64 { add(.sp, n, 0) }
    /// MOV Xd, SP.
    static func movFromSP(_ d: Register) -> A64 { add(d, .sp, 0) }
    static func add(_ d: Register, _ n: Register, _ immediate: Int) -> A64 {
        A64(0x9100_0000 | unsigned(immediate, bits: 12) << 10 | n.rawValue << 5 | d.rawValue)
    }
    static func sub(_ d: Register, _ n: Register, _ immediate: Int) -> A64 {
        A64(0xD100_0000 | unsigned(immediate, bits: 12) << 10 | n.rawValue << 5 | d.rawValue)
    }
    static func add(_ d: Register, _ n: Register, _ m: Register) -> A64 {
        A64(0x8B00_0000 | m.rawValue << 16 | n.rawValue << 5 | d.rawValue)
    }
    static func orr(_ d: Register, _ n: Register, _ m: Register) -> A64 {
        A64(0xAA00_0000 | m.rawValue << 16 | n.rawValue << 5 | d.rawValue)
    }
    static func cmp(_ n: Register, _ m: Register) -> A64 {
        A64(0xEB00_001F | m.rawValue << 16 | n.rawValue << 5)
    }
    /// The address of the instruction `distance` instructions away.
    static func adr(_ d: Register, _ distance: Int) -> A64 {
        // ADR counts bytes: immlo in 30:29 and immhi in 23:5.
        let bytes = signed(distance * 4, bits: 21)
        return A64(0x1000_0000 | (bytes & 3) << 29 | (bytes >> 2) << 5 | d.rawValue)
    }
}

// Loads and stores.
extension A64 {
    /// LDR Xt, [Xn, #offset].
    static func ldr(_ t: Register, _ n: Register, _ offset: Int = 0) -> A64 {
        A64(0xF940_0000 | unsigned(offset / 8, bits: 12) << 10 | n.rawValue << 5 | t.rawValue)
    }
    static func str(_ t: Register, _ n: Register, _ offset: Int = 0) -> A64 {
        A64(0xF900_0000 | unsigned(offset / 8, bits: 12) << 10 | n.rawValue << 5 | t.rawValue)
    }
    /// LDR Wt, [Xn].
    static func ldrw(_ t: Register, _ n: Register) -> A64 { A64(0xB940_0000 | n.rawValue << 5 | t.rawValue) }
    static func strw(_ t: Register, _ n: Register) -> A64 { A64(0xB900_0000 | n.rawValue << 5 | t.rawValue) }
    static func ldrb(_ t: Register, _ n: Register) -> A64 { A64(0x3940_0000 | n.rawValue << 5 | t.rawValue) }
    static func strb(_ t: Register, _ n: Register) -> A64 { A64(0x3900_0000 | n.rawValue << 5 | t.rawValue) }
    static func ldrh(_ t: Register, _ n: Register) -> A64 { A64(0x7940_0000 | n.rawValue << 5 | t.rawValue) }
    /// LDR Xt, [Xn, #offset]!
    static func ldrPre(_ t: Register, _ n: Register, _ offset: Int) -> A64 {
        A64(0xF840_0C00 | signed(offset, bits: 9) << 12 | n.rawValue << 5 | t.rawValue)
    }
    /// STR Xt, [Xn], #offset
    static func strPost(_ t: Register, _ n: Register, _ offset: Int) -> A64 {
        A64(0xF800_0400 | signed(offset, bits: 9) << 12 | n.rawValue << 5 | t.rawValue)
    }
    /// LDR Xt, from `distance` instructions away.
    static func ldrLiteral(_ t: Register, _ distance: Int) -> A64 {
        A64(0x5800_0000 | signed(distance, bits: 19) << 5 | t.rawValue)
    }
    static func ldp(_ t: Register, _ t2: Register, _ n: Register, _ offset: Int = 0) -> A64 {
        pair(0xA940_0000, t, t2, n, offset)
    }
    static func stp(_ t: Register, _ t2: Register, _ n: Register, _ offset: Int = 0) -> A64 {
        pair(0xA900_0000, t, t2, n, offset)
    }
    /// LDP Xt, Xt2, [Xn], #offset
    static func ldpPost(_ t: Register, _ t2: Register, _ n: Register, _ offset: Int) -> A64 {
        pair(0xA8C0_0000, t, t2, n, offset)
    }
    /// STP Xt, Xt2, [Xn, #offset]!
    static func stpPre(_ t: Register, _ t2: Register, _ n: Register, _ offset: Int) -> A64 {
        pair(0xA980_0000, t, t2, n, offset)
    }
    private static func pair(_ base: UInt32, _ t: Register, _ t2: Register, _ n: Register, _ offset: Int) -> A64 {
        A64(base | signed(offset / 8, bits: 7) << 15 | t2.rawValue << 10 | n.rawValue << 5 | t.rawValue)
    }
    static func ldtr(_ t: Register, _ n: Register) -> A64 { A64(0xF840_0800 | n.rawValue << 5 | t.rawValue) }
    static func sttr(_ t: Register, _ n: Register) -> A64 { A64(0xF800_0800 | n.rawValue << 5 | t.rawValue) }
}

// Exclusives, ordered accesses and atomics, of 64 bits.
extension A64 {
    private static func exclusive(_ base: UInt32, _ s: Register, _ t: Register, _ n: Register) -> A64 {
        A64(base | s.rawValue << 16 | n.rawValue << 5 | t.rawValue)
    }
    static func ldxr(_ t: Register, _ n: Register) -> A64 { exclusive(0xC840_7C00, .zr, t, n) }
    static func ldaxr(_ t: Register, _ n: Register) -> A64 { exclusive(0xC840_FC00, .zr, t, n) }
    /// STXR Ws, Xt, [Xn].
    static func stxr(_ s: Register, _ t: Register, _ n: Register) -> A64 { exclusive(0xC800_7C00, s, t, n) }
    static func stlxr(_ s: Register, _ t: Register, _ n: Register) -> A64 { exclusive(0xC800_FC00, s, t, n) }
    /// LDXP Xt, Xt2, [Xn].
    static func ldxp(_ t: Register, _ t2: Register, _ n: Register) -> A64 {
        exclusive(0xC860_0000 | t2.rawValue << 10, .zr, t, n)
    }
    /// STXP Ws, Xt, Xt2, [Xn].
    static func stxp(_ s: Register, _ t: Register, _ t2: Register, _ n: Register) -> A64 {
        exclusive(0xC820_0000 | t2.rawValue << 10, s, t, n)
    }
    static func ldar(_ t: Register, _ n: Register) -> A64 { exclusive(0xC8C0_FC00, .zr, t, n) }
    static func stlr(_ t: Register, _ n: Register) -> A64 { exclusive(0xC880_FC00, .zr, t, n) }
    /// CAS Xs, Xt, [Xn].
    static func cas(_ s: Register, _ t: Register, _ n: Register) -> A64 { exclusive(0xC8A0_7C00, s, t, n) }
    /// CASP Xs, Xs+1, Xt, Xt+1, [Xn].
    static func casp(_ s: Register, _ t: Register, _ n: Register) -> A64 { exclusive(0x4820_7C00, s, t, n) }
    /// LDADD Xs, Xt, [Xn].
    static func ldadd(_ s: Register, _ t: Register, _ n: Register) -> A64 { exclusive(0xF820_0000, s, t, n) }
    static let clrex = A64(0xD503_3F5F)
}

// Branches, by a distance in instructions.
extension A64 {
    static func b(_ distance: Int) -> A64 { A64(0x1400_0000 | signed(distance, bits: 26)) }
    static func bl(_ distance: Int) -> A64 { A64(0x9400_0000 | signed(distance, bits: 26)) }
    static func b(_ condition: Condition, _ distance: Int) -> A64 {
        A64(0x5400_0000 | signed(distance, bits: 19) << 5 | condition.rawValue)
    }
    static func cbz(_ t: Register, _ distance: Int) -> A64 {
        A64(0xB400_0000 | signed(distance, bits: 19) << 5 | t.rawValue)
    }
    static func cbnz(_ t: Register, _ distance: Int) -> A64 {
        A64(0xB500_0000 | signed(distance, bits: 19) << 5 | t.rawValue)
    }
    static func br(_ n: Register) -> A64 { A64(0xD61F_0000 | n.rawValue << 5) }
    static func blr(_ n: Register) -> A64 { A64(0xD63F_0000 | n.rawValue << 5) }
    static let ret = A64(0xD65F_03C0)
}

// Exceptions, barriers and system registers.
extension A64 {
    static func svc(_ immediate: Int) -> A64 { A64(0xD400_0001 | unsigned(immediate, bits: 16) << 5) }
    static func hvc(_ immediate: Int) -> A64 { A64(0xD400_0002 | unsigned(immediate, bits: 16) << 5) }
    static func smc(_ immediate: Int) -> A64 { A64(0xD400_0003 | unsigned(immediate, bits: 16) << 5) }
    static func brk(_ immediate: Int) -> A64 { A64(0xD420_0000 | unsigned(immediate, bits: 16) << 5) }
    static func hlt(_ immediate: Int) -> A64 { A64(0xD440_0000 | unsigned(immediate, bits: 16) << 5) }
    /// Permanently undefined.
    static func udf(_ immediate: Int) -> A64 { A64(unsigned(immediate, bits: 16)) }
    static let eret = A64(0xD69F_03E0)
    static let nop = A64(0xD503_201F)
    static let yield = A64(0xD503_203F)
    static let wfe = A64(0xD503_205F)
    static let wfi = A64(0xD503_207F)
    static let sev = A64(0xD503_209F)
    static let sevl = A64(0xD503_20BF)
    /// DSB SY.
    static let dsb = A64(0xD503_3F9F)
    /// DSB ISH.
    static let dsbISH = A64(0xD503_3B9F)
    /// DMB ISH.
    static let dmb = A64(0xD503_3BBF)
    static let isb = A64(0xD503_3FDF)
    static func mrs(_ t: Register, _ name: SystemName) -> A64 {
        A64(0xD520_0000 | name.rawValue << 5 | t.rawValue)
    }
    static func msr(_ name: SystemName, _ t: Register) -> A64 {
        A64(0xD500_0000 | name.rawValue << 5 | t.rawValue)
    }
    static func msrDAIFSet(_ bits: Int) -> A64 { A64(0xD503_40DF | unsigned(bits, bits: 4) << 8) }
    static func msrDAIFClr(_ bits: Int) -> A64 { A64(0xD503_40FF | unsigned(bits, bits: 4) << 8) }
    static func msrSPSel(_ value: Int) -> A64 { A64(0xD500_40BF | unsigned(value, bits: 4) << 8) }
    static func msrPAN(_ value: Int) -> A64 { A64(0xD500_409F | unsigned(value, bits: 4) << 8) }
    /// DC, IC, AT or TLBI.
    static func sys(_ operation: SystemOperation, _ t: Register = .zr) -> A64 {
        A64(0xD508_0000 | operation.rawValue << 5 | t.rawValue)
    }
    /// FMOV Dd, Xn.
    static func fmov(d: UInt32, _ n: Register) -> A64 { A64(0x9E67_0000 | n.rawValue << 5 | d) }
    /// LDP Qt, Qt2, [Xn, #offset].
    static func ldp(q t: UInt32, _ t2: UInt32, _ n: Register, _ offset: Int) -> A64 {
        A64(0xAD40_0000 | signed(offset / 16, bits: 7) << 15 | t2 << 10 | n.rawValue << 5 | t)
    }
    static func stp(q t: UInt32, _ t2: UInt32, _ n: Register, _ offset: Int) -> A64 {
        A64(0xAD00_0000 | signed(offset / 16, bits: 7) << 15 | t2 << 10 | n.rawValue << 5 | t)
    }
    /// LDR Qt, [Xn].
    static func ldr(q t: UInt32, _ n: Register) -> A64 { A64(0x3DC0_0000 | n.rawValue << 5 | t) }
}
