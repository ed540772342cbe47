// The sieve of Eratosthenes up to 20 million: byte stores with strides, far beyond the caches and the TLB.

#include "programs.h"

enum { limit = 20000000 };

static uint8_t is_composite[limit];

uint64_t run_sieve(void) {
    uint64_t count = 0;
    for (uint32_t candidate = 2; candidate < limit; candidate++) {
        if (is_composite[candidate]) continue;
        count++;
        for (uint64_t multiple = (uint64_t)candidate * candidate; multiple < limit; multiple += candidate) {
            is_composite[multiple] = 1;
        }
    }
    return count;
}
