// A few words of memory that the boot core and one other core talk through.
//
// Volatile words and barriers rather than atomics: each word has one writer at a time, and a guest must run on cores
// without LSE, with the MMU off, where exclusive accesses need not work.

import _Volatile

/// One core's sixteen words.
struct Mailbox {
    private let base: UInt

    init(ofCore core: Int) {
        base = mailboxesAddress() + UInt(core) * 128
    }

    /// The words, by what they are for.
    enum Word: UInt {
        /// How often the core has arrived at its entry point.
        case arrivals
        /// What it found there: x0, SCTLR_EL1, PSTATE.DAIF, CurrentEL and SPSel as MRS reads them, and MPIDR_EL1.
        case contextID, systemControl, interruptMasks, exceptionLevel, stackPointerSelect, mpidr
        /// For the guest to count in.
        case counter
        /// A call that the boot core asks for, and its registers.
        case request, x0, x1, x2, x3
        /// The board's conduit, in the boot core's mailbox only.
        case conduit
    }

    subscript(_ word: Word) -> UInt64 {
        get { register(word).load() }
        nonmutating set { register(word).store(newValue) }
    }

    private func register(_ word: Word) -> VolatileMappedRegister<UInt64> {
        VolatileMappedRegister(unsafeBitPattern: base + word.rawValue * 8)
    }
}
