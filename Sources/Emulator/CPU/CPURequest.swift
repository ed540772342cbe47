// What CPUs ask of one another.
//
// Responsible for: the requests, and what a CPU holds of them until it does them. A CPU that is off, waits, or is not
// run does none, for as long as others like, so what it holds has a bound: beyond that, many requests become one that
// asks for more than all of them. Everything that can be asked for is to forget something, so asking for more is always
// right, and the order does not matter. Not responsible for waiting until it is done: see `EmulatedVM.waitForRequests`.

import Arm64
import Glibc
import Hypervisor

/// A request of one CPU to another.
enum CPURequest: Sendable {
    /// A broadcast TLBI.
    case invalidate(TLBInvalidation)
    /// The guest physical page became code: writes to it must be noticed from now on.
    case dropWrites(PhysicalAddress)
    /// The code cache starts over: forget every block.
    case releaseBlocks
}

/// What a CPU was asked to do before its next block.
struct CPUMailbox: Sendable {
    /// TLBIs, and pages, that are kept apart. A CPU that runs looks so often that it hardly ever finds as many.
    static let limit = 256

    private(set) var invalidations: [TLBInvalidation] = []
    /// There were more TLBIs than are kept, or one for everything: none of them is in `invalidations`.
    private(set) var invalidatesEverything = false
    /// Pages to which writes must be noticed.
    private(set) var unwritablePages: [PhysicalAddress] = []
    /// There were more pages than are kept.
    private(set) var dropsAllWrites = false
    private(set) var releasesBlocks = false

    /// Requests so far, ever.
    private(set) var posted: UInt64 = 0

    mutating func post(_ request: CPURequest) {
        posted &+= 1
        switch request {
        case .invalidate(let invalidation):
            guard !invalidatesEverything else { return }
            if invalidation.scope == .all || invalidations.count == Self.limit {
                invalidatesEverything = true
                invalidations = []
            } else {
                invalidations.append(invalidation)
            }
        case .dropWrites(let page):
            guard !dropsAllWrites else { return }
            if unwritablePages.count == Self.limit {
                dropsAllWrites = true
                unwritablePages = []
            } else {
                unwritablePages.append(page)
            }
        case .releaseBlocks:
            releasesBlocks = true
        }
    }

    /// Empties the mailbox; returns what was in it.
    mutating func take() -> CPUMailbox {
        let taken = self
        self = CPUMailbox()
        posted = taken.posted
        return taken
    }
}

/// Lets another thread have the host CPU.
func yieldThread() {
    sched_yield()
}
