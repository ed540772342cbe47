// The C library's memcpy: short copies at odd places within a cache, and long ones through memory.

#include <string.h>

#include "programs.h"

enum { small_size = 1 << 14, small_copies = 4000000, large_size = 8 << 20, large_copies = 32 };

static uint8_t source[large_size + 64], target[large_size + 64];

uint64_t run_memcpy(void) {
    uint64_t random = 1;
    for (int index = 0; index + 8 <= large_size; index += 8) {
        uint64_t value = next_random(&random);
        memcpy(source + index, &value, sizeof value);
    }
    uint64_t checksum = 0;
    for (int copy = 0; copy < small_copies; copy++) {
        uint64_t choice = next_random(&random);
        uint64_t length = choice >> 8 & 255, from = choice >> 20 & (small_size - 1), to = choice >> 40 & (small_size - 1);
        memcpy(target + to, source + from, length);
        checksum += target[to];
    }
    for (int copy = 0; copy < large_copies; copy++) {
        memcpy(target + (copy & 15), source + (copy >> 4 & 15), large_size);
        checksum = mix(checksum, target[copy * 4099]);
    }
    return checksum;
}
