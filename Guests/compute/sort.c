// Sorting half a million records with a comparison behind a pointer: indirect calls, and branches that nothing predicts.

#include "programs.h"

enum { record_count = 1 << 19, longest_insertion = 12 };

struct record {
    uint32_t key;
    uint32_t value;
};

typedef int comparison(const struct record *, const struct record *);

static struct record records[record_count];

__attribute__((noinline, noclone)) static int by_key(const struct record *left, const struct record *right) {
    return left->key < right->key ? -1 : left->key > right->key;
}

__attribute__((noinline, noclone)) static int by_value(const struct record *left, const struct record *right) {
    return left->value < right->value ? -1 : left->value > right->value;
}

static void swap(struct record *left, struct record *right) {
    struct record saved = *left;
    *left = *right;
    *right = saved;
}

static void sort_by_insertion(struct record *first, struct record *end, comparison *compare) {
    for (struct record *next = first + 1; next < end; next++) {
        struct record inserted = *next;
        struct record *place = next;
        for (; place > first && compare(&inserted, place - 1) < 0; place--) *place = place[-1];
        *place = inserted;
    }
}

// Quicksort (Hoare 1961), with the median of three as its pivot.
static void sort(struct record *first, struct record *end, comparison *compare) {
    while (end - first > longest_insertion) {
        struct record *middle = first + (end - first) / 2;
        if (compare(middle, first) < 0) swap(middle, first);
        if (compare(end - 1, middle) < 0) swap(end - 1, middle);
        if (compare(middle, first) < 0) swap(middle, first);
        struct record pivot = *middle;
        struct record *left = first, *right = end - 1;
        while (left <= right) {
            while (compare(left, &pivot) < 0) left++;
            while (compare(&pivot, right) < 0) right--;
            if (left <= right) swap(left++, right--);
        }
        sort(first, right + 1, compare);
        first = left;
    }
    sort_by_insertion(first, end, compare);
}

uint64_t run_sort(void) {
    uint64_t random = 1, checksum = 0;
    for (int index = 0; index < record_count; index++) {
        uint64_t number = next_random(&random);
        records[index] = (struct record){(uint32_t)(number >> 32), (uint32_t)number};
    }
    // Records with the same key may come in any order, so only what was sorted by counts.
    sort(records, records + record_count, by_key);
    for (int index = 0; index < record_count; index += 17) checksum = mix(checksum, records[index].key);
    sort(records, records + record_count, by_value);
    for (int index = 0; index < record_count; index += 17) checksum = mix(checksum, records[index].value);
    return checksum;
}
