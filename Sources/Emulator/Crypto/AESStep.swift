// The steps of AES (FIPS 197, 5.1 and 5.3) as AESE, AESD, AESMC and AESIMC group them. The state is four columns;
// byte r of a word, counted from its low end, is row r.

/// Steps of AES on a state of four columns.
enum AESStep {
    /// AESE without the key: SubBytes and ShiftRows.
    static func encrypt(_ columns: SIMD4<UInt32>) -> SIMD4<UInt32> {
        substitute(columns, by: substitution.forward, rowStep: 1)
    }

    /// AESD without the key: InvSubBytes and InvShiftRows.
    static func decrypt(_ columns: SIMD4<UInt32>) -> SIMD4<UInt32> {
        substitute(columns, by: substitution.inverse, rowStep: 3)
    }

    /// Every byte by `table`, where row r of a column comes from the column r × `rowStep` further on.
    @inline(__always)
    private static func substitute(
        _ columns: SIMD4<UInt32>, by table: UnsafePointer<UInt8>, rowStep: Int
    ) -> SIMD4<UInt32> {
        @inline(__always)
        func column(_ first: Int) -> UInt32 {
            var result: UInt32 = 0
            for row in 0..<4 {
                let source = columns[(first &+ row &* rowStep) & 3]
                let shift = UInt32(8 &* row)
                result |= UInt32(table[Int(source &>> shift & 0xFF)]) &<< shift
            }
            return result
        }
        return SIMD4(column(0), column(1), column(2), column(3))
    }

    /// MixColumns: each byte becomes 2 × itself + 3 × the next + the other two, in GF(2^8).
    static func mixColumns(_ columns: SIMD4<UInt32>) -> SIMD4<UInt32> {
        let next = rotatedUp(columns, rows: 1)
        return doubled(columns ^ next) ^ next ^ rotatedUp(columns, rows: 2) ^ rotatedUp(columns, rows: 3)
    }

    /// InvMixColumns: its matrix is MixColumns' times one that adds 4 × (a byte + the byte two rows on) to each byte.
    static func inverseMixColumns(_ columns: SIMD4<UInt32>) -> SIMD4<UInt32> {
        mixColumns(columns ^ doubled(doubled(columns ^ rotatedUp(columns, rows: 2))))
    }

    /// Every column with row r + `rows` in row r.
    @inline(__always)
    private static func rotatedUp(_ columns: SIMD4<UInt32>, rows: UInt32) -> SIMD4<UInt32> {
        columns &>> SIMD4(repeating: 8 &* rows) | columns &<< SIMD4(repeating: 32 &- 8 &* rows)
    }

    /// Every byte times x in GF(2^8).
    @inline(__always)
    private static func doubled(_ columns: SIMD4<UInt32>) -> SIMD4<UInt32> {
        let carries = columns & SIMD4(repeating: 0x8080_8080)
        // 0x7F in the bytes that carry.
        let reduced = carries &- carries &>> SIMD4(repeating: 7)
        return (columns ^ carries) &<< SIMD4(repeating: 1) ^ reduced & SIMD4(repeating: 0x1B1B_1B1B)
    }

    /// The S-box and its inverse, 256 bytes each.
    ///
    /// Safe: allocated and filled once, never written again and never freed; indexes are bytes.
    private struct Substitution: @unchecked Sendable {
        let forward: UnsafePointer<UInt8>
        let inverse: UnsafePointer<UInt8>

        /// FIPS 197, 5.1.1: the inverse in GF(2^8), then an affine transformation.
        init() {
            let forward = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
            let inverse = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
            // 3 generates the field: its powers, up and down at once, are all pairs of a number and its inverse.
            // The inverse of 3 is its 254th power.
            var powers: [UInt8] = []
            var power: UInt8 = 1
            for _ in 0..<255 {
                powers.append(power)
                power ^= power << 1 ^ (power & 0x80 == 0 ? 0 : 0x1B)
            }
            func set(_ number: UInt8, inverse reciprocal: UInt8) {
                let rotations = (0...4).map { reciprocal << $0 | reciprocal >> (8 - $0) }
                let value = rotations.reduce(0x63, ^)
                forward[Int(number)] = value
                inverse[Int(value)] = number
            }
            set(0, inverse: 0)
            for exponent in 0..<255 { set(powers[exponent], inverse: powers[(255 - exponent) % 255]) }
            self.forward = UnsafePointer(forward)
            self.inverse = UnsafePointer(inverse)
        }
    }

    private static let substitution = Substitution()
}
