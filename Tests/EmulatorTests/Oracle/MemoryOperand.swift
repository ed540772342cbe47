// Which memory a load, store or cache-maintenance word accesses: what the generator needs to aim it.
//
// Follows DDI 0487, C4.1.96 ("Loads and Stores"), from the word alone: it must not share a mistake with the lowering
// that it is there to test.

import Arm64

/// The address and extent of an access.
struct MemoryOperand: Equatable {
    enum Offset: Equatable {
        /// Added to the base register.
        case immediate(Int64)
        /// The extended and shifted value of a register is added to the base register.
        case register(UInt8, option: UInt32, shift: UInt32)
        /// PC-relative; there is no base register.
        case literal
    }

    /// Rn; 31 is SP.
    var base: UInt8
    var offset: Offset
    /// Bytes accessed, from the address upwards.
    var byteCount: UInt64
    /// What the address must be a multiple of, or 1 where any will do.
    var alignment: UInt64 = 1
    /// A system instruction.
    var isMaintenance = false
    /// Ordered, but neither exclusive nor read-modify-write.
    var isOnlyOrdered = false

    /// The operand of `word`, or nil if it is none of the above.
    init?(_ word: UInt32) {
        if let operand = MemoryOperand(system: word) {
            self = operand
            return
        }
        guard word.bit(27), !word.bit(25) else { return nil }
        let vector = word.bit(26)
        let size = word.bits(31, 30)
        switch (word.bits(29, 28), word.bit(24)) {
        case (0, _) where !vector: self.init(exclusiveOrOrdered: word)
        case (0, _): self.init(structure: word)
        case (1, false):
            // Load register (literal): opc says the size.
            let byteCount: UInt64 = vector ? 4 << UInt64(size) : (size == 0b01 ? 8 : 4)
            self.init(base: 31, offset: .literal, byteCount: byteCount)
        case (1, true) where !vector:
            // LDAPUR, STLUR.
            self.init(base: word.rn, offset: .immediate(word.signedBits(20, 12)), byteCount: 1 << UInt64(size))
            alignment = byteCount
            isOnlyOrdered = true
        case (2, _):
            let scale = vector ? size + 2 : (size >= 0b10 ? 3 : 2)
            let mode = word.bits(24, 23)
            let postIndexed = mode == 0b01
            let immediate = word.signedBits(21, 15) << Int64(scale)
            self.init(base: word.rn, offset: .immediate(postIndexed ? 0 : immediate), byteCount: 2 << UInt64(scale))
        case (3, let unsigned):
            let scale = vector && word.bit(23) ? size + 4 : size
            self.init(base: word.rn, offset: .immediate(0), byteCount: 1 << UInt64(scale & 7))
            if unsigned {
                offset = .immediate(Int64(word.bits(21, 10)) << Int64(scale & 7))
            } else if !word.bit(21) {
                let mode = word.bits(11, 10)
                offset = .immediate(mode == 0b01 ? 0 : word.signedBits(20, 12))
            } else if word.bits(11, 10) == 0b10 {
                offset = .register(word.rm, option: word.bits(15, 13), shift: word.bit(12) ? scale & 7 : 0)
            } else {
                // Atomic memory operations and LDAPR.
                alignment = byteCount
                let ldaprMask: UInt32 = 0x3FFF_FC00
                isOnlyOrdered = word & ldaprMask == 0x38BF_C000
            }
        default: return nil
        }
    }

    private init(base: UInt8, offset: Offset, byteCount: UInt64) {
        self.base = base
        self.offset = offset
        self.byteCount = byteCount
    }

    /// Load/store exclusive, ordered, compare and swap: o2 is bit 23, o1 bit 21.
    private init?(exclusiveOrOrdered word: UInt32) {
        guard !word.bit(24) else { return nil }
        let pair = word.bit(21) && !word.bit(23)
        // CASP has the size in bit 30, LDXP and STXP too.
        let element: UInt64 = pair ? (word.bit(30) ? 8 : 4) : 1 << UInt64(word.bits(31, 30))
        self.init(base: word.rn, offset: .immediate(0), byteCount: pair ? element * 2 : element)
        alignment = byteCount
        isOnlyOrdered = word.bit(23) && !word.bit(21)
    }

    /// Advanced SIMD load/store structures; bit 24 is a single structure, bit 23 post-index.
    private init(structure word: UInt32) {
        let opcode = word.bits(15, 12)
        let byteCount: UInt64
        if word.bit(24) {
            let registers = UInt64(word.bits(13, 13) * 2 + (word.bit(21) ? 1 : 0)) + 1
            // Opcode<2:1> is the scale; 3 is load and replicate, with the scale in size.
            let scale = word.bits(15, 14) == 3 ? word.bits(11, 10) : word.bits(15, 14)
            // A doubleword is told from a word by size<0>.
            let isDoubleword = word.bits(15, 14) == 2 && word.bit(10)
            byteCount = registers << UInt64(isDoubleword ? 3 : scale)
        } else {
            let registers: UInt64 =
                switch opcode {
                case 0b0000, 0b0010: 4
                case 0b0100, 0b0110: 3
                case 0b1000, 0b1010: 2
                default: 1
                }
            byteCount = registers * (word.bit(30) ? 16 : 8)
        }
        self.init(base: word.rn, offset: .immediate(0), byteCount: byteCount)
    }

    /// DC and IC by address, where EL0 may use them: SYS #3, C7. Register 31 is XZR there, not SP; those are excluded.
    private init?(system word: UInt32) {
        guard word & 0xFFFF_F000 == 0xD50B_7000 else { return nil }
        self.init(base: word.rd, offset: .immediate(0), byteCount: Self.zeroBlockByteCount)
        alignment = Self.zeroBlockByteCount
        isMaintenance = true
    }

    /// DCZID_EL0.BS of the oracle's CPU model, and of ours.
    private static let zeroBlockByteCount: UInt64 = 64
}
