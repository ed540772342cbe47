// Whole runs of the built `dormouse`, with guests that know nothing of it: what issue 2 promises under "How it is
// shown".
//
// The guests are Debian's kernels with Guests/linux/init as their first process, and the bare-metal guests of Guests.
// Two at a time: each takes most of a core, and some are measured, so that more would be in each other's way. Tests
// block their thread and have deadlines of their own, so that they depend on nothing else that the test runner does
// meanwhile.
//
// Consoles, messages and reports stay in .build/end-to-end.

import TestSupport
import Testing

/// All end-to-end tests; each file adds a suite to one of the two rows, which take about the same time.
@Suite("End to end", .timeLimit(.minutes(20)), .needs(Dormouse.canBeTested, Dormouse.whyNot))
enum EndToEnd {
    /// Guests that sleep, and disks whose power goes.
    @Suite("Hibernating", .serialized)
    enum Hibernating {}

    /// Everything else.
    @Suite("Running", .serialized)
    enum Running {}
}
