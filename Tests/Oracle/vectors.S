// One instruction on a state that is given: what vectors.c cannot say in C. It has the offsets of `struct state`.

#define PAIRS(i) i(0, 1) i(2, 3) i(4, 5) i(6, 7) i(8, 9) i(10, 11) i(12, 13) i(14, 15) i(16, 17) i(18, 19) i(20, 21) \
    i(22, 23) i(24, 25) i(26, 27) i(28, 29)
#define LOAD_X(a, b) ldr x##a, [sp, #512 + 8 * a]; ldr x##b, [sp, #512 + 8 * b];
#define STORE_X(a, b) str x##a, [sp, #512 + 8 * a]; str x##b, [sp, #512 + 8 * b];
#define LOAD_Q(a, b) ldp q##a, q##b, [sp, #16 * a];
#define STORE_Q(a, b) stp q##a, q##b, [sp, #16 * a];
#define X30 752
#define FPSR 760
#define CALLERS_SP 768

// The word is written into it: `_start` has it executed, too.
    .section .slot, "aw"
    .balign 4096
    .global page_of_slot, execute, slot, undefined

// x0: the state. The caller's registers lie on its stack meanwhile, and SP is the state's address, since every other
// register has a value of the test.
page_of_slot:
execute:
    stp     x29, x30, [sp, #-160]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    mov     x1, sp
    str     x1, [x0, #CALLERS_SP]
    ldr     x1, [x0, #FPSR]
    msr     fpsr, x1
    mov     sp, x0
    PAIRS(LOAD_Q) LOAD_Q(30, 31)
    PAIRS(LOAD_X)
    ldr     x30, [sp, #X30]
slot:
    .word   0
    PAIRS(STORE_X)
    str     x30, [sp, #X30]
    PAIRS(STORE_Q) STORE_Q(30, 31)
    mrs     x1, fpsr
    str     x1, [sp, #FPSR]
    mov     x0, #1
    b       back
undefined:
    mov     x0, #0
back:
    ldr     x1, [sp, #CALLERS_SP]
    mov     sp, x1
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    ldp     x29, x30, [sp], #160
    ret
