// Has the kernel make processes, threads and pages, and says how long that took, for Benchmarks/.
//
//   processes              all of what is below
//   processes NAME…        these
//   processes --list       their names
//
// Each is a line "NAME checksum HEX seconds S", as the compute programs have it: a checksum is what the calls came to, and
// the same everywhere. Exit code 1 means that a call failed, and 64 that a name is unknown.

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    exec_count = 150,
    fork_count = 400,
    thread_count = 3000,
    pipe_count = 20000,
    fault_passes = 8,
    copy_passes = 8,
    call_count = 1000000,
    signal_count = 100000,
    page = 4096,
    area = 16 << 20,
    // What a child of fork_exec exits with.
    answer = 7,
};

static void fail(const char *what) {
    fprintf(stderr, "processes: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int exit_code_of(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) != child) fail("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static uint8_t *map(void) {
    uint8_t *memory = mmap(NULL, area, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    // One page for each fault, whatever the kernel would rather do.
    if (madvise(memory, area, MADV_NOHUGEPAGE) != 0 && errno != EINVAL) fail("madvise");
    return memory;
}

// A process that starts another program, this one, and waits for its end: what a shell does all day.
static uint64_t run_fork_exec(void) {
    uint64_t sum = 0;
    for (int index = 0; index < exec_count; index++) {
        pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) {
            execl("/proc/self/exe", "processes", "--exit", (char *)NULL);
            _exit(127);
        }
        sum += (uint64_t)exit_code_of(child);
    }
    return sum;
}

static uint64_t run_fork(void) {
    uint64_t sum = 0;
    for (int index = 0; index < fork_count; index++) {
        pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) _exit(index & 63);
        sum += (uint64_t)exit_code_of(child);
    }
    return sum;
}

static void *add_one(void *sum) {
    ++*(uint64_t *)sum;
    return NULL;
}

static uint64_t run_thread(void) {
    uint64_t sum = 0;
    for (int index = 0; index < thread_count; index++) {
        pthread_t thread;
        if ((errno = pthread_create(&thread, NULL, add_one, &sum)) != 0) fail("pthread_create");
        if ((errno = pthread_join(thread, NULL)) != 0) fail("pthread_join");
    }
    return sum;
}

// Two processes that wait for each other: a context switch for each byte.
static uint64_t run_pipe(void) {
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0) fail("pipe");
    pid_t child = fork();
    if (child < 0) fail("fork");
    uint8_t byte = 0;
    if (child == 0) {
        for (int index = 0; index < pipe_count; index++) {
            if (read(there[0], &byte, 1) != 1) _exit(1);
            byte++;
            if (write(back[1], &byte, 1) != 1) _exit(1);
        }
        _exit(0);
    }
    uint64_t sum = 0;
    for (int index = 0; index < pipe_count; index++) {
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) fail("pipe");
        sum += byte;
    }
    for (int end = 0; end < 2; end++) close(there[end]), close(back[end]);
    return sum + (uint64_t)exit_code_of(child);
}

// Pages that are there when they are first touched.
static uint64_t run_page_fault(void) {
    uint64_t sum = 0;
    for (int pass = 0; pass < fault_passes; pass++) {
        uint8_t *memory = map();
        for (size_t offset = 0; offset < area; offset += page) sum += ++memory[offset];
        munmap(memory, area);
    }
    return sum;
}

// Pages that are copied when a child first writes to them.
static uint64_t run_copy_on_write(void) {
    uint8_t *memory = map();
    memset(memory, 1, area);
    uint64_t sum = 0;
    for (int pass = 0; pass < copy_passes; pass++) {
        pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) {
            uint64_t own = 0;
            for (size_t offset = 0; offset < area; offset += page) own += ++memory[offset];
            _exit(own == 2 * (area / page) ? answer : 1);
        }
        sum += (uint64_t)exit_code_of(child);
    }
    for (size_t offset = 0; offset < area; offset += page) sum += memory[offset];
    munmap(memory, area);
    return sum;
}

// By number, since the C library may remember what a call came to.
static uint64_t run_syscall(void) {
    uint64_t sum = 0;
    for (int index = 0; index < call_count; index++) sum += syscall(SYS_getppid) >= 0;
    return sum;
}

static volatile sig_atomic_t signals;
static void count_signal(int number) {
    (void)number;
    signals++;
}

static uint64_t run_signal(void) {
    struct sigaction action = {.sa_handler = count_signal};
    if (sigaction(SIGUSR1, &action, NULL) != 0) fail("sigaction");
    signals = 0;
    for (int index = 0; index < signal_count; index++) {
        if (raise(SIGUSR1) != 0) fail("raise");
    }
    return (uint64_t)signals;
}

static const struct {
    const char *name;
    uint64_t (*run)(void);
} programs[] = {
    {"fork_exec", run_fork_exec},   {"fork", run_fork},
    {"thread", run_thread},         {"pipe", run_pipe},
    {"page_fault", run_page_fault}, {"copy_on_write", run_copy_on_write},
    {"syscall", run_syscall},       {"signal", run_signal},
};
enum { program_count = sizeof programs / sizeof *programs };

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
    if (count == 2 && strcmp(arguments[1], "--exit") == 0) return answer;
    if (count == 2 && strcmp(arguments[1], "--list") == 0) {
        for (int index = 0; index < program_count; index++) puts(programs[index].name);
        return 0;
    }
    for (int argument = 1; argument < count; argument++) {
        if (index_of(arguments[argument]) < 0) {
            fprintf(stderr, "processes: there is no program %s; --list names them\n", arguments[argument]);
            return 64;
        }
    }
    for (int argument = 1; argument < count; argument++) measure(index_of(arguments[argument]));
    for (int index = 0; count < 2 && index < program_count; index++) measure(index);
    return 0;
}
