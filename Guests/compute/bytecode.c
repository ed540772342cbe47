// A byte-code interpreter with a register machine, each instruction of which jumps to the next by a table of labels:
// indirect jumps that a processor predicts by what came before.

#include "programs.h"

enum operation { load, add, subtract, multiply, exclusive_or, shift, less, equal, jump, jump_if, get, put, halt };

struct instruction {
    uint8_t operation, target, left, right;
    int32_t value;
};

enum { cells = 4096 };
static int64_t memory[cells];

static int64_t interpret(const struct instruction *program) {
    static const void *const labels[] = {
        &&load, &&add, &&subtract, &&multiply, &&exclusive_or, &&shift, &&less,
        &&equal, &&jump, &&jump_if, &&get, &&put, &&halt,
    };
    int64_t registers[16] = {0};
    const struct instruction *next = program, *now;
#define go_on goto *labels[(now = next++)->operation]
#define left registers[now->left]
#define right registers[now->right]
#define target registers[now->target]
    go_on;
load: target = now->value; go_on;
add: target = (int64_t)((uint64_t)left + (uint64_t)right + (uint64_t)(int64_t)now->value); go_on;
subtract: target = (int64_t)((uint64_t)left - (uint64_t)right); go_on;
multiply: target = (int64_t)((uint64_t)left * (uint64_t)right); go_on;
exclusive_or: target = left ^ right; go_on;
shift: target = (int64_t)((uint64_t)left >> now->value); go_on;
less: target = left < right; go_on;
equal: target = left == right; go_on;
jump: next = program + now->value; go_on;
jump_if: if (left) next = program + now->value; go_on;
get: target = memory[(uint64_t)left % cells]; go_on;
put: memory[(uint64_t)left % cells] = right; go_on;
halt: return left;
#undef go_on
#undef left
#undef right
#undef target
}

uint64_t run_bytecode(void) {
    // r0 stays 0, r1 a counter, r2 its limit, r3 the sum.
    static const struct instruction mixing[] = {
        {load, 2, 0, 0, 700000},    {load, 4, 0, 0, 0x9e3779b1},  {load, 3, 0, 0, 1},
        {multiply, 5, 3, 4, 0},     {shift, 6, 5, 0, 13},         {exclusive_or, 3, 5, 6, 0},
        {add, 3, 3, 1, 0},          {put, 0, 1, 3, 0},            {get, 7, 6, 0, 0},
        {exclusive_or, 3, 3, 7, 0}, {add, 1, 1, 0, 1},            {less, 8, 1, 2, 0},
        {jump_if, 0, 8, 0, 3},      {halt, 0, 3, 0, 0},
    };
    // How many steps numbers take to 1 (Collatz), up to a limit.
    static const struct instruction steps[] = {
        {load, 2, 0, 0, 30000},      {load, 9, 0, 0, 1},      {load, 10, 0, 0, 3},    {load, 1, 0, 0, 1},
        {add, 4, 1, 0, 0},           {equal, 5, 4, 9, 0},     {jump_if, 0, 5, 0, 16}, {add, 3, 3, 0, 1},
        {shift, 6, 4, 0, 1},         {add, 7, 6, 6, 0},       {equal, 8, 7, 4, 0},    {jump_if, 0, 8, 0, 14},
        {multiply, 4, 4, 10, 0},     {add, 6, 4, 0, 1},       {add, 4, 6, 0, 0},      {jump, 0, 0, 0, 5},
        {add, 1, 1, 0, 1},           {less, 5, 1, 2, 0},      {jump_if, 0, 5, 0, 4},  {halt, 0, 3, 0, 0},
    };
    uint64_t checksum = 0;
    for (int cell = 0; cell < cells; cell++) memory[cell] = 0;
    for (int round = 0; round < 2; round++) {
        checksum = mix(checksum, (uint64_t)interpret(mixing));
        checksum = mix(checksum, (uint64_t)interpret(steps));
    }
    return checksum;
}
