// Operations for the tests of the IR: what lowering makes of random words, and the few that it makes of none.

import Arm64

@testable import Emulator

enum OperationSamples {
    /// System instructions that leave translation alone: a random one could turn the MMU off.
    private static let systemWords: [UInt32] = [
        // mrs x3, nzcv; fpcr; fpsr; elr_el1; tpidr_el0; sctlr_el1; rndr; id_aa64isar0_el1; daif; spsel
        0xD53B_4203, 0xD53B_4403, 0xD53B_4423, 0xD538_4023, 0xD53B_D043, 0xD538_1003, 0xD53B_2403, 0xD538_0603,
        0xD53B_4223,
        0xD538_4203,
        // msr nzcv, x4; fpcr; fpsr; elr_el1; esr_el1; spsr_el1; par_el1; tpidr_el0; spsel; pan; daif
        0xD51B_4204, 0xD51B_4404, 0xD51B_4424, 0xD518_4024, 0xD518_5204, 0xD518_4004, 0xD518_7404, 0xD51B_D044,
        0xD518_4204,
        0xD518_4264, 0xD51B_4224,
        // at s1e1r, x5; dc cvau, x5; dc zva, x5; tlbi vae1, x5; ic iallu
        0xD508_7805, 0xD50B_7B25, 0xD50B_7425, 0xD508_8725, 0xD508_751F,
    ]

    /// Instructions that a random word of their row hardly ever is, assembled by LLVM.
    private static let rareWords: [UInt32] = [
        // msr daifset, #2; daifclr, #2; pan, #1; spsel, #0; wfi; sev; sevl
        0xD503_42DF, 0xD503_42FF, 0xD500_419F, 0xD500_40BF, 0xD503_207F, 0xD503_209F, 0xD503_20BF,
        // mov w1, w2; sxtw x1, w2; mul x1, x2, x3; mul w1, w2, w3
        0x2A02_03E1, 0x9340_7C41, 0x9B03_7C41, 0x1B03_7C41,
        // ldrb w1, [x2, x3]; ldr w1, [x2, x3, lsl #2]; ldr x1, [x2, x3, lsl #3]
        0x3863_6841, 0xB863_7841, 0xF863_7841,
        // ld2 {v0.8b, v1.8b}, [x2]
        0x0C40_8040,
    ]

    /// The operations of some words of every row, and those that end a block without an instruction.
    static func all(perRow: Int, _ random: inout SeededGenerator) -> [Operation] {
        var operations: [Operation] = []
        let decoder = CPUModel.everything.decoder
        var context = LoweringContext(for: .everything)
        func lower(_ word: UInt32, misaligned: Bool) {
            guard let instruction = decoder.decode(word) else { return }
            context.begin(isEL0: false, stackIsMisaligned: misaligned)
            if Lowering.lower(word, as: instruction, into: &context) { operations += context.operations }
        }
        for row in EncodingTable.all where ![.msrRegister, .mrs, .sys].contains(row.instruction) {
            for _ in 0..<perRow {
                let word = row.value | ~row.mask & UInt32(truncatingIfNeeded: random.next())
                lower(word, misaligned: random.oneIn(8))
            }
        }
        for _ in 0..<perRow { for word in systemWords + rareWords { lower(word, misaligned: false) } }
        operations.append(Operation(.fallThrough, a: 1, immediate: 0x40))
        operations.append(Operation(.undefined, a: 1, immediate: 0))
        return operations
    }
}
