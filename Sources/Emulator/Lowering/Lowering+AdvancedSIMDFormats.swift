// The encoding classes of Advanced SIMD (DDI 0487, C4.1): from the fields of a word to an operation, or nil where the
// combination of fields is reserved.

import Arm64

/// The element sizes that an instruction exists for.
struct ElementSizes: OptionSet {
    let rawValue: UInt8

    static let byte = ElementSizes(rawValue: 1 << 0)
    static let halfword = ElementSizes(rawValue: 1 << 1)
    static let word = ElementSizes(rawValue: 1 << 2)
    static let doubleword = ElementSizes(rawValue: 1 << 3)

    static let all: ElementSizes = [.byte, .halfword, .word, .doubleword]
    static let upToWord: ElementSizes = [.byte, .halfword, .word]
    static let byteAndHalfword: ElementSizes = [.byte, .halfword]
    static let halfwordAndWord: ElementSizes = [.halfword, .word]

    /// Whether elements of 2^`size` bytes are among them.
    func includes(_ size: UInt32) -> Bool {
        rawValue >> size & 1 != 0
    }
}

/// The fields of Advanced SIMD encodings.
extension UInt32 {
    /// Q, bit 30: 128-bit vectors. In scalar encodings it is one and means nothing.
    fileprivate var isQ: Bool { bit(30) }
    /// Bit 28: a scalar form.
    fileprivate var isScalar: Bool { bit(28) }
    /// size, bits 23:22: log2 of the element's bytes.
    fileprivate var elementSize: UInt32 { bits(23, 22) }
    /// H, bit 11, and L and M, bits 21:20: the index of an element, and its register's top bit.
    fileprivate var indexH: UInt32 { bits(11, 11) }
    fileprivate var indexL: UInt32 { bits(21, 21) }
    fileprivate var indexM: UInt32 { bits(20, 20) }
}

extension Lowering {
    /// A vector operation.
    private static func vector(
        _ opcode: VectorOpcode, _ shape: VectorShape, d: UInt8, n: UInt8 = 0, m: UInt8 = 0, a: UInt8 = 0,
        immediate: UInt64 = 0
    ) -> Operation {
        Operation(.vector, sub: opcode.rawValue, d: d, n: n, m: m, a: a, shape: shape, immediate: immediate)
    }

    /// The shape of `word` with elements of `size`, which must be among `sizes`, or in a scalar form `scalar`.
    /// One doubleword is not a vector: that combination is reserved everywhere.
    private static func shape(
        _ word: UInt32, size: UInt32, _ sizes: ElementSizes, scalar: ElementSizes
    ) -> VectorShape? {
        if word.isScalar {
            return scalar.includes(size) ? VectorShape(size: size, q: false, scalar: true) : nil
        }
        guard sizes.includes(size), word.isQ || !ElementSizes.doubleword.includes(size) else { return nil }
        return VectorShape(size: size, q: word.isQ)
    }

    /// Three same, three different, permute: Rd, Rn, Rm and size.
    static func threeSame(
        _ word: UInt32, _ opcode: VectorOpcode, _ sizes: ElementSizes, scalar: ElementSizes = []
    ) -> Operation? {
        shape(word, size: word.elementSize, sizes, scalar: scalar)
            .map { vector(opcode, $0, d: word.rd, n: word.rn, m: word.rm) }
    }

    /// Three same and two-register instructions whose size field is part of the opcode.
    static func bitwise(_ word: UInt32, _ opcode: VectorOpcode) -> Operation? {
        vector(opcode, VectorShape(size: 0, q: word.isQ), d: word.rd, n: word.rn, m: word.rm)
    }

    /// Two-register miscellaneous: Rd, Rn and size.
    static func twoRegister(
        _ word: UInt32, _ opcode: VectorOpcode, _ sizes: ElementSizes, scalar: ElementSizes = []
    ) -> Operation? {
        shape(word, size: word.elementSize, sizes, scalar: scalar)
            .map { vector(opcode, $0, d: word.rd, n: word.rn) }
    }

    /// SHLL shifts by exactly the size of an element.
    static func shiftLeftLongBySize(_ word: UInt32) -> Operation? {
        shape(word, size: word.elementSize, .upToWord, scalar: [])
            .map { vector(.ushll, $0, d: word.rd, n: word.rn, a: 8 << $0.size) }
    }

    /// Across lanes: two words are too few.
    static func acrossLanes(_ word: UInt32, _ opcode: VectorOpcode) -> Operation? {
        twoRegister(word, opcode, word.isQ ? .upToWord : .byteAndHalfword)
    }

    /// Vector x indexed element. A halfword's register is one of v0–v15: M belongs to its index.
    static func byElement(
        _ word: UInt32, _ opcode: VectorOpcode, _ sizes: ElementSizes = .halfwordAndWord
    ) -> Operation? {
        let size = word.elementSize
        // Which of these have a scalar form is said by the table.
        guard let shape = shape(word, size: size, sizes, scalar: sizes) else { return nil }
        let isHalfword = ElementSizes.halfword.includes(size)
        let index =
            isHalfword
            ? word.indexH << 2 | word.indexL << 1 | word.indexM
            : word.indexH << 1 | word.indexL
        let register = isHalfword ? UInt8(truncatingIfNeeded: word.bits(19, 16)) : word.rm
        return vector(opcode, shape, d: word.rd, n: word.rn, m: register, a: UInt8(truncatingIfNeeded: index))
    }

    /// log2 of the bytes of the element that immh (bits 22:19) stands for by its highest one; nil if there is none.
    private static func shiftedSize(_ word: UInt32) -> UInt32? {
        let immh = word.bits(22, 19)
        return immh == 0 ? nil : UInt32(31 &- immh.leadingZeroBitCount)
    }

    /// Shift by immediate, to the right: twice the element's bits less immh:immb.
    static func shiftRight(
        _ word: UInt32, _ opcode: VectorOpcode, _ sizes: ElementSizes, scalar: ElementSizes = []
    ) -> Operation? {
        guard let size = shiftedSize(word), let shape = shape(word, size: size, sizes, scalar: scalar) else {
            return nil
        }
        let amount = UInt32(16) << size &- word.bits(22, 16)
        return vector(opcode, shape, d: word.rd, n: word.rn, a: UInt8(truncatingIfNeeded: amount))
    }

    /// Shift by immediate, to the left: immh:immb less the element's bits.
    static func shiftLeft(
        _ word: UInt32, _ opcode: VectorOpcode, _ sizes: ElementSizes, scalar: ElementSizes = []
    ) -> Operation? {
        guard let size = shiftedSize(word), let shape = shape(word, size: size, sizes, scalar: scalar) else {
            return nil
        }
        let amount = word.bits(22, 16) &- UInt32(8) << size
        return vector(opcode, shape, d: word.rd, n: word.rn, a: UInt8(truncatingIfNeeded: amount))
    }

    /// EXT: the position lies within the first register.
    static func extract(_ word: UInt32) -> Operation? {
        let position = word.bits(14, 11)
        guard word.isQ || position < 8 else { return nil }
        return vector(
            .ext, VectorShape(size: 0, q: word.isQ), d: word.rd, n: word.rn, m: word.rm,
            a: UInt8(truncatingIfNeeded: position))
    }

    /// TBL and TBX: len, bits 14:13, is the number of table registers less one.
    static func tableLookup(_ word: UInt32, _ opcode: VectorOpcode) -> Operation? {
        vector(
            opcode, VectorShape(size: 0, q: word.isQ), d: word.rd, n: word.rn, m: word.rm,
            a: UInt8(truncatingIfNeeded: word.bits(14, 13) &+ 1))
    }
}

/// Copy: moves of single elements.
extension Lowering {
    /// imm5, bits 20:16: its lowest one says the element's size, what is above it the index.
    private static func element(_ word: UInt32) -> (size: UInt32, index: UInt8)? {
        let imm5 = word.bits(20, 16)
        let size = UInt32(imm5.trailingZeroBitCount)
        guard ElementSizes.all.includes(size) else { return nil }
        return (size, UInt8(truncatingIfNeeded: imm5 >> (size &+ 1)))
    }

    static func duplicateElement(_ word: UInt32) -> Operation? {
        guard let (size, index) = element(word), let shape = shape(word, size: size, .all, scalar: .all) else {
            return nil
        }
        return vector(.dupElement, shape, d: word.rd, n: word.rn, a: index)
    }

    static func duplicateGeneral(_ word: UInt32, _ context: LoweringContext) -> Operation? {
        guard let (size, _) = element(word), let shape = shape(word, size: size, .all, scalar: []) else { return nil }
        return vector(.dupGeneral, shape, d: word.rd, n: context.source(word.rn))
    }

    static func insertElement(_ word: UInt32) -> Operation? {
        guard let (size, index) = element(word) else { return nil }
        // The bits of imm4 below the index are ignored.
        let source = word.bits(14, 11) >> size
        return vector(
            .insElement, VectorShape(size: size, q: true), d: word.rd, n: word.rn, a: index,
            immediate: UInt64(source))
    }

    static func insertGeneral(_ word: UInt32, _ context: LoweringContext) -> Operation? {
        guard let (size, index) = element(word) else { return nil }
        return vector(
            .insGeneral, VectorShape(size: size, q: true), d: word.rd, n: context.source(word.rn), a: index)
    }

    /// UMOV and SMOV: one element size has one register width to go to with UMOV, and any that is larger with SMOV.
    static func moveToGeneral(_ word: UInt32, _ opcode: VectorOpcode, _ context: LoweringContext) -> Operation? {
        guard let (size, index) = element(word) else { return nil }
        let sizes: ElementSizes =
            switch (opcode, word.isQ) {
            case (.smov, false): .byteAndHalfword
            case (.smov, true): .upToWord
            case (_, false): .upToWord
            case (_, true): .doubleword
            }
        guard sizes.includes(size) else { return nil }
        return vector(
            opcode, VectorShape(size: size, q: word.isQ), d: context.destination(word.rd), n: word.rn, a: index)
    }
}

/// Modified immediate.
extension Lowering {
    static func modifiedImmediate(_ word: UInt32, _ opcode: VectorOpcode, inverted: Bool = false) -> Operation? {
        let pattern = expandedImmediate(word)
        return vector(
            opcode, VectorShape(size: 3, q: word.isQ), d: word.rd, immediate: inverted ? ~pattern : pattern)
    }

    /// AdvSIMDExpandImm of the Arm ARM for every cmode but 1111, without MVNI's inversion.
    static func expandedImmediate(_ word: UInt32) -> UInt64 {
        let byte = UInt64(word.bits(18, 16) << 5 | word.bits(9, 5))
        let cmode = word.bits(15, 12)
        let everyByte: UInt64 = 0x0101_0101_0101_0101
        let everyHalfword: UInt64 = 0x0001_0001_0001_0001
        let everyWord: UInt64 = 0x0000_0001_0000_0001
        switch cmode {
        case 0b1110 where word.bit(29):
            // Each bit stands for a byte of zeros or ones.
            return (0..<8).reduce(into: UInt64(0)) { pattern, bit in
                pattern |= byte >> UInt64(bit) & 1 == 0 ? 0 : 0xFF << UInt64(8 &* bit)
            }
        case 0b1110:
            return byte &* everyByte
        case 0b1100:
            return (byte << 8 | 0xFF) &* everyWord
        case 0b1101:
            return (byte << 16 | 0xFFFF) &* everyWord
        case 0b1000...0b1011:
            return byte << UInt64(cmode >> 1 & 1 &* 8) &* everyHalfword
        default:
            return byte << UInt64(cmode >> 1 &* 8) &* everyWord
        }
    }
}
