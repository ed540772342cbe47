// Conversions against facts of the Arm ARM's pseudocode (DDI 0487, J1.3: FPToFixed, FixedToFP, FPConvert, FPRoundInt).

import Testing

@testable import Emulator

@Suite("Floating-point conversion")
struct FloatConversionTests {
    static let fcvtzsW: UInt32 = 0x1E78_0020  // fcvtzs w0, d1
    static let fcvtzuX: UInt32 = 0x9E79_0020  // fcvtzu x0, d1
    static let fcvtToHalf: UInt32 = 0x1E63_C020  // fcvt h0, d1

    @Test(
        "FCVTZS truncates, saturates out of range, and makes zero of a NaN",
        arguments: [
            (1.75, UInt64(1), FPSR.ixc), (-1.75, 0xFFFF_FFFF, FPSR.ixc), (-3, 0xFFFF_FFFD, 0), (0, 0, 0),
            (2147483647.5, 0x7FFF_FFFF, FPSR.ixc), (2147483648, 0x7FFF_FFFF, FPSR.ioc),
            (-2147483648.5, 0x8000_0000, FPSR.ixc), (-2147483649, 0x8000_0000, FPSR.ioc),
            (.infinity, 0x7FFF_FFFF, FPSR.ioc), (-.infinity, 0x8000_0000, FPSR.ioc), (.nan, 0, FPSR.ioc),
            (0x1p-1074, 0, FPSR.ixc),
        ] as [(Double, UInt64, UInt32)])
    func truncation(number: Double, expected: UInt64, fpsr: UInt32) throws {
        let machine = FloatMachine(number.bitPattern)
        try machine.run(Self.fcvtzsW)
        #expect(machine.state.x[0] == expected)
        #expect(machine.state.fpsr == fpsr)
    }

    @Test(
        "FCVTZU truncates, and saturates at zero and 2^64 - 1",
        arguments: [
            (-0.75, 0, FPSR.ixc), (-1, 0, FPSR.ioc), (0x1p64, .max, FPSR.ioc), (0x1p64 - 2048, .max - 2047, 0),
        ] as [(Double, UInt64, UInt32)])
    func unsignedTruncation(number: Double, expected: UInt64, fpsr: UInt32) throws {
        let machine = FloatMachine(number.bitPattern)
        try machine.run(Self.fcvtzuX)
        #expect(machine.state.x[0] == expected)
        #expect(machine.state.fpsr == fpsr)
    }

    @Test("Ties go to even with FCVTNS and away from zero with FCVTAS")
    func ties() throws {
        for (number, even, away) in [(0.5, 0, 1), (1.5, 2, 2), (2.5, 2, 3), (-2.5, -2, -3)] as [(Double, Int64, Int64)]
        {
            let machine = FloatMachine(number.bitPattern)
            try machine.run(0x9E60_0020)  // fcvtns x0, d1
            #expect(Int64(bitPattern: machine.state.x[0]) == even)
            try machine.run(0x9E64_0020)  // fcvtas x0, d1
            #expect(Int64(bitPattern: machine.state.x[0]) == away)
        }
    }

    @Test("Fraction bits scale fixed-point numbers")
    func fixedPoint() throws {
        let machine = FloatMachine((2.53125).bitPattern, general: 1 << 63)
        try machine.run(0x1E58_F020)  // fcvtzs w0, d1, #4
        #expect(machine.state.x[0] == 40)
        #expect(machine.state.fpsr == FPSR.ixc)
        try machine.run(0x9E42_0420)  // scvtf d0, x1, #63
        #expect(machine.state.d(0) == (-1.0).bitPattern)
    }

    @Test("Integers that do not fit are rounded by FPCR.RMode")
    func fromInteger() throws {
        let machine = FloatMachine(general: .max, fpcr: Control.towardsZero)
        try machine.run(0x9E63_0020)  // ucvtf d0, x1
        #expect(machine.state.d(0) == 0x1.fffffffffffffp63.bitPattern)
        #expect(machine.state.fpsr == FPSR.ixc)
        try machine.run(0x9E22_0020)  // scvtf s0, x1
        #expect(machine.state.d(0) == UInt64(Float(-1).bitPattern))
    }

    @Test(
        "Half precision: the largest number, overflow, the smallest denormal, underflow to zero",
        arguments: [
            (65504, 0x7BFF, 0), (65520, 0x7C00, FPSR.ofc | FPSR.ixc), (0x1p-24, 1, 0),
            (0x1p-25, 0, FPSR.ufc | FPSR.ixc), (-.infinity, 0xFC00, 0),
        ] as [(Double, UInt64, UInt32)])
    func half(number: Double, expected: UInt64, fpsr: UInt32) throws {
        let machine = FloatMachine(number.bitPattern)
        try machine.run(Self.fcvtToHalf)
        #expect(machine.state.d(0) == expected)
        #expect(machine.state.fpsr == fpsr)
    }

    @Test(
        "The alternative half format has neither infinities nor NaNs: they are invalid",
        arguments: [
            (65520, 0x7C00, FPSR.ixc), (131008, 0x7FFF, 0), (131072, 0x7FFF, FPSR.ioc),
            (-.infinity, 0xFFFF, FPSR.ioc), (.nan, 0, FPSR.ioc),
        ] as [(Double, UInt64, UInt32)])
    func alternativeHalf(number: Double, expected: UInt64, fpsr: UInt32) throws {
        let machine = FloatMachine(number.bitPattern, fpcr: FPCR.ahp)
        try machine.run(Self.fcvtToHalf)
        #expect(machine.state.d(0) == expected)
        #expect(machine.state.fpsr == fpsr)
    }

    @Test("The alternative half format's largest exponent is a number")
    func fromAlternativeHalf() throws {
        let machine = FloatMachine(0x7C00, fpcr: FPCR.ahp)
        try machine.run(0x1EE2_C020)  // fcvt d0, h1
        #expect(machine.state.d(0) == (65536.0).bitPattern)
        machine.state.fpcr = 0
        try machine.run(0x1EE2_C020)
        #expect(machine.state.d(0) == DoubleBits.infinity)
    }

    @Test("FZ does not flush half precision")
    func halfIsNotFlushed() throws {
        let machine = FloatMachine(0x0001, fpcr: FPCR.fz)
        try machine.run(0x1EE2_C020)  // fcvt d0, h1
        #expect(machine.state.d(0) == 0x1p-24.bitPattern)
        machine.state.setD(1, 0x1p-24.bitPattern)
        try machine.run(Self.fcvtToHalf)
        #expect(machine.state.d(0) == 1)
        #expect(machine.state.fpsr == 0)
    }

    @Test("A NaN keeps its sign and the high bits of its fraction")
    func nans() throws {
        let machine = FloatMachine(0xFFF4_0000_2000_0001)
        try machine.run(0x1E62_4020)  // fcvt s0, d1
        #expect(machine.state.d(0) == 0xFFE0_0001)
        #expect(machine.state.fpsr == FPSR.ioc)
    }

    @Test("FCVTXN sets the last bit of an inexact result, and never reaches infinity")
    func roundToOdd() throws {
        let machine = FloatMachine((1 + 0x1p-52).bitPattern)
        try machine.run(0x7E61_6820)  // fcvtxn s0, d1
        #expect(machine.state.d(0) == UInt64(Float(1).bitPattern) | 1)
        machine.state.setD(1, DoubleBits.maximum)
        try machine.run(0x7E61_6820)
        #expect(machine.state.d(0) == UInt64(Float.greatestFiniteMagnitude.bitPattern))
    }

    @Test("FRINTX tells that the value changed, FRINTI and FRINTA do not")
    func integral() throws {
        let machine = FloatMachine((-2.5).bitPattern)
        try machine.run(0x1E66_4020)  // frinta d0, d1
        #expect(machine.state.d(0) == (-3.0).bitPattern)
        try machine.run(0x1E67_C020)  // frinti d0, d1
        #expect(machine.state.d(0) == (-2.0).bitPattern)
        #expect(machine.state.fpsr == 0)
        try machine.run(0x1E67_4020)  // frintx d0, d1
        #expect(machine.state.d(0) == (-2.0).bitPattern)
        #expect(machine.state.fpsr == FPSR.ixc)
    }

    @Test("A fraction rounds to a zero of its sign")
    func integralZero() throws {
        let machine = FloatMachine((-0.25).bitPattern)
        try machine.run(0x1E67_C020)  // frinti d0, d1
        #expect(machine.state.d(0) == DoubleBits.negativeZero)
    }
}
