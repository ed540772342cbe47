// What is computed in one lane: the protocol that all lane operations share.
//
// An operation is a type, so that the drivers in `VectorExecutor+Lanes` are specialised for each. It is generic over
// the lane, so that SMAX and UMAX, for all sizes, are one definition: the lane's type brings size and sign.

/// A lane's value, and whether it had to be saturated to fit.
struct Saturated<Lane> {
    var value: Lane
    var isSaturated: Bool

    @inline(__always)
    init(_ value: Lane, _ isSaturated: Bool) {
        self.value = value
        self.isSaturated = isSaturated
    }
}

/// The computation of one lane from the lanes of the old destination `d` and the sources `n` and `m`, of which it may
/// ignore some.
protocol LaneOperation {
    /// Whether it can saturate.
    static var saturates: Bool { get }
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane>
}

/// An operation that does not saturate.
protocol ExactLaneOperation: LaneOperation {
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane
}

extension ExactLaneOperation {
    @inline(__always)
    static var saturates: Bool { false }

    @inline(__always)
    static func apply<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Saturated<Lane> {
        Saturated(value(d, n, m), false)
    }
}

/// An operation that may saturate.
protocol SaturatingLaneOperation: LaneOperation {}

extension SaturatingLaneOperation {
    @inline(__always)
    static var saturates: Bool { true }
}

extension FixedWidthInteger {
    /// The number of the sign bit, or the top bit.
    @inline(__always)
    static var topBit: Self { Self(truncatingIfNeeded: bitWidth &- 1) }

    /// The limit on the side of this number's sign: what a sum that starts from it saturates to.
    @inline(__always)
    var limit: Self { Self.isSigned ? self &>> Self.topBit ^ .max : .max }

    /// Ones in the lower half.
    @inline(__always)
    static var lowerHalf: Self { ~(~0 &<< Self(truncatingIfNeeded: bitWidth / 2)) }
}
