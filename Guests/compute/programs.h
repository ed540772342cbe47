// The compute programs: what each is for is said in its own file. None reads anything from outside; each returns a checksum
// that is the same on every processor.

#ifndef PROGRAMS_H
#define PROGRAMS_H

#include <stdint.h>

uint64_t run_xorshift(void);
uint64_t run_sieve(void);
uint64_t run_fib(void);
uint64_t run_crc32(void);
uint64_t run_double(void);
uint64_t run_memcpy(void);
uint64_t run_sha256(void);
uint64_t run_sha256_ext(void);
uint64_t run_sha1_ext(void);
uint64_t run_aes_gcm(void);
uint64_t run_sort(void);
uint64_t run_core(void);
uint64_t run_hash(void);
uint64_t run_matrix(void);
uint64_t run_json(void);
uint64_t run_regex(void);
uint64_t run_compress(void);
uint64_t run_bytecode(void);
uint64_t run_objects(void);
uint64_t run_bignum(void);
uint64_t run_strings(void);

// One step of a 64-bit xorshift generator (Marsaglia 2003), where a program needs numbers that look random.
static inline uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

// Adds a value to a checksum in which the order counts: FNV-1a's step, over 64 bits at once.
static inline uint64_t mix(uint64_t checksum, uint64_t value) {
    return (checksum ^ value) * UINT64_C(0x100000001b3);
}

#endif
