// Fibonacci numbers by recursion: calls, returns and the stack. The compiler must leave both calls as they are.

#include "programs.h"

__attribute__((noinline, noclone, optimize("no-optimize-sibling-calls"))) static uint64_t fib(uint32_t n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

uint64_t run_fib(void) { return fib(36); }
