// Where a guest begins: the first instructions of the boot core and of every other core, the exception vectors, and
// what Swift cannot say (system registers, HVC, SMC, WFI).
//
// Entry follows the boards that load a flat image at RAM base + 0x8_0000: EL1, MMU and caches off, x0 = device tree.
// Other cores enter as DEN0022 F.b §6.4 has it. With the MMU off every access is to Device memory, so nothing here or
// in the Swift code makes unaligned ones.

        .set    maximum_cores, 64
        .set    stack_size, 8192
        .set    mailbox_size, 128
        // The fields of MPIDR_EL1 that PSCI calls affinity.
        .set    affinity_fields_low, 0x00ffffff

        .section .text.boot, "ax"
        .global _start
_start:
        msr     daifset, #0xf
        mov     x19, x0
        // The image on disk carries its zeros, but a warm reset keeps what a former run left in them.
        adrp    x1, __bss_start
        add     x1, x1, :lo12:__bss_start
        adrp    x2, __bss_end
        add     x2, x2, :lo12:__bss_end
1:      cmp     x1, x2
        b.hs    2f
        stp     xzr, xzr, [x1], #16
        b       1b
2:      mov     x20, #0
        bl      prepare_core
        mov     x0, x19
        bl      guest_start
        b       stop

// Where CPU_ON sends a core. It finds its number, and so its stack, in the table that the boot core filled.
        .section .text.secondary_entry, "ax"
        .global secondary_entry
secondary_entry:
        bl      note_arrival
        bl      find_core
        bl      prepare_core
        mov     x0, x20
        mov     x1, x21
        mov     x2, x22
        mov     x3, x23
        mov     x4, x24
        mov     x5, x25
        bl      guest_secondary_start
        // falls through: a core with nothing left to do stays here
stop:   wfi
        b       stop

// What §6.4 says something about: context id, SCTLR_EL1, PSTATE.DAIF, CurrentEL, SPSel, in x21 to x25.
note_arrival:
        mov     x21, x0
        mrs     x22, sctlr_el1
        mrs     x23, daif
        mrs     x24, CurrentEL
        mrs     x25, SPSel
        ret

// The number of this core in x20, from the table that the boot core filled.
find_core:
        mrs     x1, mpidr_el1
        and     x2, x1, #0xff00000000
        and     x1, x1, #affinity_fields_low
        orr     x1, x1, x2
        adrp    x2, core_affinities
        add     x2, x2, :lo12:core_affinities
        mov     x20, #0
1:      cmp     x20, #maximum_cores
        b.hs    stop
        ldr     x3, [x2, x20, lsl #3]
        cmp     x3, x1
        b.eq    2f
        add     x20, x20, #1
        b       1b
2:      ret

// A call that may power this core down: x0 is the core's number, x1 points to x0 to x3 as for the conduits, x2 is 0 for
// HVC. Returns 0 if the call returned, with its results in place, and 1 if the core came back at resume_entry; then its
// frame holds what it found there.
        .set    frame_size, 256
        .set    frame_arrival, 176
        .section .text.suspending_call, "ax"
        .global guest_suspending_call
guest_suspending_call:
        adrp    x9, resume_frames
        add     x9, x9, :lo12:resume_frames
        add     x9, x9, x0, lsl #8
        mov     x10, sp
        stp     x10, x30, [x9]
        stp     x19, x20, [x9, #16]
        stp     x21, x22, [x9, #32]
        stp     x23, x24, [x9, #48]
        stp     x25, x26, [x9, #64]
        stp     x27, x28, [x9, #80]
        str     x29, [x9, #96]
        stp     d8, d9, [x9, #112]
        stp     d10, d11, [x9, #128]
        stp     d12, d13, [x9, #144]
        stp     d14, d15, [x9, #160]
        mov     x19, x1
        mov     x20, x9
        mov     x9, x2
        ldp     x0, x1, [x19]
        ldp     x2, x3, [x19, #16]
        cbnz    x9, 1f
        hvc     #0
        b       2f
1:      smc     #0
2:      stp     x0, x1, [x19]
        stp     x2, x3, [x19, #16]
        ldp     x19, x20, [x20, #16]
        mov     x0, #0
        ret

        .section .text.resume_entry, "ax"
        .global resume_entry
resume_entry:
        bl      note_arrival
        bl      find_core
        bl      prepare_core
        adrp    x9, resume_frames
        add     x9, x9, :lo12:resume_frames
        add     x9, x9, x20, lsl #8
        stp     x21, x22, [x9, #frame_arrival]
        stp     x23, x24, [x9, #frame_arrival + 16]
        str     x25, [x9, #frame_arrival + 32]
        ldp     x10, x30, [x9]
        mov     sp, x10
        ldp     x19, x20, [x9, #16]
        ldp     x21, x22, [x9, #32]
        ldp     x23, x24, [x9, #48]
        ldp     x25, x26, [x9, #64]
        ldp     x27, x28, [x9, #80]
        ldr     x29, [x9, #96]
        ldp     d8, d9, [x9, #112]
        ldp     d10, d11, [x9, #128]
        ldp     d12, d13, [x9, #144]
        ldp     d14, d15, [x9, #160]
        mov     x0, #1
        ret

// Gives core x20 its stack, the exception vectors, and floating point, which compiled code copies memory with.
prepare_core:
        adrp    x1, stacks
        add     x1, x1, :lo12:stacks
        mov     x2, #stack_size
        add     x3, x20, #1
        madd    x1, x2, x3, x1
        mov     sp, x1
        adrp    x1, vectors
        add     x1, x1, :lo12:vectors
        msr     vbar_el1, x1
        mov     x1, #(3 << 20)
        msr     cpacr_el1, x1
        isb
        ret

// No exception is expected: each one is reported, with where it came from, and ends the run. A guest with vectors of
// its own has those that it does not expect reported here, too.
        .section .text.vectors, "ax"
        .global report_exception
        .balign 2048
vectors:
        .rept   16
        .balign 128
        b       report_exception
        .endr
report_exception:
        adrp    x4, exception_stack_end
        add     x4, x4, :lo12:exception_stack_end
        mov     sp, x4
        mrs     x0, esr_el1
        mrs     x1, elr_el1
        mrs     x2, far_el1
        bl      guest_exception
        b       stop

        .macro  function name
        .section .text.\name, "ax"
        .global \name
\name:
        .endm

// Both conduits take a pointer to x0 to x3, and write the results back there.
        .macro  conduit name, instruction
        function \name
        str     x19, [sp, #-16]!
        mov     x19, x0
        ldp     x2, x3, [x19, #16]
        ldp     x0, x1, [x19]
        \instruction #0
        stp     x0, x1, [x19]
        stp     x2, x3, [x19, #16]
        ldr     x19, [sp], #16
        ret
        .endm
        conduit guest_hvc, hvc
        conduit guest_smc, smc

        .macro  reader name, register
        function \name
        isb
        mrs     x0, \register
        ret
        .endm
        reader  read_mpidr, mpidr_el1
        reader  read_id_aa64pfr0, id_aa64pfr0_el1
        reader  read_cntfrq, cntfrq_el0
        reader  read_cntvct, cntvct_el0
        reader  read_icc_iar1, S3_0_C12_C12_0

        .macro  writer name, register
        function \name
        msr     \register, x0
        isb
        ret
        .endm
        writer  write_cntv_cval, cntv_cval_el0
        writer  write_cntv_ctl, cntv_ctl_el0
        writer  write_icc_sre, S3_0_C12_C12_5
        writer  write_icc_pmr, S3_0_C4_C6_0
        writer  write_icc_igrpen1, S3_0_C12_C12_7
        writer  write_icc_eoir1, S3_0_C12_C12_1

        .macro  instruction name, text:vararg
        function \name
        \text
        ret
        .endm
        instruction wait_for_interrupt, wfi
        instruction wait_for_event, wfe
        instruction send_event, sev
        instruction memory_barrier, dsb sy

        .macro  address name, symbol
        function \name
        adrp    x0, \symbol
        add     x0, x0, :lo12:\symbol
        ret
        .endm
        address core_affinities_address, core_affinities
        address mailboxes_address, mailboxes
        address secondary_entry_address, secondary_entry
        address resume_entry_address, resume_entry
        address resume_frames_address, resume_frames

// What the compiler calls by itself. Bytes at a time: there is little to copy, and no alignment to mind.
        function memset
        mov     x3, x0
1:      cbz     x2, 2f
        strb    w1, [x3], #1
        sub     x2, x2, #1
        b       1b
2:      ret

        function memmove
        cmp     x0, x1
        b.ls    memcpy
1:      cbz     x2, 2f
        sub     x2, x2, #1
        ldrb    w3, [x1, x2]
        strb    w3, [x0, x2]
        b       1b
2:      ret

        function memcpy
        mov     x4, x0
1:      cbz     x2, 2f
        ldrb    w3, [x1], #1
        strb    w3, [x4], #1
        sub     x2, x2, #1
        b       1b
2:      ret

        .section .bss.cores, "aw", @nobits
        .balign 128
mailboxes:
        .space  maximum_cores * mailbox_size
resume_frames:
        .space  maximum_cores * frame_size
core_affinities:
        .space  maximum_cores * 8
        .balign 16
stacks:
        .space  maximum_cores * stack_size
        .space  4096
exception_stack_end:
