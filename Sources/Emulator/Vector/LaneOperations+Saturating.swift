// Sums, products and shifts of lanes that saturate.

/// SQADD, UQADD.
enum SaturatingAdd: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let sum = n &+ m
        let overflow = carries(from: n, and: m, to: sum)
        return Saturated(select(overflow, n.limit, sum), overflow)
    }
}

/// SQSUB, UQSUB: an unsigned difference saturates to zero.
enum SaturatingSubtract: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let difference = n &- m
        // Both signs differ from the subtrahend's, or the unsigned subtrahend is the greater.
        let overflow = Lane.isSigned ? (n ^ m) & (n ^ difference) < 0 : n < m
        return Saturated(select(overflow, Lane.isSigned ? n.limit : 0, difference), overflow)
    }
}

/// SQABS.
enum SaturatingAbsolute: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let value = Absolute.value(d, n, m)
        return Saturated(select(n == .min, .max, value), n == .min)
    }
}

/// SQNEG.
enum SaturatingNegate: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        Saturated(select(n == .min, .max, 0 &- n), n == .min)
    }
}

/// SUQADD: signed d and unsigned n. Read as signed, an n with its top bit set is 2^bits too small, and only then may
/// the sum seem to overflow downwards.
enum SaturatingAddUnsigned: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let sum = d &+ n
        let isSaturated = carries(from: d, and: n, to: sum) != (n < 0)
        return Saturated(select(isSaturated, .max, sum), isSaturated)
    }
}

/// USQADD: unsigned d and signed n. Read as unsigned, a negative n is 2^bits too large: the sum then must carry.
enum SaturatingAddSigned: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let sum = d &+ n
        let isNegative = n &>> Lane.topBit != 0
        let isSaturated = carries(from: d, and: n, to: sum) != isNegative
        return Saturated(select(isSaturated, mask(!isNegative), sum), isSaturated)
    }
}

/// SQDMULH: only the square of the least number does not fit.
enum SaturatingDoublingMultiplyHigh: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let product = n.multipliedFullWidth(by: m)
        let high = product.high &<< 1 | Lane(truncatingIfNeeded: product.low &>> Lane.Magnitude.topBit)
        let isSaturated = n == .min && m == .min
        return Saturated(select(isSaturated, .max, high), isSaturated)
    }
}

/// SQRDMULH.
enum SaturatingRoundingDoublingMultiplyHigh: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        SaturatingRoundingDoublingMultiplyAddHigh.apply(0, n, m)
    }
}

/// SQRDMLAH, and with d = 0 SQRDMULH.
enum SaturatingRoundingDoublingMultiplyAddHigh: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        roundingDoublingHigh(d, Int64(truncatingIfNeeded: n) &* Int64(truncatingIfNeeded: m))
    }
}

/// SQRDMLSH.
enum SaturatingRoundingDoublingMultiplySubtractHigh: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        roundingDoublingHigh(d, 0 &- Int64(truncatingIfNeeded: n) &* Int64(truncatingIfNeeded: m))
    }
}

/// SQDMULL, on lanes already widened: only the square of the least number does not fit.
enum SaturatingDoublingMultiply: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let product = n &* m
        let doubled = product &+ product
        let overflow = carries(from: product, and: product, to: doubled)
        return Saturated(select(overflow, .max, doubled), overflow)
    }
}

/// SQDMLAL.
enum SaturatingDoublingMultiplyAdd: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let product = SaturatingDoublingMultiply.apply(d, n, m)
        let sum = SaturatingAdd.apply(d, d, product.value)
        return Saturated(sum.value, product.isSaturated || sum.isSaturated)
    }
}

/// SQDMLSL.
enum SaturatingDoublingMultiplySubtract: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let product = SaturatingDoublingMultiply.apply(d, n, m)
        let difference = SaturatingSubtract.apply(d, d, product.value)
        return Saturated(difference.value, product.isSaturated || difference.isSaturated)
    }
}

/// SQSHL, UQSHL by an immediate.
enum SaturatingShiftLeft: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let shifted = n &<< m
        let isSaturated = shifted &>> m != n
        return Saturated(select(isSaturated, n.limit, shifted), isSaturated)
    }
}

/// SQSHLU: a signed number to an unsigned one.
enum SaturatingShiftLeftUnsigned: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let shifted = n &<< m
        let isSaturated =
            n < 0
            || Lane.Magnitude(truncatingIfNeeded: shifted) &>> Lane.Magnitude(truncatingIfNeeded: m)
                != Lane.Magnitude(truncatingIfNeeded: n)
        return Saturated(select(isSaturated, mask(n >= 0), shifted), isSaturated)
    }
}

/// SQSHL, UQSHL by a register.
enum SaturatingShiftByRegister: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let amount = Int(Int8(truncatingIfNeeded: m))
        return amount < 0 ? Saturated(n << amount, false) : saturatingShiftLeft(n, by: amount)
    }
}

/// SQRSHL, UQRSHL.
enum SaturatingRoundingShiftByRegister: SaturatingLaneOperation {
    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        let amount = Int(Int8(truncatingIfNeeded: m))
        return amount < 0
            ? Saturated(roundingShiftRight(n, by: 0 &- amount), false) : saturatingShiftLeft(n, by: amount)
    }
}

/// Whether `sum`, of `first` and `second`, does not fit in a lane. The standard library's reporting of overflow would
/// do, but keeps loops over it from being vectorised.
@inline(__always)
private func carries<Lane: FixedWidthInteger>(from first: Lane, and second: Lane, to sum: Lane) -> Bool {
    Lane.isSigned ? (first ^ sum) & (second ^ sum) < 0 : sum < first
}

/// d + 2 × `product` / 2^bits, rounded and saturated, for lanes of at most 32 bits. Everything is halved first, so
/// that it fits in 64 bits.
@inline(__always)
private func roundingDoublingHigh<Lane: FixedWidthInteger>(_ d: Lane, _ product: Int64) -> Saturated<Lane> {
    let bits = Int64(Lane.bitWidth)
    let sum = Int64(truncatingIfNeeded: d) &<< (bits &- 1) &+ product &+ 1 &<< (bits &- 2)
    let value = sum &>> (bits &- 1)
    let narrow = Lane(truncatingIfNeeded: value)
    let isSaturated = Int64(truncatingIfNeeded: narrow) != value
    let limit = Lane(truncatingIfNeeded: value &>> Int64.topBit) ^ .max
    return Saturated(select(isSaturated, limit, narrow), isSaturated)
}

/// `n` shifted left by `amount`, which may be more than there are bits.
@inline(__always)
private func saturatingShiftLeft<Lane: FixedWidthInteger>(_ n: Lane, by amount: Int) -> Saturated<Lane> {
    let shifted = n << amount
    let isSaturated = n != 0 && (amount >= Lane.bitWidth || shifted >> amount != n)
    return Saturated(select(isSaturated, n.limit, shifted), isSaturated)
}
