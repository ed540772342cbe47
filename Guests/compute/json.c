// JSON (RFC 8259): a text of nested objects and arrays is made, and parsed into a tree again and again: one character
// after the other, with unpredictable branches, small allocations and numbers of any kind.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs.h"

enum { most_text = 1 << 20, records = 3000, rounds = 60, most_values = 200000 };

static char text[most_text];
static size_t text_length;

static void append(const char *part) {
    size_t length = strlen(part);
    memcpy(text + text_length, part, length);
    text_length += length;
}

static void make_text(void) {
    static const char *const words[8] = {
        "alpha", "\\\"quoted\\\"", "beta\\n", "a somewhat longer string, as people write them", "", "\\u00e9t\\u00e9",
        "identifier", "x",
    };
    uint64_t random = 1;
    char part[160];
    append("[");
    for (int record = 0; record < records; record++) {
        uint64_t number = next_random(&random);
        snprintf(
            part, sizeof part, "%s\n  {\"id\": %d, \"name\": \"%s\", \"score\": %u.%03u, \"tags\": [", record ? "," : "",
            record, words[number & 7], (unsigned)(number >> 8 & 0xffff), (unsigned)(number >> 24 & 0x3ff) % 1000);
        append(part);
        for (unsigned tag = 0; tag < (number >> 40 & 3); tag++) {
            snprintf(part, sizeof part, "%s\"%s\"", tag ? ", " : "", words[number >> (44 + 3 * tag) & 7]);
            append(part);
        }
        snprintf(
            part, sizeof part, "], \"active\": %s, \"place\": {\"x\": -%u, \"y\": %ue-3, \"next\": null}}",
            number >> 60 & 1 ? "true" : "false", (unsigned)(number >> 30 & 0xfff), (unsigned)(number >> 50 & 0xff));
        append(part);
    }
    append("\n]");
    text[text_length] = 0;
}

enum kind { null, boolean, number, string, array, object };

struct value {
    enum kind kind;
    uint32_t length;
    union {
        double number;
        const char *string;
        struct value *first;
    };
    // Of an object's member.
    const char *key;
    struct value *next;
};

static struct value values[most_values];
static char strings[most_text];
static size_t value_count, string_length;

static const char *skip_space(const char *place) {
    while (*place == ' ' || *place == '\n' || *place == '\t' || *place == '\r') place++;
    return place;
}

static const char *parse_string(const char *place, const char **result, uint32_t *length) {
    char *start = strings + string_length, *end = start;
    for (place++; *place != '"'; place++) {
        if (*place != '\\') {
            *end++ = *place;
            continue;
        }
        switch (*++place) {
        case 'n': *end++ = '\n'; break;
        case 'u': {
            unsigned code = 0;
            for (int digit = 0; digit < 4; digit++) {
                char character = *++place;
                code = code << 4 | (unsigned)(character <= '9' ? character - '0' : (character | 32) - 'a' + 10);
            }
            // Two bytes of UTF-8 are enough here.
            *end++ = (char)(0xc0 | code >> 6);
            *end++ = (char)(0x80 | (code & 63));
            break;
        }
        default: *end++ = *place;
        }
    }
    *end++ = 0;
    string_length += (size_t)(end - start);
    *result = start;
    *length = (uint32_t)(end - start - 1);
    return place + 1;
}

static const char *parse(const char *place, struct value **result) {
    struct value *value = &values[value_count++];
    memset(value, 0, sizeof *value);
    *result = value;
    switch (*place) {
    case '{':
    case '[': {
        char last = *place == '{' ? '}' : ']';
        value->kind = last == '}' ? object : array;
        struct value **next = &value->first;
        place = skip_space(place + 1);
        while (*place != last) {
            const char *key = NULL;
            if (last == '}') {
                uint32_t length;
                place = skip_space(parse_string(place, &key, &length));
                place = skip_space(place + 1);
            }
            place = skip_space(parse(place, next));
            (*next)->key = key;
            next = &(*next)->next;
            value->length++;
            if (*place == ',') place = skip_space(place + 1);
        }
        return place + 1;
    }
    case '"': value->kind = string; return parse_string(place, &value->string, &value->length);
    case 'n': value->kind = null; return place + 4;
    case 't': value->kind = boolean; value->length = 1; return place + 4;
    case 'f': value->kind = boolean; return place + 5;
    default: {
        char *end;
        value->kind = number;
        value->number = strtod(place, &end);
        return end;
    }
    }
}

static uint64_t sum_of(const struct value *value) {
    uint64_t checksum = mix((uint64_t)value->kind, value->length);
    if (value->key) checksum = mix(checksum, (uint64_t)strlen(value->key));
    switch (value->kind) {
    case number: {
        uint64_t bits;
        memcpy(&bits, &value->number, sizeof bits);
        return mix(checksum, bits);
    }
    case string:
        for (const char *place = value->string; *place; place++) checksum = mix(checksum, (uint8_t)*place);
        return checksum;
    case array:
    case object:
        for (const struct value *part = value->first; part; part = part->next) checksum = mix(checksum, sum_of(part));
        return checksum;
    default: return checksum;
    }
}

uint64_t run_json(void) {
    uint64_t checksum = 0;
    text_length = 0;
    make_text();
    for (int round = 0; round < rounds; round++) {
        struct value *root;
        value_count = string_length = 0;
        parse(text, &root);
        checksum = mix(checksum, sum_of(root));
        // Another text of the same form.
        for (char *place = text; (place = strstr(place, "\"score\": ")); place++) place[9] = (char)('1' + round % 9);
    }
    return checksum;
}
