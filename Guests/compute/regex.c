// Regular expressions of the C library (POSIX, extended) on lines such as logs have.

#include <regex.h>
#include <stdio.h>

#include "programs.h"

enum { lines = 20000 };

uint64_t run_regex(void) {
    static const char *const patterns[] = {
        "^([0-9]+)\\.([0-9]+)\\.[0-9]+\\.[0-9]+ ",
        "(GET|POST|HEAD) (/[a-z0-9]+)+(\\.html|/)",
        "\"[^\"]*\"$",
        "(error|warning): .*(timed out|refused)",
        "[[:alpha:]_][[:alnum:]_]*=[[:digit:]]+",
        "x*y*z+",
    };
    enum { pattern_count = sizeof patterns / sizeof *patterns };
    static const char *const ends[4] = {
        "error: connection to server timed out", "warning: nothing", "key_1=4711 other=abc", "\"Mozilla/5.0 (xxyyz)\"",
    };
    regex_t compiled[pattern_count];
    for (int index = 0; index < pattern_count; index++) {
        if (regcomp(&compiled[index], patterns[index], REG_EXTENDED)) return 0;
    }
    uint64_t random = 1, checksum = 0;
    for (int line = 0; line < lines; line++) {
        uint64_t number = next_random(&random);
        char text[200];
        snprintf(
            text, sizeof text, "%u.%u.%u.%u - [%d] %s /a%u/index%s %s", (unsigned)(number & 255),
            (unsigned)(number >> 8 & 255), (unsigned)(number >> 16 & 255), (unsigned)(number >> 24 & 255), line,
            number >> 32 & 1 ? "GET" : "PUT", (unsigned)(number >> 33 & 1023), number >> 43 & 1 ? ".html" : ".txt",
            ends[number >> 44 & 3]);
        for (int index = 0; index < pattern_count; index++) {
            regmatch_t match[3];
            if (regexec(&compiled[index], text, 3, match, 0)) continue;
            for (int part = 0; part < 3 && match[part].rm_so >= 0; part++) {
                checksum = mix(checksum, (uint64_t)match[part].rm_so << 32 | (uint32_t)match[part].rm_eo);
            }
        }
    }
    for (int index = 0; index < pattern_count; index++) regfree(&compiled[index]);
    return checksum;
}
