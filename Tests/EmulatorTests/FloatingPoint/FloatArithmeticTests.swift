// Arithmetic against facts of IEEE 754 and of the Arm ARM's pseudocode (DDI 0487, J1.3). Instruction words were made by
// the GNU assembler from the text beside them.

import Testing

@testable import Emulator

@Suite("Floating-point arithmetic")
struct FloatArithmeticTests {
    static let fadd: UInt32 = 0x1E62_2820  // fadd d0, d1, d2
    static let fmul: UInt32 = 0x1E62_0820  // fmul d0, d1, d2
    static let fdiv: UInt32 = 0x1E62_1820  // fdiv d0, d1, d2
    static let fmadd: UInt32 = 0x1F42_0C20  // fmadd d0, d1, d2, d3
    static let fsqrt: UInt32 = 0x1E61_C020  // fsqrt d0, d1

    @Test("One and half an ulp is rounded as FPCR.RMode says, and inexact")
    func rounding() throws {
        let next = DoubleBits.one + 1
        for (fpcr, expected) in [
            (0, DoubleBits.one), (Control.towardsPlusInfinity, next), (Control.towardsMinusInfinity, DoubleBits.one),
            (Control.towardsZero, DoubleBits.one),
        ] {
            let machine = FloatMachine(DoubleBits.one, 0x1p-53.bitPattern, fpcr: fpcr)
            try machine.run(Self.fadd)
            #expect(machine.state.d(0) == expected)
            #expect(machine.state.fpsr == FPSR.ixc)
        }
    }

    @Test("A halfway case is rounded to the even neighbour")
    func halfway() throws {
        let machine = FloatMachine(DoubleBits.one + 1, 0x1p-53.bitPattern)
        try machine.run(Self.fadd)
        #expect(machine.state.d(0) == DoubleBits.one + 2)
    }

    @Test("x - x is minus zero only when rounding towards minus infinity")
    func exactZero() throws {
        for (fpcr, expected) in [
            (0, DoubleBits.zero), (Control.towardsPlusInfinity, DoubleBits.zero),
            (Control.towardsMinusInfinity, DoubleBits.negativeZero), (Control.towardsZero, DoubleBits.zero),
        ] {
            let machine = FloatMachine((1.5).bitPattern, (-1.5).bitPattern, fpcr: fpcr)
            try machine.run(Self.fadd)
            #expect(machine.state.d(0) == expected)
            #expect(machine.state.fpsr == 0)
        }
    }

    @Test("Overflow is infinity or the largest number, by rounding mode and sign, and inexact")
    func overflow() throws {
        for (fpcr, expected) in [
            (0, DoubleBits.infinity), (Control.towardsPlusInfinity, DoubleBits.infinity),
            (Control.towardsMinusInfinity, DoubleBits.maximum), (Control.towardsZero, DoubleBits.maximum),
        ] {
            let machine = FloatMachine(DoubleBits.maximum, DoubleBits.two, fpcr: fpcr)
            try machine.run(Self.fmul)
            #expect(machine.state.d(0) == expected)
            #expect(machine.state.fpsr == FPSR.ofc | FPSR.ixc)
        }
    }

    @Test("A product below the smallest normal number underflows even if it is rounded up to that number")
    func tininessBeforeRounding() throws {
        // (1 - 2^-53) × 2^-1022 lies halfway between the largest denormal and the smallest normal number.
        let machine = FloatMachine((1.0).nextDown.bitPattern, DoubleBits.minimumNormal)
        try machine.run(Self.fmul)
        #expect(machine.state.d(0) == DoubleBits.minimumNormal)
        #expect(machine.state.fpsr == FPSR.ufc | FPSR.ixc)
    }

    @Test("An exact denormal result does not underflow")
    func exactDenormal() throws {
        let machine = FloatMachine(DoubleBits.minimumNormal, (0.5).bitPattern)
        try machine.run(Self.fmul)
        #expect(machine.state.d(0) == DoubleBits.minimumNormal >> 1)
        #expect(machine.state.fpsr == 0)
    }

    @Test("With FZ, a denormal result is zero and underflows without being inexact")
    func flushedResult() throws {
        let machine = FloatMachine(DoubleBits.minimumNormal | DoubleBits.negativeZero, (0.75).bitPattern, fpcr: FPCR.fz)
        try machine.run(Self.fmul)
        #expect(machine.state.d(0) == DoubleBits.negativeZero)
        #expect(machine.state.fpsr == FPSR.ufc)
    }

    @Test("With FZ, a denormal operand is zero and sets IDC")
    func flushedOperand() throws {
        let machine = FloatMachine(DoubleBits.denormal, DoubleBits.one, fpcr: FPCR.fz)
        try machine.run(Self.fadd)
        #expect(machine.state.d(0) == DoubleBits.one)
        #expect(machine.state.fpsr == FPSR.idc)
    }

    @Test("A flushed divisor is a division by zero")
    func flushedDivisor() throws {
        let machine = FloatMachine(DoubleBits.one, DoubleBits.denormal | DoubleBits.negativeZero, fpcr: FPCR.fz)
        try machine.run(Self.fdiv)
        #expect(machine.state.d(0) == DoubleBits.negativeInfinity)
        #expect(machine.state.fpsr == FPSR.dzc | FPSR.idc)
    }

    @Test(
        "Invalid operations on numbers give the default NaN",
        arguments: [
            (fadd, DoubleBits.infinity, DoubleBits.negativeInfinity), (fmul, DoubleBits.zero, DoubleBits.infinity),
            (fdiv, DoubleBits.zero, DoubleBits.negativeZero), (fdiv, DoubleBits.infinity, DoubleBits.infinity),
            (fsqrt, (-1.0).bitPattern, DoubleBits.zero),
        ] as [(UInt32, UInt64, UInt64)])
    func invalid(word: UInt32, first: UInt64, second: UInt64) throws {
        let machine = FloatMachine(first, second)
        try machine.run(word)
        #expect(machine.state.d(0) == DoubleBits.defaultNaN)
        #expect(machine.state.fpsr == FPSR.ioc)
    }

    @Test("A fused product is not rounded before it is added")
    func fused() throws {
        // (1 + 2^-52)² - (1 + 2^-51) = 2^-104.
        let machine = FloatMachine(
            (1.0).nextUp.bitPattern, (1.0).nextUp.bitPattern, (-(1.0 + 0x1p-51)).bitPattern)
        try machine.run(Self.fmadd)
        #expect(machine.state.d(0) == 0x1p-104.bitPattern)
        #expect(machine.state.fpsr == 0)
    }

    @Test(
        "FMADD, FMSUB, FNMADD and FNMSUB turn the signs that their names say",
        arguments: [
            (0x1F42_0C20, 17),  // fmadd d0, d1, d2, d3
            (0x1F42_8C20, -3),  // fmsub
            (0x1F62_0C20, -17),  // fnmadd
            (0x1F62_8C20, 3),  // fnmsub
        ] as [(UInt32, Double)])
    func fusedSigns(word: UInt32, expected: Double) throws {
        let machine = FloatMachine((2.0).bitPattern, (5.0).bitPattern, (7.0).bitPattern)
        try machine.run(word)
        #expect(machine.state.d(0) == expected.bitPattern)
    }

    @Test("FMULX of zero and infinity is two, with the product's sign, and raises nothing")
    func multiplyExtended() throws {
        let machine = FloatMachine(DoubleBits.negativeZero, DoubleBits.infinity)
        try machine.run(0x5E62_DC20)  // fmulx d0, d1, d2
        #expect(machine.state.d(0) == (-2.0).bitPattern)
        #expect(machine.state.fpsr == 0)
    }

    @Test("Newton steps of zero and infinity are 2 and 1.5")
    func steps() throws {
        let machine = FloatMachine(0, UInt64(Float.infinity.bitPattern))
        try machine.run(0x5E22_FC20)  // frecps s0, s1, s2
        #expect(machine.state.d(0) == UInt64(Float(2).bitPattern))
        try machine.run(0x5EA2_FC20)  // frsqrts s0, s1, s2
        #expect(machine.state.d(0) == UInt64(Float(1.5).bitPattern))
        #expect(machine.state.fpsr == 0)
    }

    @Test("The estimates of one are 511/512, as Arm's tables of estimates say")
    func estimates() throws {
        let machine = FloatMachine(UInt64(Float(1).bitPattern))
        let expected = UInt64(Float(511.0 / 512.0).bitPattern)
        try machine.run(0x5EA1_D820)  // frecpe s0, s1
        #expect(machine.state.d(0) == expected)
        try machine.run(0x7EA1_D820)  // frsqrte s0, s1
        #expect(machine.state.d(0) == expected)
        #expect(machine.state.fpsr == 0)
    }

    @Test("The reciprocal estimate of a number below 2^-128 overflows")
    func estimateOverflow() throws {
        let machine = FloatMachine(1, fpcr: Control.towardsZero)
        try machine.run(0x5EA1_D820)  // frecpe s0, s1
        #expect(machine.state.d(0) == UInt64(Float.greatestFiniteMagnitude.bitPattern))
        #expect(machine.state.fpsr == FPSR.ofc | FPSR.ixc)
    }
}
