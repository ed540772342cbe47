// The oracle's side of a comparison: runs test cases under qemu-aarch64 and says how each ended.
//
// Responsible for: mapping the pages of record.h, and for every record: loading the state, jumping to the code, and
// catching the signal that ends it (a case always ends in one; BRK where it runs to its end). Not responsible for
// judging anything. Assembled with PROGRAMS for programs, which may change their own code. Structures of the kernel's
// interface follow Linux's arch/arm64/include/uapi/asm.
//
// Protocol: standard input holds the contents of the read-only page, then batches of a 64-bit count and as many records;
// after each batch the records come back on standard output. The end of standard input ends the program.
// Exit codes: 0 end of input, 2 a system call failed, 3 a signal with no case running, 4 an unknown signal frame.

#include "record.h"

// System calls.
#define SYS_READ 63
#define SYS_WRITE 64
#define SYS_EXIT 93
#define SYS_SIGALTSTACK 132
#define SYS_RT_SIGACTION 134
#define SYS_MMAP 222
#define SYS_MPROTECT 226

#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#ifdef PROGRAMS
#define CODE_PROTECTION (PROT_READ | PROT_WRITE | PROT_EXEC)
#else
#define CODE_PROTECTION (PROT_READ | PROT_EXEC)
#endif
#define MAP_PRIVATE_ANONYMOUS_FIXED 0x32

#define SA_SIGINFO_ONSTACK_NODEFER 0x48000004
#define SIGINFO_CODE 8
#define SIGINFO_ADDRESS 16
#define UCONTEXT_REGISTERS 184
#define UCONTEXT_SP 432
#define UCONTEXT_PC 440
#define UCONTEXT_PSTATE 448
#define UCONTEXT_FPSIMD 464
#define FPSIMD_MAGIC 0x46508001
#define FPSIMD_FPSR 8
#define FPSIMD_FPCR 12
#define FPSIMD_V 16

#define EXIT_SYSTEM_CALL 2
#define EXIT_STRAY_SIGNAL 3
#define EXIT_UNKNOWN_FRAME 4

#define ALTERNATE_STACK_SIZE 0x10000

// x19: records left, x20: the current record; both are kept in `current` while a case runs, with where its code lies.

    .text
    .global _start
_start:
    mov     x0, #CODE_BASE & 0xFFFF0000
    mov     x1, #CODE_SIZE
    bl      map
    mov     x0, #DATA_BASE & 0xFFFF0000
    mov     x1, #(DATA_READ_ONLY - DATA_BASE + DATA_READ_ONLY_SIZE)
    bl      map

#ifdef PROGRAMS
    mov     x0, #COUNTERS_BASE & 0xFFFF0000
    mov     x1, #COUNTERS_PAGE_SIZE
    bl      map
#endif

    ldr     x1, =DATA_READ_ONLY
    mov     x2, #DATA_READ_ONLY_SIZE
    bl      read_all
    ldr     x0, =DATA_READ_ONLY
    mov     x1, #DATA_READ_ONLY_SIZE
    mov     x2, #PROT_READ
    bl      protect

    ldr     x0, =alternate_stack
    mov     x1, #0
    mov     x8, #SYS_SIGALTSTACK
    bl      call
    // SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV
    mov     x0, #4
    bl      catch
    mov     x0, #5
    bl      catch
    mov     x0, #7
    bl      catch
    mov     x0, #8
    bl      catch
    mov     x0, #11
    bl      catch

next_batch:
    ldr     x1, =count
    mov     x2, #8
    bl      read_all
    ldr     x1, =count
    ldr     x19, [x1]
    cmp     x19, #RECORD_MAXIMUM_COUNT
    b.hi    failed
    ldr     x1, =records
    mov     x3, #RECORD_SIZE
    mul     x2, x19, x3
    bl      read_all

    // All code is written before any of it runs: each change of a translated page costs qemu a fault.
    mov     x0, #CODE_BASE & 0xFFFF0000
    mov     x1, #CODE_SIZE
    mov     x2, #(PROT_READ | PROT_WRITE)
    bl      protect
    ldr     x20, =records
    mov     x21, x19
copy_code:
    cbz     x21, code_copied
    ldr     x0, [x20, #RECORD_PC]
    sub     x0, x0, #PROLOGUE_SIZE
    add     x1, x20, #RECORD_CODE
    mov     x2, #RECORD_CODE_SIZE
    bl      copy
    mov     x3, #RECORD_SIZE
    add     x20, x20, x3
    sub     x21, x21, #1
    b       copy_code
code_copied:
    mov     x0, #CODE_BASE & 0xFFFF0000
    mov     x1, #CODE_SIZE
    mov     x2, #CODE_PROTECTION
    bl      protect

    ldr     x20, =records
next_case:
    cbz     x19, batch_done
    mov     x0, #DATA_BASE & 0xFFFF0000
    add     x1, x20, #RECORD_DATA
    mov     x2, #RECORD_DATA_SIZE
    bl      copy
#ifdef PROGRAMS
    mov     x0, #COUNTERS_BASE & 0xFFFF0000
    add     x1, x20, #RECORD_COUNTERS
    mov     x2, #RECORD_COUNTERS_SIZE
    bl      copy
#endif
    ldr     x0, =current
    stp     x19, x20, [x0]
    ldr     x1, [x20, #RECORD_PC]
    sub     x1, x1, #PROLOGUE_SIZE
    str     x1, [x0, #16]

    clrex
    msr     tpidr_el0, xzr
    mov     x0, x20
    ldr     x1, [x0, #RECORD_NZCV]
    msr     nzcv, x1
    ldr     x1, [x0, #RECORD_FPCR]
    msr     fpcr, x1
    ldr     x1, [x0, #RECORD_FPSR]
    msr     fpsr, x1
    ldr     x1, [x0, #RECORD_SP]
    mov     sp, x1
    .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ldr     q\n, [x0, #(RECORD_V + 16 * \n)]
    .endr
    // The loads need a base and the jump a target, but every register belongs to the case: two words of the runner's own
    // before its first word, LDR x30, [x0, #240] and LDR x0, [x0], load the last two.
    ldr     x30, [x0, #RECORD_PC]
    sub     x30, x30, #PROLOGUE_SIZE
    .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
    ldr     x\n, [x0, #(RECORD_X + 8 * \n)]
    .endr
    br      x30

batch_done:
    ldr     x0, =count
    ldr     x19, [x0]
    mov     x3, #RECORD_SIZE
    mul     x2, x19, x3
    ldr     x1, =records
    bl      write_all
    b       next_batch

// The signal handler: x0 the signal, x1 its siginfo, x2 the ucontext. Never returns to the case: it goes on with the
// next one, still on the alternate stack, which the kernel takes from its top again once a case has set SP.
caught:
    ldr     x3, =current
    ldp     x19, x20, [x3]
    cbz     x20, stray
    str     xzr, [x3, #8]
    ldr     w4, [x1, #SIGINFO_CODE]
    orr     x0, x0, x4, lsl #32
    str     x0, [x20, #RECORD_CAUSE]
    ldr     x4, [x1, #SIGINFO_ADDRESS]
    str     x4, [x20, #RECORD_FAULT]

    add     x0, x20, #RECORD_X
    add     x1, x2, #UCONTEXT_REGISTERS
    mov     x22, x2
    mov     x2, #(8 * 31)
    bl      copy
    ldr     x4, [x22, #UCONTEXT_SP]
    str     x4, [x20, #RECORD_SP]
    ldr     x4, [x22, #UCONTEXT_PC]
    str     x4, [x20, #RECORD_PC]
    ldr     x4, [x22, #UCONTEXT_PSTATE]
    and     x4, x4, #0xF0000000
    str     x4, [x20, #RECORD_NZCV]

    add     x22, x22, #UCONTEXT_FPSIMD
    ldr     w4, [x22]
    ldr     w5, =FPSIMD_MAGIC
    cmp     w4, w5
    b.ne    unknown_frame
    ldr     w4, [x22, #FPSIMD_FPCR]
    str     x4, [x20, #RECORD_FPCR]
    ldr     w4, [x22, #FPSIMD_FPSR]
    str     x4, [x20, #RECORD_FPSR]
    add     x0, x20, #RECORD_V
    add     x1, x22, #FPSIMD_V
    mov     x2, #(16 * 32)
    bl      copy

    add     x0, x20, #RECORD_DATA
    mov     x1, #DATA_BASE & 0xFFFF0000
    mov     x2, #RECORD_DATA_SIZE
    bl      copy
#ifdef PROGRAMS
    add     x0, x20, #RECORD_COUNTERS
    mov     x1, #COUNTERS_BASE & 0xFFFF0000
    mov     x2, #RECORD_COUNTERS_SIZE
    bl      copy
    add     x0, x20, #RECORD_CODE
    ldr     x1, =current
    ldr     x1, [x1, #16]
    mov     x2, #RECORD_CODE_SIZE
    bl      copy
#endif
    mov     x3, #RECORD_SIZE
    add     x20, x20, x3
    sub     x19, x19, #1
    b       next_case

// Copies x2 bytes, a multiple of 8, from x1 to x0.
copy:
    tbz     x2, #3, 2f
    ldr     x4, [x1], #8
    str     x4, [x0], #8
    sub     x2, x2, #8
2:  tbz     x2, #4, 3f
    ldp     x4, x5, [x1], #16
    stp     x4, x5, [x0], #16
    sub     x2, x2, #16
3:  cbz     x2, 5f
4:  ldp     q0, q1, [x1], #32
    stp     q0, q1, [x0], #32
    subs    x2, x2, #32
    b.ne    4b
5:  ret

// Reads x2 bytes to x1; the end of the input ends the program.
read_all:
    mov     x10, x1
    mov     x11, x2
    mov     x12, x30
1:  cbz     x11, 2f
    mov     x0, #0
    mov     x1, x10
    mov     x2, x11
    mov     x8, #SYS_READ
    bl      call
    cbz     x0, finished
    add     x10, x10, x0
    sub     x11, x11, x0
    b       1b
2:  ret     x12

// Writes x2 bytes from x1.
write_all:
    mov     x10, x1
    mov     x11, x2
    mov     x12, x30
1:  cbz     x11, 2f
    mov     x0, #1
    mov     x1, x10
    mov     x2, x11
    mov     x8, #SYS_WRITE
    bl      call
    add     x10, x10, x0
    sub     x11, x11, x0
    b       1b
2:  ret     x12

// Maps x1 writable bytes at x0.
map:
    mov     x2, #(PROT_READ | PROT_WRITE)
    mov     x3, #MAP_PRIVATE_ANONYMOUS_FIXED
    mov     x4, #-1
    mov     x5, #0
    mov     x8, #SYS_MMAP
    b       call

// Gives x1 bytes at x0 the protection x2.
protect:
    mov     x8, #SYS_MPROTECT
    b       call

// Makes `caught` the handler of signal x0.
catch:
    ldr     x1, =action
    mov     x2, #0
    mov     x3, #8
    mov     x8, #SYS_RT_SIGACTION

// System call x8, which must not fail.
call:
    svc     #0
    tbnz    x0, #63, failed
    ret

finished:
    mov     x0, #0
    b       exit
failed:
    mov     x0, #EXIT_SYSTEM_CALL
    b       exit
stray:
    mov     x0, #EXIT_STRAY_SIGNAL
    b       exit
unknown_frame:
    mov     x0, #EXIT_UNKNOWN_FRAME
exit:
    mov     x8, #SYS_EXIT
    svc     #0

    .ltorg

    .data
    .balign 16
// struct sigaction
action:
    .quad   caught, SA_SIGINFO_ONSTACK_NODEFER, 0, 0
// stack_t
alternate_stack:
    .quad   alternate_stack_memory, 0, ALTERNATE_STACK_SIZE

    .bss
    .balign 16
alternate_stack_memory:
    .skip   ALTERNATE_STACK_SIZE
current:
    .skip   32
count:
    .skip   16
records:
    .skip   RECORD_MAXIMUM_COUNT * RECORD_SIZE
