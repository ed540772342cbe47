// Reads and writes a disk past the guest's page cache and says how long that took, for Benchmarks/.
//
//   disk DEVICE          all of what is below, in its order: what is read was written before
//   disk --list          its names
//
// Each is a line "disk NAME bytes N seconds S". Exit code 1 means that a call failed, or that something else was read
// than was written.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    // What of the disk is used at once; there are two of these.
    area = 256 << 20,
    block = 4096,
    // The most that Linux asks a disk of ours for at once is a little less.
    large = 1 << 20,
    // How often all of it is read or written again.
    passes = 4,
    random_count = 32768,
};

struct pattern {
    const char *name;
    int is_write;
    // 0: one behind the other.
    int is_random;
    int passes;
    // Which of the two.
    int place;
};

static const struct pattern patterns[] = {
    // The first write of a place: an image finds room for it.
    {"first-write", 1, 0, 1, 0},        {"write", 1, 0, passes, 0},   {"read", 0, 0, passes, 0},
    {"first-random-write", 1, 1, 1, 1}, {"random-write", 1, 1, 1, 0}, {"random-read", 0, 1, 1, 0},
};
enum { pattern_count = sizeof patterns / sizeof *patterns };

static uint8_t buffer[large] __attribute__((aligned(4096)));

static void fail(const char *what) {
    fprintf(stderr, "disk: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Each block begins with its number on the disk.
static void mark(uint64_t offset, int count) {
    for (int start = 0; start < count; start += block) {
        uint64_t number = (offset + (uint64_t)start) / block + 1;
        memcpy(buffer + start, &number, sizeof number);
    }
}

static void check(uint64_t offset, int count) {
    for (int start = 0; start < count; start += block) {
        uint64_t number;
        memcpy(&number, buffer + start, sizeof number);
        if (number != (offset + (uint64_t)start) / block + 1) {
            errno = EILSEQ;
            fail("a block is not what was written");
        }
    }
}

static void transfer(int disk, const struct pattern *pattern, uint64_t offset, int count) {
    if (pattern->is_write) mark(offset, count);
    ssize_t done = pattern->is_write ? pwrite(disk, buffer, (size_t)count, (off_t)offset)
                                     : pread(disk, buffer, (size_t)count, (off_t)offset);
    if (done != count) fail(pattern->name);
    if (!pattern->is_write) check(offset, count);
}

static void measure(int disk, const struct pattern *pattern) {
    // Marsaglia's xorshift: the same places each time.
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t bytes = 0, base = (uint64_t)pattern->place * area;
    double start = now();
    if (pattern->is_random) {
        for (int index = 0; index < random_count; index++, bytes += block) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            transfer(disk, pattern, base + state % (area / block) * block, block);
        }
    } else {
        for (; bytes < (uint64_t)pattern->passes * area; bytes += large) {
            transfer(disk, pattern, base + bytes % area, large);
        }
    }
    printf("disk %s bytes %" PRIu64 " seconds %.4f\n", pattern->name, bytes, now() - start);
    fflush(stdout);
    // What the host's storage has to do with it is not measured, and not left to the next one.
    if (pattern->is_write && fdatasync(disk) != 0) fail("fdatasync");
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: disk DEVICE | disk --list\n");
        return 64;
    }
    int lists = strcmp(arguments[1], "--list") == 0;
    int disk = lists ? -1 : open(arguments[1], O_RDWR | O_DIRECT);
    if (!lists && disk < 0) fail(arguments[1]);
    memset(buffer, 0x5a, sizeof buffer);
    for (int index = 0; index < pattern_count; index++) {
        if (lists) {
            puts(patterns[index].name);
        } else {
            measure(disk, &patterns[index]);
        }
    }
    return 0;
}
