// Floating-point operations by the host's own arithmetic, where that is certain to give the Arm result.
//
// The host rounds to nearest and keeps NaNs and exceptions in its own way, so that its answer counts only if
// - FPCR rounds to nearest and does not flush to zero,
// - the result is an ordinary number: finite and well above the denormals. Then no operand was a NaN or an infinity
//   (or, where one could have been, the operation says so), and nothing but inexactness can have been raised, and
// - IXC is set already, or the error of the operation, computed by the host as well, says whether to set it.
// Everything else goes to `SoftFloat`. Swift neither reorders floating-point arithmetic nor contracts it, and the
// host's modes are the defaults (`HostFloatModes`), so that the error terms below are what the textbook says.

enum HostFloat<Format: HostFloatFormat> {
    /// Whether the host's rounding is FPCR's, and denormals stay.
    @inline(__always)
    static func applies(_ fpcr: UInt32) -> Bool {
        fpcr & (FPCR.fz | FPCR.rMode) == 0
    }

    /// Whether `applies`, and inexactness need not be found out.
    @inline(__always)
    static func applies(_ fpcr: UInt32, _ fpsr: UInt32) -> Bool {
        (fpcr & (FPCR.fz | FPCR.rMode)) | (~fpsr & FPSR.ixc) == 0
    }

    /// Whether a number is finite and at least twice the smallest normal number, so that no underflow was near.
    @inline(__always)
    static func isOrdinary(_ bits: UInt64) -> Bool {
        isAbove(bits, biasedExponent: 1)
    }

    /// Whether a number is finite with a biased exponent above `biasedExponent`.
    @inline(__always)
    private static func isAbove(_ bits: UInt64, biasedExponent: UInt64) -> Bool {
        let biased = (bits & Format.magnitudeMask) >> UInt64(Format.fractionBits)
        return biased &- biasedExponent &- 1 < UInt64(Format.maximumBiasedExponent) &- biasedExponent &- 1
    }

    /// Whether a number is so large that the rounding error of the product, quotient or root that it belongs to is a
    /// number of this format, however small: the host's fused operation then yields it exactly.
    @inline(__always)
    private static func hasExactError(_ bits: UInt64) -> Bool {
        isAbove(bits, biasedExponent: UInt64(Format.fractionBits &+ 8))
    }

    @inline(__always)
    static func add(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        if applies(environment.fpcr) {
            let a = Format.host(first)
            let b = Format.host(second)
            let sum = a + b
            let bits = Format.bits(sum)
            if isOrdinary(bits) {
                if environment.fpsr & FPSR.ixc == 0 {
                    // Knuth's two-sum: the error of a sum, for any order of magnitude.
                    let other = sum - a
                    if (a - (sum - other)) + (b - other) != 0 { environment.raise(FPSR.ixc) }
                }
                return bits
            }
            // A sum of zero is exact, and its sign is the same on every IEEE machine.
            if sum == 0 { return bits }
        }
        return SoftFloat<Format>.add(first, second, &environment)
    }

    @inline(__always)
    static func subtract(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        if applies(environment.fpcr) {
            let a = Format.host(first)
            let b = Format.host(second)
            let difference = a - b
            let bits = Format.bits(difference)
            if isOrdinary(bits) {
                if environment.fpsr & FPSR.ixc == 0 {
                    let other = difference - a
                    if (a - (difference - other)) - (b + other) != 0 { environment.raise(FPSR.ixc) }
                }
                return bits
            }
            if difference == 0 { return bits }
        }
        return SoftFloat<Format>.subtract(first, second, &environment)
    }

    @inline(__always)
    static func multiply(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        if applies(environment.fpcr) {
            let a = Format.host(first)
            let b = Format.host(second)
            let product = a * b
            let bits = Format.bits(product)
            if isOrdinary(bits) {
                if environment.fpsr & FPSR.ixc != 0 { return bits }
                if hasExactError(bits) {
                    if (-product).addingProduct(a, b) != 0 { environment.raise(FPSR.ixc) }
                    return bits
                }
            } else if product == 0 && (a == 0 || b == 0) {
                return bits
            }
        }
        return SoftFloat<Format>.multiply(first, second, &environment)
    }

    @inline(__always)
    static func divide(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        if applies(environment.fpcr) {
            let a = Format.host(first)
            let b = Format.host(second)
            let quotient = a / b
            let bits = Format.bits(quotient)
            if isOrdinary(bits) {
                if environment.fpsr & FPSR.ixc != 0 { return bits }
                if hasExactError(first) {
                    if (-a).addingProduct(quotient, b) != 0 { environment.raise(FPSR.ixc) }
                    return bits
                }
            }
        }
        return SoftFloat<Format>.divide(first, second, &environment)
    }

    @inline(__always)
    static func squareRoot(_ operand: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        if applies(environment.fpcr) {
            let a = Format.host(operand)
            let root = a.squareRoot()
            let bits = Format.bits(root)
            if isOrdinary(bits) {
                if environment.fpsr & FPSR.ixc != 0 { return bits }
                if hasExactError(operand) {
                    if (-a).addingProduct(root, root) != 0 { environment.raise(FPSR.ixc) }
                    return bits
                }
            }
        }
        return SoftFloat<Format>.squareRoot(operand, &environment)
    }

    @inline(__always)
    static func multiplyAdd(
        _ addend: UInt64, _ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        if applies(environment.fpcr),
            let (bits, isExact) = Format.fused(Format.host(addend), Format.host(first), Format.host(second)),
            isOrdinary(bits)
        {
            if environment.fpsr & FPSR.ixc != 0 { return bits }
            if let isExact {
                if !isExact { environment.raise(FPSR.ixc) }
                return bits
            }
        }
        return SoftFloat<Format>.multiplyAdd(addend, first, second, &environment)
    }

    // MARK: Comparison

    /// How two numbers compare; nil if one is a NaN, or could have to be flushed. Comparing numbers raises nothing.
    @inline(__always)
    static func order(_ first: UInt64, _ second: UInt64, _ fpcr: UInt32) -> FloatOrdering? {
        guard fpcr & FPCR.fz == 0 else { return nil }
        let a = Format.host(first)
        let b = Format.host(second)
        return a < b ? .less : a > b ? .greater : a == b ? .equal : nil
    }

    @inline(__always)
    static func compare(
        _ first: UInt64, _ second: UInt64, signalsQuietNaNs: Bool, _ environment: inout FloatEnvironment
    ) -> FloatOrdering {
        order(first, second, environment.fpcr)
            ?? SoftFloat<Format>.compare(first, second, signalsQuietNaNs: signalsQuietNaNs, &environment)
    }

    /// The greater number, or the lesser; nil if they compare equal, as zeros of different sign do, or `order` is nil.
    @inline(__always)
    private static func extremum(_ first: UInt64, _ second: UInt64, greater: Bool, _ fpcr: UInt32) -> UInt64? {
        switch order(first, second, fpcr) {
        case .less: greater ? second : first
        case .greater: greater ? first : second
        default: nil
        }
    }

    @inline(__always)
    static func maximum(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        extremum(first, second, greater: true, environment.fpcr)
            ?? SoftFloat<Format>.maximum(first, second, &environment)
    }

    @inline(__always)
    static func minimum(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        extremum(first, second, greater: false, environment.fpcr)
            ?? SoftFloat<Format>.minimum(first, second, &environment)
    }

    @inline(__always)
    static func maximumNumber(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        extremum(first, second, greater: true, environment.fpcr)
            ?? SoftFloat<Format>.maximumNumber(first, second, &environment)
    }

    @inline(__always)
    static func minimumNumber(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        extremum(first, second, greater: false, environment.fpcr)
            ?? SoftFloat<Format>.minimumNumber(first, second, &environment)
    }

    // MARK: Conversion

    /// A number truncated to an integer of `bitCount` bits, and whether nothing was lost; nil if it is below one or out
    /// of range.
    @inline(__always)
    static func truncated(_ operand: UInt64, isSigned: Bool, bitCount: Int) -> (result: UInt64, isExact: Bool)? {
        let a = Format.host(operand)
        // A power of two is exact in every format.
        let limit = Format.host(Format.power(bitCount &- (isSigned ? 1 : 0)))
        if isSigned {
            guard a >= 1 && a < limit || a <= -1 && a > -limit else { return nil }
            let result = Format.signed(a)
            let mask = UInt64.max >> UInt64(64 &- bitCount)
            return (UInt64(bitPattern: result) & mask, Format.host(signed: result) == a)
        }
        guard a >= 1 && a < limit else { return nil }
        let result = Format.unsigned(a)
        return (result, Format.host(unsigned: result) == a)
    }

    /// FCVTZS and FCVTZU to `bitCount` bits, without fraction bits.
    @inline(__always)
    static func truncate(
        _ operand: UInt64, isSigned: Bool, bitCount: Int, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        if let (result, isExact) = truncated(operand, isSigned: isSigned, bitCount: bitCount) {
            if !isExact { environment.raise(FPSR.ixc) }
            return result
        }
        let format = FixedPointFormat(isSigned: isSigned, bitCount: bitCount, fractionBits: 0)
        return SoftFloat<Format>.toFixed(operand, format, .zero, &environment)
    }

    /// Whether the significand holds the integer that the low `bitCount` bits of `operand` are: its conversion is then
    /// exact in every rounding mode.
    @inline(__always)
    static func isShort(_ operand: UInt64, isSigned: Bool, bitCount: Int) -> Bool {
        let unused = UInt64(64 &- bitCount)
        let value = operand << unused
        let magnitude = isSigned ? (Int64(bitPattern: value) >> Int64(unused)).magnitude : value >> unused
        return magnitude >> UInt64(Format.fractionBits &+ 1) == 0
    }

    /// The number nearest to the integer that the low `bitCount` bits of `operand` are.
    @inline(__always)
    static func converted(_ operand: UInt64, isSigned: Bool, bitCount: Int) -> UInt64 {
        let unused = UInt64(64 &- bitCount)
        let value = operand << unused
        return Format.bits(
            isSigned
                ? Format.host(signed: Int64(bitPattern: value) >> Int64(unused))
                : Format.host(unsigned: value >> unused))
    }

    /// SCVTF and UCVTF of `bitCount` bits, without fraction bits.
    @inline(__always)
    static func convert(
        _ operand: UInt64, isSigned: Bool, bitCount: Int, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        if isShort(operand, isSigned: isSigned, bitCount: bitCount) || applies(environment.fpcr, environment.fpsr) {
            return converted(operand, isSigned: isSigned, bitCount: bitCount)
        }
        let format = FixedPointFormat(isSigned: isSigned, bitCount: bitCount, fractionBits: 0)
        return SoftFloat<Format>.fromFixed(operand, format, &environment)
    }
}

extension HostFloat<SingleFormat> {
    /// FCVT from single to double precision is exact.
    @inline(__always)
    static func widen(_ operand: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        let bits = DoubleFormat.bits(Double(SingleFormat.host(operand)))
        // A normal number stays one; what was denormal, or is not finite, is looked at closely.
        if isOrdinary(operand) { return bits }
        return SoftFloat<SingleFormat>.convert(operand, to: DoubleFormat.self, .current, &environment)
    }
}

extension HostFloat<DoubleFormat> {
    /// FCVT from double to single precision.
    @inline(__always)
    static func narrow(_ operand: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        if applies(environment.fpcr) {
            let number = DoubleFormat.host(operand)
            let single = Float(number)
            let bits = SingleFormat.bits(single)
            if HostFloat<SingleFormat>.isOrdinary(bits) {
                if Double(single) != number { environment.raise(FPSR.ixc) }
                return bits
            }
        }
        return SoftFloat<DoubleFormat>.convert(operand, to: SingleFormat.self, .current, &environment)
    }
}
