// Sets of general registers.

/// A set of general registers, numbered as in `CPUState.Register`.
struct RegisterSet: Equatable {
    var bits: UInt64

    static let none = RegisterSet(bits: 0)
    static let all = RegisterSet(bits: ~0)

    @inline(__always)
    init(bits: UInt64) { self.bits = bits }

    @inline(__always)
    init(_ register: UInt8) { bits = 1 << UInt64(register) }

    @inline(__always)
    func contains(_ register: UInt8) -> Bool { bits >> UInt64(register) & 1 != 0 }

    @inline(__always)
    static func | (a: Self, b: Self) -> Self { Self(bits: a.bits | b.bits) }

    @inline(__always)
    static func |= (a: inout Self, b: Self) { a.bits |= b.bits }

    @inline(__always)
    func subtracting(_ other: Self) -> Self { Self(bits: bits & ~other.bits) }

    @inline(__always)
    func intersection(_ other: Self) -> Self { Self(bits: bits & other.bits) }

    /// Calls `body` with each member, from the lowest.
    @inline(__always)
    func forEach(_ body: (UInt8) -> Void) {
        var rest = bits
        while rest != 0 {
            body(UInt8(rest.trailingZeroBitCount))
            rest &= rest &- 1
        }
    }
}
