// CRC-32 (ISO 3309) by a table, a byte at a time: each step waits for a load whose address the step before computed.

#include "programs.h"

enum { buffer_size = 1 << 16, rounds = 4000 };

static uint32_t table[256];
static uint8_t buffer[buffer_size];

static void make_table(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        table[byte] = crc;
    }
}

uint64_t run_crc32(void) {
    make_table();
    uint64_t random = 1;
    for (int index = 0; index < buffer_size; index++) buffer[index] = (uint8_t)(next_random(&random) >> 32);
    uint32_t crc = 0xffffffff;
    for (int round = 0; round < rounds; round++) {
        for (int index = 0; index < buffer_size; index++) crc = table[(crc ^ buffer[index]) & 255] ^ crc >> 8;
    }
    return crc;
}
