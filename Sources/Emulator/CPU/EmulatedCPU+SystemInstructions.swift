// Cache, TLB and address translation instructions: DDI 0487, C5.3 to C5.5.
//
// Caches do not exist here, and pages that hold code are watched, so cache maintenance only has to fault where it
// should.

import Arm64
import Hypervisor

extension EmulatedCPU {
    /// Executes a SYS instruction; the exception it takes, if it does, with the fault address.
    func systemInstruction(
        _ instruction: SystemInstruction, operand: UInt64, rt: UInt8
    ) -> (syndrome: Syndrome, faultAddress: UInt64?)? {
        switch instruction {
        case .dcCVAC, .dcCVAU, .dcCVAP, .dcCIVAC, .dcIVAC, .icIVAU:
            return maintainCache(instruction, address: operand, rt: rt)
        case .dcISW, .dcCSW, .dcCISW, .icIALLU, .icIALLUIS:
            return nil
        case .atS1E1R: translateAddress(operand, .read, privileged: true)
        case .atS1E1W: translateAddress(operand, .write, privileged: true)
        case .atS1E1RP: translateAddress(operand, .read, privileged: true, pan: pstate.contains(PSTATE.pan))
        case .atS1E1WP: translateAddress(operand, .write, privileged: true, pan: pstate.contains(PSTATE.pan))
        case .atS1E0R: translateAddress(operand, .read, privileged: false)
        case .atS1E0W: translateAddress(operand, .write, privileged: false)
        default:
            guard let invalidation = TLBInvalidation(instruction, operand: operand, regime: regime) else { return nil }
            invalidate(invalidation)
            if invalidation.isBroadcast, !isAlone { vm.broadcast(.invalidate(invalidation), from: self) }
            // Alone as well, and of this CPU's own: the next DSB ends the block, as it does where others have requests.
            // A program that unmaps itself comes to its end at the same place everywhere.
            hasUncompletedInvalidation = true
        }
        return nil
    }

    private func maintainCache(
        _ instruction: SystemInstruction, address: UInt64, rt: UInt8
    ) -> (syndrome: Syndrome, faultAddress: UInt64?)? {
        if isEL0 && state.system.pointee.sctlrEL1 & SCTLR.uci == 0 {
            return (.systemInstructionTrapped(instruction, rt: rt), nil)
        }
        let kind: TranslationAccess.Kind = instruction == .dcIVAC ? .write : .read
        var walkMemory = WalkMemory(memory: memory)
        let access = TranslationAccess(kind, privileged: !isEL0, setsDirtyState: false)
        switch regime.translate(withoutTag(address), for: access, pan: false, memory: &walkMemory) {
        case .success:
            return nil
        case .failure(let fault):
            // Without read permission at EL1 there is no fault: nothing is read.
            if !isEL0 && fault.kind == .permission && kind == .read { return nil }
            let syndrome = Syndrome.dataAbort(
                fault.status, fromEL0: isEL0, isWrite: true, isCacheMaintenance: true)
            return (syndrome, address)
        }
    }

    /// AT: the result goes to PAR_EL1, never to an exception.
    ///
    /// - Parameter pan: PSTATE.PAN, where it counts.
    private func translateAddress(
        _ address: UInt64, _ kind: TranslationAccess.Kind, privileged: Bool, pan: Bool = false
    ) {
        var walkMemory = WalkMemory(memory: memory)
        let access = TranslationAccess(kind, privileged: privileged, setsDirtyState: false)
        state.system.pointee.parEL1 = PAR.value(
            for: regime.translate(withoutTag(address), for: access, pan: pan, memory: &walkMemory))
    }

    /// DC ZVA: clears the 64-byte line at `address`; nil if it went well.
    func zeroCacheLine(_ address: UInt64, rt: UInt8) -> (syndrome: Syndrome, faultAddress: UInt64?)? {
        if isEL0 && state.system.pointee.sctlrEL1 & SCTLR.dze == 0 {
            return (.systemInstructionTrapped(.dcZVA, rt: rt), nil)
        }
        let line = address & ~63
        guard let location = locate(line, isWrite: true, privilege: privilege) else {
            // The fault address is the one that the instruction was given.
            return (pendingSyndrome, address)
        }
        let entry = context.entry(privilege, withoutTag(line))
        guard case .memory(let pointer) = location, entry.info & TLBEntry.Info.isDevice == 0 else {
            return (.dataAbort(.alignment, fromEL0: isEL0, isWrite: true), address)
        }
        if stopsForAccess(line, size: 64, isRead: false, isWrite: true) {
            // Which nobody takes.
            return (.dataAbort(.alignment, fromEL0: isEL0, isWrite: true), address)
        }
        // Safe: a line never crosses a page, and the page is RAM.
        pointer.initializeMemory(as: UInt64.self, repeating: 0, count: 8)
        return nil
    }
}
