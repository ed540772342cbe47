// Our side of a comparison: what runs at EL1 of our own CPU so that a test case can run at EL0, as it does under Linux,
// or a program at EL1 with SP_EL0 as its stack pointer.
//
// Responsible for: turning the MMU on with the tables that the test wrote, entering a case with the state of its record,
// storing the state when an exception ends it, and answering SVC as Linux answers what it does not know. Only
// architecture is used, so any back end can be tested with it.
// Not responsible for the tables or for judging anything.
//
// The test sets x0 and the PC to an entry point below and runs until the HVC that ends each of them.

#include "record.h"

#define HVC_READY 1
#define HVC_STOPPED 2
#define HVC_UNEXPECTED 3

// RES1 bits of SCTLR_EL1 (LSMAOE, nTLSMD, SPAN, EIS, TSCXT, EOS), then M, C, I, and what Linux lets EL0 do:
// UCI, UCT, DZE, nTWE. SA0 is clear: qemu-aarch64 does not check the alignment of SP.
#define SCTLR_RES1 0x30D00800
#define SCTLR_M 0x1
#define SCTLR_C 0x4
#define SCTLR_I 0x1000
#define SCTLR_DZE 0x4000
#define SCTLR_UCT 0x8000
#define SCTLR_NTWI 0x10000
#define SCTLR_NTWE 0x40000
#define SCTLR_UCI 0x4000000
#define SCTLR (SCTLR_RES1 | SCTLR_M | SCTLR_C | SCTLR_I | SCTLR_DZE | SCTLR_UCT | SCTLR_NTWI | SCTLR_NTWE | SCTLR_UCI)
// TBI0, 40-bit physical addresses, no walks by TTBR1, inner shareable write-back walks by TTBR0 in 4 KiB granules of a
// 39-bit space.
#define TCR ((1 << 37) | (2 << 32) | (1 << 23) | (3 << 12) | (1 << 10) | (1 << 8) | 25)
#define MAIR_NORMAL_WRITE_BACK 0xFF
#define CPACR_FPEN 0x300000

#define ESR_EC_SHIFT 26
#define ESR_EC_SVC 0x15
#define ENOSYS 38

    .text
    .global _start
_start:
    // Entry points, 4 bytes apart.
    b       set_up
    b       enter

// x0: the level 1 table.
set_up:
    msr     ttbr0_el1, x0
    mov     x1, #MAIR_NORMAL_WRITE_BACK
    msr     mair_el1, x1
    ldr     x1, =TCR
    msr     tcr_el1, x1
    adrp    x1, vectors
    add     x1, x1, :lo12:vectors
    msr     vbar_el1, x1
    mov     x1, #CPACR_FPEN
    msr     cpacr_el1, x1
    tlbi    vmalle1
    dsb     sy
    isb
    ldr     x1, =SCTLR
    msr     sctlr_el1, x1
    isb
    hvc     #HVC_READY

// x0: the record.
enter:
    mov     sp, x0
    clrex
    msr     tpidr_el0, xzr
    ldr     x1, [x0, #RECORD_PC]
    msr     elr_el1, x1
    ldr     x1, [x0, #RECORD_NZCV]      // EL0t, nothing masked, unless the test says EL1t
    msr     spsr_el1, x1
    ldr     x1, [x0, #RECORD_FPCR]
    msr     fpcr, x1
    ldr     x1, [x0, #RECORD_FPSR]
    msr     fpsr, x1
    ldr     x1, [x0, #RECORD_SP]
    msr     sp_el0, x1
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ldr     q\n, [x0, #(RECORD_V + 16 * \n)]
    .endr
    .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    ldr     x\n, [x0, #(RECORD_X + 8 * \n)]
    .endr
    ldr     x0, [x0, #RECORD_X]
    eret

// An exception from EL0t or EL1t: SP, which is SP_EL1, is still the record.
stopped:
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    str     x\n, [sp, #(RECORD_X + 8 * \n)]
    .endr
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    str     q\n, [sp, #(RECORD_V + 16 * \n)]
    .endr
    mrs     x1, elr_el1
    str     x1, [sp, #RECORD_PC]
    mrs     x1, spsr_el1
    and     x1, x1, #0xF0000000
    str     x1, [sp, #RECORD_NZCV]
    mrs     x1, fpcr
    str     x1, [sp, #RECORD_FPCR]
    mrs     x1, fpsr
    str     x1, [sp, #RECORD_FPSR]
    mrs     x1, sp_el0
    str     x1, [sp, #RECORD_SP]
    mrs     x1, esr_el1
    str     x1, [sp, #RECORD_CAUSE]
    mrs     x1, far_el1
    str     x1, [sp, #RECORD_FAULT]
    hvc     #HVC_STOPPED

    .ltorg

// SVC from EL0t: programs make system calls that do not exist, and Linux says so.
system_call:
    mov     x0, #-ENOSYS
    eret

// Only a synchronous exception from EL0t or EL1t is expected; every other one is a mistake of ours.
    .balign 0x800
vectors:
    b       stopped
    .irp    n, 1, 2, 3, 4, 5, 6, 7
    .balign 0x80
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    hvc     #HVC_UNEXPECTED
    .endr
    .balign 0x80
    msr     tpidr_el1, x0
    mrs     x0, esr_el1
    lsr     x0, x0, #ESR_EC_SHIFT
    sub     x0, x0, #ESR_EC_SVC
    cbz     x0, system_call
    mrs     x0, tpidr_el1
    b       stopped
    .irp    n, 0, 1, 2, 3, 4, 5, 6
    .balign 0x80
    mrs     x0, esr_el1
    mrs     x1, elr_el1
    mrs     x2, far_el1
    hvc     #HVC_UNEXPECTED
    .endr
