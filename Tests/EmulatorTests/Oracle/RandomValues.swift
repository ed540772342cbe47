// Values that are more likely than chance to show a mistake.

/// Register and memory contents for test cases.
enum RandomValues {
    /// Bits of doubles: zeros, ones, infinities, NaNs quiet and signalling, the ends of the normal and subnormal
    /// ranges, and the ends of integer ranges.
    static let doubles: [UInt64] = [
        0, 0x8000_0000_0000_0000, 0x3FF0_0000_0000_0000, 0xBFF0_0000_0000_0000, 0x7FF0_0000_0000_0000,
        0xFFF0_0000_0000_0000, 0x7FF8_0000_0000_0000, 0x7FF8_0000_0000_1234, 0xFFF8_0000_0000_4321,
        0x7FF0_0000_0000_0001, 0xFFF4_0000_0000_0001, 0x7FEF_FFFF_FFFF_FFFF, 0xFFEF_FFFF_FFFF_FFFF,
        0x0010_0000_0000_0000, 0x8010_0000_0000_0000, 0x000F_FFFF_FFFF_FFFF, 0x0000_0000_0000_0001,
        0x8000_0000_0000_0001, 0x3FE0_0000_0000_0000, 0x3FDF_FFFF_FFFF_FFFF, 0x3FF8_0000_0000_0000,
        0x4004_0000_0000_0000, 0x41DF_FFFF_FFC0_0000, 0x41E0_0000_0000_0000, 0xC1E0_0000_0020_0000,
        0x41EF_FFFF_FFE0_0000, 0x43E0_0000_0000_0000, 0x43DF_FFFF_FFFF_FFFF, 0xC3E0_0000_0000_0000,
        0x43F0_0000_0000_0000, 0x4340_0000_0000_0001, 0x47EF_FFFF_E000_0000, 0x47EF_FFFF_F000_0000,
        0x3810_0000_0000_0000, 0x36A0_0000_0000_0000, 0x40EF_FC00_0000_0000, 0x3F10_0000_0000_0000,
    ]

    /// The same of singles.
    static let singles: [UInt32] = [
        0, 0x8000_0000, 0x3F80_0000, 0xBF80_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7FC0_1234, 0xFFC0_4321,
        0x7F80_0001, 0xFFA0_0001, 0x7F7F_FFFF, 0xFF7F_FFFF, 0x0080_0000, 0x8080_0000, 0x007F_FFFF, 0x0000_0001,
        0x8000_0001, 0x3F00_0000, 0x3EFF_FFFF, 0x3FC0_0000, 0x4020_0000, 0x4EFF_FFFF, 0x4F00_0000, 0xCF00_0000,
        0xCF00_0001, 0x4F7F_FFFF, 0x4F80_0000, 0x5F00_0000, 0x5EFF_FFFF, 0xDF00_0000, 0x477F_E000, 0x477F_F000,
        0x3880_0000, 0x3380_0000, 0x3300_0000,
    ]

    /// The same of half-precision numbers.
    static let halves: [UInt16] = [
        0, 0x8000, 0x3C00, 0xBC00, 0x7C00, 0xFC00, 0x7E00, 0x7E12, 0x7C01, 0xFD01, 0x7BFF, 0xFBFF, 0x0400, 0x8400,
        0x03FF, 0x0001, 0x8001, 0x3800, 0x7FFF, 0xFFFF,
    ]

    /// Contents for a general register.
    static func general(_ random: inout SeededGenerator) -> UInt64 {
        switch random.below(10) {
        case 0: return random.next() & 0xFF
        case 1: return 0 &- (random.next() & 0xFF)
        case 2: return 1 << (random.next() & 63)
        case 3: return (1 << (random.next() & 63)) &- 1
        case 4: return [0, ~0, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63, ~(1 << 63)][random.below(7)]
        case 5: return random.next() & 0xFFFF_FFFF
        case 6: return doubles[random.below(doubles.count)]
        case 7: return UInt64(singles[random.below(singles.count)])
        default: return random.next()
        }
    }

    /// Eight bytes of a vector register, or of memory.
    static func lane(_ random: inout SeededGenerator) -> UInt64 {
        func pieces(_ width: UInt64, _ value: (inout SeededGenerator) -> UInt64) -> UInt64 {
            stride(from: 0, to: 64, by: Int(width)).reduce(0) { $0 | value(&random) << UInt64($1) }
        }
        switch random.below(9) {
        case 0: return doubles[random.below(doubles.count)]
        // Near a special value: its last bits and sign changed.
        case 1: return doubles[random.below(doubles.count)] ^ (random.next() & 0x8000_0000_0000_0003)
        case 2: return pieces(32) { UInt64(singles[$0.below(singles.count)]) }
        case 3: return pieces(32) { UInt64(singles[$0.below(singles.count)]) ^ ($0.next() & 0x8000_0003) }
        case 4: return pieces(16) { UInt64(halves[$0.below(halves.count)]) }
        case 5: return pieces(8) { [0, 1, 0x7F, 0x80, 0xFF, $0.next() & 0xFF][$0.below(6)] }
        case 6:
            // Numbers of similar size, so that sums do not drown one of the two.
            return pieces(32) { 0x3F00_0000 | ($0.next() & 0x80FF_FFFF) }
        default: return random.next()
        }
    }

    static func vector(_ random: inout SeededGenerator) -> SIMD2<UInt64> {
        let low = lane(&random)
        return SIMD2(low, random.oneIn(4) ? low : lane(&random))
    }

    /// Bits of FPCR that both sides implement: RMode, FZ16, FZ, DN, AHP.
    static func fpcr(_ random: inout SeededGenerator) -> UInt32 {
        var value: UInt32 = 0
        if random.oneIn(2) { value |= UInt32(random.below(4)) << 22 }
        if random.oneIn(4) { value |= 1 << 19 }
        if random.oneIn(4) { value |= 1 << 24 }
        if random.oneIn(4) { value |= 1 << 25 }
        if random.oneIn(8) { value |= 1 << 26 }
        return value
    }

    /// Bits of FPSR: QC and the cumulative exception bits.
    static func fpsr(_ random: inout SeededGenerator) -> UInt32 {
        random.oneIn(2) ? 0 : UInt32(truncatingIfNeeded: random.next()) & 0x0800_009F
    }

    /// The writable data pages.
    static func data(_ random: inout SeededGenerator) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: OracleRecord.dataByteCount) { buffer, count in
            // Safe: the capacity is a multiple of 8, and all of it is written.
            let words = UnsafeMutableRawBufferPointer(buffer)
            for offset in stride(from: 0, to: OracleRecord.dataByteCount, by: 8) {
                let value = offset & 0x38 == 0 ? lane(&random) : random.next()
                words.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
            }
            count = OracleRecord.dataByteCount
        }
    }
}
