// SHA-256 (FIPS 180-4) by the processor's own instructions for it: the same as `sha256`, with the same checksum.

#include "crypto.h"
#include "programs.h"

enum { buffer_size = 1 << 16, rounds = 600 };

// Table of FIPS 180-4, 4.2.2.
static const words constants[16] = {
    {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5}, {0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5},
    {0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3}, {0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174},
    {0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc}, {0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da},
    {0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7}, {0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967},
    {0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13}, {0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85},
    {0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3}, {0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070},
    {0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5}, {0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3},
    {0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208}, {0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2},
};

static uint8_t buffer[buffer_size];

// FIPS 180-4, 6.2.2.
static void compress(words state[2], const words *block) {
    words abcd = state[0], efgh = state[1], w[4];
    for (int index = 0; index < 4; index++) w[index] = words_reversed(block[index]);
#pragma GCC unroll 16
    for (int group = 0; group < 16; group++) {
        sha256_rounds(&abcd, &efgh, w[group & 3] + constants[group]);
        if (group < 12) {
            w[group & 3] = sha256_schedule(w[group & 3], w[(group + 1) & 3], w[(group + 2) & 3], w[(group + 3) & 3]);
        }
    }
    state[0] += abcd, state[1] += efgh;
}

uint64_t run_sha256_ext(void) {
    uint64_t random = 1;
    for (int index = 0; index < buffer_size; index++) buffer[index] = (uint8_t)(next_random(&random) >> 32);
    words state[2] = {{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a}, {0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
    for (int round = 0; round < rounds; round++) {
        for (int block = 0; block < buffer_size; block += 64) compress(state, (const words *)(buffer + block));
    }
    uint64_t checksum = 0;
    for (int word = 0; word < 8; word++) checksum = mix(checksum, state[word / 4][word % 4]);
    return checksum;
}
