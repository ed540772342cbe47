// Conversions: FPRoundInt, FPToFixed, FixedToFP and FPConvert (DDI 0487, J1.3).

/// An integer or fixed-point number that a floating-point number becomes, or was.
struct FixedPointFormat {
    var isSigned: Bool
    /// 32 or 64.
    var bitCount: Int
    /// 0 to 64 bits after the binary point.
    var fractionBits: Int

    /// The largest value, as the integer that holds it.
    @inline(__always)
    var maximum: UInt64 { UInt64.max >> UInt64(64 &- bitCount &+ (isSigned ? 1 : 0)) }
    /// The magnitude of the smallest value.
    @inline(__always)
    var minimumMagnitude: UInt64 { isSigned ? 1 << UInt64(bitCount &- 1) : 0 }
    @inline(__always)
    var mask: UInt64 { UInt64.max >> UInt64(64 &- bitCount) }
}

extension SoftFloat {
    /// The integer part of a finite number times 2^`scale`, and the rest as a fraction of 2^64, whose bit 0 may stand
    /// for anything below; nil if the integer needs more than 64 bits.
    @inline(__always)
    private static func split(_ number: UnpackedFloat, scale: Int) -> (integer: UInt64, rest: UInt64)? {
        let exponent = number.exponent &+ scale
        if exponent > 63 { return nil }
        let shift = 63 &- exponent
        if shift == 0 { return (number.significand, 0) }
        if shift < 64 { return (number.significand >> UInt64(shift), number.significand << UInt64(64 &- shift)) }
        return (0, shift == 64 ? number.significand : 1)
    }

    /// FPToFixed. The result has zeros above `format.bitCount`.
    @inline(never)
    static func toFixed(
        _ operand: UInt64, _ format: FixedPointFormat, _ rounding: FloatRounding,
        _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let number = unpack(operand, &environment)
        switch number.kind {
        case .zero: return 0
        case .quietNaN, .signallingNaN:
            environment.raise(FPSR.ioc)
            return 0
        case .infinity: return saturate(number.isNegative, format, &environment)
        case .finite: break
        }
        guard let (truncated, rest) = split(number, scale: format.fractionBits) else {
            return saturate(number.isNegative, format, &environment)
        }
        var integer = truncated
        // An integer with a rest has at most 63 bits, so that it can grow by one.
        if decide(integer, rest, number.isNegative, environment.resolve(rounding)).roundsUp { integer &+= 1 }
        if integer > (number.isNegative ? format.minimumMagnitude : format.maximum) {
            return saturate(number.isNegative, format, &environment)
        }
        if rest != 0 { environment.raise(FPSR.ixc) }
        return (number.isNegative ? 0 &- integer : integer) & format.mask
    }

    /// The nearest value of `format` to a number that it cannot hold.
    private static func saturate(
        _ isNegative: Bool, _ format: FixedPointFormat, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        environment.raise(FPSR.ioc)
        return isNegative ? format.minimumMagnitude : format.maximum
    }

    /// FixedToFP, rounded as FPCR.RMode says. Bits of `operand` above `format.bitCount` do not matter.
    @inline(never)
    static func fromFixed(
        _ operand: UInt64, _ format: FixedPointFormat, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let integer = operand & format.mask
        guard integer != 0 else { return Format.zero(false) }
        let isNegative = format.isSigned && integer & format.minimumMagnitude != 0
        let magnitude = isNegative ? (0 &- integer) & format.mask : integer
        return round(isNegative, 63 &- format.fractionBits, magnitude, environment.rounding, &environment)
    }

    /// FPRoundInt: `operand` rounded to an integral value; inexact only if `isExact` asks for it.
    @inline(never)
    static func roundToIntegral(
        _ operand: UInt64, _ rounding: FloatRounding, isExact: Bool, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let number = unpack(operand, &environment)
        switch number.kind {
        case .zero: return Format.zero(number.isNegative)
        case .quietNaN, .signallingNaN: return processNaN(number, &environment)
        case .infinity: return operand
        case .finite: break
        }
        // Without bits after the binary point, it is integral already.
        if number.exponent >= Format.fractionBits { return operand }
        guard let (truncated, rest) = split(number, scale: 0) else { return operand }
        var integer = truncated
        if decide(integer, rest, number.isNegative, environment.resolve(rounding)).roundsUp { integer &+= 1 }
        if rest != 0 && isExact { environment.raise(FPSR.ixc) }
        guard integer != 0 else { return Format.zero(number.isNegative) }
        return round(number.isNegative, 63, integer, .zero, &environment)
    }

    /// FPConvert: to another format.
    @inline(never)
    static func convert<Target: FloatFormat>(
        _ operand: UInt64, to target: Target.Type, _ rounding: FloatRounding,
        _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let number = unpack(operand, &environment)
        let isAlternative = Target.obeysAlternativeHalf && environment.usesAlternativeHalf
        switch number.kind {
        case .zero: return Target.zero(number.isNegative)
        case .infinity:
            guard isAlternative else { return Target.infinity(number.isNegative) }
            environment.raise(FPSR.ioc)
            return Target.sign(number.isNegative) | Target.magnitudeMask
        case .quietNaN, .signallingNaN:
            if number.kind == .signallingNaN || isAlternative { environment.raise(FPSR.ioc) }
            if isAlternative { return Target.zero(number.isNegative) }
            if environment.usesDefaultNaN { return Target.defaultNaN }
            // FPConvertNaN: the fraction's high bits stay, and the result is quiet.
            let fraction = (operand & Format.fractionMask) << UInt64(63 &- Format.fractionBits)
            return Target.infinity(number.isNegative) | Target.quietBit
                | fraction >> UInt64(63 &- Target.fractionBits)
        case .finite:
            return SoftFloat<Target>.round(
                number.isNegative, number.exponent, number.significand, environment.resolve(rounding), &environment)
        }
    }
}
