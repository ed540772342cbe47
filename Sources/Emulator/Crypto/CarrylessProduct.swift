// The product of two polynomials over GF(2) of 64 terms, for PMULL.

/// The carry-less product of `first` and `second`: low and high half. Four bits of `second` are taken at a time.
func carrylessProduct(_ first: UInt64, _ second: UInt64) -> SIMD2<UInt64> {
    // first × 0 to first × 15. The multiples have up to 67 terms: `high` has the top three.
    var low = SIMD16<UInt64>()
    var high = SIMD16<UInt64>()
    low[1] = first
    for factor in 1..<8 {
        low[2 &* factor] = low[factor] &<< 1
        high[2 &* factor] = high[factor] &<< 1 | low[factor] &>> 63
        low[2 &* factor &+ 1] = low[2 &* factor] ^ first
        high[2 &* factor &+ 1] = high[2 &* factor]
    }
    var product = SIMD2<UInt64>()
    for nibble in 0..<16 {
        let factor = Int(truncatingIfNeeded: second &>> UInt64(60 &- 4 &* nibble) & 15)
        product = SIMD2(
            product[0] &<< 4 ^ low[factor],
            product[1] &<< 4 ^ product[0] &>> 60 ^ high[factor])
    }
    return product
}
