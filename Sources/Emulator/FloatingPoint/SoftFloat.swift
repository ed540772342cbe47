// Floating-point arithmetic in integers, as the Arm ARM's shared pseudocode defines it (DDI 0487, J1.3): the common
// ground of all operations, that is unpacking, rounding and the choice of a NaN.
//
// Responsible for: the right result and the right FPSR bits for every input and every FPCR. Not responsible for speed:
// `HostFloat` answers the ordinary cases and comes here for the others.

/// A number taken apart.
struct UnpackedFloat {
    /// FPType, where FPType_Nonzero and FPType_Denormal are `finite`.
    enum Kind: UInt8 {
        case zero
        case finite
        case infinity
        case quietNaN
        case signallingNaN
    }

    var kind: Kind
    var isNegative: Bool
    /// The power of two of the significand's leading bit; of finite numbers only.
    var exponent: Int
    /// The significand with its leading bit at bit 63; of finite numbers only.
    var significand: UInt64
    /// The number as it was.
    var bits: UInt64

    @inline(__always)
    var isNaN: Bool { kind.rawValue >= Kind.quietNaN.rawValue }
}

/// Operations on numbers of one format. Operands and results are the low bits of UInt64.
enum SoftFloat<Format: FloatFormat> {
    /// FPUnpack (FPUnpackCV for half precision): takes `bits` apart, and flushes a denormal if FPCR says so.
    static func unpack(_ bits: UInt64, _ environment: inout FloatEnvironment) -> UnpackedFloat {
        let isNegative = bits & Format.signBit != 0
        let biased = Format.biasedExponent(bits)
        let fraction = bits & Format.fractionMask
        var number = UnpackedFloat(kind: .finite, isNegative: isNegative, exponent: 0, significand: 0, bits: bits)
        if biased == 0 {
            if fraction == 0 {
                number.kind = .zero
            } else if environment.flushes(Format.flushControl) {
                if Format.notesFlushedInputs { environment.raise(FPSR.idc) }
                number.kind = .zero
            } else {
                let shift = fraction.leadingZeroBitCount
                number.significand = fraction << UInt64(shift)
                number.exponent = Format.minimumExponent &- (shift &- (63 &- Format.fractionBits))
            }
            return number
        }
        let hasSpecials = !(Format.obeysAlternativeHalf && environment.usesAlternativeHalf)
        if biased == Format.maximumBiasedExponent && hasSpecials {
            if fraction == 0 {
                number.kind = .infinity
            } else {
                number.kind = fraction & Format.quietBit != 0 ? .quietNaN : .signallingNaN
            }
            return number
        }
        number.significand = 1 << 63 | fraction << UInt64(63 &- Format.fractionBits)
        number.exponent = biased &- 1 &+ Format.minimumExponent
        return number
    }

    // MARK: NaNs

    /// FPProcessNaN.
    static func processNaN(_ number: UnpackedFloat, _ environment: inout FloatEnvironment) -> UInt64 {
        if number.kind == .signallingNaN { environment.raise(FPSR.ioc) }
        return environment.usesDefaultNaN ? Format.defaultNaN : number.bits | Format.quietBit
    }

    /// FPProcessNaNs: the result if an operand is a NaN. Signalling NaNs come first, then the first operand.
    static func processNaNs(
        _ first: UnpackedFloat, _ second: UnpackedFloat, _ environment: inout FloatEnvironment
    ) -> UInt64? {
        guard first.isNaN || second.isNaN else { return nil }
        if first.kind == .signallingNaN { return processNaN(first, &environment) }
        if second.kind == .signallingNaN { return processNaN(second, &environment) }
        return processNaN(first.isNaN ? first : second, &environment)
    }

    /// FPProcessNaNs3.
    static func processNaNs(
        _ first: UnpackedFloat, _ second: UnpackedFloat, _ third: UnpackedFloat,
        _ environment: inout FloatEnvironment
    ) -> UInt64? {
        guard first.isNaN || second.isNaN || third.isNaN else { return nil }
        if first.kind == .signallingNaN { return processNaN(first, &environment) }
        if second.kind == .signallingNaN { return processNaN(second, &environment) }
        if third.kind == .signallingNaN { return processNaN(third, &environment) }
        return processNaN(first.isNaN ? first : second.isNaN ? second : third, &environment)
    }

    /// The result of an invalid operation on numbers.
    static func invalid(_ environment: inout FloatEnvironment) -> UInt64 {
        environment.raise(FPSR.ioc)
        return Format.defaultNaN
    }

    // MARK: Rounding

    /// The zero that an exact sum of zero from operands other than zeros of like sign is.
    static func exactZero(_ environment: FloatEnvironment) -> UInt64 {
        Format.zero(environment.rounding == .minusInfinity)
    }

    /// FPRound (FPRoundCV for half precision) of ±`significand` × 2^(`exponent` - 63).
    ///
    /// - Parameter significand: Not zero. Bit 0 may stand for any non-zero remainder below it, provided that the
    ///   leading bit is then bit 62 or 63.
    static func round(
        _ isNegative: Bool, _ exponent: Int, _ significand: UInt64, _ rounding: FloatRounding,
        _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let shift = significand.leadingZeroBitCount
        let normalized = significand << UInt64(shift)
        var biased = exponent &- shift &- Format.minimumExponent &+ 1
        var dropped = 63 &- Format.fractionBits
        if biased <= 0 {
            // Tininess is judged before rounding, and flushing is never inexact.
            if environment.flushes(Format.flushControl) {
                environment.raise(FPSR.ufc)
                return Format.zero(isNegative)
            }
            dropped = dropped &+ 1 &- biased
            biased = 0
        }
        // The bits that stay, and those that do not, as a fraction of 2^64.
        let kept = dropped < 64 ? normalized >> UInt64(dropped) : 0
        let rest = dropped < 64 ? normalized << UInt64(64 &- dropped) : dropped == 64 ? normalized : 1
        if biased == 0 && rest != 0 { environment.raise(FPSR.ufc) }

        let (roundsUp, overflowsToInfinity) = decide(kept, rest, isNegative, rounding)
        // A significand that rounds up to the next power of two carries into the exponent, as it should.
        var magnitude = kept &+ UInt64(biased == 0 ? 0 : biased &- 1) << UInt64(Format.fractionBits)
        if roundsUp { magnitude &+= 1 }
        if rounding == .odd && rest != 0 { magnitude |= 1 }

        let limit = UInt64(Format.maximumBiasedExponent) << UInt64(Format.fractionBits)
        if Format.obeysAlternativeHalf && environment.usesAlternativeHalf {
            if magnitude > Format.magnitudeMask {
                environment.raise(FPSR.ioc)
                return Format.sign(isNegative) | Format.magnitudeMask
            }
        } else if magnitude >= limit {
            environment.raise(FPSR.ofc | FPSR.ixc)
            return overflowsToInfinity ? Format.infinity(isNegative) : Format.maximumNormal(isNegative)
        }
        if rest != 0 { environment.raise(FPSR.ixc) }
        return Format.sign(isNegative) | magnitude
    }

    /// Whether `kept` + `rest` / 2^64 is rounded away from zero, and what becomes of a number that is too large.
    @inline(__always)
    static func decide(
        _ kept: UInt64, _ rest: UInt64, _ isNegative: Bool, _ rounding: FloatRounding
    ) -> (roundsUp: Bool, overflowsToInfinity: Bool) {
        let half: UInt64 = 1 << 63
        switch rounding {
        case .nearestEven, .current: return (rest > half || rest == half && kept & 1 != 0, true)
        case .nearestAway: return (rest >= half, true)
        case .plusInfinity: return (rest != 0 && !isNegative, !isNegative)
        case .minusInfinity: return (rest != 0 && isNegative, isNegative)
        case .zero, .odd: return (false, false)
        }
    }

    /// `value` shifted right, where bit 0 of the result keeps whether any one was lost.
    @inline(__always)
    static func shiftRightJamming(_ value: UInt64, _ count: Int) -> UInt64 {
        if count <= 0 { return value }
        if count >= 64 { return value != 0 ? 1 : 0 }
        return value >> UInt64(count) | (value << UInt64(64 &- count) != 0 ? 1 : 0)
    }

    /// `value` shifted right, where bit 0 of the result keeps whether any one was lost.
    @inline(__always)
    static func shiftRightJamming(_ value: UInt128, _ count: Int) -> UInt128 {
        if count <= 0 { return value }
        if count >= 128 { return value != 0 ? 1 : 0 }
        return value >> UInt128(count) | (value << UInt128(128 &- count) != 0 ? 1 : 0)
    }
}
