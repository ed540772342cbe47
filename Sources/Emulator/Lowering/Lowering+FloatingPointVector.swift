// Lowering of the floating-point instructions of Advanced SIMD, on vectors and on scalars in vector registers: DDI
// 0487, C7.2, the instructions of C4.1.96's groups "Advanced SIMD …".

import Arm64

extension Lowering {
    /// The operation of `word`, or nil if it is undefined, or not one of these.
    static func vectorFloat(_ word: UInt32, _ instruction: Instruction) -> Operation? {
        switch instruction {
        case .fcvtn: return float(.fcvtn, word, a: 0, shape: conversionShape(word))
        case .fcvtl: return float(.fcvtl, word, a: 0, shape: conversionShape(word))
        case .fcvtxn: return float(.fcvtxn, word, a: 0, shape: conversionShape(word))
        case .urecpe: return float(.urecpe, word, shape: VectorShape(size: 2, q: isQ(word)))
        case .ursqrte: return float(.ursqrte, word, shape: VectorShape(size: 2, q: isQ(word)))
        case .fmovVectorImmediate: return fmovVectorImmediate(word)
        case .scvtfVectorFixedPoint: return fixedPoint(.scvtf, word)
        case .ucvtfVectorFixedPoint: return fixedPoint(.ucvtf, word)
        case .fcvtzsVectorFixedPoint: return fixedPoint(.fcvts, word)
        case .fcvtzuVectorFixedPoint: return fixedPoint(.fcvtu, word)
        default: break
        }
        guard let shape = shape(word) else { return nil }
        if let opcode = byElementOpcode(instruction) { return byElement(opcode, word, shape) }
        if let opcode = plainOpcode(instruction) { return float(opcode, word, shape: shape) }
        if let (opcode, rounding) = roundingOpcode(instruction) {
            return float(opcode, word, a: rounding.rawValue, shape: shape)
        }
        return nil
    }

    // MARK: Shapes

    private static func isQ(_ word: UInt32) -> Bool { word.bit(30) }

    /// Scalars in vector registers have bit 28 where vectors do not.
    private static func isScalar(_ word: UInt32) -> Bool { word.bit(28) }

    /// The shape that Q and sz make; nil for a vector of one double.
    private static func shape(_ word: UInt32) -> VectorShape? {
        if isScalar(word) { return VectorShape(size: word.floatSize, q: false, scalar: true) }
        if word.isDouble && !isQ(word) { return nil }
        return VectorShape(size: word.floatSize, q: isQ(word))
    }

    /// The shape of FCVTL, FCVTN and FCVTXN: the wider elements' size, Q for the upper half of the narrower ones.
    private static func conversionShape(_ word: UInt32) -> VectorShape {
        let isScalar = isScalar(word)
        return VectorShape(size: word.floatSize, q: isQ(word) && !isScalar, scalar: isScalar)
    }

    // MARK: Opcodes

    /// Instructions that have no parameters but their shape.
    private static func plainOpcode(_ instruction: Instruction) -> FloatOpcode? {
        switch instruction {
        case .faddVector: .fadd
        case .fsubVector: .fsub
        case .fmulVector: .fmul
        case .fdivVector: .fdiv
        case .fmulx: .fmulx
        case .fabd: .fabd
        case .fmaxVector: .fmax
        case .fminVector: .fmin
        case .fmaxnmVector: .fmaxnm
        case .fminnmVector: .fminnm
        case .frecps: .frecps
        case .frsqrts: .frsqrts
        case .fmlaVector: .fmla
        case .fmlsVector: .fmls
        case .fcmeqRegister: .fcmeq
        case .fcmgeRegister: .fcmge
        case .fcmgtRegister: .fcmgt
        case .facge: .facge
        case .facgt: .facgt
        case .fcmeqZero: .fcmeqZero
        case .fcmgeZero: .fcmgeZero
        case .fcmgtZero: .fcmgtZero
        case .fcmleZero: .fcmleZero
        case .fcmltZero: .fcmltZero
        case .fabsVector: .fabs
        case .fnegVector: .fneg
        case .fsqrtVector: .fsqrt
        case .frecpe: .frecpe
        case .frsqrte: .frsqrte
        case .frecpx: .frecpx
        case .faddpVector, .faddpScalar: .faddp
        case .fmaxpVector, .fmaxpScalar: .fmaxp
        case .fminpVector, .fminpScalar: .fminp
        case .fmaxnmpVector, .fmaxnmpScalar: .fmaxnmp
        case .fminnmpVector, .fminnmpScalar: .fminnmp
        case .fmaxv: .fmaxv
        case .fminv: .fminv
        case .fmaxnmv: .fmaxnmv
        case .fminnmv: .fminnmv
        case .scvtfVectorInteger: .scvtf
        case .ucvtfVectorInteger: .ucvtf
        default: nil
        }
    }

    /// Instructions that name a rounding.
    private static func roundingOpcode(_ instruction: Instruction) -> (FloatOpcode, FloatRounding)? {
        switch instruction {
        case .frintnVector: (.frint, .nearestEven)
        case .frintpVector: (.frint, .plusInfinity)
        case .frintmVector: (.frint, .minusInfinity)
        case .frintzVector: (.frint, .zero)
        case .frintaVector: (.frint, .nearestAway)
        case .frintiVector: (.frint, .current)
        case .frintxVector: (.frintExact, .current)
        case .fcvtnsVector: (.fcvts, .nearestEven)
        case .fcvtnuVector: (.fcvtu, .nearestEven)
        case .fcvtpsVector: (.fcvts, .plusInfinity)
        case .fcvtpuVector: (.fcvtu, .plusInfinity)
        case .fcvtmsVector: (.fcvts, .minusInfinity)
        case .fcvtmuVector: (.fcvtu, .minusInfinity)
        case .fcvtzsVectorInteger: (.fcvts, .zero)
        case .fcvtzuVectorInteger: (.fcvtu, .zero)
        case .fcvtasVector: (.fcvts, .nearestAway)
        case .fcvtauVector: (.fcvtu, .nearestAway)
        default: nil
        }
    }

    // MARK: By element

    private static func byElementOpcode(_ instruction: Instruction) -> FloatOpcode? {
        switch instruction {
        case .fmlaElement: .fmlaElement
        case .fmlsElement: .fmlsElement
        case .fmulElement: .fmulElement
        case .fmulxElement: .fmulxElement
        default: nil
        }
    }

    /// The index is H:L for single precision and H for double, where L must be zero. The register is M:Rm.
    private static func byElement(_ opcode: FloatOpcode, _ word: UInt32, _ shape: VectorShape) -> Operation? {
        let h: UInt8 = word.bit(11) ? 1 : 0
        let l: UInt8 = word.bit(21) ? 1 : 0
        if word.isDouble {
            return l == 0 ? float(opcode, word, a: h, shape: shape) : nil
        }
        return float(opcode, word, a: h << 1 | l, shape: shape)
    }

    // MARK: Immediates

    /// FMOV (vector, immediate).
    private static func fmovVectorImmediate(_ word: UInt32) -> Operation {
        /// a:b:c, then d:e:f:g:h.
        let immediate = word.bits(18, 16) << 5 | word.bits(9, 5)
        /// op.
        let isDouble = word.bit(29)
        let single = expandImmediate(immediate, SingleFormat.self)
        let value = isDouble ? expandImmediate(immediate, DoubleFormat.self) : single << 32 | single
        return float(
            .fmovImmediate, word, shape: VectorShape(size: isDouble ? 3 : 2, q: isQ(word)), immediate: value)
    }

    /// Conversions with fraction bits: immh:immb is twice the element's bits less their number.
    private static func fixedPoint(_ opcode: FloatOpcode, _ word: UInt32) -> Operation? {
        let isDouble = word.bit(22)
        let isScalar = isScalar(word)
        if isDouble && !isQ(word) && !isScalar { return nil }
        let elementBits: UInt64 = isDouble ? 64 : 32
        return float(
            opcode, word, a: FloatRounding.zero.rawValue,
            shape: VectorShape(size: isDouble ? 3 : 2, q: isQ(word) && !isScalar, scalar: isScalar),
            immediate: 2 * elementBits - UInt64(word.bits(22, 16)))
    }
}
