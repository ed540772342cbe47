// Software step: DDI 0487, D2.11. A debugger in the guest executes one instruction at a time by it.
//
// Responsible for: when stepping is active, and blocks of one instruction. Such a block is made anew for each step,
// outside the code cache.

import Arm64

/// MDSCR_EL1.
enum MDSCR {
    /// SS: software step is enabled.
    static let ss: UInt64 = 1 << 0
    /// KDE: debug exceptions from EL1 itself are enabled.
    static let kde: UInt64 = 1 << 13
}

extension EmulatedCPU {
    /// Whether the next instruction is stepped: SS is set, neither OS lock holds it off, and debug exceptions are
    /// enabled from the current exception level.
    var isStepping: Bool {
        let system = state.system
        guard system.pointee.mdscrEL1 & MDSCR.ss != 0 else { return false }
        guard system.pointee.osLock == 0, system.pointee.osdlrEL1 == 0 else { return false }
        if isEL0 { return true }
        return system.pointee.mdscrEL1 & MDSCR.kde != 0 && system.pointee.pstate & PSTATE.d == 0
    }

    /// The block of the one instruction that is stepped next; nil after the exception of a step that is done, or of a
    /// fetch that failed.
    func steppedBlock(mode: BlockMode) -> Block? {
        guard state.system.pointee.pstate & PSTATE.ss != 0 else {
            // Active and pending: the instruction before this one was the step.
            takeException(
                .softwareStep(fromEL0: isEL0, wasExclusiveLoad: false), returnAddress: withoutTag(state.pc),
                faultAddress: nil)
            return nil
        }
        guard let words = fetchWords(mode: mode) else { return nil }
        let count = builder.build(
            from: words, limit: 1, isEL0: mode.isEL0, stackIsMisaligned: mode.stackIsMisaligned)
        let block = Block(base: stepMemory)
        block.initialize(
            physicalAddress: 0, instructionCount: count, operations: builder.operations, hostCode: 0,
            patience: .max)
        state.system.pointee.pstate &= ~PSTATE.ss
        stepIsUnderWay = true
        return block
    }

    /// Called before an exception that keeps an instruction from completing: it is to be stepped again.
    func undoStep() {
        guard stepIsUnderWay else { return }
        state.system.pointee.pstate |= PSTATE.ss
    }

    /// Bytes for a block outside the code cache: no instruction is lowered to more than 80 operations, and no block has
    /// more than 32 instructions.
    static let stepByteCount = 1 << 16
}
