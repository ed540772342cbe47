// Constants of 16 bytes that translated vector code uses as operands, at fixed places in the state block.
//
// They lie there rather than beside the code, because the state block is what a register always points to.

#if arch(x86_64)

/// A constant of 16 bytes.
enum VectorConstant: Int, CaseIterable {
    case zero
    /// Orders for PSHUFB: the bytes, or halfwords, of each container of 16, 32 or 64 bits reversed.
    case bytesIn16, bytesIn32, bytesIn64
    case halfwordsIn32, halfwordsIn64
    /// Added to an index with saturation, it sets the top bit of those above 15, which PSHUFB makes zero of.
    case indexLimit
    /// The bytes of one table register.
    case sixteen
    /// SHA-1's K of rounds 0 to 59 (FIPS 180-4, 4.2.1), which the host's instruction adds itself.
    case sha1K0, sha1K20, sha1K40
    /// Added to twice an element of floating point, they make the lowest signed number of what has an exponent of 2 and
    /// no fraction, which is where ordinary numbers begin (`HostFloat.isOrdinary`); and the largest of those.
    case ordinarySingleOffset, lastOrdinarySingle, ordinaryDoubleOffset, lastOrdinaryDouble

    /// The low and the high half.
    var halves: SIMD2<UInt64> {
        switch self {
        case .zero: SIMD2(0, 0)
        case .bytesIn16: SIMD2(0x0607_0405_0203_0001, 0x0E0F_0C0D_0A0B_0809)
        case .bytesIn32: SIMD2(0x0405_0607_0001_0203, 0x0C0D_0E0F_0809_0A0B)
        case .bytesIn64: SIMD2(0x0001_0203_0405_0607, 0x0809_0A0B_0C0D_0E0F)
        case .halfwordsIn32: SIMD2(0x0504_0706_0100_0302, 0x0D0C_0F0E_0908_0B0A)
        case .halfwordsIn64: SIMD2(0x0100_0302_0504_0706, 0x0908_0B0A_0D0C_0F0E)
        case .indexLimit: SIMD2(repeating: 0x7070_7070_7070_7070)
        case .sixteen: SIMD2(repeating: 0x1010_1010_1010_1010)
        case .sha1K0: SIMD2(repeating: 0x5A82_7999_5A82_7999)
        case .sha1K20: SIMD2(repeating: 0x6ED9_EBA1_6ED9_EBA1)
        case .sha1K40: SIMD2(repeating: 0x8F1B_BCDC_8F1B_BCDC)
        case .ordinarySingleOffset: SIMD2(repeating: 0x7E00_0000_7E00_0000)
        case .lastOrdinarySingle: SIMD2(repeating: 0x7CFF_FFFF_7CFF_FFFF)
        case .ordinaryDoubleOffset: SIMD2(repeating: 0x7FC0_0000_0000_0000)
        case .lastOrdinaryDouble: SIMD2(repeating: 0x7F9F_FFFF_FFFF_FFFF)
        }
    }

    /// In the state block.
    var offset: Int { CPUState.Offset.vectorConstants + rawValue * 16 }
}

extension CPUState {
    /// Puts all constants into their places.
    func storeVectorConstants() {
        for constant in VectorConstant.allCases {
            base.storeBytes(of: constant.halves, toByteOffset: constant.offset, as: SIMD2<UInt64>.self)
        }
    }
}

extension RegionCompiler {
    /// A constant as an operand.
    func constant(_ constant: VectorConstant) -> HostOperand { state(constant.offset) }
}

#endif
