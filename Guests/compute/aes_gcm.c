// AES-128-GCM (FIPS 197, SP 800-38D) by the processor's own instructions for it: four blocks at a time.

#include "crypto.h"
#include "programs.h"

#include <string.h>

enum { buffer_size = 1 << 16, rounds = 800, key_count = 11 };

static uint8_t buffer[buffer_size];
static words keys[key_count];
// The hash key to the powers of one to four, times x, with the first bit of a block as the highest.
static doublewords powers[4];

// FIPS 197, 5.2. SubWord is the last round of a state whose columns are equal: ShiftRows then moves nothing that differs.
static void expand_key(words key) {
    words zero = {0, 0, 0, 0};
    uint32_t constant = 1;
    keys[0] = key;
    for (int round = 1; round < key_count; round++) {
        uint32_t last = keys[round - 1][3];
        last = last >> 8 | last << 24;
        words next = keys[round - 1];
        next[0] ^= aes_last_round((words){last, last, last, last}, zero, zero)[0] ^ constant;
        for (int word = 1; word < 4; word++) next[word] ^= next[word - 1];
        keys[round] = next;
        constant = constant << 1 ^ (constant & 0x80 ? 0x11b : 0);
    }
}

static inline words encrypt(words block) {
    for (int round = 0; round < key_count - 2; round++) block = aes_round(block, keys[round]);
    return aes_last_round(block, keys[key_count - 2], keys[key_count - 1]);
}

static inline doublewords swap(doublewords a) { return (doublewords){a[1], a[0]}; }

// A sum of products, not reduced yet: Karatsuba's three parts.
struct product {
    doublewords low, middle, high;
};

static inline void add_product(struct product *sum, doublewords a, doublewords b) {
    sum->low ^= multiply_low(a, b);
    sum->high ^= multiply_high(a, b);
    sum->middle ^= multiply_low(a ^ swap(a), b ^ swap(b));
}

// Modulo x^128 + x^127 + x^126 + x^121 + 1, from the low end: what is added clears the lower half.
static inline doublewords reduce(struct product p) {
    const doublewords modulus = {UINT64_C(0xc200000000000000), 0};
    p.middle ^= p.low ^ p.high;
    doublewords low = p.low ^ (doublewords){0, p.middle[0]};
    doublewords high = p.high ^ (doublewords){p.middle[1], 0};
    low = swap(low) ^ multiply_low(low, modulus);
    low = swap(low) ^ multiply_low(low, modulus);
    return low ^ high;
}

// Times x.
static doublewords doubled(doublewords a) {
    doublewords result = {a[0] << 1, a[1] << 1 | a[0] >> 63};
    if (a[1] >> 63) result ^= (doublewords){1, UINT64_C(0xc200000000000000)};
    return result;
}

static void set_key(words key) {
    expand_key(key);
    doublewords hash_key = (doublewords)all_reversed(encrypt((words){0, 0, 0, 0}));
    powers[0] = doubled(hash_key);
    for (int index = 1; index < 4; index++) {
        struct product product = {{0, 0}, {0, 0}, {0, 0}};
        add_product(&product, powers[index - 1], powers[0]);
        powers[index] = reduce(product);
    }
}

// Encrypts groups of four blocks in place, or the first block alone; returns the tag (SP 800-38D, 7.1).
static words seal(words *blocks, int groups, int single, words initial) {
    doublewords hash = {0, 0};
    uint32_t counter = 2;
    for (int group = 0; group < groups; group++, blocks += 4) {
        words stream[4];
        for (int index = 0; index < 4; index++) {
            stream[index] = initial;
            stream[index][3] = __builtin_bswap32(counter++);
        }
        for (int round = 0; round < key_count - 2; round++) {
            for (int index = 0; index < 4; index++) stream[index] = aes_round(stream[index], keys[round]);
        }
        struct product product = {{0, 0}, {0, 0}, {0, 0}};
        for (int index = 0; index < 4; index++) {
            blocks[index] ^= aes_last_round(stream[index], keys[key_count - 2], keys[key_count - 1]);
            doublewords block = (doublewords)all_reversed(blocks[index]);
            add_product(&product, index == 0 ? block ^ hash : block, powers[3 - index]);
        }
        hash = reduce(product);
    }
    uint64_t bits = (uint64_t)groups * 512;
    if (single) {
        words stream = initial;
        stream[3] = __builtin_bswap32(counter);
        *blocks ^= encrypt(stream);
        struct product product = {{0, 0}, {0, 0}, {0, 0}};
        add_product(&product, (doublewords)all_reversed(*blocks) ^ hash, powers[0]);
        hash = reduce(product);
        bits += 128;
    }
    struct product product = {{0, 0}, {0, 0}, {0, 0}};
    add_product(&product, (doublewords){bits, 0} ^ hash, powers[0]);
    initial[3] = __builtin_bswap32(1);
    return all_reversed((words)reduce(product)) ^ encrypt(initial);
}

// Test case 2 of the specification that SP 800-38D comes from (McGrew and Viega): all is zero.
static int is_right(void) {
    static const uint8_t cipher[16] = {0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92, 0xf3, 0x28, 0xc2, 0xb9, 0x71, 0xb2, 0xfe, 0x78};
    static const uint8_t tag[16] = {0xab, 0x6e, 0x47, 0xd4, 0x2c, 0xec, 0x13, 0xbd, 0xf5, 0x3a, 0x67, 0xb2, 0x12, 0x57, 0xbd, 0xdf};
    words block = {0, 0, 0, 0};
    set_key((words){0, 0, 0, 0});
    words result = seal(&block, 0, 1, (words){0, 0, 0, 0});
    return memcmp(&block, cipher, 16) == 0 && memcmp(&result, tag, 16) == 0;
}

uint64_t run_aes_gcm(void) {
    if (!is_right()) return 0;
    uint64_t random = 1;
    for (int index = 0; index < buffer_size; index++) buffer[index] = (uint8_t)(next_random(&random) >> 32);
    set_key((words){0x16157e2b, 0xa6d2ae28, 0x8815f7ab, 0x3c4fcf09});
    uint64_t checksum = 0;
    for (int round = 0; round < rounds; round++) {
        words tag = seal((words *)buffer, buffer_size / 64, 0, (words){1, 2, (uint32_t)round, 0});
        for (int word = 0; word < 4; word++) checksum = mix(checksum, tag[word]);
    }
    return checksum;
}
