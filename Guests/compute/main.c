// Runs compute programs and says how long each took, for Benchmarks/.
//
//   compute              all of them
//   compute NAME…        these
//   compute --list       their names
//
// A processor without cryptographic instructions has none of the programs that use them.
//
// Each is a line "NAME checksum HEX seconds S". Exit code 64 means that a name is unknown.

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crypto.h"
#include "programs.h"

static const struct {
    const char *name;
    uint64_t (*run)(void);
} programs[] = {
    {"xorshift", run_xorshift}, {"sieve", run_sieve},   {"fib", run_fib},
    {"crc32", run_crc32},       {"double", run_double}, {"memcpy", run_memcpy},
    {"sha256", run_sha256},     {"sort", run_sort},     {"core", run_core},
    {"hash", run_hash},         {"matrix", run_matrix}, {"json", run_json},
    {"regex", run_regex},       {"compress", run_compress}, {"bytecode", run_bytecode},
    {"objects", run_objects},   {"bignum", run_bignum}, {"strings", run_strings},
    // Only where the processor has instructions for them; they come last.
    {"sha256_ext", run_sha256_ext}, {"sha1_ext", run_sha1_ext}, {"aes_gcm", run_aes_gcm},
};
enum { all_count = sizeof programs / sizeof *programs, crypto_count = 3 };
static int program_count;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void measure(int index) {
    double start = now();
    uint64_t checksum = programs[index].run();
    printf("%s checksum %016" PRIx64 " seconds %.3f\n", programs[index].name, checksum, now() - start);
    fflush(stdout);
}

static int index_of(const char *name) {
    for (int index = 0; index < program_count; index++) {
        if (strcmp(programs[index].name, name) == 0) return index;
    }
    return -1;
}

int main(int count, char **arguments) {
    program_count = all_count - (crypto_is_supported() ? 0 : crypto_count);
    if (count == 2 && strcmp(arguments[1], "--list") == 0) {
        for (int index = 0; index < program_count; index++) puts(programs[index].name);
        return 0;
    }
    for (int argument = 1; argument < count; argument++) {
        if (index_of(arguments[argument]) < 0) {
            fprintf(stderr, "compute: there is no program %s; --list names them\n", arguments[argument]);
            return 64;
        }
    }
    for (int argument = 1; argument < count; argument++) measure(index_of(arguments[argument]));
    for (int index = 0; count < 2 && index < program_count; index++) measure(index);
    return 0;
}
