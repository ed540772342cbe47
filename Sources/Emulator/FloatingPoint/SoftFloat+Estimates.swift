// Estimates of reciprocals: FPRecipEstimate, FPRSqrtEstimate, FPRecpX, UnsignedRecipEstimate and
// UnsignedRSqrtEstimate (DDI 0487, J1.3). Their eight bits of precision are architected, so that they are computed
// as the pseudocode does.

/// The architected estimates of fixed-point numbers.
enum ReciprocalEstimate {
    /// RecipEstimate: 256 to 511 stands for 0.5 up to 1, and the result for 1 up to 2.
    static func reciprocal(_ operand: UInt64) -> UInt64 {
        let midpoint = operand &* 2 &+ 1
        return ((1 << 19) / max(midpoint, 1) &+ 1) / 2
    }

    /// RecipSqrtEstimate: 128 to 511 stands for 0.25 up to 1, and the result, 256 to 511, for 1 up to 2.
    static func reciprocalSquareRoot(_ operand: UInt64) -> UInt64 {
        let scaled = operand < 256 ? operand &* 2 &+ 1 : (operand | 1) &* 2
        // The largest root, at least 512, for which scaled × root² stays below 2^28: by bisection.
        var root: UInt64 = 512
        var step: UInt64 = 256
        while step != 0 {
            let trial = root &+ step
            if scaled &* trial &* trial < 1 << 28 { root = trial }
            step >>= 1
        }
        return (root &+ 1) / 2
    }

    /// UnsignedRecipEstimate of 32 bits: URECPE.
    static func unsignedReciprocal(_ operand: UInt32) -> UInt32 {
        guard operand >> 31 != 0 else { return .max }
        return UInt32(truncatingIfNeeded: reciprocal(UInt64(operand >> 23)) << 23)
    }

    /// UnsignedRSqrtEstimate of 32 bits: URSQRTE.
    static func unsignedReciprocalSquareRoot(_ operand: UInt32) -> UInt32 {
        guard operand >> 30 != 0 else { return .max }
        return UInt32(truncatingIfNeeded: reciprocalSquareRoot(UInt64(operand >> 23)) << 23)
    }
}

extension SoftFloat {
    /// The bits of an estimate that become bits of the fraction.
    private static var estimateBits: Int { 8 }

    /// FPRecipEstimate: FRECPE.
    @inline(never)
    static func reciprocalEstimate(_ operand: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        let number = unpack(operand, &environment)
        let isNegative = number.isNegative
        switch number.kind {
        case .quietNaN, .signallingNaN: return processNaN(number, &environment)
        case .infinity: return Format.zero(isNegative)
        case .zero:
            environment.raise(FPSR.dzc)
            return Format.infinity(isNegative)
        case .finite: break
        }
        // Numbers whose reciprocal is too large, and those whose reciprocal is denormal.
        if number.exponent < Format.minimumExponent &- 2 {
            environment.raise(FPSR.ofc | FPSR.ixc)
            let (_, isInfinity) = decide(0, 0, isNegative, environment.rounding)
            return isInfinity ? Format.infinity(isNegative) : Format.maximumNormal(isNegative)
        }
        if environment.flushes(Format.flushControl) && number.exponent >= 0 &- Format.minimumExponent {
            environment.raise(FPSR.ufc)
            return Format.zero(isNegative)
        }
        let estimate = ReciprocalEstimate.reciprocal(number.significand >> UInt64(63 &- estimateBits))
        // 1/2 < 1 / significand <= 1: the result's exponent is one less than the negated exponent.
        let fraction = (estimate << UInt64(Format.fractionBits &- estimateBits)) & Format.fractionMask
        let biased = 0 &- number.exponent &- Format.minimumExponent
        let magnitude: UInt64
        if biased > 0 {
            magnitude = UInt64(biased) << UInt64(Format.fractionBits) | fraction
        } else {
            magnitude = (Format.fractionMask &+ 1 | fraction) >> UInt64(1 &- biased)
        }
        return Format.sign(isNegative) | magnitude
    }

    /// FPRSqrtEstimate: FRSQRTE.
    @inline(never)
    static func reciprocalSquareRootEstimate(
        _ operand: UInt64, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let number = unpack(operand, &environment)
        if number.isNaN { return processNaN(number, &environment) }
        if number.kind == .zero {
            environment.raise(FPSR.dzc)
            return Format.infinity(number.isNegative)
        }
        if number.isNegative { return invalid(&environment) }
        if number.kind == .infinity { return Format.zero(false) }
        // 0.25 up to 0.5 for even exponents, 0.5 up to 1 for odd ones.
        let isOdd = number.exponent & 1 != 0
        let scaled = number.significand >> UInt64(63 &- estimateBits &+ (isOdd ? 0 : 1))
        let estimate = ReciprocalEstimate.reciprocalSquareRoot(scaled)
        let halved = (number.exponent &+ (isOdd ? 1 : 2)) >> 1
        let biased = 1 &- halved &- Format.minimumExponent
        let fraction = (estimate << UInt64(Format.fractionBits &- estimateBits)) & Format.fractionMask
        return UInt64(biased) << UInt64(Format.fractionBits) | fraction
    }

    /// FPRecpX: FRECPX.
    @inline(never)
    static func reciprocalExponent(_ operand: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        let number = unpack(operand, &environment)
        if number.isNaN { return processNaN(number, &environment) }
        // The raw exponent, also of a denormal that counts as zero.
        let biased = Format.biasedExponent(operand)
        let inverted = biased == 0 ? Format.maximumBiasedExponent &- 1 : Format.maximumBiasedExponent ^ biased
        return Format.sign(number.isNegative) | UInt64(inverted) << UInt64(Format.fractionBits)
    }
}
