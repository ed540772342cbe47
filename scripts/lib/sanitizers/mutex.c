// Has the thread sanitizer see that a Mutex of Swift's Synchronization orders what it guards, also when it is
// contended.
//
// Whoever finds the lock taken gets it in a function of Swift's own library, and whoever leaves it to somebody who
// waits leaves it in another one. None of them is instrumented, so that the sanitizer takes what the lock guards for a
// race. These stand in front of them, in tests under the sanitizer only, and tell it. Self is in the register that
// Swift's calling convention has for it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

extern void __tsan_acquire(void *address);
extern void __tsan_release(void *address);

SWIFT void lockSlow(uint32_t thread, SELF void *mutex) __asm(LOCK_SLOW);
SWIFT bool tryLockSlow(SELF void *mutex) __asm(TRY_LOCK_SLOW);
SWIFT void unlockSlow(SELF void *mutex) __asm(UNLOCK_SLOW);

SWIFT void lockSlow(uint32_t thread, SELF void *mutex) {
    SWIFT void (*lock)(uint32_t, SELF void *) = dlsym(RTLD_NEXT, LOCK_SLOW);
    lock(thread, mutex);
    __tsan_acquire(mutex);
}

SWIFT bool tryLockSlow(SELF void *mutex) {
    SWIFT bool (*tryLock)(SELF void *) = dlsym(RTLD_NEXT, TRY_LOCK_SLOW);
    if (!tryLock(mutex)) return false;
    __tsan_acquire(mutex);
    return true;
}

SWIFT void unlockSlow(SELF void *mutex) {
    SWIFT void (*unlock)(SELF void *) = dlsym(RTLD_NEXT, UNLOCK_SLOW);
    __tsan_release(mutex);
    unlock(mutex);
}
