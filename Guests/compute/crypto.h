// The cryptographic instructions of either processor, as functions of the same meaning.
//
// An arm64 compiler makes one instruction of each, but for the sums; on x86-64 they are what is nearest, so that the
// same programs run there, at the speed of the host's own instructions.

#ifndef CRYPTO_H
#define CRYPTO_H

#include <stdint.h>

typedef uint32_t words __attribute__((vector_size(16)));
typedef uint64_t doublewords __attribute__((vector_size(16)));
typedef uint8_t bytes __attribute__((vector_size(16)));

#ifdef __aarch64__
#pragma GCC target("arch=armv8-a+crypto")
#include <arm_neon.h>
#include <sys/auxv.h>

static inline int crypto_is_supported(void) {
    // HWCAP_AES, HWCAP_PMULL, HWCAP_SHA1 and HWCAP_SHA2.
    return (getauxval(AT_HWCAP) >> 3 & 15) == 15;
}

// One round of AES: the key added, SubBytes, ShiftRows, MixColumns.
static inline words aes_round(words state, words key) {
    return (words)vaesmcq_u8(vaeseq_u8((uint8x16_t)state, (uint8x16_t)key));
}
// The last round, with the key after it.
static inline words aes_last_round(words state, words key, words last_key) {
    return (words)vaeseq_u8((uint8x16_t)state, (uint8x16_t)key) ^ last_key;
}
// The product of polynomials of 64 terms, of the low halves and of the high halves.
static inline doublewords multiply_low(doublewords a, doublewords b) {
    return (doublewords)vmull_p64((poly64_t)a[0], (poly64_t)b[0]);
}
static inline doublewords multiply_high(doublewords a, doublewords b) {
    return (doublewords)vmull_high_p64((poly64x2_t)a, (poly64x2_t)b);
}
// Four rounds of SHA-256, and four words of its schedule.
static inline void sha256_rounds(words *abcd, words *efgh, words w) {
    words old = *abcd;
    *abcd = (words)vsha256hq_u32((uint32x4_t)old, (uint32x4_t)*efgh, (uint32x4_t)w);
    *efgh = (words)vsha256h2q_u32((uint32x4_t)*efgh, (uint32x4_t)old, (uint32x4_t)w);
}
static inline words sha256_schedule(words w0, words w1, words w2, words w3) {
    return (words)vsha256su1q_u32(
        vsha256su0q_u32((uint32x4_t)w0, (uint32x4_t)w1), (uint32x4_t)w2, (uint32x4_t)w3);
}
// Four rounds of SHA-1 by the function of its number, and four words of its schedule.
static inline void sha1_rounds(words *abcd, uint32_t *e, words w, int function) {
    uint32x4_t old = (uint32x4_t)*abcd;
    switch (function) {
    case 0: *abcd = (words)vsha1cq_u32(old, *e, (uint32x4_t)w); break;
    case 2: *abcd = (words)vsha1mq_u32(old, *e, (uint32x4_t)w); break;
    default: *abcd = (words)vsha1pq_u32(old, *e, (uint32x4_t)w);
    }
    *e = vsha1h_u32(vgetq_lane_u32(old, 0));
}
static inline words sha1_schedule(words w0, words w1, words w2, words w3) {
    return (words)vsha1su1q_u32(
        vsha1su0q_u32((uint32x4_t)w0, (uint32x4_t)w1, (uint32x4_t)w2), (uint32x4_t)w3);
}
#else
#pragma GCC target("aes,pclmul,sha,sse4.1")
#include <cpuid.h>
#include <immintrin.h>

static inline int crypto_is_supported(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_AES) || !(c & bit_PCLMUL)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}

static inline words aes_round(words state, words key) {
    return (words)_mm_aesenc_si128((__m128i)(state ^ key), _mm_setzero_si128());
}
static inline words aes_last_round(words state, words key, words last_key) {
    return (words)_mm_aesenclast_si128((__m128i)(state ^ key), (__m128i)last_key);
}
static inline doublewords multiply_low(doublewords a, doublewords b) {
    return (doublewords)_mm_clmulepi64_si128((__m128i)a, (__m128i)b, 0x00);
}
static inline doublewords multiply_high(doublewords a, doublewords b) {
    return (doublewords)_mm_clmulepi64_si128((__m128i)a, (__m128i)b, 0x11);
}
static inline void sha256_rounds(words *abcd, words *efgh, words w) {
    words abef = {(*efgh)[1], (*efgh)[0], (*abcd)[1], (*abcd)[0]};
    words cdgh = {(*efgh)[3], (*efgh)[2], (*abcd)[3], (*abcd)[2]};
    words high = {w[2], w[3], 0, 0};
    cdgh = (words)_mm_sha256rnds2_epu32((__m128i)cdgh, (__m128i)abef, (__m128i)w);
    abef = (words)_mm_sha256rnds2_epu32((__m128i)abef, (__m128i)cdgh, (__m128i)high);
    *abcd = (words){abef[3], abef[2], cdgh[3], cdgh[2]};
    *efgh = (words){abef[1], abef[0], cdgh[1], cdgh[0]};
}
static inline words sha256_schedule(words w0, words w1, words w2, words w3) {
    words sum = (words)_mm_sha256msg1_epu32((__m128i)w0, (__m128i)w1) + (words){w2[1], w2[2], w2[3], w3[0]};
    return (words)_mm_sha256msg2_epu32((__m128i)sum, (__m128i)w3);
}
static inline words reversed(words w) { return (words){w[3], w[2], w[1], w[0]}; }
static inline void sha1_rounds(words *abcd, uint32_t *e, words w, int function) {
    // This processor adds the constants itself.
    static const uint32_t constants[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    __m128i old = (__m128i)reversed(*abcd), sum = (__m128i)reversed(w - constants[function] + (words){*e, 0, 0, 0});
    *e = (*abcd)[0] << 30 | (*abcd)[0] >> 2;
    switch (function) {
    case 0: *abcd = reversed((words)_mm_sha1rnds4_epu32(old, sum, 0)); break;
    case 1: *abcd = reversed((words)_mm_sha1rnds4_epu32(old, sum, 1)); break;
    case 2: *abcd = reversed((words)_mm_sha1rnds4_epu32(old, sum, 2)); break;
    default: *abcd = reversed((words)_mm_sha1rnds4_epu32(old, sum, 3));
    }
}
static inline words sha1_schedule(words w0, words w1, words w2, words w3) {
    words sum = w0 ^ (words){w0[2], w0[3], w1[0], w1[1]} ^ w2;
    return reversed((words)_mm_sha1msg2_epu32((__m128i)reversed(sum), (__m128i)reversed(w3)));
}
#endif

// Bytes in the other order, within words and all of them.
static inline words words_reversed(words w) {
    return (words)__builtin_shuffle((bytes)w, (bytes){3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12});
}
static inline words all_reversed(words w) {
    return (words)__builtin_shuffle((bytes)w, (bytes){15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0});
}

#endif
