// A hash table of 64-bit keys that is larger than the second level of any cache: most steps wait for memory, and the
// next address is there only when the last one came. Open addressing with linear probing.

#include <string.h>

#include "programs.h"

enum { slots = 1 << 21, keys = slots / 2, lookups = 3000000 };

static struct {
    uint64_t key;
    uint64_t value;
} table[slots];

// The place of a key, or where it belongs. No key is 0.
static uint64_t place_of(uint64_t key) {
    uint64_t place = key * UINT64_C(0x9e3779b97f4a7c15) >> 43;
    while (table[place].key != 0 && table[place].key != key) place = (place + 1) & (slots - 1);
    return place;
}

uint64_t run_hash(void) {
    memset(table, 0, sizeof table);
    uint64_t random = 1, checksum = 0;
    for (int index = 0; index < keys; index++) {
        // Few enough different ones that half of the lookups behind find something.
        uint64_t key = (next_random(&random) & 0x1fffff) + 1, place = place_of(key);
        table[place].key = key;
        table[place].value += (uint64_t)index;
    }
    for (int index = 0; index < lookups; index++) {
        uint64_t place = place_of((next_random(&random) & 0x1fffff) + 1);
        if (table[place].key) checksum = mix(checksum, table[place].value);
    }
    return checksum;
}
