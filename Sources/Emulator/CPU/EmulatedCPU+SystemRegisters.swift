// System registers that are more than a stored value: DDI 0487, D19.
//
// Responsible for: reads, writes and EL0 traps. Lowering has already refused encodings that the exception level cannot
// name, and handles plain registers itself.

import Arm64
import Hypervisor

/// What an access to a system register came to.
enum RegisterAccess<Value> {
    case done(Value)
    case exception(Syndrome)
}

/// CNTKCTL_EL1: what EL0 may use, and the event stream.
enum CNTKCTL {
    static let el0PCTEN: UInt64 = 1 << 0
    static let el0VCTEN: UInt64 = 1 << 1
    /// EVNTEN: the event stream is on.
    static let evntEN: UInt64 = 1 << 2
    /// EVNTDIR: it follows the bit's falling edges, not its rising ones.
    static let evntDIR: UInt64 = 1 << 3
    /// EVNTI: which bit of the counter it follows.
    static let evntIShift: UInt64 = 4
    static let evntIMask: UInt64 = 0xF
    static let el0VTEN: UInt64 = 1 << 8
    static let el0PTEN: UInt64 = 1 << 9
    /// EL0PCTEN, EL0VCTEN, EVNTEN, EVNTDIR, EVNTI, EL0VTEN, EL0PTEN.
    static let writable: UInt64 = 0x3FF
}

/// FPSR: the fields that exist.
enum FloatingPointRegister {
    /// QC, IDC, IXC, UFC, OFC, DZC, IOC.
    static let fpsrWritable: UInt64 = 0x0800_009F
}

extension EmulatedCPU {
    /// The trap that keeps EL0 from `register`, if there is one.
    private func trap(_ register: SystemRegister, rt: UInt8, isRead: Bool) -> Syndrome? {
        guard isEL0 else { return nil }
        let system = state.system.pointee
        let allowed: Bool
        if !isRead {
            switch register {
            // Writing what can only be read is undefined, whatever the controls say.
            case .ctrEL0, .cntfrqEL0, .cntpctEL0, .cntvctEL0: return nil
            default: break
            }
        }
        switch register {
        case .ctrEL0: allowed = system.sctlrEL1 & SCTLR.uct != 0
        case .daif: allowed = system.sctlrEL1 & SCTLR.uma != 0
        case .cntfrqEL0: allowed = system.cntkctlEL1 & (CNTKCTL.el0PCTEN | CNTKCTL.el0VCTEN) != 0
        case .cntpctEL0: allowed = system.cntkctlEL1 & CNTKCTL.el0PCTEN != 0
        case .cntvctEL0: allowed = system.cntkctlEL1 & CNTKCTL.el0VCTEN != 0
        case .cntpCTLEL0, .cntpCVALEL0, .cntpTVALEL0: allowed = system.cntkctlEL1 & CNTKCTL.el0PTEN != 0
        case .cntvCTLEL0, .cntvCVALEL0, .cntvTVALEL0: allowed = system.cntkctlEL1 & CNTKCTL.el0VTEN != 0
        default: allowed = true
        }
        return allowed ? nil : .systemRegisterTrapped(register, rt: rt, isRead: isRead)
    }

    // MARK: Reading

    func readSystemRegister(_ register: SystemRegister, rt: UInt8) -> RegisterAccess<UInt64> {
        if let syndrome = trap(register, rt: rt, isRead: true) { return .exception(syndrome) }
        return value(of: register).map { .done($0) } ?? .exception(.undefined)
    }

    private func value(of register: SystemRegister) -> UInt64? {
        let system = state.system
        switch register {
        case .sctlrEL1: return system.pointee.sctlrEL1
        case .actlrEL1: return system.pointee.actlrEL1
        case .cpacrEL1: return system.pointee.cpacrEL1
        case .tcrEL1: return system.pointee.tcrEL1
        case .ttbr0EL1: return system.pointee.ttbr0EL1
        case .ttbr1EL1: return system.pointee.ttbr1EL1
        case .mairEL1: return system.pointee.mairEL1
        case .amairEL1: return system.pointee.amairEL1
        case .vbarEL1: return system.pointee.vbarEL1
        case .afsr0EL1: return system.pointee.afsr0EL1
        case .afsr1EL1: return system.pointee.afsr1EL1
        case .csselrEL1: return system.pointee.csselrEL1
        case .ccsidrEL1: return configuration.model.cacheSize(selection: system.pointee.csselrEL1)
        case .rvbarEL1: return 0
        case .isrEL1: return hasPendingInterrupt ? 1 << 7 : 0
        case .currentEL: return isEL0 ? nil : 1 << 2
        case .spSel: return system.pointee.pstate & 1
        case .pan: return system.pointee.pstate & PSTATE.pan
        case .uao: return system.pointee.pstate & PSTATE.uao
        case .ssbs: return system.pointee.pstate & PSTATE.ssbs
        case .disrEL1: return system.pointee.disrEL1
        // There are no error records.
        case .erridrEL1: return 0
        case .nzcv: return UInt64(state.nzcv)
        case .daif: return system.pointee.pstate & PSTATE.daif
        case .rndr, .rndrrs:
            // The flags say that the number is valid.
            state.nzcv = 0
            return configuration.entropy.next()
        default:
            return timerRegister(register) ?? debugRegister(register) ?? identificationRegister(register)
        }
    }

    private func timerRegister(_ register: SystemRegister) -> UInt64? {
        let system = state.system.pointee
        switch register {
        case .cntfrqEL0: return clock.frequency
        case .cntpctEL0, .cntvctEL0: return counter
        case .cntkctlEL1: return system.cntkctlEL1
        case .cntvCTLEL0: return timerControl(system.cntvCtl, compare: system.cntvCval)
        case .cntvCVALEL0: return system.cntvCval
        case .cntvTVALEL0: return timerValue(compare: system.cntvCval)
        case .cntpCTLEL0: return timerControl(system.cntpCtl, compare: system.cntpCval)
        case .cntpCVALEL0: return system.cntpCval
        case .cntpTVALEL0: return timerValue(compare: system.cntpCval)
        default: return nil
        }
    }

    /// The registers of self-hosted debug that exist; breakpoints and watchpoints can be set but never match.
    private func debugRegister(_ register: SystemRegister) -> UInt64? {
        guard register.op0 == 2 else { return nil }
        switch register {
        case .mdscrEL1: return state.system.pointee.mdscrEL1
        // OSLM says that the OS lock is implemented; OSLK is its state.
        case .oslsrEL1: return 1 << 3 | state.system.pointee.osLock << 1
        case .osdlrEL1: return state.system.pointee.osdlrEL1
        case .mdccsrEL0, .mdrarEL1, .dbgauthstatusEL1, .oseccrEL1, .dbgprcrEL1, .mdccintEL1, .dbgclaimclrEL1:
            return 0
        case .dbgclaimsetEL1: return 0xFF
        default: return register.debugRegister == nil ? nil : 0
        }
    }

    private func identificationRegister(_ register: SystemRegister) -> UInt64? {
        if isEL0 && register != .ctrEL0 && register != .dczidEL0 { return nil }
        if register == .dczidEL0, isEL0, state.system.pointee.sctlrEL1 & SCTLR.dze == 0 {
            // DZP: EL0 may not use DC ZVA.
            return (configuration.model.value(of: register, cpu: index) ?? 0) | 1 << 4
        }
        if let value = configuration.model.value(of: register, cpu: index) { return value }
        return configuration.interruptController?.readSystemRegister(register.rawValue, cpu: index)
    }

    // MARK: Writing

    func writeSystemRegister(_ register: SystemRegister, _ value: UInt64, rt: UInt8) -> RegisterAccess<Void> {
        if let syndrome = trap(register, rt: rt, isRead: false) { return .exception(syndrome) }
        return setValue(of: register, to: value) ? .done(()) : .exception(.undefined)
    }

    /// False if the register does not exist or cannot be written.
    private func setValue(of register: SystemRegister, to value: UInt64) -> Bool {
        let system = state.system
        switch register {
        case .sctlrEL1:
            system.pointee.sctlrEL1 = configuration.model.sctlr.effective(value)
            translationRegistersChanged()
        case .tcrEL1:
            system.pointee.tcrEL1 = value
            translationRegistersChanged()
        case .ttbr0EL1:
            system.pointee.ttbr0EL1 = value
            translationRegistersChanged()
        case .ttbr1EL1:
            system.pointee.ttbr1EL1 = value
            translationRegistersChanged()
        case .mairEL1:
            system.pointee.mairEL1 = value
            translationRegistersChanged()
        case .actlrEL1, .amairEL1, .afsr0EL1, .afsr1EL1:
            // Implementation defined, with nothing in them here.
            break
        case .cpacrEL1: system.pointee.cpacrEL1 = configuration.model.cpacr.effective(value)
        case .vbarEL1: system.pointee.vbarEL1 = value & KeptBits.vbar
        case .esrEL1: system.pointee.esrEL1 = value & KeptBits.word
        case .spsrEL1: system.pointee.spsrEL1 = value & KeptBits.word
        case .parEL1: system.pointee.parEL1 = value
        case .csselrEL1: system.pointee.csselrEL1 = value & CPUModel.cacheSelectionMask
        case .nzcv: state.nzcv = UInt32(truncatingIfNeeded: value & PSTATE.nzcv)
        case .fpcr: state.fpcr = UInt32(truncatingIfNeeded: configuration.model.fpcr.effective(value))
        case .fpsr: state.fpsr = UInt32(truncatingIfNeeded: value & FloatingPointRegister.fpsrWritable)
        case .pan: writePAN(value & PSTATE.pan != 0)
        case .uao: writeUAO(value & PSTATE.uao != 0)
        case .ssbs: system.pointee.pstate = system.pointee.pstate & ~PSTATE.ssbs | value & PSTATE.ssbs
        case .disrEL1: system.pointee.disrEL1 = value & KeptBits.disr
        case .spSel: writeSPSel(value & 1 != 0)
        default: return setTimerRegister(register, to: value) || setOtherRegister(register, to: value)
        }
        return true
    }

    private func setTimerRegister(_ register: SystemRegister, to value: UInt64) -> Bool {
        let system = state.system
        switch register {
        case .cntkctlEL1:
            system.pointee.cntkctlEL1 = value & CNTKCTL.writable
            eventStreamSeen = counter
            return true
        case .cntvCTLEL0: system.pointee.cntvCtl = value & TimerControl.writable
        case .cntvCVALEL0: system.pointee.cntvCval = value
        case .cntvTVALEL0: system.pointee.cntvCval = timerCompare(value: value)
        case .cntpCTLEL0: system.pointee.cntpCtl = value & TimerControl.writable
        case .cntpCVALEL0: system.pointee.cntpCval = value
        case .cntpTVALEL0: system.pointee.cntpCval = timerCompare(value: value)
        default: return false
        }
        updateTimers()
        return true
    }

    private func setOtherRegister(_ register: SystemRegister, to value: UInt64) -> Bool {
        switch register {
        case .mdscrEL1: state.system.pointee.mdscrEL1 = value & KeptBits.word
        case .oslarEL1: state.system.pointee.osLock = value & KeptBits.lock
        case .osdlrEL1: state.system.pointee.osdlrEL1 = value & KeptBits.lock
        case .mdccintEL1, .oseccrEL1, .dbgprcrEL1, .dbgclaimsetEL1, .dbgclaimclrEL1: break
        default:
            if register.debugRegister != nil { return true }
            return configuration.interruptController?
                .writeSystemRegister(register.rawValue, value: value, cpu: index) ?? false
        }
        return true
    }

    // MARK: PSTATE fields

    func writePAN(_ value: Bool) {
        if value {
            state.system.pointee.pstate |= PSTATE.pan
        } else {
            state.system.pointee.pstate &= ~PSTATE.pan
        }
        if state.system.pointee.pstate & PSTATE.uao != 0 { selectUserTable() }
    }

    func writeUAO(_ value: Bool) {
        if value {
            state.system.pointee.pstate |= PSTATE.uao
        } else {
            state.system.pointee.pstate &= ~PSTATE.uao
        }
        selectUserTable()
    }

    func writeSPSel(_ value: Bool) {
        let old = state.system.pointee.pstate
        let new = value ? old | 1 : old & ~1
        state.system.pointee.pstate = new
        switchStackPointer(from: old, to: new)
    }

    /// The trap that keeps EL0 from reading DAIF without SCTLR_EL1.UMA.
    func daifReadTrap(rt: UInt8) -> Syndrome? {
        trap(.daif, rt: rt, isRead: true)
    }

    /// The same for writing it. The syndrome holds the fields of the instruction, which for MSR (immediate) are not
    /// those of the register.
    func daifWriteTrap(_ operation: Operation) -> Syndrome? {
        guard let syndrome = trap(.daif, rt: operation.d, isRead: false) else { return nil }
        let op2: UInt8
        switch operation.code {
        case .setDAIF: op2 = 6
        case .clearDAIF: op2 = 7
        default: return syndrome
        }
        let field = SystemRegister(op0: 0, op1: 3, crn: 4, crm: operation.sub, op2: op2)
        return .systemRegisterTrapped(field, rt: operation.d, isRead: false)
    }
}
