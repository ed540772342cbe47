// Shifts of lanes. Where the amount is an immediate, `m` has it in every lane: 1 to the lane's bits to the right,
// 0 to one less to the left.

/// SHL, SSHLL, USHLL.
enum ShiftLeft: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        n &<< m
    }
}

/// SSHR, USHR, in two steps, because the amount may be all of the bits.
enum ShiftRight: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        (n &>> (m &- 1)) &>> 1
    }
}

/// SSRA, USRA.
enum ShiftRightAccumulate: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        d &+ ShiftRight.value(d, n, m)
    }
}

/// SRSHR, URSHR: the last bit shifted out is added.
enum RoundingShiftRight: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        let doubled = n &>> (m &- 1)
        return doubled &>> 1 &+ doubled & 1
    }
}

/// SRSRA, URSRA.
enum RoundingShiftRightAccumulate: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        d &+ RoundingShiftRight.value(d, n, m)
    }
}

/// SRI, on unsigned lanes: the top `m` bits of d stay.
enum ShiftRightInsert: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        // In steps: Swift 6.2 does not type-check it as one expression.
        let inserted = (n &>> (m &- 1)) &>> 1
        let mask: Lane = (~0 &>> (m &- 1)) &>> 1
        return inserted | d & ~mask
    }
}

/// SLI: the low `m` bits of d stay.
enum ShiftLeftInsert: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        n &<< m | d & ~(~0 &<< m)
    }
}

/// SSHL, USHL: by the signed low byte of m, and any number of places.
enum ShiftByRegister: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        n << Int8(truncatingIfNeeded: m)
    }
}

/// SRSHL, URSHL.
enum RoundingShiftByRegister: ExactLaneOperation {
    @inline(__always)
    static func value<Lane: FixedWidthInteger>(_ d: Lane, _ n: Lane, _ m: Lane) -> Lane {
        let amount = Int(Int8(truncatingIfNeeded: m))
        return amount < 0 ? roundingShiftRight(n, by: 0 &- amount) : n << amount
    }
}

/// `n` shifted right by `amount`, at least 1 and perhaps more than there are bits, with the last bit that is shifted
/// out added.
@inline(__always)
func roundingShiftRight<Lane: FixedWidthInteger>(_ n: Lane, by amount: Int) -> Lane {
    n >> amount &+ n >> (amount &- 1) & 1
}
