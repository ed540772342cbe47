// Which bits of which registers floating-point instructions write, and which encodings are undefined. Instruction words
// were made by the GNU assembler from the text beside them.

import Arm64
import Testing

@testable import Emulator

@Suite("Floating-point registers and encodings")
struct FloatRegisterTests {
    @Test("Opcodes are numbered as their tags are")
    func tags() {
        for opcode in FloatOpcode.allCases {
            #expect(unsafeBitCast(opcode, to: UInt8.self) == opcode.rawValue)
        }
    }

    @Test("Scalar results clear the rest of the register, 64-bit vectors the upper half")
    func clearing() throws {
        let machine = FloatMachine()
        for register in UInt8(0)...3 {
            machine.state.setQ(register, SIMD2(repeating: 0x3F80_0000_3F80_0000))
        }
        try machine.run(0x0E22_D420)  // fadd v0.2s, v1.2s, v2.2s
        #expect(machine.state.q(0) == SIMD2(0x4000_0000_4000_0000, 0))
        machine.state.setQ(0, SIMD2(.max, .max))
        try machine.run(0x1E22_3820)  // fsub s0, s1, s2
        #expect(machine.state.q(0) == SIMD2(0, 0))
        machine.state.setQ(0, SIMD2(.max, .max))
        try machine.run(0x1E20_C020)  // fabs s0, s1
        #expect(machine.state.q(0) == SIMD2(0x3F80_0000, 0))
        machine.state.setQ(0, SIMD2(.max, .max))
        try machine.run(0x7E61_6820)  // fcvtxn s0, d1
        #expect(machine.state.q(0).y == 0 && machine.state.d(0) >> 32 == 0)
    }

    @Test("FCVTN2 and FMOV to the upper half keep the lower half")
    func upperHalf() throws {
        let machine = FloatMachine(general: 42)
        machine.state.setQ(0, SIMD2(7, 8))
        machine.state.setQ(1, SIMD2(DoubleBits.one, DoubleBits.two))
        try machine.run(0x4E61_6820)  // fcvtn2 v0.4s, v1.2d
        #expect(machine.state.q(0) == SIMD2(7, 0x4000_0000_3F80_0000))
        try machine.run(0x9EAF_0020)  // fmov v0.d[1], x1
        #expect(machine.state.q(0) == SIMD2(7, 42))
        try machine.run(0x9EAE_0020)  // fmov x0, v1.d[1]
        #expect(machine.state.x[0] == DoubleBits.two)
    }

    @Test("FCVTL2 reads the upper half, also of its own destination")
    func widening() throws {
        let machine = FloatMachine()
        machine.state.setQ(1, SIMD2(0, 0x4000_0000_3F80_0000))
        try machine.run(0x4E61_7821)  // fcvtl2 v1.2d, v1.4s
        #expect(machine.state.q(1) == SIMD2(DoubleBits.one, DoubleBits.two))
    }

    @Test("By-element operations read the element before they write it")
    func elementAliasing() throws {
        let machine = FloatMachine()
        let two: UInt64 = 0x4000_0000_4000_0000
        machine.state.setQ(2, SIMD2(repeating: two))
        try machine.run(0x4F82_9042)  // fmul v2.4s, v2.4s, v2.s[0]
        #expect(machine.state.q(2) == SIMD2(repeating: 0x4080_0000_4080_0000))
    }

    @Test("FMLA by element takes element H:L")
    func element() throws {
        let machine = FloatMachine()
        machine.state.setQ(1, SIMD2(repeating: 0x3F80_0000_3F80_0000))
        machine.state.setQ(2, SIMD2(0, 0x4040_0000_0000_0000))
        try machine.run(0x4FA2_1820)  // fmla v0.4s, v1.4s, v2.s[3]
        #expect(machine.state.q(0) == SIMD2(repeating: 0x4040_0000_4040_0000))
    }

    @Test("Reductions go pair by pair: the first of two quiet NaNs wins")
    func reduction() throws {
        let machine = FloatMachine()
        machine.state.setQ(1, SIMD2(0x3F80_0000_7FC0_0001, 0x4000_0000_7FC0_0002))
        try machine.run(0x6E30_F820)  // fmaxv s0, v1.4s
        #expect(machine.state.q(0) == SIMD2(0x7FC0_0001, 0))
        try machine.run(0x6E30_C820)  // fmaxnmv s0, v1.4s
        #expect(machine.state.q(0) == SIMD2(0x4000_0000, 0))
    }

    @Test(
        "FMOV immediates expand as VFPExpandImm does",
        arguments: [
            (0x1E7F_1000, SIMD2((-1.5).bitPattern, 0)),  // fmov d0, #-1.5
            (0x4F00_F400, SIMD2(repeating: 0x4000_0000_4000_0000)),  // fmov v0.4s, #2.0
            (0x6F02_F400, SIMD2(repeating: (0.125).bitPattern)),  // fmov v0.2d, #0.125
        ] as [(UInt32, SIMD2<UInt64>)])
    func immediates(word: UInt32, expected: SIMD2<UInt64>) throws {
        let machine = FloatMachine()
        try machine.run(word)
        #expect(machine.state.q(0) == expected)
    }

    @Test("Register 31 is XZR for moves and conversions")
    func zeroRegister() throws {
        let machine = FloatMachine(DoubleBits.two)
        machine.state.x[Int(CPUState.Register.sp)] = 0x1234
        try machine.run(0x9E67_03E0)  // fmov d0, xzr
        #expect(machine.state.d(0) == 0)
        try machine.run(0x9E78_003F)  // fcvtzs xzr, d1
        #expect(machine.state.x[Int(CPUState.Register.sp)] == 0x1234)
        #expect(machine.state.x[Int(CPUState.Register.zero)] == 0)
    }

    @Test(
        "Without FEAT_FP16, as on dormouse-1, half-precision arithmetic is undefined",
        arguments: [
            0x1EE2_2820,  // fadd h0, h1, h2
            0x4E42_1420,  // fadd v0.8h, v1.8h, v2.8h
            0x1EE7_0020,  // fmov h0, w1
            0x1EF8_0020,  // fcvtzs w0, h1
            0x4F1E_FC20,  // fcvtzs v0.8h, v1.8h, #2
            0x4F03_FE00,  // fmov v0.8h, #1.0
            0x5F12_9020,  // fmul h0, h1, v2.h[1]
        ] as [UInt32])
    func halfPrecision(word: UInt32) {
        #expect(FloatMachine.lower(word, on: .dormouse1) == nil)
        #expect(FloatMachine.lower(word) != nil)
    }

    @Test(
        "Vectors of one double, and later extensions, are undefined",
        arguments: [
            0x1E7E_0020,  // fjcvtzs w0, d1
            0x0E62_D420,  // fadd of vectors of one double: size 1, Q 0
            0x4FE2_1020,  // fmla v0.2d by an element with L set
            0x0F40_FC20,  // fcvtzs of a vector of one double
            0x1E18_1020,  // fcvtzs w0, s1 with 60 fraction bits
        ] as [UInt32])
    func undefined(word: UInt32) {
        #expect(FloatMachine.lower(word) == nil)
    }

    @Test("Every row of the table is decoded to its instruction, and lowered to one operation")
    func rows() throws {
        for row in EncodingTable.all where row.group == .floatingPoint {
            // All fields ones, or all zeros: one of both is defined for every row.
            let words = [row.value, row.value | ~row.mask]
            for word in words { #expect(CPUModel.everything.decoder.decode(word) == row.instruction, "\(row.pattern)") }
            #expect(words.contains { FloatMachine.lower($0) != nil }, "\(row.pattern)")
        }
    }
}
