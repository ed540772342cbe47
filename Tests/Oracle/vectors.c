// What a vector instruction leaves on another CPU: the recorder of `AdvancedSIMDOracle`, and its check.
//
// Reads instruction words from standard input, four bytes each, and writes for each one 16 bytes: the word, whether it is
// defined (four bytes), and the hash of the state after four runs of it. The states and the hash are those of
// `AdvancedSIMDOracleTests`. A program for arm64 Linux without a C library, to be run by qemu-aarch64, or by an arm64 CPU.
//
// Not for instructions that use memory, branch, or change SP: what surrounds the word keeps its place by SP.

typedef unsigned int word_t;
typedef unsigned long doubleword_t;

enum {
    registers = 31,
    vectors = 32,
    runs = 4,
    // FPSR.QC
    qc = 1 << 27,
    sigill = 4,
    // SA_SIGINFO | SA_ONSTACK | SA_NODEFER
    action_flags = 0x4 | 0x08000000 | 0x40000000,
    sys_read = 63,
    sys_write = 64,
    sys_exit = 93,
    sys_sigaltstack = 132,
    sys_rt_sigaction = 134,
    sys_mprotect = 226,
    page_size = 4096,
    protection_rwx = 7,
};

// vectors.S knows the offsets.
struct state {
    doubleword_t v[2 * vectors];
    doubleword_t x[registers];
    doubleword_t fpsr;
    doubleword_t callers_sp;
} __attribute__((aligned(16)));

struct state state;
static unsigned char signal_stack[4 * page_size] __attribute__((aligned(16)));

// vectors.S: runs the word at `slot` on a state, which is the one after it then; 0 if it is undefined.
extern int execute(struct state *);
extern word_t slot;
// What is to be writable, and where to go on after an undefined word, with SP at the state.
extern char page_of_slot, undefined;

static long call(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}

static void finish(int code)
{
    for (;;)
        call(sys_exit, code, 0, 0, 0);
}

// SplitMix64, and what it makes: see `AdvancedSIMDOracleTests.Generator`.
static doubleword_t next(doubleword_t *seed)
{
    doubleword_t value = *seed += 0x9E3779B97F4A7C15;
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9;
    value = (value ^ value >> 27) * 0x94D049BB133111EB;
    return value ^ value >> 31;
}

// Near the edge of the range of an element, or small.
static doubleword_t edge(unsigned number, doubleword_t least)
{
    switch (number) {
    case 0: return 0;
    case 1: return 1;
    case 2: return -1ul;
    case 3: return least;
    case 4: return least - 1;
    case 5: return least + 1;
    case 6: return 3;
    default: return -3ul;
    }
}

static doubleword_t doubleword(doubleword_t *seed)
{
    doubleword_t kind = next(seed) & 7, bits = next(seed);
    if (kind < 4)
        return bits;
    unsigned width = 8u << (kind - 4);
    doubleword_t least = 1ul << (width - 1);
    doubleword_t result = 0;
    for (unsigned element = 0; element < 64 / width; element++) {
        doubleword_t value = edge(bits >> 4 * element & 7, least) & -1ul >> (64 - width);
        result |= value << width * element;
    }
    return result;
}

// FNV-1a over doublewords.
static void mix(doubleword_t *hash, doubleword_t value)
{
    *hash = (*hash ^ value) * 0x100000001B3;
}

static int hash_of(word_t word, doubleword_t *hash)
{
    slot = word;
    __asm__ volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb" : : "r"(&slot) : "memory");
    *hash = 0xCBF29CE484222325;
    for (doubleword_t run = 0; run < runs; run++) {
        doubleword_t seed = (doubleword_t)word << 8 | run;
        for (int i = 0; i < 2 * vectors; i++)
            state.v[i] = doubleword(&seed);
        for (int i = 0; i < registers; i++)
            state.x[i] = doubleword(&seed);
        state.fpsr = 0;
        if (!execute(&state))
            return 0;
        for (int i = 0; i < 2 * vectors; i++)
            mix(hash, state.v[i]);
        for (int i = 0; i < registers; i++)
            mix(hash, state.x[i]);
        mix(hash, state.fpsr & qc);
        *hash ^= *hash >> 29;
    }
    return 1;
}

// The signal handler goes on at `undefined`. Offsets are those of the kernel's ucontext for arm64: uc_mcontext begins at
// 176, and has the fault's address, 31 registers, SP and PC.
static void caught(int signal, void *information, doubleword_t *context)
{
    (void)signal, (void)information;
    context[(176 + 8 + 31 * 8) / 8] = (doubleword_t)&state;
    context[(176 + 8 + 32 * 8) / 8] = (doubleword_t)&undefined;
}

static int transfer(long number, long file, void *bytes, long count)
{
    for (long done = 0; done < count;) {
        long moved = call(number, file, (long)((char *)bytes + done), count - done, 0);
        if (moved <= 0)
            return done == 0 && moved == 0 ? 0 : -1;
        done += moved;
    }
    return 1;
}

void _start(void)
{
    struct { void *base; int flags; unsigned long size; } stack = {signal_stack, 0, sizeof signal_stack};
    struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } action
        = {caught, action_flags, 0, 0};
    if (call(sys_sigaltstack, (long)&stack, 0, 0, 0) || call(sys_rt_sigaction, sigill, (long)&action, 0, 8)
        || call(sys_mprotect, (long)&page_of_slot, page_size, protection_rwx, 0))
        finish(70);
    word_t word;
    int read;
    while ((read = transfer(sys_read, 0, &word, sizeof word)) > 0) {
        struct { word_t word; word_t is_defined; doubleword_t hash; } answer = {word, 0, 0};
        answer.is_defined = hash_of(word, &answer.hash);
        if (transfer(sys_write, 1, &answer, sizeof answer) <= 0)
            finish(74);
    }
    finish(read ? 74 : 0);
}
