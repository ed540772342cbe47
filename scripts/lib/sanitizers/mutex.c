// Has the thread sanitizer see that a Mutex of Swift's Synchronization orders what it guards, also when it is
// contended.
//
// Whoever finds the lock taken gets it in a function of Swift's own library, and whoever leaves it to somebody who
// waits leaves it in another one. Neither is instrumented, so that the sanitizer takes what the lock guards for a race.
// These stand in front of the two, in tests under the sanitizer only, and tell it. Self is in the register that Swift's
// calling convention has for it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);

SWIFT void lockSlow(uint32_t thread, SELF void *mutex) __asm(LOCK_SLOW);
SWIFT void unlockSlow(SELF void *mutex) __asm(UNLOCK_SLOW);

SWIFT void lockSlow(uint32_t thread, SELF void *mutex) {
    SWIFT void (*lock)(uint32_t, SELF void *) = dlsym(RTLD_NEXT, LOCK_SLOW);
    lock(thread, mutex);
    __tsan_acquire(mutex);
}

SWIFT void unlockSlow(SELF void *mutex) {
    SWIFT void (*unlock)(SELF void *) = dlsym(RTLD_NEXT, UNLOCK_SLOW);
    __tsan_release(mutex);
    unlock(mutex);
}
