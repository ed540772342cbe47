// Lowering of scalar floating point: DDI 0487, C7.2, the instructions of C4.1.96's groups "Floating-point …" and
// "Conversion between floating-point and …". One instruction is one operation.
//
// The floating-point instructions of Advanced SIMD are in `Lowering+FloatingPointVector`.

import Arm64

/// Fields of floating-point encodings.
extension UInt32 {
    /// ftype<0> of scalar encodings and sz of Advanced SIMD ones: double precision, else single.
    @inline(__always)
    var isDouble: Bool { bit(22) }
    /// ftype, bits 23:22.
    @inline(__always)
    var floatType: UInt32 { bits(23, 22) }
    /// sf: the general register has 64 bits.
    @inline(__always)
    var is64Bit: Bool { bit(31) }
    /// VectorShape.size of the precision that `isDouble` tells.
    @inline(__always)
    var floatSize: UInt32 { isDouble ? 3 : 2 }
}

extension Lowering {
    /// Appends the operation of floating-point instruction `word`; false if it is undefined, or not floating point.
    static func lowerFloatingPoint(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        guard
            let operation = halfPrecision(word, instruction, context)
                ?? scalarArithmetic(word, instruction) ?? scalarMove(word, instruction, context)
                ?? scalarConversion(word, instruction, context) ?? vectorFloat(word, instruction)
        else { return false }
        context.emit(operation)
        return true
    }

    /// An operation with the registers of `word` in the usual fields.
    static func float(
        _ opcode: FloatOpcode, _ word: UInt32, a: UInt8 = 0, shape: VectorShape = VectorShape(rawValue: 0),
        immediate: UInt64 = 0
    ) -> Operation {
        Operation(
            .float, sub: opcode.rawValue, d: word.rd, n: word.rn, m: word.rm, a: a, shape: shape, immediate: immediate)
    }

    /// The opcode of the precision of `word`.
    private static func select(_ word: UInt32, _ single: FloatOpcode, _ double: FloatOpcode) -> FloatOpcode {
        word.isDouble ? double : single
    }

    // MARK: Arithmetic and comparison

    static func scalarArithmetic(_ word: UInt32, _ instruction: Instruction) -> Operation? {
        let shape = VectorShape(size: word.floatSize, q: false, scalar: true)
        switch instruction {
        case .faddScalar: return float(select(word, .faddSingle, .faddDouble), word)
        case .fsubScalar: return float(select(word, .fsubSingle, .fsubDouble), word)
        case .fmulScalar: return float(select(word, .fmulSingle, .fmulDouble), word)
        case .fnmulScalar: return float(select(word, .fnmulSingle, .fnmulDouble), word)
        case .fdivScalar: return float(select(word, .fdivSingle, .fdivDouble), word)
        case .fsqrtScalar: return float(select(word, .fsqrtSingle, .fsqrtDouble), word)
        case .fmaxScalar: return float(.fmax, word, shape: shape)
        case .fminScalar: return float(.fmin, word, shape: shape)
        case .fmaxnmScalar: return float(.fmaxnm, word, shape: shape)
        case .fminnmScalar: return float(.fminnm, word, shape: shape)
        case .fmadd: return float(select(word, .fmaddSingle, .fmaddDouble), word, a: word.ra)
        case .fmsub: return float(select(word, .fmsubSingle, .fmsubDouble), word, a: word.ra)
        case .fnmadd: return float(select(word, .fnmaddSingle, .fnmaddDouble), word, a: word.ra)
        case .fnmsub: return float(select(word, .fnmsubSingle, .fnmsubDouble), word, a: word.ra)
        case .frintnScalar: return float(.frint, word, a: FloatRounding.nearestEven.rawValue, shape: shape)
        case .frintpScalar: return float(.frint, word, a: FloatRounding.plusInfinity.rawValue, shape: shape)
        case .frintmScalar: return float(.frint, word, a: FloatRounding.minusInfinity.rawValue, shape: shape)
        case .frintzScalar: return float(.frint, word, a: FloatRounding.zero.rawValue, shape: shape)
        case .frintaScalar: return float(.frint, word, a: FloatRounding.nearestAway.rawValue, shape: shape)
        case .frintiScalar: return float(.frint, word, a: FloatRounding.current.rawValue, shape: shape)
        case .frintxScalar: return float(.frintExact, word, a: FloatRounding.current.rawValue, shape: shape)
        case .fcmp:
            return comparesWithZero(word)
                ? float(select(word, .fcmpZeroSingle, .fcmpZeroDouble), word)
                : float(select(word, .fcmpSingle, .fcmpDouble), word)
        case .fcmpe:
            return comparesWithZero(word)
                ? float(select(word, .fcmpeZeroSingle, .fcmpeZeroDouble), word)
                : float(select(word, .fcmpeSingle, .fcmpeDouble), word)
        case .fccmp:
            return float(select(word, .fccmpSingle, .fccmpDouble), word, a: condition(word), immediate: flags(word))
        case .fccmpe:
            return float(select(word, .fccmpeSingle, .fccmpeDouble), word, a: condition(word), immediate: flags(word))
        case .fcsel: return float(select(word, .fcselSingle, .fcselDouble), word, a: condition(word))
        default: return nil
        }
    }

    /// opc<0> of FCMP and FCMPE.
    private static func comparesWithZero(_ word: UInt32) -> Bool { word.bit(3) }

    /// cond of FCCMP and FCSEL.
    private static func condition(_ word: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: word.bits(15, 12)) }

    /// nzcv of FCCMP, where `CPUState.nzcv` has it.
    private static func flags(_ word: UInt32) -> UInt64 { UInt64(word.bits(3, 0)) << 28 }

    // MARK: Moves

    static func scalarMove(
        _ word: UInt32, _ instruction: Instruction, _ context: LoweringContext
    ) -> Operation? {
        switch instruction {
        case .fmovRegister: return float(select(word, .fmovSingle, .fmovDouble), word)
        case .fabsScalar: return float(select(word, .fabsSingle, .fabsDouble), word)
        case .fnegScalar: return float(select(word, .fnegSingle, .fnegDouble), word)
        case .fmovScalarImmediate:
            let value =
                word.isDouble
                ? expandImmediate(word.bits(20, 13), DoubleFormat.self)
                : expandImmediate(word.bits(20, 13), SingleFormat.self)
            return float(.fmovImmediate, word, immediate: value)
        case .fmovGeneral: return fmovGeneral(word, context)
        default: return nil
        }
    }

    /// VFPExpandImm (DDI 0487, J1.3): sign, three bits of exponent, four of fraction.
    static func expandImmediate<Format: FloatFormat>(_ immediate: UInt32, _: Format.Type) -> UInt64 {
        let exponentBits = UInt64(Format.exponentBits)
        let isSmall = immediate.bit(6)
        // NOT(b), then b repeated, then the exponent's last two bits.
        let repeated: UInt64 = isSmall ? (1 << (exponentBits - 3) - 1) << 2 : 0
        let exponent = (isSmall ? 0 : 1 << (exponentBits - 1)) | repeated | UInt64(immediate.bits(5, 4))
        let fraction = UInt64(immediate.bits(3, 0)) << UInt64(Format.fractionBits - 4)
        return Format.sign(immediate.bit(7)) | exponent << UInt64(Format.fractionBits) | fraction
    }

    private static func fmovGeneral(_ word: UInt32, _ context: LoweringContext) -> Operation {
        let isToFloat = word.bit(16)
        /// rmode<0>: the upper half of the vector register.
        let isTop = word.bit(19)
        let opcode: FloatOpcode
        if isTop {
            opcode = isToFloat ? .fmovGeneralToTop : .fmovTopToGeneral
        } else if word.isDouble {
            opcode = isToFloat ? .fmovGeneralToDouble : .fmovDoubleToGeneral
        } else {
            opcode = isToFloat ? .fmovGeneralToSingle : .fmovSingleToGeneral
        }
        return isToFloat ? fromGeneral(opcode, word, context) : toGeneral(opcode, word, context)
    }

    /// An operation whose destination is a general register.
    private static func toGeneral(
        _ opcode: FloatOpcode, _ word: UInt32, _ context: LoweringContext, rounding: FloatRounding = .zero,
        fractionBits: UInt64 = 0
    ) -> Operation {
        var operation = float(
            opcode, word, a: rounding.rawValue, shape: VectorShape(size: word.floatSize, q: word.is64Bit),
            immediate: fractionBits)
        operation.d = context.destination(word.rd)
        return operation
    }

    /// An operation whose source is a general register.
    private static func fromGeneral(
        _ opcode: FloatOpcode, _ word: UInt32, _ context: LoweringContext, fractionBits: UInt64 = 0
    ) -> Operation {
        var operation = float(
            opcode, word, shape: VectorShape(size: word.floatSize, q: word.is64Bit), immediate: fractionBits)
        operation.n = context.source(word.rn)
        return operation
    }

    // MARK: Conversion

    static func scalarConversion(
        _ word: UInt32, _ instruction: Instruction, _ context: LoweringContext
    ) -> Operation? {
        switch instruction {
        case .fcvt: return fcvt(word)
        case .fcvtnsScalar: return toGeneral(.fcvtsGeneral, word, context, rounding: .nearestEven)
        case .fcvtnuScalar: return toGeneral(.fcvtuGeneral, word, context, rounding: .nearestEven)
        case .fcvtasScalar: return toGeneral(.fcvtsGeneral, word, context, rounding: .nearestAway)
        case .fcvtauScalar: return toGeneral(.fcvtuGeneral, word, context, rounding: .nearestAway)
        case .fcvtpsScalar: return toGeneral(.fcvtsGeneral, word, context, rounding: .plusInfinity)
        case .fcvtpuScalar: return toGeneral(.fcvtuGeneral, word, context, rounding: .plusInfinity)
        case .fcvtmsScalar: return toGeneral(.fcvtsGeneral, word, context, rounding: .minusInfinity)
        case .fcvtmuScalar: return toGeneral(.fcvtuGeneral, word, context, rounding: .minusInfinity)
        case .fcvtzsScalarInteger:
            let opcode = select(word, (.fcvtzsSW, .fcvtzsSX), (.fcvtzsDW, .fcvtzsDX))
            return toGeneral(opcode, word, context)
        case .fcvtzuScalarInteger:
            let opcode = select(word, (.fcvtzuSW, .fcvtzuSX), (.fcvtzuDW, .fcvtzuDX))
            return toGeneral(opcode, word, context)
        case .scvtfScalarInteger:
            let opcode = select(word, (.scvtfWS, .scvtfXS), (.scvtfWD, .scvtfXD))
            return fromGeneral(opcode, word, context)
        case .ucvtfScalarInteger:
            let opcode = select(word, (.ucvtfWS, .ucvtfXS), (.ucvtfWD, .ucvtfXD))
            return fromGeneral(opcode, word, context)
        case .fcvtzsScalarFixedPoint:
            return toGeneral(.fcvtsGeneral, word, context, fractionBits: scalarFractionBits(word))
        case .fcvtzuScalarFixedPoint:
            return toGeneral(.fcvtuGeneral, word, context, fractionBits: scalarFractionBits(word))
        case .scvtfScalarFixedPoint:
            return fromGeneral(.scvtfGeneral, word, context, fractionBits: scalarFractionBits(word))
        case .ucvtfScalarFixedPoint:
            return fromGeneral(.ucvtfGeneral, word, context, fractionBits: scalarFractionBits(word))
        default: return nil
        }
    }

    /// The opcode of the precision of `word`, by sf: 32 and 64 bits.
    private static func select(
        _ word: UInt32, _ single: (w: FloatOpcode, x: FloatOpcode), _ double: (w: FloatOpcode, x: FloatOpcode)
    ) -> FloatOpcode {
        let pair = word.isDouble ? double : single
        return word.is64Bit ? pair.x : pair.w
    }

    /// 64 - scale.
    private static func scalarFractionBits(_ word: UInt32) -> UInt64 { 64 - UInt64(word.bits(15, 10)) }

    private static func fcvt(_ word: UInt32) -> Operation? {
        /// opc, the destination, is encoded as ftype, the source, is.
        let single: UInt32 = 0b00
        let double: UInt32 = 0b01
        let half: UInt32 = 0b11
        switch (word.floatType, word.bits(16, 15)) {
        case (single, double): return float(.fcvtSingleToDouble, word)
        case (single, half): return float(.fcvtSingleToHalf, word)
        case (double, single): return float(.fcvtDoubleToSingle, word)
        case (double, half): return float(.fcvtDoubleToHalf, word)
        case (half, single): return float(.fcvtHalfToSingle, word)
        case (half, double): return float(.fcvtHalfToDouble, word)
        default: return nil
        }
    }
}
