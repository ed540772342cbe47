// Single instructions of Advanced SIMD, with results worked out from the Arm ARM's pseudocode. That every encoding
// agrees with another implementation is the business of `AdvancedSIMDOracleTests`.

import Arm64
import Testing

@testable import Emulator

@Suite("Advanced SIMD: shapes")
struct AdvancedSIMDShapeTests {
    let cpu = VectorTestCPU()

    @Test("A 64-bit operation clears the upper half of its destination")
    func halfVector() throws {
        cpu.setVector(0, SIMD4<UInt32>(9, 9, 9, 9))
        cpu.setVector(1, SIMD4<UInt32>(1, .max, 3, 4))
        cpu.setVector(2, SIMD4<UInt32>(10, 1, 30, 40))
        try cpu.run("ADD V0.2S, V1.2S, V2.2S", 0x0EA2_8420)
        #expect(cpu.vector(0) == SIMD4<UInt32>(11, 0, 0, 0))
    }

    @Test("A scalar operation clears all but the lowest element")
    func scalar() throws {
        cpu.setVector(0, SIMD16<UInt8>(repeating: 0xEE))
        cpu.setVector(1, SIMD16<UInt8>(repeating: 0x70))
        cpu.setVector(2, SIMD16<UInt8>(repeating: 0x0E))
        try cpu.run("SQADD B0, B1, B2", 0x5E22_0C20)
        var expected = SIMD16<UInt8>()
        expected[0] = 0x7E
        #expect(cpu.vector(0) == expected)
    }

    @Test("Narrowing writes the lower half and clears the upper; the second form writes the upper and keeps the lower")
    func narrowHalves() throws {
        cpu.setVector(0, SIMD8<UInt16>(repeating: 0xDDDD))
        cpu.setVector(1, SIMD4<UInt32>(0x1_0002, 0x3_0004, 0x5_0006, 0x7_0008))
        try cpu.run("XTN V0.4H, V1.4S", 0x0E61_2820)
        #expect(cpu.vector(0) == SIMD8<UInt16>(2, 4, 6, 8, 0, 0, 0, 0))
        try cpu.run("XTN2 V0.8H, V1.4S", 0x4E61_2820)
        #expect(cpu.vector(0) == SIMD8<UInt16>(2, 4, 6, 8, 2, 4, 6, 8))
    }

    @Test("A long operation takes its sources from the upper halves in its second form")
    func longHalves() throws {
        cpu.setVector(1, SIMD4<UInt32>(1, .max, 3, 0x8000_0000))
        cpu.setVector(2, SIMD4<UInt32>(2, .max, 7, 2))
        try cpu.run("UMULL V0.2D, V1.2S, V2.2S", 0x2EA2_C020)
        #expect(cpu.vector(0) == SIMD2<UInt64>(2, 0xFFFF_FFFE_0000_0001))
        try cpu.run("SMULL2 V0.2D, V1.4S, V2.4S", 0x4EA2_C020)
        #expect(cpu.vector(0) == SIMD2<Int64>(21, -0x1_0000_0000))
    }

    @Test("A destination that is also a source is read before it is written")
    func aliasing() throws {
        cpu.setVector(0, SIMD2<UInt64>(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908))
        try cpu.run("TBL V0.16B, {V0.16B}, V0.16B", 0x4E00_0000)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x0706_0504_0302_0100, 0x0F0E_0D0C_0B0A_0908))
        try cpu.run("ZIP2 V0.16B, V0.16B, V0.16B", 0x4E00_7800)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x0B0B_0A0A_0909_0808, 0x0F0F_0E0E_0D0D_0C0C))
    }
}

@Suite("Advanced SIMD: saturation")
struct AdvancedSIMDSaturationTests {
    let cpu = VectorTestCPU()

    @Test("Saturation sets FPSR.QC, which then stays until the guest clears it")
    func cumulative() throws {
        cpu.setVector(1, SIMD8<Int16>(0x7FFF, -0x8000, 1, 0, 0, 0, 0, 0))
        cpu.setVector(2, SIMD8<Int16>(1, -1, 1, 0, 0, 0, 0, 0))
        try cpu.run("SQADD V0.8H, V1.8H, V2.8H", 0x4E62_0C20)
        #expect(cpu.vector(0) == SIMD8<Int16>(0x7FFF, -0x8000, 2, 0, 0, 0, 0, 0))
        #expect(cpu.hasSaturated)
        try cpu.run("SQADD V0.8H, V3.8H, V3.8H", 0x4E63_0C60)
        #expect(cpu.hasSaturated)
    }

    @Test("Elements outside the shape do not set FPSR.QC")
    func outsideTheShape() throws {
        // Only the lowest halfword, then only the lower doubleword, is free of overflow.
        cpu.setVector(1, SIMD8<Int16>(1, 0x7FFF, 0x7FFF, 0x7FFF, 0x7FFF, 0x7FFF, 0x7FFF, 0x7FFF))
        try cpu.run("SQADD H0, H1, H1", 0x5E61_0C20)
        #expect(!cpu.hasSaturated)
        cpu.setVector(1, SIMD8<Int16>(1, 2, 3, 4, 0x7FFF, 0x7FFF, 0x7FFF, 0x7FFF))
        try cpu.run("SQADD V0.4H, V1.4H, V1.4H", 0x0E61_0C20)
        #expect(!cpu.hasSaturated)
        cpu.setVector(1, SIMD4<Int32>(5, 0x1_0000, 0x1_0000, 0x1_0000))
        try cpu.run("SQXTN H0, S1", 0x5E61_4820)
        #expect(!cpu.hasSaturated)
        try cpu.run("SQXTN V0.4H, V1.4S", 0x0E61_4820)
        #expect(cpu.hasSaturated)
    }

    @Test("An unsigned difference saturates to zero")
    func unsignedDifference() throws {
        cpu.setVector(1, SIMD4<UInt32>(5, 0, 7, .max))
        cpu.setVector(2, SIMD4<UInt32>(6, 0, 3, 1))
        try cpu.run("UQSUB V0.4S, V1.4S, V2.4S", 0x6EA2_2C20)
        #expect(cpu.vector(0) == SIMD4<UInt32>(0, 0, 4, .max - 1))
        #expect(cpu.hasSaturated)
    }

    @Test("SQDMULH saturates the square of the least number and nothing else", arguments: [false, true])
    func doublingMultiply(rounding: Bool) throws {
        cpu.setVector(1, SIMD4<Int32>(.min, .min, 0x4000_0000, 1))
        cpu.setVector(2, SIMD4<Int32>(.max, 1, 3, 0x4000_0000))
        if rounding {
            try cpu.run("SQRDMULH V0.4S, V1.4S, V2.4S", 0x6EA2_B420)
            #expect(cpu.vector(0) == SIMD4<Int32>(-0x7FFF_FFFF, -1, 2, 1))
        } else {
            try cpu.run("SQDMULH V0.4S, V1.4S, V2.4S", 0x4EA2_B420)
            #expect(cpu.vector(0) == SIMD4<Int32>(-0x7FFF_FFFF, -1, 1, 0))
        }
        #expect(!cpu.hasSaturated)
        if rounding {
            try cpu.run("SQRDMULH V0.4S, V1.4S, V1.4S", 0x6EA1_B420)
        } else {
            try cpu.run("SQDMULH V0.4S, V1.4S, V1.4S", 0x4EA1_B420)
        }
        #expect(cpu.vector(0, as: SIMD4<Int32>.self)[0] == .max)
        #expect(cpu.hasSaturated)
    }

    @Test("SQRDMLAH adds before it rounds and saturates once (FEAT_RDM)")
    func roundingAccumulate() throws {
        // d × 2^16 + 2 × n × m + 2^15, over 2^16: the product of the least numbers is in range if d is negative.
        cpu.setVector(0, SIMD8<Int16>(-1, 0, 0x7FFF, 10, 0, 0, 0, 0))
        cpu.setVector(1, SIMD8<Int16>(-0x8000, -0x8000, 0x4000, 1, 0, 0, 0, 0))
        cpu.setVector(2, SIMD8<Int16>(-0x8000, -0x8000, 1, 0x4000, 0, 0, 0, 0))
        try cpu.run("SQRDMLAH V0.8H, V1.8H, V2.8H", 0x6E42_8420)
        #expect(cpu.vector(0) == SIMD8<Int16>(0x7FFF, 0x7FFF, 0x7FFF, 11, 0, 0, 0, 0))
        #expect(cpu.hasSaturated)
        cpu.hasSaturated = false
        cpu.setVector(0, SIMD8<Int16>(-1, 0, 0, 0, 0, 0, 0, 0))
        cpu.setVector(2, SIMD8<Int16>(-0x8000, 0, 0, 0, 0, 0, 0, 0))
        try cpu.run("SQRDMLAH V0.8H, V1.8H, V2.8H", 0x6E42_8420)
        #expect(cpu.vector(0, as: SIMD8<Int16>.self)[0] == 0x7FFF)
        #expect(!cpu.hasSaturated)
    }

    @Test("SUQADD and USQADD mix signs and saturate to the destination's range")
    func mixedSigns() throws {
        cpu.setVector(0, SIMD8<Int8>(-128, -1, 127, 100, 0, 0, 0, 0))
        cpu.setVector(1, SIMD8<UInt8>(255, 129, 1, 27, 128, 127, 0, 0))
        try cpu.run("SUQADD V0.8B, V1.8B", 0x0E20_3820)
        #expect(cpu.vector(0) == SIMD8<Int8>(127, 127, 127, 127, 127, 127, 0, 0))
        #expect(cpu.hasSaturated)
        cpu.hasSaturated = false
        cpu.setVector(0, SIMD8<UInt8>(0, 5, 255, 200, 128, 0, 0, 0))
        cpu.setVector(1, SIMD8<Int8>(-1, -5, 1, 55, -128, 0, 0, 0))
        try cpu.run("USQADD V0.8B, V1.8B", 0x2E20_3820)
        #expect(cpu.vector(0) == SIMD8<UInt8>(0, 0, 255, 255, 0, 0, 0, 0))
        #expect(cpu.hasSaturated)
    }

    @Test("Narrowing saturates to the range of the result's sign")
    func narrowing() throws {
        cpu.setVector(1, SIMD8<Int16>(-1, 255, 256, 127, 128, -128, -129, 0))
        try cpu.run("SQXTN V0.8B, V1.8H", 0x0E21_4820)
        #expect(cpu.vector(0) == SIMD8<Int8>(-1, 127, 127, 127, 127, -128, -128, 0))
        try cpu.run("SQXTUN V0.8B, V1.8H", 0x2E21_2820)
        #expect(cpu.vector(0) == SIMD8<UInt8>(0, 255, 255, 127, 128, 0, 0, 0))
        try cpu.run("UQXTN V0.8B, V1.8H", 0x2E21_4820)
        #expect(cpu.vector(0) == SIMD8<UInt8>(255, 255, 255, 127, 128, 255, 255, 0))
        // (255 + 8) >> 4 = 16, (-129 + 8) >> 4 = -8.
        try cpu.run("SQRSHRUN V0.8B, V1.8H, #4", 0x2F0C_8C20)
        #expect(cpu.vector(0) == SIMD8<UInt8>(0, 16, 16, 8, 8, 0, 0, 0))
        try cpu.run("SQRSHRN V0.8B, V1.8H, #4", 0x0F0C_9C20)
        #expect(cpu.vector(0) == SIMD8<Int8>(0, 16, 16, 8, 8, -8, -8, 0))
    }
}

@Suite("Advanced SIMD: arithmetic")
struct AdvancedSIMDArithmeticTests {
    let cpu = VectorTestCPU()

    @Test("Comparisons give all ones or zero, by sign")
    func comparisons() throws {
        cpu.setVector(1, SIMD4<Int32>(-1, 1, 5, .min))
        cpu.setVector(2, SIMD4<Int32>(1, -1, 5, .max))
        try cpu.run("CMGT V0.4S, V1.4S, V2.4S", 0x4EA2_3420)
        #expect(cpu.vector(0) == SIMD4<Int32>(0, -1, 0, 0))
        try cpu.run("CMHI V0.4S, V1.4S, V2.4S", 0x6EA2_3420)
        #expect(cpu.vector(0) == SIMD4<Int32>(-1, 0, 0, -1))
        try cpu.run("CMHS V0.4S, V1.4S, V2.4S", 0x6EA2_3C20)
        #expect(cpu.vector(0) == SIMD4<Int32>(-1, 0, -1, -1))
        try cpu.run("CMTST V0.4S, V1.4S, V2.4S", 0x4EA2_8C20)
        #expect(cpu.vector(0) == SIMD4<Int32>(-1, -1, -1, 0))
        try cpu.run("CMLE V0.4S, V1.4S, #0", 0x6EA0_9820)
        #expect(cpu.vector(0) == SIMD4<Int32>(-1, 0, 0, -1))
    }

    @Test("Halving additions keep the carry, and round only if asked")
    func halving() throws {
        cpu.setVector(1, SIMD16<UInt8>(255, 254, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        cpu.setVector(2, SIMD16<UInt8>(255, 255, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        try cpu.run("UHADD V0.16B, V1.16B, V2.16B", 0x6E22_0420)
        #expect(cpu.vector(0) == SIMD16<UInt8>(255, 254, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        try cpu.run("URHADD V0.16B, V1.16B, V2.16B", 0x6E22_1420)
        #expect(cpu.vector(0) == SIMD16<UInt8>(255, 255, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        // -1 - -1, -2 - -1, 1 - 0, 0 - 3, halved downwards.
        try cpu.run("SHSUB V0.16B, V1.16B, V2.16B", 0x4E22_2420)
        #expect(cpu.vector(0) == SIMD16<Int8>(0, -1, 0, -2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    }

    @Test("ADDHN takes the upper half of the sum, RADDHN after rounding")
    func highNarrow() throws {
        cpu.setVector(1, SIMD2<UInt64>(0xFFFF_FFFF_7FFF_FFFF, 0x1_8000_0000))
        cpu.setVector(2, SIMD2<UInt64>(0x0000_0000_0000_0001, 0))
        try cpu.run("ADDHN V0.2S, V1.2D, V2.2D", 0x0EA2_4020)
        #expect(cpu.vector(0) == SIMD4<UInt32>(0xFFFF_FFFF, 1, 0, 0))
        try cpu.run("RADDHN V0.2S, V1.2D, V2.2D", 0x2EA2_4020)
        #expect(cpu.vector(0) == SIMD4<UInt32>(0, 2, 0, 0))
    }

    @Test("SDOT and UDOT add four products of bytes to each word (FEAT_DotProd)")
    func dotProduct() throws {
        cpu.setVector(1, SIMD16<Int8>(-1, 2, 3, 4, -128, -128, -128, -128, 0, 0, 0, 0, 1, 0, 0, 0))
        cpu.setVector(2, SIMD16<Int8>(5, 6, 7, 8, -128, -128, -128, -128, 0, 0, 0, 0, 1, 0, 0, 0))
        cpu.setVector(0, SIMD4<Int32>(100, 0, 7, .max))
        try cpu.run("SDOT V0.4S, V1.16B, V2.16B", 0x4E82_9420)
        #expect(cpu.vector(0) == SIMD4<Int32>(160, 65536, 7, .min))
        cpu.setVector(0, SIMD4<UInt32>())
        try cpu.run("UDOT V0.4S, V1.16B, V2.4B[0]", 0x6F82_E020)
        #expect(cpu.vector(0) == SIMD4<UInt32>(255 * 5 + 12 + 21 + 32, 128 * 26, 0, 5))
    }

    @Test("Operations by element take any element of the whole register")
    func byElement() throws {
        cpu.setVector(1, SIMD8<UInt16>(1, 2, 3, 4, 5, 6, 7, 8))
        cpu.setVector(2, SIMD8<UInt16>(0, 0, 0, 0, 0, 0, 0, 100))
        cpu.setVector(0, SIMD8<UInt16>(repeating: 1))
        try cpu.run("MLA V0.4H, V1.4H, V2.H[7]", 0x2F72_0820)
        #expect(cpu.vector(0) == SIMD8<UInt16>(101, 201, 301, 401, 0, 0, 0, 0))
        cpu.setVector(20, SIMD4<UInt32>(0, 0, 0, 0x1_0000))
        cpu.setVector(1, SIMD4<UInt32>(0, 0, 0x1_0000, 3))
        try cpu.run("UMULL2 V0.2D, V1.4S, V20.S[3]", 0x6FB4_A820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x1_0000_0000, 0x3_0000))
    }

    @Test("Pairwise operations take pairs of the first source, then of the second")
    func pairwise() throws {
        cpu.setVector(1, SIMD4<UInt32>(1, 2, 3, 4))
        cpu.setVector(2, SIMD4<UInt32>(10, 20, 30, 40))
        try cpu.run("ADDP V0.4S, V1.4S, V2.4S", 0x4EA2_BC20)
        #expect(cpu.vector(0) == SIMD4<UInt32>(3, 7, 30, 70))
        try cpu.run("UMAXP V0.2S, V1.2S, V2.2S", 0x2EA2_A420)
        #expect(cpu.vector(0) == SIMD4<UInt32>(2, 20, 0, 0))
        cpu.setVector(1, SIMD2<UInt64>(.max, 3))
        try cpu.run("ADDP D0, V1.2D", 0x5EF1_B820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(2, 0))
        cpu.setVector(1, SIMD8<Int16>(-1, -1, 0x7FFF, 0x7FFF, 0, 1, -0x8000, -0x8000))
        try cpu.run("SADDLP V0.4S, V1.8H", 0x4E60_2820)
        #expect(cpu.vector(0) == SIMD4<Int32>(-2, 0xFFFE, 1, -0x1_0000))
    }

    @Test("Reductions across lanes give one scalar")
    func acrossLanes() throws {
        cpu.setVector(1, SIMD16<UInt8>(255, 255, 1, 2, 3, 4, 5, 6, 200, 0, 0, 0, 0, 0, 0, 0))
        try cpu.run("ADDV B0, V1.16B", 0x4E31_B820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(219, 0))
        try cpu.run("UADDLV H0, V1.16B", 0x6E30_3820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(731, 0))
        try cpu.run("SADDLV H0, V1.8B", 0x0E30_3820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(19, 0))
        try cpu.run("SMINV B0, V1.16B", 0x4E31_A820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(200, 0))
        try cpu.run("UMAXV B0, V1.8B", 0x2E30_A820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(255, 0))
    }

    @Test("Bits are counted and reversed within bytes, elements reversed within containers")
    func bits() throws {
        cpu.setVector(1, SIMD2<UInt64>(0x0102_0304_0506_0708, 0xFF7F_0080_5533_0F01))
        try cpu.run("CNT V0.16B, V1.16B", 0x4E20_5820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x0101_0201_0202_0301, 0x0807_0001_0404_0401))
        try cpu.run("RBIT V0.16B, V1.16B", 0x6E60_5820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x8040_C020_A060_E010, 0xFFFE_0001_AACC_F080))
        try cpu.run("REV64 V0.8H, V1.8H", 0x4E60_0820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x0708_0506_0304_0102, 0x0F01_5533_0080_FF7F))
        try cpu.run("REV32 V0.16B, V1.16B", 0x6E20_0820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x0403_0201_0807_0605, 0x8000_7FFF_010F_3355))
        try cpu.run("REV16 V0.8B, V1.8B", 0x0E20_1820)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x0201_0403_0605_0807, 0))
        cpu.setVector(1, SIMD4<Int32>(0, -1, 1, -2))
        try cpu.run("CLS V0.4S, V1.4S", 0x4EA0_4820)
        #expect(cpu.vector(0) == SIMD4<Int32>(31, 31, 30, 30))
        try cpu.run("CLZ V0.4S, V1.4S", 0x6EA0_4820)
        #expect(cpu.vector(0) == SIMD4<Int32>(32, 0, 31, 0))
    }

    @Test("PMUL and PMULL multiply without carries")
    func polynomial() throws {
        cpu.setVector(1, SIMD8<UInt8>(0x03, 0xFF, 0x80, 0, 1, 2, 3, 4))
        cpu.setVector(2, SIMD8<UInt8>(0x03, 0xFF, 0x80, 9, 9, 9, 9, 9))
        try cpu.run("PMUL V0.8B, V1.8B, V2.8B", 0x2E22_9C20)
        #expect(cpu.vector(0) == SIMD16<UInt8>(5, 0x55, 0, 0, 9, 18, 27, 36, 0, 0, 0, 0, 0, 0, 0, 0))
        try cpu.run("PMULL V0.8H, V1.8B, V2.8B", 0x0E22_E020)
        #expect(cpu.vector(0) == SIMD8<UInt16>(5, 0x5555, 0x4000, 0, 9, 18, 27, 36))
    }
}

@Suite("Advanced SIMD: shifts")
struct AdvancedSIMDShiftTests {
    let cpu = VectorTestCPU()

    @Test("A right shift by all of the bits leaves zeros or the sign")
    func wholeWidth() throws {
        cpu.setVector(1, SIMD4<Int32>(-5, 5, .min, .max))
        try cpu.run("USHR V0.4S, V1.4S, #32", 0x6F20_0420)
        #expect(cpu.vector(0) == SIMD4<Int32>())
        try cpu.run("SSHR V0.4S, V1.4S, #32", 0x4F20_0420)
        #expect(cpu.vector(0) == SIMD4<Int32>(-1, 0, -1, 0))
        try cpu.run("URSHR V0.4S, V1.4S, #32", 0x6F20_2420)
        #expect(cpu.vector(0) == SIMD4<Int32>(1, 0, 1, 0))
        try cpu.run("SRSHR V0.4S, V1.4S, #32", 0x4F20_2420)
        #expect(cpu.vector(0) == SIMD4<Int32>())
    }

    @Test("A shift by a register takes the signed low byte, and may go beyond the width")
    func byRegister() throws {
        cpu.setVector(1, SIMD4<Int32>(-8, -8, -8, 1))
        cpu.setVector(2, SIMD4<Int32>(0x1FF, -100, 100, 31))
        try cpu.run("SSHL V0.4S, V1.4S, V2.4S", 0x4EA2_4420)
        #expect(cpu.vector(0) == SIMD4<Int32>(-4, -1, 0, .min))
        try cpu.run("USHL V0.4S, V1.4S, V2.4S", 0x6EA2_4420)
        #expect(cpu.vector(0) == SIMD4<UInt32>(0x7FFF_FFFC, 0, 0, 0x8000_0000))
        try cpu.run("SQSHL V0.4S, V1.4S, V2.4S", 0x4EA2_4C20)
        #expect(cpu.vector(0) == SIMD4<Int32>(-4, -1, .min, .max))
        #expect(cpu.hasSaturated)
    }

    @Test("A rounding shift by a register adds the last bit shifted out")
    func roundingByRegister() throws {
        cpu.setVector(1, SIMD4<Int32>(7, -7, -1, .min))
        cpu.setVector(2, SIMD4<Int32>(-1, -1, -32, -33))
        try cpu.run("SRSHL V0.4S, V1.4S, V2.4S", 0x4EA2_5420)
        #expect(cpu.vector(0) == SIMD4<Int32>(4, -3, 0, 0))
        try cpu.run("URSHL V0.4S, V1.4S, V2.4S", 0x6EA2_5420)
        #expect(cpu.vector(0) == SIMD4<UInt32>(4, 0x7FFF_FFFD, 1, 0))
    }

    @Test("SRI and SLI keep the bits that the shift vacates")
    func insert() throws {
        cpu.setVector(0, SIMD4<UInt32>(repeating: 0xAAAA_AAAA))
        cpu.setVector(1, SIMD4<UInt32>(repeating: 0x1234_5678))
        try cpu.run("SLI V0.4S, V1.4S, #8", 0x6F28_5420)
        #expect(cpu.vector(0) == SIMD4<UInt32>(repeating: 0x3456_78AA))
        cpu.setVector(0, SIMD4<UInt32>(repeating: 0xAAAA_AAAA))
        try cpu.run("SRI V0.4S, V1.4S, #16", 0x6F30_4420)
        #expect(cpu.vector(0) == SIMD4<UInt32>(repeating: 0xAAAA_1234))
        try cpu.run("SRI V0.4S, V1.4S, #32", 0x6F20_4420)
        #expect(cpu.vector(0) == SIMD4<UInt32>(repeating: 0xAAAA_1234))
    }

    @Test("SQSHLU makes a signed number unsigned, with saturation at both ends")
    func saturatingUnsigned() throws {
        cpu.setVector(1, SIMD8<Int16>(-1, 1, 0x7FFF, 0x1000, 0, 0, 0, 0))
        try cpu.run("SQSHLU V0.4H, V1.4H, #3", 0x2F13_6420)
        #expect(cpu.vector(0) == SIMD8<UInt16>(0, 8, 0xFFFF, 0x8000, 0, 0, 0, 0))
        #expect(cpu.hasSaturated)
    }

    @Test("SHLL, SSHLL and SHRN change the size as they shift")
    func sizes() throws {
        cpu.setVector(1, SIMD8<Int8>(-1, 1, 2, 3, 4, 5, 6, 7))
        try cpu.run("SHLL V0.8H, V1.8B, #8", 0x2E21_3820)
        #expect(cpu.vector(0) == SIMD8<Int16>(-256, 256, 512, 768, 1024, 1280, 1536, 1792))
        try cpu.run("SSHLL V0.8H, V1.8B, #1", 0x0F09_A420)
        #expect(cpu.vector(0) == SIMD8<Int16>(-2, 2, 4, 6, 8, 10, 12, 14))
        try cpu.run("SHRN V0.8B, V0.8H, #1", 0x0F0F_8400)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x0706_0504_0302_01FF, 0))
    }
}

@Suite("Advanced SIMD: moves and permutations")
struct AdvancedSIMDMoveTests {
    let cpu = VectorTestCPU()
    private static let counting = SIMD16<UInt8>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

    @Test("Every form of the modified immediate expands as AdvSIMDExpandImm says")
    func modifiedImmediates() throws {
        try cpu.run("MOVI V0.4S, #0xA5", 0x4F05_04A0)
        #expect(cpu.vector(0) == SIMD2<UInt64>(repeating: 0x0000_00A5_0000_00A5))
        try cpu.run("MOVI V0.2S, #0xA5, LSL #24", 0x0F05_64A0)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0xA500_0000_A500_0000, 0))
        try cpu.run("MOVI V0.8H, #0xA5", 0x4F05_84A0)
        #expect(cpu.vector(0) == SIMD2<UInt64>(repeating: 0x00A5_00A5_00A5_00A5))
        try cpu.run("MOVI V0.8H, #0xA5, LSL #8", 0x4F05_A4A0)
        #expect(cpu.vector(0) == SIMD2<UInt64>(repeating: 0xA500_A500_A500_A500))
        try cpu.run("MOVI V0.4S, #0xA5, MSL #8", 0x4F05_C4A0)
        #expect(cpu.vector(0) == SIMD2<UInt64>(repeating: 0x0000_A5FF_0000_A5FF))
        try cpu.run("MVNI V0.4S, #0xA5, MSL #16", 0x6F05_D4A0)
        #expect(cpu.vector(0) == SIMD2<UInt64>(repeating: 0xFF5A_0000_FF5A_0000))
        try cpu.run("MOVI V0.16B, #0xA5", 0x4F05_E4A0)
        #expect(cpu.vector(0) == SIMD2<UInt64>(repeating: 0xA5A5_A5A5_A5A5_A5A5))
        try cpu.run("MOVI V0.2D, #0xFF00FFFF0000FF00", 0x6F05_E640)
        #expect(cpu.vector(0) == SIMD2<UInt64>(repeating: 0xFF00_FFFF_0000_FF00))
        try cpu.run("MOVI D0, #0xFF00FFFF0000FF00", 0x2F05_E640)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0xFF00_FFFF_0000_FF00, 0))
        try cpu.run("ORR V0.4S, #0x12, LSL #16", 0x4F00_5640)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0xFF12_FFFF_0012_FF00, 0x0012_0000_0012_0000))
        try cpu.run("BIC V0.8H, #0x0F, LSL #8", 0x6F00_B5E0)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0xF012_F0FF_0012_F000, 0x0012_0000_0012_0000))
    }

    @Test("BSL, BIT and BIF select by different masks")
    func selects() throws {
        let d = SIMD2<UInt64>(0xFF00_FF00_FF00_FF00, .max)
        let n = SIMD2<UInt64>(0x1111_1111_1111_1111, 1)
        let m = SIMD2<UInt64>(0x2222_2222_2222_2222, 2)
        cpu.setVector(0, d)
        cpu.setVector(1, n)
        cpu.setVector(2, m)
        try cpu.run("BSL V0.16B, V1.16B, V2.16B", 0x6E62_1C20)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x1122_1122_1122_1122, 1))
        cpu.setVector(0, m)
        cpu.setVector(2, d)
        try cpu.run("BIT V0.16B, V1.16B, V2.16B", 0x6EA2_1C20)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x1122_1122_1122_1122, 1))
        cpu.setVector(0, m)
        try cpu.run("BIF V0.16B, V1.16B, V2.16B", 0x6EE2_1C20)
        #expect(cpu.vector(0) == SIMD2<UInt64>(0x2211_2211_2211_2211, 2))
    }

    @Test("EXT takes bytes from the middle of two registers")
    func extract() throws {
        cpu.setVector(1, Self.counting)
        cpu.setVector(2, Self.counting &+ 16)
        try cpu.run("EXT V0.16B, V1.16B, V2.16B, #3", 0x6E02_1820)
        #expect(cpu.vector(0) == Self.counting &+ 3)
        try cpu.run("EXT V0.16B, V1.16B, V2.16B, #8", 0x6E02_4020)
        #expect(cpu.vector(0) == Self.counting &+ 8)
        try cpu.run("EXT V0.8B, V1.8B, V2.8B, #5", 0x2E02_2820)
        #expect(cpu.vector(0) == SIMD16<UInt8>(5, 6, 7, 16, 17, 18, 19, 20, 0, 0, 0, 0, 0, 0, 0, 0))
    }

    @Test("TBL gives zero beyond its table and TBX keeps the old byte; the table goes on from V31 to V0")
    func tables() throws {
        cpu.setVector(31, Self.counting)
        cpu.setVector(0, Self.counting &+ 16)
        let indexes = SIMD16<UInt8>(0, 15, 16, 31, 32, 255, 1, 17, 0, 0, 0, 0, 0, 0, 0, 0)
        cpu.setVector(3, indexes)
        cpu.setVector(4, SIMD16<UInt8>(repeating: 0xEE))
        try cpu.run("TBX V4.16B, {V31.16B, V0.16B}, V3.16B", 0x4E03_33E4)
        #expect(cpu.vector(4) == SIMD16<UInt8>(0, 15, 16, 31, 0xEE, 0xEE, 1, 17, 0, 0, 0, 0, 0, 0, 0, 0))
        try cpu.run("TBL V4.8B, {V31.16B}, V3.8B", 0x0E03_03E4)
        #expect(cpu.vector(4) == SIMD16<UInt8>(0, 15, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    }

    @Test("ZIP, UZP and TRN interleave, deinterleave and transpose, in both widths")
    func permutations() throws {
        cpu.setVector(1, SIMD8<UInt16>(0, 1, 2, 3, 4, 5, 6, 7))
        cpu.setVector(2, SIMD8<UInt16>(10, 11, 12, 13, 14, 15, 16, 17))
        try cpu.run("ZIP1 V0.8H, V1.8H, V2.8H", 0x4E42_3820)
        #expect(cpu.vector(0) == SIMD8<UInt16>(0, 10, 1, 11, 2, 12, 3, 13))
        try cpu.run("ZIP2 V0.8H, V1.8H, V2.8H", 0x4E42_7820)
        #expect(cpu.vector(0) == SIMD8<UInt16>(4, 14, 5, 15, 6, 16, 7, 17))
        try cpu.run("ZIP2 V0.4H, V1.4H, V2.4H", 0x0E42_7820)
        #expect(cpu.vector(0) == SIMD8<UInt16>(2, 12, 3, 13, 0, 0, 0, 0))
        try cpu.run("UZP1 V0.8H, V1.8H, V2.8H", 0x4E42_1820)
        #expect(cpu.vector(0) == SIMD8<UInt16>(0, 2, 4, 6, 10, 12, 14, 16))
        try cpu.run("UZP2 V0.4H, V1.4H, V2.4H", 0x0E42_5820)
        #expect(cpu.vector(0) == SIMD8<UInt16>(1, 3, 11, 13, 0, 0, 0, 0))
        try cpu.run("TRN1 V0.8H, V1.8H, V2.8H", 0x4E42_2820)
        #expect(cpu.vector(0) == SIMD8<UInt16>(0, 10, 2, 12, 4, 14, 6, 16))
        try cpu.run("TRN2 V0.4H, V1.4H, V2.4H", 0x0E42_6820)
        #expect(cpu.vector(0) == SIMD8<UInt16>(1, 11, 3, 13, 0, 0, 0, 0))
    }

    @Test("INS changes one element and keeps the others")
    func inserts() throws {
        cpu.setVector(0, SIMD4<UInt32>(1, 2, 3, 4))
        cpu.setVector(1, SIMD4<UInt32>(10, 20, 30, 40))
        try cpu.run("INS V0.S[1], V1.S[3]", 0x6E0C_6420)
        #expect(cpu.vector(0) == SIMD4<UInt32>(1, 40, 3, 4))
        cpu.state.x[5] = 0xFFFF_FFFF_1234_5678
        try cpu.run("INS V0.S[2], W5", 0x4E14_1CA0)
        #expect(cpu.vector(0) == SIMD4<UInt32>(1, 40, 0x1234_5678, 4))
    }

    @Test("UMOV extends with zeros, SMOV by the sign to the register's width")
    func moves() throws {
        cpu.setVector(1, SIMD8<UInt16>(0, 0x8001, 2, 3, 0, 0, 0, 0))
        try cpu.run("UMOV W3, V1.H[1]", 0x0E06_3C23)
        #expect(cpu.state.x[3] == 0x8001)
        try cpu.run("SMOV W3, V1.H[1]", 0x0E06_2C23)
        #expect(cpu.state.x[3] == 0xFFFF_8001)
        try cpu.run("SMOV X3, V1.H[1]", 0x4E06_2C23)
        #expect(cpu.state.x[3] == 0xFFFF_FFFF_FFFF_8001)
        try cpu.run("UMOV X3, V1.D[0]", 0x4E08_3C23)
        #expect(cpu.state.x[3] == 0x0003_0002_8001_0000)
    }

    @Test("Register 31 is zero as a general source, and not SP as a destination")
    func zeroRegister() throws {
        cpu.state.x[Int(CPUState.Register.sp)] = 0x5555
        cpu.setVector(0, SIMD2<UInt64>(repeating: .max))
        try cpu.run("DUP V0.2D, XZR", 0x4E08_0FE0)
        #expect(cpu.vector(0) == SIMD2<UInt64>())
        cpu.setVector(1, SIMD2<UInt64>(repeating: 7))
        try cpu.run("UMOV XZR, V1.D[0]", 0x4E08_3C3F)
        #expect(cpu.state.x[Int(CPUState.Register.sp)] == 0x5555)
        #expect(cpu.state.x[Int(CPUState.Register.zero)] == 0)
    }

    @Test("DUP copies an element or a register to all lanes")
    func duplicates() throws {
        cpu.setVector(1, SIMD8<UInt16>(0, 1, 2, 3, 4, 5, 6, 7))
        try cpu.run("DUP V0.4H, V1.H[6]", 0x0E1A_0420)
        #expect(cpu.vector(0) == SIMD8<UInt16>(6, 6, 6, 6, 0, 0, 0, 0))
        try cpu.run("DUP H0, V1.H[7]", 0x5E1E_0420)
        #expect(cpu.vector(0) == SIMD8<UInt16>(7, 0, 0, 0, 0, 0, 0, 0))
        cpu.state.x[9] = 0x1FF
        try cpu.run("DUP V0.16B, W9", 0x4E01_0D20)
        #expect(cpu.vector(0) == SIMD16<UInt8>(repeating: 0xFF))
    }
}
