// The sieve of Eratosthenes up to 20 million: byte stores with strides, far beyond the caches and the TLB.

#include <string.h>

#include "programs.h"

enum { limit = 20000000, rounds = 2 };

static uint8_t is_composite[limit];

static uint64_t sieve(void) {
    memset(is_composite, 0, sizeof is_composite);
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

uint64_t run_sieve(void) {
    uint64_t checksum = 0;
    for (int round = 0; round < rounds; round++) checksum = mix(checksum, sieve());
    return checksum;
}
