// Operations that treat a register as bits or bytes, whatever the element size.

/// Ones in every other group of bits, from the lowest on.
enum EveryOther {
    static let bit: UInt64 = 0x5555_5555_5555_5555
    static let pair: UInt64 = 0x3333_3333_3333_3333
    static let four: UInt64 = 0x0F0F_0F0F_0F0F_0F0F
    static let byte: UInt64 = 0x00FF_00FF_00FF_00FF
    static let halfword: UInt64 = 0x0000_FFFF_0000_FFFF
    static let word: UInt64 = 0x0000_0000_FFFF_FFFF
}

extension VectorExecutor {
    /// d = `combine`(d, n, m).
    @inline(__always)
    static func bitwise(
        _ operation: Operation, _ state: CPUState,
        _ combine: (_ d: SIMD2<UInt64>, _ n: SIMD2<UInt64>, _ m: SIMD2<UInt64>) -> SIMD2<UInt64>
    ) {
        let result = combine(state.q(operation.d), state.q(operation.n), state.q(operation.m))
        state.setLanes(operation.d, result, operation.shape)
    }

    /// MOVI, MVNI, ORR and BIC: d = `combine`(d, the immediate in both halves).
    @inline(__always)
    static func immediate(
        _ operation: Operation, _ state: CPUState,
        _ combine: (_ d: SIMD2<UInt64>, _ pattern: SIMD2<UInt64>) -> SIMD2<UInt64>
    ) {
        let result = combine(state.q(operation.d), SIMD2(repeating: operation.immediate))
        state.setLanes(operation.d, result, operation.shape)
    }

    /// Neighbouring groups of bits swapped, where `low` is ones in every other group of `width` bits.
    @inline(__always)
    private static func swapped(_ bits: SIMD2<UInt64>, _ width: UInt64, _ low: UInt64) -> SIMD2<UInt64> {
        let mask = SIMD2(repeating: low)
        let shift = SIMD2(repeating: width)
        return (bits & mask) &<< shift | bits &>> shift & mask
    }

    /// CNT: the number of ones in each byte, by adding neighbours: single bits, pairs, fours.
    static func countOnes(_ operation: Operation, _ state: CPUState) {
        let n = state.q(operation.n)
        let pairs = n &- n &>> SIMD2(repeating: 1) & SIMD2(repeating: EveryOther.bit)
        let fours =
            pairs & SIMD2(repeating: EveryOther.pair)
            &+ pairs &>> SIMD2(repeating: 2) & SIMD2(repeating: EveryOther.pair)
        let bytes = (fours &+ fours &>> SIMD2(repeating: 4)) & SIMD2(repeating: EveryOther.four)
        state.setLanes(operation.d, bytes, operation.shape)
    }

    /// RBIT: the bits of each byte in reverse.
    static func reverseBits(_ operation: Operation, _ state: CPUState) {
        var bits = state.q(operation.n)
        bits = swapped(bits, 1, EveryOther.bit)
        bits = swapped(bits, 2, EveryOther.pair)
        bits = swapped(bits, 4, EveryOther.four)
        state.setLanes(operation.d, bits, operation.shape)
    }

    /// REV16, REV32, REV64: the elements of each container of 2^`container` bytes in reverse, by swapping neighbours of
    /// every size from the element's up to half of the container's.
    @inline(__always)
    static func reverseElements(container: UInt8, _ operation: Operation, _ state: CPUState) {
        var bits = state.q(operation.n)
        let size = operation.shape.size
        if size == 0 { bits = swapped(bits, 8, EveryOther.byte) }
        if size <= 1 && container > 1 { bits = swapped(bits, 16, EveryOther.halfword) }
        if container > 2 { bits = swapped(bits, 32, EveryOther.word) }
        state.setLanes(operation.d, bits, operation.shape)
    }

    /// PMUL: carry-less products of bytes, their low halves.
    static func polynomialMultiply(_ operation: Operation, _ state: CPUState) {
        let n: SIMD16<UInt8> = state.lanes(operation.n)
        let m: SIMD16<UInt8> = state.lanes(operation.m)
        var product = SIMD16<UInt8>()
        for bit in UInt8(0)..<8 {
            let isSet = 0 &- (m &>> SIMD16(repeating: bit) & SIMD16(repeating: 1))
            product ^= n &<< SIMD16(repeating: bit) & isSet
        }
        state.setLanes(operation.d, product, operation.shape)
    }

    /// PMULL of bytes: carry-less products, whole.
    static func polynomialMultiplyLong(_ operation: Operation, _ state: CPUState) {
        let half = operation.shape.isQ ? MemoryLayout<SIMD8<UInt8>>.size : 0
        let n = SIMD8<UInt16>(truncatingIfNeeded: state.lanes(operation.n, offset: half, as: SIMD8<UInt8>.self))
        let m = SIMD8<UInt16>(truncatingIfNeeded: state.lanes(operation.m, offset: half, as: SIMD8<UInt8>.self))
        var product = SIMD8<UInt16>()
        for bit in UInt16(0)..<8 {
            let isSet = 0 &- (m &>> SIMD8(repeating: bit) & SIMD8(repeating: 1))
            product ^= n &<< SIMD8(repeating: bit) & isSet
        }
        state.setLanes(operation.d, product, operation.shape.widened)
    }
}
