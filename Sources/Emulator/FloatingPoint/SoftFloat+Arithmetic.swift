// Sum, product, quotient, root, fused multiplication and addition: FPAdd, FPSub, FPMul, FPMulX, FPDiv, FPSqrt,
// FPMulAdd, FPRecipStepFused and FPRSqrtStepFused (DDI 0487, J1.3).

extension SoftFloat {
    /// FPAdd.
    @inline(never)
    static func add(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        addition(first, second, subtracting: false, &environment)
    }

    /// FPSub.
    @inline(never)
    static func subtract(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        addition(first, second, subtracting: true, &environment)
    }

    /// The second operand's sign is turned only after NaNs are dealt with: a NaN keeps its own.
    private static func addition(
        _ first: UInt64, _ second: UInt64, subtracting: Bool, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let a = unpack(first, &environment)
        var b = unpack(second, &environment)
        if let nan = processNaNs(a, b, &environment) { return nan }
        if subtracting { b.isNegative.toggle() }

        if a.kind == .infinity || b.kind == .infinity {
            if a.kind == b.kind && a.isNegative != b.isNegative { return invalid(&environment) }
            return Format.infinity(a.kind == .infinity ? a.isNegative : b.isNegative)
        }
        if a.kind == .zero && b.kind == .zero {
            return a.isNegative == b.isNegative ? Format.zero(a.isNegative) : exactZero(environment)
        }
        if b.kind == .zero { return round(a.isNegative, a.exponent, a.significand, environment.rounding, &environment) }
        if a.kind == .zero { return round(b.isNegative, b.exponent, b.significand, environment.rounding, &environment) }

        // One bit of room for the carry; no significand uses the low bits.
        let distance = a.exponent &- b.exponent
        let exponent = max(a.exponent, b.exponent) &+ 1
        let x = shiftRightJamming(a.significand >> 1, -distance)
        let y = shiftRightJamming(b.significand >> 1, distance)
        if a.isNegative == b.isNegative {
            return round(a.isNegative, exponent, x &+ y, environment.rounding, &environment)
        }
        if x == y { return exactZero(environment) }
        let isNegative = x > y ? a.isNegative : b.isNegative
        return round(isNegative, exponent, x > y ? x &- y : y &- x, environment.rounding, &environment)
    }

    /// FPMul.
    @inline(never)
    static func multiply(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        multiplication(first, second, extended: false, &environment)
    }

    /// FPMulX: infinity times zero is ±2.
    @inline(never)
    static func multiplyExtended(
        _ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        multiplication(first, second, extended: true, &environment)
    }

    private static func multiplication(
        _ first: UInt64, _ second: UInt64, extended: Bool, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let a = unpack(first, &environment)
        let b = unpack(second, &environment)
        if let nan = processNaNs(a, b, &environment) { return nan }
        let isNegative = a.isNegative != b.isNegative
        if a.kind == .infinity || b.kind == .infinity {
            if a.kind == .zero || b.kind == .zero {
                return extended ? Format.power(1, negative: isNegative) : invalid(&environment)
            }
            return Format.infinity(isNegative)
        }
        if a.kind == .zero || b.kind == .zero { return Format.zero(isNegative) }
        let product = a.significand.multipliedFullWidth(by: b.significand)
        return round(
            isNegative, a.exponent &+ b.exponent &+ 1, product.high | (product.low != 0 ? 1 : 0),
            environment.rounding, &environment)
    }

    /// FPDiv.
    @inline(never)
    static func divide(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        let a = unpack(first, &environment)
        let b = unpack(second, &environment)
        if let nan = processNaNs(a, b, &environment) { return nan }
        let isNegative = a.isNegative != b.isNegative
        if a.kind == b.kind && a.kind != .finite { return invalid(&environment) }
        if a.kind == .infinity { return Format.infinity(isNegative) }
        if b.kind == .zero {
            environment.raise(FPSR.dzc)
            return Format.infinity(isNegative)
        }
        if a.kind == .zero || b.kind == .infinity { return Format.zero(isNegative) }
        // The dividend's high half is below the divisor, whose leading bit is set: the quotient fits.
        let (quotient, remainder) = b.significand.dividingFullWidth((a.significand >> 1, a.significand << 63))
        return round(
            isNegative, a.exponent &- b.exponent, quotient | (remainder != 0 ? 1 : 0),
            environment.rounding, &environment)
    }

    /// FPSqrt.
    @inline(never)
    static func squareRoot(_ operand: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        let number = unpack(operand, &environment)
        if number.isNaN { return processNaN(number, &environment) }
        if number.kind == .zero { return Format.zero(number.isNegative) }
        if number.isNegative { return invalid(&environment) }
        if number.kind == .infinity { return Format.infinity(false) }
        // radicand × 2^-126 × 2^exponent with an even exponent; the root then is root × 2^-63 × 2^(exponent / 2).
        let isOdd = number.exponent & 1 != 0
        let radicand = UInt128(number.significand) << (isOdd ? 64 : 63)
        let exponent = (number.exponent &- (isOdd ? 1 : 0)) >> 1
        // Digit by digit: 64 bits of the root, whether anything is left over.
        var root: UInt128 = 0
        var remainder = radicand
        var digit: UInt128 = 1 << 126
        while digit != 0 {
            let trial = root &+ digit
            root >>= 1
            if remainder >= trial {
                remainder &-= trial
                root |= digit
            }
            digit >>= 2
        }
        let significand = UInt64(truncatingIfNeeded: root) | (remainder != 0 ? 1 : 0)
        return round(false, exponent, significand, environment.rounding, &environment)
    }

    /// FPMulAdd: `addend` + `first` × `second`, rounded once.
    @inline(never)
    static func multiplyAdd(
        _ addend: UInt64, _ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let c = unpack(addend, &environment)
        let a = unpack(first, &environment)
        let b = unpack(second, &environment)
        let isInvalidProduct = a.kind == .infinity && b.kind == .zero || a.kind == .zero && b.kind == .infinity
        if c.kind == .quietNaN && isInvalidProduct { return invalid(&environment) }
        if let nan = processNaNs(c, a, b, &environment) { return nan }
        if isInvalidProduct { return invalid(&environment) }

        let isNegative = a.isNegative != b.isNegative
        if a.kind == .infinity || b.kind == .infinity {
            if c.kind == .infinity && c.isNegative != isNegative { return invalid(&environment) }
            return Format.infinity(isNegative)
        }
        if c.kind == .infinity { return Format.infinity(c.isNegative) }
        if c.kind == .zero && (a.kind == .zero || b.kind == .zero) {
            return c.isNegative == isNegative ? Format.zero(isNegative) : exactZero(environment)
        }
        return fused(c, a, b, scale: 0, &environment)
    }

    /// FPRecipStepFused: 2 - `first` × `second`, rounded once.
    @inline(never)
    static func reciprocalStep(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        step(first, second, constant: Format.power(1), ofInvalid: Format.power(1), scale: 0, &environment)
    }

    /// FPRSqrtStepFused: (3 - `first` × `second`) / 2, rounded once.
    @inline(never)
    static func reciprocalSquareRootStep(
        _ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        step(
            first, second, constant: Format.power(1) | Format.quietBit, ofInvalid: Format.power(0) | Format.quietBit,
            scale: -1, &environment)
    }

    /// (`constant` - `first` × `second`) × 2^`scale`.
    private static func step(
        _ first: UInt64, _ second: UInt64, constant: UInt64, ofInvalid: UInt64, scale: Int,
        _ environment: inout FloatEnvironment
    ) -> UInt64 {
        // The sign is turned first, so that a NaN's sign turns with it.
        let a = unpack(Format.negate(first), &environment)
        let b = unpack(second, &environment)
        if let nan = processNaNs(a, b, &environment) { return nan }
        if a.kind == .infinity || b.kind == .infinity {
            if a.kind == .zero || b.kind == .zero { return ofInvalid }
            return Format.infinity(a.isNegative != b.isNegative)
        }
        return fused(unpack(constant, &environment), a, b, scale: scale, &environment)
    }

    /// (`addend` + `first` × `second`) × 2^`scale`, of zeros and finite numbers, the addend and the product not both
    /// zero.
    private static func fused(
        _ addend: UnpackedFloat, _ first: UnpackedFloat, _ second: UnpackedFloat, scale: Int,
        _ environment: inout FloatEnvironment
    ) -> UInt64 {
        if first.kind == .zero || second.kind == .zero {
            return round(
                addend.isNegative, addend.exponent &+ scale, addend.significand, environment.rounding, &environment)
        }
        let isNegative = first.isNegative != second.isNegative
        let wide = first.significand.multipliedFullWidth(by: second.significand)
        // One bit of room for the carry; a product has at most 106 significant bits, so that no one is lost.
        var product = (UInt128(wide.high) << 64 | UInt128(wide.low)) >> 1
        let productExponent = first.exponent &+ second.exponent &+ 1
        guard addend.kind != .zero else {
            return round128(isNegative, productExponent &+ 1 &+ scale, product, &environment)
        }
        var sum = UInt128(addend.significand) << 63
        let distance = productExponent &- addend.exponent
        let exponent = max(productExponent, addend.exponent) &+ 1 &+ scale
        sum = shiftRightJamming(sum, distance)
        product = shiftRightJamming(product, -distance)
        if addend.isNegative == isNegative {
            return round128(isNegative, exponent, sum &+ product, &environment)
        }
        if sum == product { return exactZero(environment) }
        let result = sum > product ? sum &- product : product &- sum
        return round128(sum > product ? addend.isNegative : isNegative, exponent, result, &environment)
    }

    /// Rounds ±`significand` × 2^(`exponent` - 127).
    private static func round128(
        _ isNegative: Bool, _ exponent: Int, _ significand: UInt128, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let shift = significand.leadingZeroBitCount
        let normalized = significand << UInt128(shift)
        let high = UInt64(truncatingIfNeeded: normalized >> 64)
        let low = UInt64(truncatingIfNeeded: normalized)
        return round(
            isNegative, exponent &- shift, high | (low != 0 ? 1 : 0), environment.rounding, &environment)
    }
}
