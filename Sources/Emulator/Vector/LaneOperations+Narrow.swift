// Operations whose result is narrowed to half of its lane: a step on wide lanes, then a way to make the result fit.

/// How a wide lane is made to fit in its lower half.
protocol Narrowing {
    static var saturates: Bool { get }
    static func narrow<Lane: FixedWidthInteger>(_ wide: Lane) -> Saturated<Lane>
}

/// XTN, SHRN, ADDHN: the lower half.
enum Truncating: Narrowing {
    @inline(__always)
    static var saturates: Bool { false }

    @inline(__always)
    static func narrow<Lane: FixedWidthInteger>(_ wide: Lane) -> Saturated<Lane> { Saturated(wide, false) }
}

/// SQXTN and UQXTN: to the range of a number of the same signedness.
enum Saturating: Narrowing {
    @inline(__always)
    static var saturates: Bool { true }

    @inline(__always)
    static func narrow<Lane: FixedWidthInteger>(_ wide: Lane) -> Saturated<Lane> {
        let greatest = Lane.isSigned ? Lane.lowerHalf &>> 1 : Lane.lowerHalf
        let value = min(max(wide, Lane.isSigned ? ~greatest : 0), greatest)
        return Saturated(value, value != wide)
    }
}

/// SQXTUN: a signed number to the range of an unsigned one.
enum SaturatingToUnsigned: Narrowing {
    @inline(__always)
    static var saturates: Bool { true }

    @inline(__always)
    static func narrow<Lane: FixedWidthInteger>(_ wide: Lane) -> Saturated<Lane> {
        let value = min(max(wide, 0), Lane.lowerHalf)
        return Saturated(value, value != wide)
    }
}

/// XTN and its like: the lane as it is.
enum Unchanged: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane { n }
}

/// ADDHN: the upper half of the sum.
enum AddHigh: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane { upperHalf(n &+ m) }
}

/// RADDHN: the upper half of the sum, rounded.
enum RoundingAddHigh: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        upperHalf(n &+ m &+ roundingConstant())
    }
}

/// SUBHN: the upper half of the difference.
enum SubtractHigh: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane { upperHalf(n &- m) }
}

/// RSUBHN: the upper half of the difference, rounded.
enum RoundingSubtractHigh: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        upperHalf(n &- m &+ roundingConstant())
    }
}

/// The upper half of a lane, as its lower half.
@inline(__always)
private func upperHalf<Lane: FixedWidthInteger>(_ lane: Lane) -> Lane {
    lane &>> Lane(truncatingIfNeeded: Lane.bitWidth / 2)
}

/// Half of the least number that the upper half can tell.
@inline(__always)
private func roundingConstant<Lane: FixedWidthInteger>() -> Lane {
    1 &<< Lane(truncatingIfNeeded: Lane.bitWidth / 2 &- 1)
}
