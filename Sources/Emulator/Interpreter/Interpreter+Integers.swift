// Integer operations that Swift has no operator for.

import Arm64

extension EmulatedCPU {
    /// The extended register of ADD (extended register) and of register-offset addresses; `option` as encoded.
    @inline(__always)
    static func extend(_ value: UInt64, option: UInt8) -> UInt64 {
        switch option & 7 {
        case 0: value & 0xFF
        case 1: value & 0xFFFF
        case 2: value & 0xFFFF_FFFF
        case 4: UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: value)))
        case 5: UInt64(bitPattern: Int64(Int16(truncatingIfNeeded: value)))
        case 6: UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: value)))
        default: value
        }
    }

    @inline(__always)
    static func extractSigned(_ value: UInt64, _ op: Operation) -> UInt64 {
        UInt64(bitPattern: Int64(bitPattern: value &<< UInt64(op.a)) &>> Int64(op.sub))
    }

    @inline(__always)
    static func insertField(_ old: UInt64, _ value: UInt64, _ op: Operation) -> UInt64 {
        old & ~op.immediate | (value &>> UInt64(op.sub)) &<< UInt64(op.a) & op.immediate
    }

    @inline(__always)
    static func rotateRight(_ value: UInt64, _ amount: UInt64) -> UInt64 {
        value &>> amount | value &<< (0 &- amount)
    }

    @inline(__always)
    static func rotateRight(_ value: UInt32, _ amount: UInt32) -> UInt32 {
        value &>> amount | value &<< (0 &- amount)
    }

    /// SDIV: rounds towards zero, zero for a zero divisor, and wraps for the most negative number by −1.
    @inline(__always)
    static func divide(_ a: Int64, _ b: Int64) -> UInt64 {
        b == 0 ? 0 : UInt64(bitPattern: a.dividedReportingOverflow(by: b).partialValue)
    }

    @inline(__always)
    static func divide(_ a: Int32, _ b: Int32) -> UInt64 {
        b == 0 ? 0 : UInt64(UInt32(bitPattern: a.dividedReportingOverflow(by: b).partialValue))
    }

    @inline(__always)
    static func reverseBits(_ value: UInt64) -> UInt64 {
        var v = value.byteSwapped
        v = (v >> 4) & 0x0F0F_0F0F_0F0F_0F0F | (v & 0x0F0F_0F0F_0F0F_0F0F) << 4
        v = (v >> 2) & 0x3333_3333_3333_3333 | (v & 0x3333_3333_3333_3333) << 2
        return (v >> 1) & 0x5555_5555_5555_5555 | (v & 0x5555_5555_5555_5555) << 1
    }

    @inline(__always)
    static func swapBytesOfHalfwords(_ v: UInt64) -> UInt64 {
        (v >> 8) & 0x00FF_00FF_00FF_00FF | (v & 0x00FF_00FF_00FF_00FF) << 8
    }
}

/// CRC32 and CRC32C: DDI 0487, C6.2. Both are reflected, without inversion before or after.
enum CRC32 {
    /// The polynomials, reflected.
    enum Polynomial: UInt32 {
        case ieee = 0xEDB8_8320
        case castagnoli = 0x82F6_3B78

        /// All 33 coefficients, the highest power's in the lowest bit.
        var product: UInt64 { UInt64(rawValue) << 1 | 1 }

        /// What `product` is to be multiplied by, without carries, for 1 modulo x^64.
        var inverse: UInt64 {
            var inverse: UInt64 = 0
            var rest: UInt64 = 1
            for bit in 0..<UInt64(64) where rest >> bit & 1 != 0 {
                inverse |= 1 << bit
                rest ^= product << bit
            }
            return inverse
        }
    }

    /// For each byte, what it makes of the low byte of the sum. Safe: filled once, 256 entries, never freed.
    private static func makeTable(_ polynomial: Polynomial) -> [UInt32] {
        (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { sum, _ in sum & 1 != 0 ? sum >> 1 ^ polynomial.rawValue : sum >> 1 }
        }
    }
    private static let ieee = makeTable(.ieee)
    private static let castagnoli = makeTable(.castagnoli)

    /// The sum `accumulator` after `byteCount` (1, 2, 4, 8) low bytes of `value`.
    @inline(never)
    static func update(_ accumulator: UInt64, _ value: UInt64, byteCount: Int, _ polynomial: Polynomial) -> UInt64 {
        let table = polynomial == .ieee ? ieee : castagnoli
        var sum = UInt32(truncatingIfNeeded: accumulator)
        var value = value
        for _ in 0..<byteCount {
            sum = sum >> 8 ^ table[Int((sum ^ UInt32(truncatingIfNeeded: value)) & 0xFF)]
            value >>= 8
        }
        return UInt64(sum)
    }
}
