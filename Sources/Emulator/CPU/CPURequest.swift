// What one CPU asks of another.

import Arm64
import Glibc
import Hypervisor

/// A request in a CPU's mailbox.
enum CPURequest: Sendable {
    /// A broadcast TLBI.
    case invalidate(TLBInvalidation)
    /// The guest physical page became code: writes to it must be noticed from now on.
    case dropWrites(PhysicalAddress)
    /// The code cache starts over: forget every block.
    case releaseBlocks
}

/// Lets another thread have the host CPU.
func yieldThread() {
    sched_yield()
}
