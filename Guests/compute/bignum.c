// Multiplication of big numbers: modular exponentiation with 2048 bits by Montgomery's method, as RSA has it, and the
// factorial of a number by its digits of 64 bits. Mostly products of two 64-bit numbers, and additions with carry.

#include <string.h>

#include "programs.h"

enum { words = 32 };
typedef uint64_t number[words];
typedef unsigned __int128 wide;

// (a * b) / 2^2048 modulo m, for m odd and inverse = -1/m modulo 2^64; below 2 m < 2^2048.
static void multiply(number result, const number a, const number b, const number m, uint64_t inverse) {
    uint64_t t[words + 2] = {0};
    for (int i = 0; i < words; i++) {
        uint64_t carry = 0;
        for (int j = 0; j < words; j++) {
            wide sum = (wide)a[j] * b[i] + t[j] + carry;
            t[j] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        wide top = (wide)t[words] + carry;
        t[words] = (uint64_t)top;
        t[words + 1] = (uint64_t)(top >> 64);
        uint64_t factor = t[0] * inverse;
        carry = (uint64_t)(((wide)factor * m[0] + t[0]) >> 64);
        for (int j = 1; j < words; j++) {
            wide sum = (wide)factor * m[j] + t[j] + carry;
            t[j - 1] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        top = (wide)t[words] + carry;
        t[words - 1] = (uint64_t)top;
        t[words] = t[words + 1] + (uint64_t)(top >> 64);
    }
    // Once too large at most.
    uint64_t borrow = 0;
    number less;
    for (int j = 0; j < words; j++) {
        wide difference = (wide)t[j] - m[j] - borrow;
        less[j] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
    }
    memcpy(result, borrow > t[words] ? t : less, sizeof(number));
}

static uint64_t exponentiate(void) {
    number m, base, result;
    uint64_t random = 1, inverse = 1, checksum = 0;
    for (int index = 0; index < words; index++) {
        m[index] = next_random(&random);
        base[index] = next_random(&random);
        result[index] = 0;
    }
    m[0] |= 1;
    m[words - 1] |= UINT64_C(1) << 63;
    base[words - 1] >>= 1;
    // Newton's method doubles the bits that are right.
    for (int step = 0; step < 6; step++) inverse *= 2 - m[0] * inverse;
    inverse = -inverse;
    result[0] = 1;
    for (int bit = 0; bit < 30000; bit++) {
        multiply(result, result, result, m, inverse);
        if (next_random(&random) >> 40 & 1) multiply(result, result, base, m, inverse);
    }
    for (int index = 0; index < words; index++) checksum = mix(checksum, result[index]);
    return checksum;
}

static uint64_t factorial(void) {
    enum { most = 4096, last = 9000 };
    static uint64_t digits[most];
    uint64_t checksum = 0;
    int count = 1;
    digits[0] = 1;
    for (uint64_t factor = 2; factor <= last; factor++) {
        uint64_t carry = 0;
        for (int index = 0; index < count; index++) {
            wide product = (wide)digits[index] * factor + carry;
            digits[index] = (uint64_t)product;
            carry = (uint64_t)(product >> 64);
        }
        if (carry) digits[count++] = carry;
    }
    for (int index = 0; index < count; index++) checksum = mix(checksum, digits[index]);
    return checksum;
}

uint64_t run_bignum(void) { return mix(exponentiate(), factorial()); }
