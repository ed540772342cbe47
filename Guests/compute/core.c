// Small work of three kinds in turn, as in embedded programs: a linked list that is searched, reversed and sorted;
// matrices of 16-bit numbers; a state machine that reads numbers from text. The kinds are those of the benchmark that
// EEMBC calls CoreMark; the code and the data are our own, and the results cannot be compared with it.

#include <stddef.h>

#include "programs.h"

enum { rounds = 20000 };

// The list.

enum { list_length = 120, searches = 40 };

struct node {
    struct node *next;
    uint16_t key;
    uint16_t weight;
};

static struct node nodes[list_length];

static struct node *make_list(uint64_t *random) {
    for (int index = 0; index < list_length; index++) {
        uint64_t number = next_random(random);
        nodes[index].next = index + 1 < list_length ? &nodes[index + 1] : NULL;
        nodes[index].key = (uint16_t)(number >> 20 & 0x3ff);
        nodes[index].weight = (uint16_t)(number >> 40);
    }
    return nodes;
}

static struct node *find(struct node *list, uint16_t key) {
    while (list && list->key != key) list = list->next;
    return list;
}

static struct node *reverse(struct node *list) {
    struct node *reversed = NULL;
    while (list) {
        struct node *next = list->next;
        list->next = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

static struct node *merge(struct node *left, struct node *right) {
    struct node head, *last = &head;
    while (left && right) {
        struct node **lesser = left->key <= right->key ? &left : &right;
        last = last->next = *lesser;
        *lesser = (*lesser)->next;
    }
    last->next = left ? left : right;
    return head.next;
}

static struct node *sort_list(struct node *list) {
    if (!list || !list->next) return list;
    struct node *middle = list;
    for (struct node *end = list->next; end && end->next; end = end->next->next) middle = middle->next;
    struct node *second = middle->next;
    middle->next = NULL;
    return merge(sort_list(list), sort_list(second));
}

static uint64_t work_on_list(uint64_t *random) {
    struct node *list = make_list(random);
    uint64_t checksum = 0;
    for (int search = 0; search < searches; search++) {
        struct node *found = find(list, (uint16_t)(next_random(random) >> 30 & 0x3ff));
        if (found) checksum = mix(checksum, found->weight);
        if (search % 8 == 0) list = reverse(list);
    }
    for (list = sort_list(list); list; list = list->next) checksum = mix(checksum, list->key);
    return checksum;
}

// The matrices.

enum { order = 16 };

static uint64_t work_on_matrices(uint64_t *random) {
    static int16_t left[order][order], right[order][order];
    static int32_t product[order][order];
    for (int row = 0; row < order; row++) {
        for (int column = 0; column < order; column++) {
            left[row][column] = (int16_t)next_random(random);
            right[row][column] = (int16_t)next_random(random);
        }
    }
    for (int row = 0; row < order; row++) {
        for (int column = 0; column < order; column++) {
            uint32_t sum = 0;
            for (int index = 0; index < order; index++) {
                sum += (uint32_t)(left[row][index] * right[index][column]);
            }
            product[row][column] = (int32_t)sum;
        }
    }
    uint64_t checksum = 0;
    int32_t limit = 0;
    for (int row = 0; row < order; row++) {
        for (int column = 0; column < order; column++) {
            if (product[row][column] > limit) checksum = mix(checksum, (uint64_t)column);
            limit = product[row][column] / 4;
            checksum += (uint64_t)(product[row][column] >> 3 & 0xff);
        }
    }
    return checksum;
}

// The state machine.

enum state { start, sign, integer, point, fraction, exponent, exponent_sign, exponent_digits, invalid, state_count };

static enum state step(enum state state, char character) {
    int is_digit = character >= '0' && character <= '9';
    switch (state) {
        case start:
            if (character == '+' || character == '-') return sign;
            return is_digit ? integer : character == '.' ? point : invalid;
        case sign: return is_digit ? integer : character == '.' ? point : invalid;
        case integer:
            if (character == '.') return point;
            return is_digit ? integer : character == 'e' ? exponent : invalid;
        case point:
        case fraction: return is_digit ? fraction : character == 'e' && state == fraction ? exponent : invalid;
        case exponent:
            if (character == '+' || character == '-') return exponent_sign;
            return is_digit ? exponent_digits : invalid;
        case exponent_sign:
        case exponent_digits: return is_digit ? exponent_digits : invalid;
        default: return invalid;
    }
}

static uint64_t work_on_text(uint64_t *random) {
    static const char *const words[8] = {
        "5012,", "-874,", "+122.5,", "-110.500,", "+0.64400e-3,", "5.5e+3,", "T0.3e-1F,", "..8,",
    };
    uint32_t ends[state_count] = {0};
    for (int word = 0; word < 60; word++) {
        uint64_t number = next_random(random);
        enum state state = start;
        // Now and then a character is not what it should be.
        int wrong = number >> 32 & 7 ? -1 : (int)(number >> 40 & 7), index = 0;
        for (const char *place = words[number >> 16 & 7]; *place != ','; place++, index++) {
            state = step(state, index == wrong ? (char)(*place ^ 0x11) : *place);
        }
        ends[state]++;
    }
    uint64_t checksum = 0;
    for (int state = 0; state < state_count; state++) checksum = mix(checksum, ends[state]);
    return checksum;
}

uint64_t run_core(void) {
    uint64_t random = 1, checksum = 0;
    for (int round = 0; round < rounds; round++) {
        checksum = mix(checksum, work_on_list(&random));
        checksum = mix(checksum, work_on_matrices(&random));
        checksum = mix(checksum, work_on_text(&random));
    }
    return checksum;
}
