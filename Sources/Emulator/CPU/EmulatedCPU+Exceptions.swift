// Taking exceptions to EL1, and returning from them: DDI 0487, D1.3.

import Arm64
import Hypervisor

/// The vectors' offsets from VBAR_EL1 (DDI 0487, D1.3.2).
private enum Vector {
    static let currentWithSP0: UInt64 = 0x000
    static let currentWithSPx: UInt64 = 0x200
    static let lowerAArch64: UInt64 = 0x400
    static let interrupt: UInt64 = 0x080
}

/// The instruction by which a program calls the host that debugs it.
enum Semihosting {
    /// Of HLT, in A64.
    static let immediate: UInt16 = 0xF000
}

extension EmulatedCPU {
    /// PSTATE with its flags, as SPSR holds it.
    var pstate: PSTATE {
        get { PSTATE(rawValue: state.system.pointee.pstate | UInt64(state.nzcv)) }
        set {
            let old = state.system.pointee.pstate
            state.nzcv = UInt32(truncatingIfNeeded: newValue.rawValue & PSTATE.nzcv)
            state.system.pointee.pstate = newValue.rawValue & ~PSTATE.nzcv
            switchStackPointer(from: old, to: newValue.rawValue)
            if (old | newValue.rawValue) & PSTATE.uao != 0 { selectUserTable() }
        }
    }

    /// Puts the SP that `new` uses in the place of the one that `old` used.
    func switchStackPointer(from old: UInt64, to new: UInt64) {
        let wasOwn = old & PSTATE.modeMask == PSTATE.Mode.el1h.rawValue
        let isOwn = new & PSTATE.modeMask == PSTATE.Mode.el1h.rawValue
        guard wasOwn != isOwn else { return }
        let sp = Int(CPUState.Register.sp)
        if wasOwn {
            state.system.pointee.spEL1 = state.x[sp]
            state.x[sp] = state.system.pointee.spEL0
        } else {
            state.system.pointee.spEL0 = state.x[sp]
            state.x[sp] = state.system.pointee.spEL1
        }
    }

    /// Takes a synchronous exception to EL1.
    func takeException(_ syndrome: Syndrome, returnAddress: UInt64, faultAddress: UInt64?) {
        state.system.pointee.esrEL1 = syndrome.rawValue
        if let faultAddress { state.system.pointee.farEL1 = faultAddress }
        enterVector(0, returnAddress: returnAddress)
    }

    /// Takes the IRQ that is pending. The branch before it may have left a tag in the PC, which no fetch has removed
    /// yet.
    func takeInterrupt() {
        enterVector(Vector.interrupt, returnAddress: withoutTag(state.pc))
    }

    private func enterVector(_ kind: UInt64, returnAddress: UInt64) {
        let old = pstate
        state.system.pointee.spsrEL1 = old.rawValue
        state.system.pointee.elrEL1 = returnAddress
        let group: UInt64 =
            switch old.mode {
            case .el1h: Vector.currentWithSPx
            case .el1t: Vector.currentWithSP0
            default: Vector.lowerAArch64
            }
        let sctlr = state.system.pointee.sctlrEL1
        pstate = old.takingException(span: sctlr & SCTLR.span != 0, ssbs: sctlr & SCTLR.dssbs != 0)
        state.pc = state.system.pointee.vbarEL1 &+ group &+ kind
    }

    /// ERET. The local monitor is cleared and the event register set, as the architecture says.
    func returnFromException() {
        state.system.pointee.exclusiveAddress = 0
        sendEvent(toAll: false)
        let address = state.system.pointee.elrEL1
        pstate = pstate.returning(spsr: configuration.model.pstate.effective(state.system.pointee.spsrEL1))
        if !isStepping { state.system.pointee.pstate &= ~PSTATE.ss }
        state.pc = address
    }

    /// The exception of SVC or BRK, or the exit of HVC or SMC; `next` is the address after the instruction.
    func generateException(_ which: ExceptionOpcode, immediate: UInt16, next: UInt64) -> Exit? {
        switch which {
        case .svc:
            takeException(.svc(immediate), returnAddress: next, faultAddress: nil)
        case .brk:
            takeException(.brk(immediate), returnAddress: next &- 4, faultAddress: nil)
        case .hlt:
            if configuration.takesSemihostingCalls, immediate == Semihosting.immediate, !isEL0 {
                state.pc = next
                return .semihostingCall
            }
            takeException(.undefined, returnAddress: next &- 4, faultAddress: nil)
        case .hvc:
            state.pc = next
            return .hypercall(immediate: immediate)
        case .smc:
            state.pc = next
            return .secureMonitorCall(immediate: immediate)
        }
        return nil
    }
}
