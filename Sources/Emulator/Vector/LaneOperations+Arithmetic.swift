// Sums, products, differences and comparisons of lanes.

/// ADD, and SADDL and the like on lanes already widened.
enum Add: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        n &+ m
    }
}

/// SUB.
enum Subtract: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        n &- m
    }
}

/// MUL.
enum Multiply: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        n &* m
    }
}

/// MLA.
enum MultiplyAdd: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        d &+ n &* m
    }
}

/// MLS.
enum MultiplySubtract: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        d &- n &* m
    }
}

/// SHADD, UHADD: the bits that both have, and half of those that one has.
enum HalvingAdd: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        (n & m) &+ (n ^ m) &>> 1
    }
}

/// SRHADD, URHADD: the same, rounded up.
enum RoundingHalvingAdd: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        (n | m) &- (n ^ m) &>> 1
    }
}

/// SHSUB, UHSUB: the difference of the halves, less one if the low bits borrow.
enum HalvingSubtract: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        n &>> 1 &- m &>> 1 &- (~n & m & 1)
    }
}

/// SMAX, UMAX.
enum Maximum: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        max(n, m)
    }
}

/// SMIN, UMIN.
enum Minimum: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        min(n, m)
    }
}

/// SABD, UABD.
enum AbsoluteDifference: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        max(n, m) &- min(n, m)
    }
}

/// SABA, UABA.
enum AbsoluteDifferenceAccumulate: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        d &+ AbsoluteDifference.value(d, n, m)
    }
}

/// ABS: the least number stays as it is.
enum Absolute: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        let sign = n &>> Lane.topBit
        return (n ^ sign) &- sign
    }
}

/// NEG.
enum Negate: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        0 &- n
    }
}

/// CLS: bits after the first that equal it.
enum CountLeadingSignBits: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        Lane(truncatingIfNeeded: (n ^ n &>> 1).leadingZeroBitCount &- 1)
    }
}

/// CLZ.
enum CountLeadingZeroBits: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        Lane(truncatingIfNeeded: n.leadingZeroBitCount)
    }
}

/// CMGT, CMHI.
enum Greater: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        mask(n > m)
    }
}

/// CMGE, CMHS.
enum GreaterOrEqual: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        mask(n >= m)
    }
}

/// CMEQ.
enum Equal: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        mask(n == m)
    }
}

/// CMLE.
enum LessOrEqual: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        mask(n <= m)
    }
}

/// CMLT.
enum Less: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        mask(n < m)
    }
}

/// CMTST.
enum Test: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        mask(n & m != 0)
    }
}

/// SADDLP, UADDLP on wide lanes: the sum of the two halves of a lane of `n`.
enum PairwiseAddLong: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        let half = Lane(truncatingIfNeeded: Lane.bitWidth / 2)
        return (n &<< half) &>> half &+ n &>> half
    }
}

/// SADALP, UADALP.
enum PairwiseAddLongAccumulate: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        d &+ PairwiseAddLong.value(d, n, m)
    }
}

/// SDOT, UDOT: d and the products of the four bytes of a word.
enum DotProduct: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        d &+ product(n, m, ofByte: 0) &+ product(n, m, ofByte: 1) &+ product(n, m, ofByte: 2)
            &+ product(n, m, ofByte: 3)
    }

    /// To the top of the word and down again extends a byte by its sign or with zeros.
    @inline(__always)
    private static func product<Lane: FixedWidthInteger>(_ n: Lane, _ m: Lane, ofByte byte: Int) -> Lane {
        let up = Lane(truncatingIfNeeded: 24 &- 8 &* byte)
        return ((n &<< up) &>> 24) &* ((m &<< up) &>> 24)
    }
}
