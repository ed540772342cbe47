// The assembler of these tests against another: each word is what clang -target aarch64 makes of the text beside it.

import Testing

@Suite("The assembler of the system tests")
struct A64Tests {
    @Test("It makes the words that clang makes")
    func words() {
        let expected: [(A64, UInt32)] = [
            (.movz(.x3, 0x1234, lsl: 32), 0xD2C2_4683),  // movz x3, #0x1234, lsl #32
            (.movk(.x4, 0xABCD, lsl: 16), 0xF2B5_79A4),  // movk x4, #0xabcd, lsl #16
            (.mov(.x1, .x2), 0xAA02_03E1),  // mov x1, x2
            (.movToSP(.x3), 0x9100_007F),  // mov sp, x3
            (.movFromSP(.x3), 0x9100_03E3),  // mov x3, sp
            (.add(.x1, .x2, 5), 0x9100_1441),  // add x1, x2, #5
            (.sub(.x1, .x2, 5), 0xD100_1441),  // sub x1, x2, #5
            (.add(.x1, .x2, .x3), 0x8B03_0041),  // add x1, x2, x3
            (.orr(.x1, .x2, .x3), 0xAA03_0041),  // orr x1, x2, x3
            (.cmp(.x4, .x5), 0xEB05_009F),  // cmp x4, x5
            (.adr(.x6, -2), 0x10FF_FFC6),  // adr x6, .-8
            (.ldr(.x1, .x2, 16), 0xF940_0841),  // ldr x1, [x2, #16]
            (.str(.x1, .x2, 16), 0xF900_0841),  // str x1, [x2, #16]
            (.ldrw(.x1, .x2), 0xB940_0041),  // ldr w1, [x2]
            (.strw(.x1, .x2), 0xB900_0041),  // str w1, [x2]
            (.ldrb(.x1, .x2), 0x3940_0041),  // ldrb w1, [x2]
            (.strb(.x1, .x2), 0x3900_0041),  // strb w1, [x2]
            (.ldrh(.x1, .x2), 0x7940_0041),  // ldrh w1, [x2]
            (.ldrPre(.x1, .x2, -16), 0xF85F_0C41),  // ldr x1, [x2, #-16]!
            (.strPost(.x1, .x2, 24), 0xF801_8441),  // str x1, [x2], #24
            (.ldrLiteral(.x1, 2), 0x5800_0041),  // ldr x1, .+8
            (.ldp(.x1, .x2, .x3, -16), 0xA97F_0861),  // ldp x1, x2, [x3, #-16]
            (.stp(.x1, .x2, .x3, 16), 0xA901_0861),  // stp x1, x2, [x3, #16]
            (.ldpPost(.x1, .x2, .x3, 32), 0xA8C2_0861),  // ldp x1, x2, [x3], #32
            (.stpPre(.x1, .x2, .x3, -32), 0xA9BE_0861),  // stp x1, x2, [x3, #-32]!
            (.ldtr(.x1, .x2), 0xF840_0841),  // ldtr x1, [x2]
            (.sttr(.x1, .x2), 0xF800_0841),  // sttr x1, [x2]
            (.ldxr(.x1, .x2), 0xC85F_7C41),  // ldxr x1, [x2]
            (.ldaxr(.x1, .x2), 0xC85F_FC41),  // ldaxr x1, [x2]
            (.stxr(.x3, .x1, .x2), 0xC803_7C41),  // stxr w3, x1, [x2]
            (.stlxr(.x3, .x1, .x2), 0xC803_FC41),  // stlxr w3, x1, [x2]
            (.ldxp(.x1, .x4, .x2), 0xC87F_1041),  // ldxp x1, x4, [x2]
            (.stxp(.x3, .x1, .x4, .x2), 0xC823_1041),  // stxp w3, x1, x4, [x2]
            (.ldar(.x1, .x2), 0xC8DF_FC41),  // ldar x1, [x2]
            (.stlr(.x1, .x2), 0xC89F_FC41),  // stlr x1, [x2]
            (.cas(.x1, .x2, .x3), 0xC8A1_7C62),  // cas x1, x2, [x3]
            (.casp(.x2, .x4, .x6), 0x4822_7CC4),  // casp x2, x3, x4, x5, [x6]
            (.ldadd(.x1, .x2, .x3), 0xF821_0062),  // ldadd x1, x2, [x3]
            (.clrex, 0xD503_3F5F),  // clrex
            (.b(-3), 0x17FF_FFFD),  // b .-12
            (.bl(2), 0x9400_0002),  // bl .+8
            (.b(.ne, -2), 0x54FF_FFC1),  // b.ne .-8
            (.cbz(.x3, 4), 0xB400_0083),  // cbz x3, .+16
            (.cbnz(.x3, -4), 0xB5FF_FF83),  // cbnz x3, .-16
            (.br(.x7), 0xD61F_00E0),  // br x7
            (.blr(.x7), 0xD63F_00E0),  // blr x7
            (.ret, 0xD65F_03C0),  // ret
            (.svc(7), 0xD400_00E1),  // svc #7
            (.hvc(0x102), 0xD400_2042),  // hvc #0x102
            (.smc(1), 0xD400_0023),  // smc #1
            (.brk(1000), 0xD420_7D00),  // brk #0x3e8
            (.hlt(0), 0xD440_0000),  // hlt #0
            (.udf(3), 0x0000_0003),  // udf #3
            (.eret, 0xD69F_03E0),  // eret
            (.nop, 0xD503_201F),  // nop
            (.yield, 0xD503_203F),  // yield
            (.wfe, 0xD503_205F),  // wfe
            (.sev, 0xD503_209F),  // sev
            (.sevl, 0xD503_20BF),  // sevl
            (.wfi, 0xD503_207F),  // wfi
            (.dsb, 0xD503_3F9F),  // dsb sy
            (.dsbISH, 0xD503_3B9F),  // dsb ish
            (.dmb, 0xD503_3BBF),  // dmb ish
            (.isb, 0xD503_3FDF),  // isb
            (.mrs(.x1, .esrEL1), 0xD538_5201),  // mrs x1, esr_el1
            (.msr(.ttbr0EL1, .x2), 0xD518_2002),  // msr ttbr0_el1, x2
            (.mrs(.x1, .cntvctEL0), 0xD53B_E041),  // mrs x1, cntvct_el0
            (.msrDAIFSet(2), 0xD503_42DF),  // msr daifset, #2
            (.msrDAIFClr(15), 0xD503_4FFF),  // msr daifclr, #15
            (.msrSPSel(1), 0xD500_41BF),  // msr spsel, #1
            (.msrPAN(1), 0xD500_419F),  // msr pan, #1
            (.sys(.dcZVA, .x1), 0xD50B_7421),  // dc zva, x1
            (.sys(.dcCIVAC, .x1), 0xD50B_7E21),  // dc civac, x1
            (.sys(.icIVAU, .x2), 0xD50B_7522),  // ic ivau, x2
            (.sys(.icIALLU), 0xD508_751F),  // ic iallu
            (.sys(.atS1E0W, .x3), 0xD508_7863),  // at s1e0w, x3
            (.sys(.tlbiVMALLE1IS), 0xD508_831F),  // tlbi vmalle1is
            (.sys(.tlbiVAALE1IS, .x4), 0xD508_83E4),  // tlbi vaale1is, x4
            (.sys(.tlbiRVAE1, .x4), 0xD508_8624),  // tlbi rvae1, x4
            (.sys(.tlbiASIDE1, .x4), 0xD508_8744),  // tlbi aside1, x4
            (.fmov(d: 3, .x4), 0x9E67_0083),  // fmov d3, x4
            (.ldr(q: 3, .x4), 0x3DC0_0083),  // ldr q3, [x4]
        ]
        for (instruction, word) in expected { #expect(instruction.word == word) }
    }
}
