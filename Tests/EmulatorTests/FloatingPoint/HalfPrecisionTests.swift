// Arithmetic in half precision (FEAT_FP16): what the comparison with qemu-aarch64 does not say by itself. The expected
// values are from DDI 0487, J1.3 (FPUnpackBase, FPRoundBase), worked out by hand.

import Arm64
import Testing

@testable import Emulator

@Suite("Half precision", EveryEngine())
struct HalfPrecisionTests {
    private static let fz: UInt64 = 1 << 24
    private static let fz16: UInt64 = 1 << 19

    /// Executes `word` at EL1 with numbers in S0 and S1; returns what S2 then is, and FPSR.
    private func execute(_ word: UInt32, _ first: UInt64, _ second: UInt64 = 0, fpcr: UInt64 = 0) throws -> (
        result: UInt64, fpsr: UInt64
    ) {
        let machine = try SystemMachine(model: .dormouse2)
        try machine.set(.cpacrEL1, 3 << 20)
        try machine.set(.fpcr, fpcr)
        // fmov s0, w0; fmov s1, w1; `word`; fmov w2, s2
        let stop = try machine.run(
            [.word(0x1E27_0000), .word(0x1E27_0021), .word(word), .word(0x1E26_0042), .hvc(1)],
            [.x0: first, .x1: second])
        #expect(stop == .call(1))
        return (machine.x(2), try machine.get(.fpsr))
    }

    /// fadd h2, h0, h1; fmul h2, h0, h1
    private static let (fadd, fmul): (UInt32, UInt32) = (0x1EE1_2802, 0x1EE1_0802)

    @Test("FZ16 makes denormal operands zero without IDC, and denormal results zero with UFC; FZ does neither")
    func flushing() throws {
        // The smallest denormal, twice.
        for fpcr in [0, Self.fz] {
            #expect(try execute(Self.fadd, 0x0001, 0x0001, fpcr: fpcr) == (0x0002, 0))
            // 2^-14 / 2 is a denormal, exactly.
            #expect(try execute(Self.fmul, 0x0400, 0x3800, fpcr: fpcr) == (0x0200, 0))
        }
        for fpcr in [Self.fz16, Self.fz16 | Self.fz] {
            #expect(try execute(Self.fadd, 0x0001, 0x8001, fpcr: fpcr) == (0, 0))
            #expect(try execute(Self.fadd, 0x0001, 0x3C00, fpcr: fpcr) == (0x3C00, 0))
            #expect(try execute(Self.fmul, 0x0400, 0x3800, fpcr: fpcr) == (0, 1 << 3))
        }
    }

    @Test("FZ16 concerns neither single precision nor conversions between precisions")
    func notFlushed() throws {
        // fadd s2, s0, s1, of denormals
        #expect(try execute(0x1E21_2802, 1, 1, fpcr: Self.fz16) == (2, 0))
        // fcvt s2, h0: 2^-24
        #expect(try execute(0x1EE2_4002, 0x0001, fpcr: Self.fz16) == (0x3380_0000, 0))
        // fcvt h2, s0
        #expect(try execute(0x1E23_C002, 0x3380_0000, fpcr: Self.fz16) == (0x0001, 0))
    }

    @Test("AHP changes nothing: the largest exponent is infinity's")
    func alternativeFormat() throws {
        #expect(try execute(Self.fadd, 0x7C00, 0x3C00, fpcr: 1 << 26) == (0x7C00, 0))
    }

    @Test("A fused multiplication and addition is rounded once")
    func fused() throws {
        // fmadd h2, h0, h0, h1: (1 + 2^-10)² + 1 + 3 × 2^-10 is 2 + 5 × 2^-10 + 2^-20, just above the middle between
        // 0x4002 and 0x4003. Rounded before the addition, the product would lead to the middle, and to the even one.
        #expect(try execute(0x1FC0_0402, 0x3C01, 0x3C03) == (0x4003, 1 << 4))
    }

    @Test("FCVTZS (scalar, fixed-point) leaves sixteen bits, saturated, and zeros above")
    func fixedPoint() throws {
        // fcvtzs h2, h0, #1: -1.5, 65504, -65504, 0.25, and a NaN
        let fcvtzs: UInt32 = 0x5F1F_FC02
        #expect(try execute(fcvtzs, 0xBE00) == (0xFFFD, 0))
        #expect(try execute(fcvtzs, 0x7BFF) == (0x7FFF, 1))
        #expect(try execute(fcvtzs, 0xFBFF) == (0x8000, 1))
        #expect(try execute(fcvtzs, 0x3400) == (0, 1 << 4))
        #expect(try execute(fcvtzs, 0x7E00) == (0, 1))
    }

    @Test("Without FEAT_FP16 FZ16 is zero, whatever is written to FPCR")
    func control() throws {
        for (model, bits) in [(CPUModel.dormouse1, 0x07C0_0000), (.dormouse2, 0x07C8_0000)] as [(CPUModel, UInt64)] {
            let machine = try SystemMachine(model: model)
            try machine.set(.cpacrEL1, 3 << 20)
            try machine.set(.fpcr, .max)
            #expect(try machine.get(.fpcr) == bits)
        }
    }
}

@Suite("The lowering of half precision")
struct HalfPrecisionLoweringTests {
    @Test("Rows of FEAT_FP16, and no others, become operations of half precision")
    func rows() {
        var random = SeededGenerator(seed: 0x16)
        let decoder = CPUModel.everything.decoder
        // These only put an immediate into a register.
        let moves: [Instruction] = [.fmovScalarImmediate, .fmovVectorImmediate]
        for row in EncodingTable.all where row.group == .floatingPoint && !moves.contains(row.instruction) {
            var count = 0
            for _ in 0..<200 {
                let word = row.value | ~row.mask & UInt32(truncatingIfNeeded: random.next())
                guard decoder.decode(word) == row.instruction else { continue }
                var context = LoweringContext(for: .everything)
                context.begin(isEL0: true, stackIsMisaligned: false)
                guard Lowering.lower(word, as: row.instruction, into: &context) else { continue }
                count += 1
                let isHalf = context.operations.contains { $0.code == .half }
                #expect(isHalf == (row.feature == .fp16), "\(row.instruction) \(String(word, radix: 16))")
            }
            #expect(count > 0, "\(row.instruction) \(row.pattern)")
        }
    }
}
