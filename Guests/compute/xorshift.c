// Integer arithmetic in registers: one long chain of shifts, exclusive-ors and additions, in a loop of one block.

#include "programs.h"

enum { steps = 400000000 };

uint64_t run_xorshift(void) {
    uint64_t state = UINT64_C(88172645463325252);
    uint64_t sum = 0;
    for (int step = 0; step < steps; step++) sum += next_random(&state);
    return sum;
}
