// The C library's functions for strings, which are written by hand for each processor: with vectors where it has them.

#define _GNU_SOURCE
#include <string.h>

#include "programs.h"

enum { size = 1 << 16, strings = 2048, rounds = 600 };

static char text[size + 1], copy[size + 1];
static char *start_of[strings];

uint64_t run_strings(void) {
    uint64_t random = 1, checksum = 0;
    int count = 0;
    for (int place = 0; place < size;) {
        // Lengths as words and lines have them: most short, some long.
        uint64_t number = next_random(&random);
        int length = (int)(number >> 8 & (number >> 16 & 7 ? 15 : 127)) + 1;
        if (count < strings) start_of[count++] = text + place;
        for (; length > 0 && place < size - 1; length--) {
            text[place++] = (char)('a' + (next_random(&random) >> 32 & 15));
        }
        text[place++] = 0;
    }
    text[size] = 0;
    for (int round = 0; round < rounds; round++) {
        int character = 'a' + (round & 15);
        for (int index = 0; index < count; index++) {
            char *string = start_of[index], *other = start_of[(index * 7 + round) % count];
            size_t length = strlen(string);
            char *found = strchr(string, character), *last = strrchr(string, character);
            checksum += length + (found ? (uint64_t)(found - string) : 7) + (last ? (uint64_t)(last - string) : 9);
            strcpy(copy, string);
            strcat(copy, other);
            checksum += (uint64_t)(strcmp(copy, string) > 0) + (uint64_t)(strncmp(other, string, 5) < 0);
            checksum += strspn(copy, "abcdefgh") + strcspn(copy, "op");
            checksum += (uint64_t)(strstr(copy, "abc") != NULL);
            checksum += (uint64_t)(memcmp(copy, string, length) == 0);
        }
        // Long ones.
        memset(copy, 'x', size);
        memcpy(copy, text, size / 2);
        memmove(copy + 3, copy, size - 8);
        copy[size] = 0;
        char *place = memchr(copy, 'x', size), *from_end = memrchr(copy, 'a', size);
        checksum = mix(checksum, (place ? (uint64_t)(place - copy) : 0) + (from_end ? (uint64_t)(from_end - copy) : 0));
        checksum = mix(checksum, strlen(copy + size - 20000) + (uint64_t)(memcmp(text, copy, size) > 0));
    }
    return checksum;
}
