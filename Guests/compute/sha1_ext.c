// SHA-1 (FIPS 180-4) by the processor's own instructions for it.

#include "crypto.h"
#include "programs.h"

enum { buffer_size = 1 << 16, rounds = 600 };

static uint8_t buffer[buffer_size];

// FIPS 180-4, 6.1.2.
static void compress(words *state, uint32_t *state_e, const words *block) {
    static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    words abcd = *state, w[4];
    uint32_t e = *state_e;
    for (int index = 0; index < 4; index++) w[index] = words_reversed(block[index]);
#pragma GCC unroll 20
    for (int group = 0; group < 20; group++) {
        sha1_rounds(&abcd, &e, w[group & 3] + constants[group / 5], group / 5);
        if (group < 16) {
            w[group & 3] = sha1_schedule(w[group & 3], w[(group + 1) & 3], w[(group + 2) & 3], w[(group + 3) & 3]);
        }
    }
    *state += abcd, *state_e += e;
}

// The example of FIPS 180-4: "abc".
static int is_right(void) {
    words state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint32_t e = 0xc3d2e1f0;
    const words block[4] = {{0x80636261, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 24u << 24}};
    compress(&state, &e, block);
    return state[0] == 0xa9993e36 && state[1] == 0x4706816a && state[2] == 0xba3e2571 && state[3] == 0x7850c26c
        && e == 0x9cd0d89d;
}

uint64_t run_sha1_ext(void) {
    if (!is_right()) return 0;
    uint64_t random = 1;
    for (int index = 0; index < buffer_size; index++) buffer[index] = (uint8_t)(next_random(&random) >> 32);
    words state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint32_t e = 0xc3d2e1f0;
    for (int round = 0; round < rounds; round++) {
        for (int block = 0; block < buffer_size; block += 64) compress(&state, &e, (const words *)(buffer + block));
    }
    uint64_t checksum = mix(0, e);
    for (int word = 0; word < 4; word++) checksum = mix(checksum, state[word]);
    return checksum;
}
