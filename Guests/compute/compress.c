// Compression of the two kinds that LZ4 and zstd are of: strings that came before, found by a hash of four bytes and
// copied as bytes; and a Huffman code of 11 bits at most for what is left. Both ways. The formats are our own.

#include <string.h>

#include "programs.h"

enum { size = 1 << 20, rounds = 16, hash_bits = 14, longest_code = 11 };

static uint8_t plain[size + 16], packed[size + size / 8 + 64], again[size + 64];
static uint8_t coded[2 * size + 64];

// Text-like: words of a small vocabulary, and numbers now and then.
static void make_plain(void) {
    uint64_t random = 1;
    uint8_t words[256][12];
    for (int word = 0; word < 256; word++) {
        for (int index = 0; index < 12; index++) words[word][index] = "etaoinshrdlucmfw"[next_random(&random) >> 30 & 15];
    }
    for (int place = 0; place < size;) {
        uint64_t number = next_random(&random);
        // Some words are much more frequent.
        int word = (int)(number >> 8 & number >> 16 & 255), length = 3 + (int)(number >> 32 & 7);
        for (int index = 0; index < length && place < size; index++) plain[place++] = words[word][index];
        if (place < size) plain[place++] = number >> 40 & 15 ? ' ' : (uint8_t)('0' + (number >> 44 & 7));
    }
}

static uint32_t load32(const uint8_t *place) {
    uint32_t value;
    memcpy(&value, place, sizeof value);
    return value;
}
static uint64_t load64(const uint8_t *place) {
    uint64_t value;
    memcpy(&value, place, sizeof value);
    return value;
}

static uint8_t *put_length(uint8_t *out, size_t length) {
    for (; length >= 255; length -= 255) *out++ = 255;
    *out++ = (uint8_t)length;
    return out;
}

// A sequence is a byte with two short lengths, more of the first, the literals, a distance, more of the second.
static size_t pack(void) {
    static uint32_t heads[1 << hash_bits];
    memset(heads, 0, sizeof heads);
    const uint8_t *in = plain + 1, *start = plain, *last = plain + size - 16;
    uint8_t *out = packed;
    while (in < last) {
        uint32_t hash = load32(in) * UINT32_C(2654435761) >> (32 - hash_bits);
        const uint8_t *match = plain + heads[hash];
        heads[hash] = (uint32_t)(in - plain);
        if (in - match > 65535 || load32(match) != load32(in)) {
            in++;
            continue;
        }
        size_t length = 4, literals = (size_t)(in - start);
        while (in + length + 8 <= last) {
            uint64_t difference = load64(match + length) ^ load64(in + length);
            if (difference) {
                length += (size_t)__builtin_ctzll(difference) / 8;
                break;
            }
            length += 8;
        }
        uint8_t *token = out++;
        *token = (uint8_t)((literals < 15 ? literals : 15) << 4 | (length - 4 < 15 ? length - 4 : 15));
        if (literals >= 15) out = put_length(out, literals - 15);
        memcpy(out, start, literals);
        out += literals;
        *out++ = (uint8_t)(in - match);
        *out++ = (uint8_t)((in - match) >> 8);
        if (length - 4 >= 15) out = put_length(out, length - 4 - 15);
        in += length;
        start = in;
    }
    size_t literals = (size_t)(plain + size - start);
    *out++ = (uint8_t)((literals < 15 ? literals : 15) << 4);
    if (literals >= 15) out = put_length(out, literals - 15);
    memcpy(out, start, literals);
    return (size_t)(out + literals - packed);
}

static void unpack(size_t packed_size) {
    const uint8_t *in = packed, *end = packed + packed_size;
    uint8_t *out = again;
    for (;;) {
        uint8_t token = *in++;
        size_t literals = token >> 4, length = token & 15;
        if (literals == 15) {
            uint8_t more;
            do literals += more = *in++;
            while (more == 255);
        }
        memcpy(out, in, literals);
        in += literals;
        out += literals;
        if (in >= end) return;
        size_t distance = in[0] | (size_t)in[1] << 8;
        in += 2;
        if (length == 15) {
            uint8_t more;
            do length += more = *in++;
            while (more == 255);
        }
        length += 4;
        const uint8_t *from = out - distance;
        uint8_t *stop = out + length;
        if (distance >= 8) {
            do {
                memcpy(out, from, 8);
                out += 8;
                from += 8;
            } while (out < stop);
            out = stop;
        } else {
            while (out < stop) *out++ = *from++;
        }
    }
}

static uint8_t code_length[256];
static uint16_t code[256], decoding[1 << longest_code];

// Lengths by frequency, as Shannon's code has them, and then made complete from the most frequent on.
static void make_code(size_t count) {
    uint32_t frequency[256] = {0}, free = 1 << longest_code;
    for (size_t index = 0; index < count; index++) frequency[packed[index]]++;
    for (int symbol = 0; symbol < 256; symbol++) {
        code_length[symbol] = longest_code;
        while (code_length[symbol] > 1 && (uint64_t)frequency[symbol] << (code_length[symbol] - 1) >= count) {
            code_length[symbol]--;
        }
        free -= 1u << (longest_code - code_length[symbol]);
    }
    // All symbols together took less than there is, or else the rare ones would be longer than the longest.
    while (free >> 31) {
        for (int symbol = 0; symbol < 256 && free >> 31; symbol++) {
            if (code_length[symbol] == longest_code) continue;
            free += 1u << (longest_code - code_length[symbol] - 1);
            code_length[symbol]++;
        }
    }
    uint32_t next = 0;
    for (int length = 1; length <= longest_code; length++) {
        for (int symbol = 0; symbol < 256; symbol++) {
            if (code_length[symbol] != length) continue;
            uint32_t span = 1u << (longest_code - length);
            code[symbol] = (uint16_t)(next >> (longest_code - length));
            for (uint32_t index = 0; index < span; index++) {
                decoding[next + index] = (uint16_t)(symbol << 4 | length);
            }
            next += span;
        }
    }
}

static size_t encode(size_t count) {
    uint64_t bits = 0;
    int held = 0;
    uint8_t *out = coded;
    for (size_t index = 0; index < count; index++) {
        uint8_t symbol = packed[index];
        bits = bits << code_length[symbol] | code[symbol];
        held += code_length[symbol];
        while (held >= 8) *out++ = (uint8_t)(bits >> (held -= 8));
    }
    *out++ = (uint8_t)(bits << (8 - held));
    return (size_t)(out - coded);
}

static uint64_t decode(size_t count) {
    uint64_t checksum = 0, position = 0;
    for (size_t index = 0; index < count; index++) {
        uint64_t window = __builtin_bswap64(load64(coded + position / 8)) << position % 8;
        uint16_t entry = decoding[window >> (64 - longest_code)];
        position += entry & 15;
        checksum += (uint64_t)(entry >> 4 != packed[index]);
    }
    return checksum;
}

uint64_t run_compress(void) {
    uint64_t checksum = 0;
    make_plain();
    for (int round = 0; round < rounds; round++) {
        size_t packed_size = pack();
        unpack(packed_size);
        make_code(packed_size);
        size_t coded_size = encode(packed_size);
        uint64_t wrong = decode(packed_size) + (uint64_t)(memcmp(plain, again, size) != 0);
        checksum = mix(mix(mix(checksum, packed_size), coded_size), wrong);
        for (size_t index = 0; index < coded_size; index += 8) checksum = mix(checksum, load64(coded + index));
        for (int index = 0; index < size; index += 997) plain[index] ^= 1;
    }
    return checksum;
}
