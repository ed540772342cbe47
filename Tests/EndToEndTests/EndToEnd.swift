// Whole runs of the built `dormouse`, with guests that know nothing of it: what issue 2 promises under "How it is
// shown".
//
// The guests are Debian's kernels with Guests/linux/init as their first process, and the bare-metal guests of Guests.
// One at a time: each takes all of a small machine, and some are measured. Tests block their thread and have deadlines
// of their own, so that they depend on nothing else that the test runner does meanwhile.
//
// Consoles, messages and reports stay in .build/end-to-end.

import TestSupport
import Testing

/// All end-to-end tests; each file adds a suite.
@Suite("End to end", .serialized, .timeLimit(.minutes(20)), .needs(Dormouse.canBeTested, Dormouse.whyNot))
enum EndToEnd {}
