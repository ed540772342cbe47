// Lowering of arithmetic in half precision (FEAT_FP16): DDI 0487, C4.1.96.
//
// Every such encoding but a few has a counterpart in single precision, with the same fields in the same places: it is
// lowered as that one, and its operation then becomes one of half precision. That a CPU has the feature is the decoder's
// business: nothing else can be of half precision here.

import Arm64

extension Lowering {
    /// The operation of `word`, or nil if its arithmetic is not in half precision.
    static func halfPrecision(_ word: UInt32, _ instruction: Instruction, _ context: LoweringContext) -> Operation? {
        switch instruction {
        case .fcvt: return nil
        case .fmovScalarImmediate:
            guard word.floatType == halfType else { return nil }
            return float(.fmovImmediate, word, immediate: expandImmediate(word.bits(20, 13), HalfFormat.self))
        case .fmovVectorImmediate: return fmovVectorImmediateHalf(word)
        case .fmlaElement: return byElementHalf(.fmlaElement, word)
        case .fmlsElement: return byElementHalf(.fmlsElement, word)
        case .fmulElement: return byElementHalf(.fmulElement, word)
        case .fmulxElement: return byElementHalf(.fmulxElement, word)
        case .scvtfVectorFixedPoint: return fixedPointHalf(.scvtf, word)
        case .ucvtfVectorFixedPoint: return fixedPointHalf(.ucvtf, word)
        case .fcvtzsVectorFixedPoint: return fixedPointHalf(.fcvts, word)
        case .fcvtzuVectorFixedPoint: return fixedPointHalf(.fcvtu, word)
        default: break
        }
        guard let single = singlePrecision(word),
            var operation = scalarArithmetic(single, instruction) ?? scalarMove(single, instruction, context)
                ?? scalarConversion(single, instruction, context) ?? vectorFloat(single, instruction)
        else { return nil }
        operation.code = .half
        operation.shape = VectorShape(
            size: halfSize, q: operation.shape.isQ, scalar: isScalarFloat(word) || operation.shape.isScalar)
        return operation
    }

    /// ftype of half precision.
    private static let halfType: UInt32 = 0b11
    /// `VectorShape.size`.
    private static let halfSize: UInt32 = 1

    /// Whether `word` is of "Data processing -- scalar floating-point": bit 30 is clear, bits 28:25 are ones.
    private static func isScalarFloat(_ word: UInt32) -> Bool { word & 0x5E00_0000 == 0x1E00_0000 }

    /// The encoding in single precision that `word` is the counterpart of in half precision; nil if it is none.
    ///
    /// Advanced SIMD's has bit 28 where it is scalar, and bits 27:24 are 1110 for everything that is asked for here.
    static func singlePrecision(_ word: UInt32) -> UInt32? {
        if isScalarFloat(word) {
            return word.floatType == halfType ? word & ~(halfType << 22) : nil
        }
        switch (word.bits(22, 17), word.bits(11, 10)) {
        case (0b111100, 0b10):
            // Two-register miscellaneous: 0:10000 in place of 111100.
            return word & ~(0b111111 << 17) | 0b010000 << 17
        case (0b011000, 0b10):
            // Across lanes, and scalar pairwise: U says that it is single precision.
            return word.bit(29) ? nil : word | 1 << 29
        default:
            // Three same: 01 in place of 10 in bits 22:21, and 11 in place of 00 in bits 15:14.
            guard word.bit(10), word.bits(22, 21) == 0b10, word.bits(15, 14) == 0 else { return nil }
            return word & ~(0b11 << 21) | 0b01 << 21 | 0b11 << 14
        }
    }

    // MARK: Without a counterpart

    /// The shape that Q and bit 28 make.
    private static func halfShape(_ word: UInt32) -> VectorShape {
        let isScalar = word.bit(28)
        return VectorShape(size: halfSize, q: word.bit(30) && !isScalar, scalar: isScalar)
    }

    /// FMOV (vector, immediate): o2 is set.
    private static func fmovVectorImmediateHalf(_ word: UInt32) -> Operation? {
        guard word.bit(11) else { return nil }
        let immediate = word.bits(18, 16) << 5 | word.bits(9, 5)
        let everyLane: UInt64 = 0x0001_0001_0001_0001
        return float(
            .fmovImmediate, word, shape: halfShape(word),
            immediate: expandImmediate(immediate, HalfFormat.self) &* everyLane)
    }

    /// The index is H:L:M, and the register one of the lower sixteen.
    private static func byElementHalf(_ opcode: FloatOpcode, _ word: UInt32) -> Operation? {
        guard word.floatType == 0 else { return nil }
        let index = word.bits(11, 11) << 2 | word.bits(21, 20)
        var operation = float(opcode, word, a: UInt8(truncatingIfNeeded: index), shape: halfShape(word))
        operation.code = .half
        operation.m = word.rm & 0xF
        return operation
    }

    /// Conversions with fraction bits: immh is 001x, and immh:immb twice the element's bits less their number.
    private static func fixedPointHalf(_ opcode: FloatOpcode, _ word: UInt32) -> Operation? {
        guard word.bits(22, 20) == 0b001 else { return nil }
        var operation = float(
            opcode, word, a: FloatRounding.zero.rawValue, shape: halfShape(word),
            immediate: 32 - UInt64(word.bits(22, 16)))
        operation.code = .half
        return operation
    }
}
