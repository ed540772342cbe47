// The record of one test case: what the test process, the runner (under qemu-aarch64) and the supervisor (under our own
// CPU) agree on. `OracleRecord.swift` and `UserProgramRecord.swift` say the same in Swift; they change together.
//
// A record goes to the runner and comes back in place: the state and the data window are overwritten with their final
// values.

#define RECORD_X 0x000      // x0 to x30, 8 bytes each
#define RECORD_SP 0x0F8
#define RECORD_V 0x100      // v0 to v31, 16 bytes each
#define RECORD_PC 0x300     // in: where the code starts. out: where it stopped
#define RECORD_NZCV 0x308   // in bits 31:28
#define RECORD_FPCR 0x310
#define RECORD_FPSR 0x318
#define RECORD_CAUSE 0x320  // out: si_code << 32 | signal under the runner, ESR_EL1 under the supervisor
#define RECORD_FAULT 0x328  // out: si_addr under the runner, FAR_EL1 under the supervisor
#define RECORD_CODE 0x340   // two words of the runner's own (PROLOGUE_SIZE), then those of the case
#define PROLOGUE_SIZE 8
#define RECORD_DATA_SIZE 0x2000 // the contents of the writable data pages

#ifdef PROGRAMS
// Programs (`UserProgramRecord`): their code is longer, may be written, and comes back too. Loops count in a page of
// their own.
#define RECORD_CODE_SIZE 0x600
#define RECORD_COUNTERS 0x940
#define RECORD_COUNTERS_SIZE 0x40
#define RECORD_DATA 0x980
#define RECORD_SIZE 0x2980
#define RECORD_MAXIMUM_COUNT 80
#else
#define RECORD_CODE_SIZE 0x200
#define RECORD_DATA 0x540
#define RECORD_SIZE 0x2540
#define RECORD_MAXIMUM_COUNT 256
#endif

// Where a case lives, the same virtual addresses under both. Everything between is unmapped.
#define CODE_BASE 0x40100000
#define CODE_SIZE 0x20000   // at least RECORD_MAXIMUM_COUNT * RECORD_CODE_SIZE
#define COUNTERS_BASE 0x40130000
#define COUNTERS_PAGE_SIZE 0x1000
#define DATA_BASE 0x40180000
#define DATA_READ_ONLY 0x40182000
#define DATA_READ_ONLY_SIZE 0x1000
