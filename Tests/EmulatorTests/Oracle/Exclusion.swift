// What the comparison leaves out, each with its reason.

import Arm64

/// Instruction words that are not run, or of which no clean execution is expected.
struct Exclusion: Sendable {
    enum Effect: Sendable {
        /// Never generated.
        case notRun
        /// Generated and compared, but EL0 has no word of it that executes without a fault.
        case onlyFaults
        /// Undefined in ours, and defined by a feature of the oracle's CPU model or by its freedom.
        case definedByOracle
    }

    /// Bits 31 down, as in `Encoding.pattern`.
    let pattern: StaticString
    let effect: Effect
    let reason: String
    /// Words of the pattern that are excluded, where not all are.
    let condition: (@Sendable (UInt32) -> Bool)?
    let mask: UInt32
    let value: UInt32

    init(
        _ pattern: StaticString, _ effect: Effect, _ reason: String,
        where condition: (@Sendable (UInt32) -> Bool)? = nil
    ) {
        let encoding = Encoding(.unallocated, .system, pattern)
        self.pattern = pattern
        self.effect = effect
        self.reason = reason
        self.condition = condition
        mask = encoding.mask
        value = encoding.value
    }

    func applies(to word: UInt32) -> Bool {
        word & mask == value && (condition.map { $0(word) } ?? true)
    }

    /// Whether every word of `row` is excluded.
    func covers(_ row: Encoding) -> Bool {
        condition == nil && effect != .definedByOracle && row.mask & mask == mask && row.value & mask == value
    }

    /// Why `word` must not run, or nil.
    static func reasonNotToRun(_ word: UInt32) -> String? {
        all.first { $0.effect == .notRun && $0.applies(to: word) }?.reason
    }

    /// Why the oracle may take `word`, which is undefined in ours, for defined, or nil.
    static func reasonToBeDefined(_ word: UInt32) -> String? {
        all.first { $0.effect == .definedByOracle && $0.applies(to: word) }?.reason
    }

    /// Why no clean execution of `row` is expected, or nil.
    static func exclusion(of row: Encoding) -> Exclusion? {
        all.first { $0.covers(row) }
    }
}

extension Exclusion {
    /// What sequences never do, though the words themselves are run.
    static let restrictions = [
        "DC and IC by address are aimed at writable memory: qemu-aarch64's maintenance does not look at the address, and "
            + "for DC ZVA that faults it reports the PC of the start of its translation block",
        "LDAR, STLR, LDLAR, STLLR, LDAPR, LDAPUR and STLUR are aimed at aligned addresses: qemu-aarch64 7.2 does not check them",
        "a store exclusive without a load exclusive is aimed at writable memory: whether one that is to fail anyway "
            + "checks its address is IMPLEMENTATION DEFINED (DDI 0487, B2.9)",
        "no access comes between a load and a store exclusive, which are of one address and size: all else may fail freely",
        "an access that faults does so with its first byte: which bytes of one that faults in part were written is free",
        "MSR FPCR and FPSR write only bits that both sides implement: AArch32's flags are the oracle's",
        "a misaligned address that is branched to lies in a page of code: elsewhere qemu-aarch64 7.2 finds that there is "
            + "nothing before it looks at the alignment, which has priority (DDI 0487, D1.3.5.5)",
        "SP's alignment is not checked (SCTLR_EL1.SA0 is clear): qemu-aarch64 does not check it either",
    ]

    private static let unpredictable = "CONSTRAINED UNPREDICTABLE (DDI 0487, K1.1): "

    static let all: [Exclusion] = [
        // MARK: Exception generation
        Exclusion("11010100 000iiiii iiiiiiii iii00001", .notRun, "SVC: a random system call of the oracle's process"),
        Exclusion("11010100 000iiiii iiiiiiii iii00010", .onlyFaults, "HVC: undefined at EL0"),
        Exclusion("11010100 000iiiii iiiiiiii iii00011", .onlyFaults, "SMC: undefined at EL0"),
        Exclusion("11010100 001iiiii iiiiiiii iii00000", .onlyFaults, "BRK: its exception is its effect"),
        Exclusion(
            "11010100 01011110 00000000 00000000", .notRun, "HLT #0xF000: qemu-aarch64 answers semihosting calls"),
        Exclusion("11010100 010iiiii iiiiiiii iii00000", .onlyFaults, "HLT: undefined without halting debug"),
        Exclusion("11010110 10011111 00000011 11100000", .onlyFaults, "ERET: undefined at EL0"),

        // MARK: System
        Exclusion(
            "11010101 00000011 00100000 01111111", .notRun, "WFI: qemu-aarch64 has nothing to wait for, and stops"),
        Exclusion("11010101 00000ooo 0100mmmm ooo11111", .onlyFaults, "MSR (immediate): no field is EL0's to set"),
        Exclusion(
            "11010101 00000011 0100mmmm 00111111", .notRun,
            "MSR SSBS, #imm: no part of a case, so that it would last from one to the next"),
        Exclusion("11010101 00101ooo nnnnmmmm ooottttt", .onlyFaults, "SYSL: EL0 has none"),
        Exclusion(
            "11010101 00111000 0000mmmm ooottttt", .notRun,
            "MRS of ID registers: emulated by Linux at EL0, with what the oracle's CPU model is"),
        Exclusion(
            "11010101 00111011 00000000 ooottttt", .notRun,
            "CTR_EL0, DCZID_EL0: properties of the CPU model, not of the instruction"),
        Exclusion(
            "11010101 00111011 00100100 ooottttt", .notRun, "RNDR, RNDRRS: random by purpose"),
        Exclusion("11010101 00q11011 1110mmmm ooottttt", .notRun, "generic timer: its values are the time"),
        Exclusion(
            "11010101 00q11011 01000010 110ttttt", .notRun,
            "SSBS: no part of a case, so that it would last from one to the next"),
        Exclusion(
            "11010101 00q11ooo 1001mmmm ooottttt", .notRun,
            "performance monitors: access at EL0 is up to Linux, and the values are counts"),
        Exclusion(
            "11010101 00q11011 11010000 011ttttt", .notRun, "TPIDRRO_EL0: Linux's to set"),
        Exclusion(
            "11010101 000x1011 01111011 00111111", .notRun, "DC CVADP: FEAT_DPB2 is neither's, and traps differ"),

        Exclusion(
            "11010101 00001011 01111100 001ttttt", .notRun,
            "DC CVAP: qemu-aarch64 has it in system emulation only"),
        Exclusion(
            "11010101 00001011 0111mmmm ooo11111", .notRun,
            "DC and IC of XZR: address 0, which the oracle's maintenance does not look at"),

        // MARK: Loads and stores
        Exclusion(
            "xx10100x 1xxxxxxx xxxxxxxx xxxxxxxx", .notRun,
            unpredictable + "pair with writeback to a register it transfers",
            where: { $0.rn != 31 && ($0.rn == $0.rd || $0.rn == $0.ra) }),
        Exclusion(
            "xx101x0x x1xxxxxx xxxxxxxx xxxxxxxx", .notRun, unpredictable + "load pair to one register twice",
            where: { $0.rd == $0.ra }),
        Exclusion(
            "xx111000 xx0xxxxx xxxxx1xx xxxxxxxx", .notRun, unpredictable + "writeback to the register transferred",
            where: { $0.rn != 31 && $0.rn == $0.rd }),
        Exclusion(
            "xx001000 0x0xxxxx xxxxxxxx xxxxxxxx", .notRun,
            unpredictable + "store exclusive whose status register is the address or the data",
            where: { !$0.bit(22) && ($0.rm == $0.rd || ($0.rm == $0.rn && $0.rn != 31)) }),
        Exclusion(
            "1x001000 0x1xxxxx xxxxxxxx xxxxxxxx", .notRun,
            unpredictable + "store exclusive pair whose status register is the address or the data",
            where: { !$0.bit(22) && ($0.rm == $0.rd || $0.rm == $0.ra || ($0.rm == $0.rn && $0.rn != 31)) }),
        Exclusion(
            "1x001000 011xxxxx xxxxxxxx xxxxxxxx", .notRun, unpredictable + "load exclusive pair to one register twice",
            where: { $0.rd == $0.ra }),

        // MARK: Half precision
        Exclusion(
            "01011111 0001xxxx 111111nn nnnddddd", .notRun,
            "FCVTZS (scalar, fixed-point) of half precision: qemu-aarch64 7.2 leaves the sign in bits 31:16; "
                + "`HalfPrecisionTests` has it"),

        // MARK: Undefined in ours alone
        Exclusion(
            "xx001000 xxxxxxxx xxxxxxxx xxxxxxxx", .definedByOracle,
            unpredictable + "exclusive or ordered access with zeros in Rs or Rt2 where they should be ones",
            where: { word in
                let isPair = word.bit(21)
                let isCompareAndSwap = isPair && (word.bit(23) || !word.bit(31))
                let hasStatus = !word.bit(22) && !word.bit(23)
                return !isCompareAndSwap && ((!hasStatus && word.rm != 31) || (!isPair && word.ra != 31))
            }),
        Exclusion(
            "0x001110 x1110000 11xx10xx xxxxxxxx", .definedByOracle,
            "half precision across lanes: qemu 7.2 takes bit 22 for a don't care"),
        Exclusion(
            "01011110 x1110000 11xx10xx xxxxxxxx", .definedByOracle,
            "half precision, scalar pairwise: qemu 7.2 takes bit 22 for a don't care"),
        Exclusion(
            "0x101111 00000xxx 111111xx xxxxxxxx", .definedByOracle,
            "FMOV (vector, immediate) of half precision: qemu 7.2 takes op for a don't care"),
        Exclusion(
            "0xxx1110 x111100x xxxx10xx xxxxxxxx", .definedByOracle,
            "half precision, two registers: qemu 7.2 has FABS and FNEG of scalars, and an assertion stops it for others"
        ),
    ]
}
