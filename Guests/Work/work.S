// What this guest does that Swift cannot say: translation tables, exceptions, and functions that are written first.
//
// Follows the Arm ARM (DDI0487): D8.3 for descriptors, D1.3 for exceptions, B2.4.4 for code that is written.

        // Block and page descriptors: AF, inner shareable, MAIR_EL1's attribute 1; the page is one with bit 1 set.
        .set    normal_block, 1 << 10 | 3 << 8 | 1 << 2 | 1
        .set    normal_page, normal_block | 3
        // AF, PXN, UXN, attribute 0.
        .set    device_block, 1 << 54 | 1 << 53 | 1 << 10 | 1
        .set    table, 3

        // Where pages are mapped that fault at first, and how many.
        .set    window, 0x80000000
        .set    window_pages, 32
        // RAM that nobody uses: behind the window, to copy from and to, and for code.
        .set    window_memory, 0x45000000
        .set    copy_memory, 0x46000000
        .set    code_memory, 0x47000000

        .section .text.enable_translation, "ax"
        .global enable_translation
enable_translation:
        adrp    x0, level1
        add     x0, x0, :lo12:level1
        ldr     x1, =device_block
        str     x1, [x0]
        ldr     x1, =0x40000000 | normal_block
        str     x1, [x0, #8]
        adrp    x2, level2
        add     x2, x2, :lo12:level2
        orr     x1, x2, #table
        str     x1, [x0, #16]
        adrp    x3, level3
        add     x3, x3, :lo12:level3
        orr     x1, x3, #table
        str     x1, [x2]
        adrp    x1, work_vectors
        add     x1, x1, :lo12:work_vectors
        msr     vbar_el1, x1
        mov     x1, #0xff00
        msr     mair_el1, x1
        // T0SZ 25: 39 bits, which begins at level 1. Write-back, inner shareable, 4 KiB; no TTBR1; 40 bits physical.
        ldr     x1, =25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32
        msr     tcr_el1, x1
        msr     ttbr0_el1, x0
        dsb     sy
        tlbi    vmalle1
        dsb     sy
        isb
        mrs     x0, sctlr_el1
        mov     x1, #1 << 0 | 1 << 2
        orr     x1, x1, #1 << 12
        orr     x0, x0, x1
        msr     sctlr_el1, x0
        isb
        ret
        .ltorg

        .section .text.work_vectors, "ax"
        .balign 2048
work_vectors:
        .rept   4
        .balign 128
        b       report_exception
        .endr
        // A synchronous exception from the current exception level, with its own stack pointer.
        .balign 128
        stp     x0, x1, [sp, #-16]!
        mrs     x0, esr_el1
        lsr     x0, x0, #26
        cmp     x0, #0x15
        b.eq    1f
        cmp     x0, #0x25
        b.ne    report_exception
        b       map_page
        // SVC: counted in TPIDR_EL1.
1:      mrs     x0, tpidr_el1
        add     x0, x0, #1
        msr     tpidr_el1, x0
        ldp     x0, x1, [sp], #16
        eret
        .rept   11
        .balign 128
        b       report_exception
        .endr
        .balign 128
map_page:
        mrs     x0, far_el1
        ubfx    x0, x0, #12, #9
        ldr     x1, =window_memory | normal_page
        add     x1, x1, x0, lsl #12
        str     x2, [sp, #-16]!
        adrp    x2, level3
        add     x2, x2, :lo12:level3
        str     x1, [x2, x0, lsl #3]
        dsb     ishst
        isb
        ldr     x2, [sp], #16
        ldp     x0, x1, [sp], #16
        eret
        .ltorg

// x0: rounds. Each has 64 SVCs; a store to and a load from each page of the window, which fault first; a page that is
// copied; and the window is unmapped again, a page at a time.
        .section .text.work_on_system, "ax"
        .global work_on_system
work_on_system:
        msr     tpidr_el1, xzr
        mov     x9, x0
        mov     x10, #0
1:      mov     x11, #64
2:      svc     #0
        mrs     x12, elr_el1
        mrs     x13, spsr_el1
        add     x10, x10, x13
        subs    x11, x11, #1
        b.ne    2b

        ldr     x11, =window
        mov     x12, #window_pages
3:      str     x12, [x11, #8]
        ldr     x13, [x11]
        add     x13, x13, x12
        str     x13, [x11]
        add     x11, x11, #4096
        eor     x10, x10, x13, ror #7
        subs    x12, x12, #1
        b.ne    3b

        ldr     x11, =copy_memory
        add     x12, x11, #4096
        mov     x13, #4096 / 32
        str     x10, [x11]
4:      ldp     x14, x15, [x11], #16
        ldp     x16, x17, [x11], #16
        add     x10, x10, x14
        stp     x14, x15, [x12], #16
        stp     x16, x17, [x12], #16
        subs    x13, x13, #1
        b.ne    4b

        adrp    x11, level3
        add     x11, x11, :lo12:level3
        ldr     x12, =window
        mov     x13, #window_pages
5:      str     xzr, [x11], #8
        dsb     ishst
        lsr     x14, x12, #12
        tlbi    vae1is, x14
        add     x12, x12, #4096
        subs    x13, x13, #1
        b.ne    5b
        dsb     ish
        isb

        subs    x9, x9, #1
        b.ne    1b
        mrs     x11, tpidr_el1
        add     x0, x10, x11
        ret
        .ltorg

// x0: copies, x1: rounds. In each the functions are written again, each with another constant in its first instruction.
        .section .text.make_code, "ax"
        .global make_code
make_code:
        stp     x29, x30, [sp, #-48]!
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        mov     x19, x0
        mov     x20, x1
        mov     x21, #0
1:      ldr     x9, =code_memory
        mov     x10, x19
2:      adrp    x11, template
        add     x11, x11, :lo12:template
        mov     x12, #(template_end - template) / 8
        // MOVZ X1, #number
        ldr     w13, =0xd2800001
        bfi     w13, w10, #5, #16
        ldr     x14, [x11], #8
        bfxil   x14, x13, #0, #32
        b       4f
3:      ldr     x14, [x11], #8
4:      str     x14, [x9], #8
        subs    x12, x12, #1
        b.ne    3b
        subs    x10, x10, #1
        b.ne    2b

        ldr     x10, =code_memory
5:      dc      cvau, x10
        add     x10, x10, #64
        cmp     x10, x9
        b.lo    5b
        dsb     ish
        ldr     x10, =code_memory
6:      ic      ivau, x10
        add     x10, x10, #64
        cmp     x10, x9
        b.lo    6b
        dsb     ish
        isb

        ldr     x22, =code_memory
        mov     x9, x19
7:      mov     x10, #3
8:      ldr     x0, =copy_memory
        blr     x22
        ror     x21, x21, #1
        add     x21, x21, x0
        subs    x10, x10, #1
        b.ne    8b
        add     x22, x22, #template_end - template
        subs    x9, x9, #1
        b.ne    7b

        subs    x20, x20, #1
        b.ne    1b
        mov     x0, x21
        ldp     x21, x22, [sp, #32]
        ldp     x19, x20, [sp, #16]
        ldp     x29, x30, [sp], #48
        ret
        .ltorg

// The function that is copied: instructions as compilers make them. x0 is memory that it may use; changes x0 to x8, and
// vector registers. An even number of instructions, which the copies are made of.
        .balign 8
template:
        mov     x1, #0
        stp     x29, x30, [sp, #-32]!
        mov     x29, sp
        stp     x0, x1, [sp, #16]
        mov     x2, #9
        add     x3, x1, x2, lsl #3
        cmp     x3, #100
        b.hi    1f
        sub     x3, x3, #7
        tbz     x3, #2, 1f
        eor     x3, x3, x1
1:      strb    w3, [x0, #3]
        str     w3, [x0, #8]
        ldrh    w4, [x0, #2]
        ldr     x5, [x0, #8]
        and     x5, x5, #0x00ff00ff00ff00ff
        madd    x4, x4, x5, x3
        ubfx    x5, x4, #3, #12
        cmp     x4, x5
        csel    x6, x4, x5, lt
        cset    w7, ne
        add     x6, x6, w7, uxtw #2
2:      lsr     x6, x6, #1
        cbz     x6, 3f
        subs    x2, x2, #1
        b.ne    2b
3:      scvtf   d0, x3
        scvtf   d1, x4
        fadd    d0, d0, d1
        fmul    d1, d0, d1
        fcmp    d0, d1
        b.le    4f
        fsub    d0, d0, d1
4:      fcvtzs  x8, d0
        stp     d0, d1, [x0, #16]
        ldr     q2, [x0, #16]
        add     v3.4s, v2.4s, v2.4s
        eor     v3.16b, v3.16b, v2.16b
        str     q3, [x0, #32]
        dup     v4.4s, w3
        cmeq    v4.4s, v4.4s, v3.4s
        umov    w5, v4.s[1]
        udiv    x7, x4, x2
        rev     w5, w5
        clz     x6, x4
        extr    x5, x5, x6, #13
        ccmp    x5, #3, #4, ne
        b.eq    5f
        adds    x7, x7, x5
        adc     x7, x7, x6
5:      eor     x1, x7, x8
        ldp     x3, x2, [sp, #16]
        ldp     x29, x30, [sp], #32
        add     x0, x1, x2
        ret
        nop
        .balign 8
template_end:

        .section .bss.work, "aw", @nobits
        .balign 4096
level1: .space  4096
level2: .space  4096
level3: .space  4096
