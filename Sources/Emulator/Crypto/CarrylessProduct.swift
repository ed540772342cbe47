// The product of two polynomials over GF(2) of 64 terms, for PMULL.

/// The carry-less product of `first` and `second`: low and high half. The high half is the low half of the product of
/// the factors with their bits reversed, reversed again.
func carrylessProduct(_ first: UInt64, _ second: UInt64) -> SIMD2<UInt64> {
    let low = lowHalfOfProduct(first, second)
    // The product of 64 by 64 terms has 127: its reversal is one place off.
    let high = bitsReversed(lowHalfOfProduct(bitsReversed(first), bitsReversed(second))) &>> 1
    return SIMD2(low, high)
}

/// The low half of the carry-less product, by ordinary multiplications of numbers with every fourth bit only. At most
/// 15 ones meet in a place, so that carries stay in the three places above it, which are ignored; 16 meet in the
/// topmost place only, whose carry leaves the number.
@inline(__always)
private func lowHalfOfProduct(_ first: UInt64, _ second: UInt64) -> UInt64 {
    let places = SIMD4<UInt64>(
        0x1111_1111_1111_1111, 0x2222_2222_2222_2222, 0x4444_4444_4444_4444, 0x8888_8888_8888_8888)
    let x = SIMD4(repeating: first) & places
    let y = SIMD4(repeating: second) & places
    let product0 = x[0] &* y[0] ^ x[1] &* y[3] ^ x[2] &* y[2] ^ x[3] &* y[1]
    let product1 = x[0] &* y[1] ^ x[1] &* y[0] ^ x[2] &* y[3] ^ x[3] &* y[2]
    let product2 = x[0] &* y[2] ^ x[1] &* y[1] ^ x[2] &* y[0] ^ x[3] &* y[3]
    let product3 = x[0] &* y[3] ^ x[1] &* y[2] ^ x[2] &* y[1] ^ x[3] &* y[0]
    return product0 & places[0] | product1 & places[1] | product2 & places[2] | product3 & places[3]
}

/// `bits` with the top bit lowest.
@inline(__always)
private func bitsReversed(_ bits: UInt64) -> UInt64 {
    let fours = swapped(bits.byteSwapped, 4, EveryOther.four)
    return swapped(swapped(fours, 2, EveryOther.pair), 1, EveryOther.bit)
}

/// Neighbouring groups of `width` bits swapped, where `low` is ones in every other group.
@inline(__always)
private func swapped(_ bits: UInt64, _ width: UInt64, _ low: UInt64) -> UInt64 {
    bits &>> width & low | (bits & low) &<< width
}
