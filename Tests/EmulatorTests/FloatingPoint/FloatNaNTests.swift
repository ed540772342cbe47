// NaNs: FPProcessNaNs, FPProcessNaNs3 and FPDefaultNaN (DDI 0487, J1.3), comparisons, minimum and maximum.

import Testing

@testable import Emulator

@Suite("Floating-point NaNs and comparison")
struct FloatNaNTests {
    @Test(
        "A signalling NaN goes before a quiet one, else the first operand before the second",
        arguments: [
            (DoubleBits.quietNaN, DoubleBits.otherQuietNaN, DoubleBits.quietNaN, 0),
            (DoubleBits.one, DoubleBits.otherQuietNaN, DoubleBits.otherQuietNaN, 0),
            (DoubleBits.quietNaN, DoubleBits.signallingNaN, DoubleBits.quietened, FPSR.ioc),
            (DoubleBits.signallingNaN, DoubleBits.quietNaN, DoubleBits.quietened, FPSR.ioc),
        ] as [(UInt64, UInt64, UInt64, UInt32)])
    func propagation(first: UInt64, second: UInt64, expected: UInt64, fpsr: UInt32) throws {
        let machine = FloatMachine(first, second)
        try machine.run(FloatArithmeticTests.fadd)
        #expect(machine.state.d(0) == expected)
        #expect(machine.state.fpsr == fpsr)
    }

    @Test("With DN, every NaN result is the default NaN")
    func defaultNaN() throws {
        let machine = FloatMachine(DoubleBits.quietNaN, DoubleBits.one, fpcr: FPCR.dn)
        try machine.run(FloatArithmeticTests.fadd)
        #expect(machine.state.d(0) == DoubleBits.defaultNaN)
        #expect(machine.state.fpsr == 0)
    }

    @Test("Of three NaNs, the addend's counts first")
    func addend() throws {
        let machine = FloatMachine(DoubleBits.otherQuietNaN, DoubleBits.one, DoubleBits.quietNaN)
        try machine.run(FloatArithmeticTests.fmadd)
        #expect(machine.state.d(0) == DoubleBits.quietNaN)
    }

    @Test("A quiet NaN plus infinity times zero is invalid")
    func invalidProduct() throws {
        let machine = FloatMachine(DoubleBits.infinity, DoubleBits.zero, DoubleBits.quietNaN)
        try machine.run(FloatArithmeticTests.fmadd)
        #expect(machine.state.d(0) == DoubleBits.defaultNaN)
        #expect(machine.state.fpsr == FPSR.ioc)
    }

    @Test("FNMUL turns the sign of its result, FMSUB that of its operand, of NaNs too")
    func signs() throws {
        let machine = FloatMachine(DoubleBits.zero, DoubleBits.infinity)
        try machine.run(0x1E62_8820)  // fnmul d0, d1, d2
        #expect(machine.state.d(0) == DoubleBits.defaultNaN | 1 << 63)
        machine.state.setD(1, DoubleBits.otherQuietNaN)
        try machine.run(0x1F42_8C20)  // fmsub d0, d1, d2, d3
        #expect(machine.state.d(0) == DoubleBits.otherQuietNaN | 1 << 63)
    }

    @Test(
        "FCMP sets NZCV as the Arm ARM's FPCompare does",
        arguments: [
            (DoubleBits.one, DoubleBits.two, 0b1000), (DoubleBits.zero, DoubleBits.negativeZero, 0b0110),
            (DoubleBits.two, DoubleBits.one, 0b0010), (DoubleBits.quietNaN, DoubleBits.one, 0b0011),
            (DoubleBits.negativeInfinity, DoubleBits.infinity, 0b1000),
        ] as [(UInt64, UInt64, UInt32)])
    func comparison(first: UInt64, second: UInt64, flags: UInt32) throws {
        let machine = FloatMachine(first, second)
        try machine.run(0x1E62_2020)  // fcmp d1, d2
        #expect(machine.state.nzcv == flags << 28)
        #expect(machine.state.fpsr == 0)
    }

    @Test("FCMPE is invalid for a quiet NaN, FCMP only for a signalling one")
    func signalling() throws {
        let machine = FloatMachine(DoubleBits.quietNaN)
        try machine.run(0x1E60_2038)  // fcmpe d1, #0.0
        #expect(machine.state.fpsr == FPSR.ioc)
        let other = FloatMachine(DoubleBits.signallingNaN)
        try other.run(0x1E62_2020)  // fcmp d1, d2
        #expect(other.state.nzcv == 0b0011 << 28)
        #expect(other.state.fpsr == FPSR.ioc)
    }

    @Test("FCCMP takes its immediate if the condition fails, and compares nothing")
    func conditional() throws {
        let machine = FloatMachine(DoubleBits.signallingNaN)
        try machine.run(0x1E62_0425)  // fccmp d1, d2, #5, eq
        #expect(machine.state.nzcv == 5 << 28)
        #expect(machine.state.fpsr == 0)
        machine.state.nzcv = 0b0100 << 28
        try machine.run(0x1E62_0425)
        #expect(machine.state.nzcv == 0b0011 << 28)
        #expect(machine.state.fpsr == FPSR.ioc)
    }

    @Test("FCSEL moves bits and does not look at them")
    func selection() throws {
        let machine = FloatMachine(DoubleBits.signallingNaN, DoubleBits.one)
        try machine.run(0x1E62_CC20)  // fcsel d0, d1, d2, gt
        #expect(machine.state.d(0) == DoubleBits.signallingNaN)
        machine.state.nzcv = 0b0100 << 28
        try machine.run(0x1E62_CC20)
        #expect(machine.state.d(0) == DoubleBits.one)
        #expect(machine.state.fpsr == 0)
    }

    @Test("FMAX takes plus zero and any NaN; FMAXNM prefers a number to a quiet NaN, but not to a signalling one")
    func maximum() throws {
        let machine = FloatMachine(DoubleBits.negativeZero, DoubleBits.zero)
        try machine.run(0x1E62_4820)  // fmax d0, d1, d2
        #expect(machine.state.d(0) == DoubleBits.zero)
        machine.state.setD(1, DoubleBits.quietNaN)
        try machine.run(0x1E62_4820)
        #expect(machine.state.d(0) == DoubleBits.quietNaN)
        try machine.run(0x1E62_6820)  // fmaxnm d0, d1, d2
        #expect(machine.state.d(0) == DoubleBits.zero)
        #expect(machine.state.fpsr == 0)
        machine.state.setD(1, DoubleBits.signallingNaN)
        try machine.run(0x1E62_6820)
        #expect(machine.state.d(0) == DoubleBits.quietened)
        #expect(machine.state.fpsr == FPSR.ioc)
    }

    @Test("A vector comparison with a quiet NaN is false, and invalid unless it asks for equality")
    func vectorComparison() throws {
        let machine = FloatMachine()
        machine.state.setQ(1, SIMD2(DoubleBits.one, DoubleBits.quietNaN))
        try machine.run(0x4EE0_C820)  // fcmgt v0.2d, v1.2d, #0.0
        #expect(machine.state.q(0) == SIMD2(.max, 0))
        #expect(machine.state.fpsr == FPSR.ioc)
        machine.state.fpsr = 0
        try machine.run(0x4EE0_D820)  // fcmeq v0.2d, v1.2d, #0.0
        #expect(machine.state.q(0) == SIMD2(0, 0))
        #expect(machine.state.fpsr == 0)
    }
}
