// Exception generation and system instructions: DDI 0487, C4.1.94.
//
// Registers that hold a plain value are read and written in place; all others go through the CPU's slow path.

import Arm64

extension Lowering {
    static func lowerSystem(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        switch instruction {
        case .svc: return exception(.svc, word, into: &context)
        case .brk: return exception(.brk, word, into: &context)
        case .hvc: return !context.isEL0 && exception(.hvc, word, into: &context)
        case .smc: return !context.isEL0 && exception(.smc, word, into: &context)
        case .hlt:
            // Halting debug does not exist here, so HLT is undefined, unless the machine takes it for a call.
            return !context.isEL0 && word.bits(20, 5) == UInt32(Semihosting.immediate)
                && exception(.hlt, word, into: &context)
        case .eret:
            guard !context.isEL0 else { return false }
            context.emit(Operation(.exceptionReturn, a: context.instructionCount))
            context.endsBlock = true
            return true
        case .hint:
            return hint(word, into: &context)
        case .clrex:
            context.emit(Operation(.clearExclusive))
            return true
        case .dsb, .dmb:
            context.emit(
                Operation(
                    .barrier, sub: instruction == .dsb ? 1 : 0, d: UInt8(word.bits(11, 8)), a: context.instructionCount,
                    immediate: context.offset &+ 4))
            return true
        case .isb:
            synchronize(into: &context)
            return true
        case .sb:
            // Nothing is speculated.
            return true
        case .cfinv:
            invertCarry(into: &context)
            return true
        case .msrImmediate:
            return writePSTATE(word, into: &context)
        case .sys:
            return systemInstruction(word, into: &context)
        case .sysl:
            return false
        case .mrs:
            return readRegister(word, into: &context)
        case .msrRegister:
            return writeRegister(word, into: &context)
        default:
            return false
        }
    }

    /// Ends the block so that pending requests, new translations and new code are seen by the next instruction.
    private static func synchronize(into context: inout LoweringContext) {
        context.emit(Operation(.synchronize, a: context.instructionCount, immediate: context.offset &+ 4))
        context.endsBlock = true
    }

    private static func exception(
        _ which: ExceptionOpcode, _ word: UInt32, into context: inout LoweringContext
    ) -> Bool {
        context.emit(
            Operation(
                .generateException, sub: which.rawValue, a: context.instructionCount,
                immediate: UInt64(word.bits(20, 5))))
        context.endsBlock = true
        return true
    }

    /// The hint space: what is not YIELD, WFE, WFI, SEV or SEVL needs nothing here.
    private static func hint(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let which: WaitOpcode
        switch word.bits(11, 5) {
        case 1: which = .yield
        case 2: which = .wfe
        case 3: which = .wfi
        case 4, 5:
            context.emit(Operation(.sendEvent, sub: word.bits(11, 5) == 4 ? 1 : 0))
            return true
        default: return true
        }
        context.emit(
            Operation(.wait, sub: which.rawValue, a: context.instructionCount, immediate: context.offset &+ 4))
        context.endsBlock = true
        return true
    }

    /// MSR (immediate).
    private static func writePSTATE(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let field = word.bits(18, 16) << 3 | word.bits(7, 5)
        let value = UInt8(word.bits(11, 8))
        switch field {
        case 0b011_110, 0b011_111:
            // At EL0 this is for SCTLR_EL1.UMA to allow, which the slow path looks at.
            let code: Opcode = field == 0b011_110 ? .setDAIF : .clearDAIF
            context.emit(
                Operation(code, sub: value, d: 31, a: context.instructionCount, immediate: context.offset &+ 4))
            return true
        case 0b000_100 where !context.isEL0 && !context.model.lacks(.pan):
            context.emit(Operation(.writePAN, sub: value & 1))
        case 0b000_011 where !context.isEL0 && !context.model.lacks(.uao):
            writeField(.uao, value & 1 != 0 ? PSTATE.uao : 0, into: &context)
        case 0b011_001 where !context.model.lacks(.ssbs):
            writeField(.ssbs, value & 1 != 0 ? PSTATE.ssbs : 0, into: &context)
            return true
        case 0b000_101 where !context.isEL0:
            context.emit(Operation(.writeSPSel, sub: value & 1))
        default:
            return false
        }
        synchronize(into: &context)
        return true
    }

    /// What MSR (register) of a field of PSTATE would do, with a constant.
    private static func writeField(_ field: SystemRegister, _ value: UInt64, into context: inout LoweringContext) {
        let temporary = CPUState.Register.temporary0
        context.emit(Operation(.moveImmediate, d: temporary, immediate: value))
        context.emit(Operation(.writeSystemRegister, n: temporary, a: 31, immediate: UInt64(field.rawValue)))
    }

    private static func systemInstruction(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let instruction = SystemInstruction(instruction: word)
        guard instruction.op1 == 0 && !context.isEL0 || instruction.op1 == 3 else { return false }
        guard context.model.has(instruction) else { return false }
        if instruction == .dcZVA {
            context.emit(Operation(.zeroCacheLine, n: context.source(word.rd), a: word.rd))
        } else {
            context.emit(
                Operation(
                    .systemInstruction, n: context.source(word.rd), a: word.rd,
                    immediate: UInt64(instruction.rawValue)))
        }
        return true
    }

    /// Where a register that is a plain value is kept, if EL0 or EL1 may read it without further ado.
    private static func plainValue(_ register: SystemRegister, isEL0: Bool) -> UInt64? {
        switch register {
        case .tpidrEL0: return CPUState.offset(of: \.tpidrEL0)
        case .tpidrroEL0: return CPUState.offset(of: \.tpidrroEL0)
        default: break
        }
        guard !isEL0 else { return nil }
        switch register {
        case .tpidrEL1: return CPUState.offset(of: \.tpidrEL1)
        case .spEL0: return CPUState.offset(of: \.spEL0)
        case .elrEL1: return CPUState.offset(of: \.elrEL1)
        case .esrEL1: return CPUState.offset(of: \.esrEL1)
        case .farEL1: return CPUState.offset(of: \.farEL1)
        case .contextidrEL1: return CPUState.offset(of: \.contextidrEL1)
        case .parEL1: return CPUState.offset(of: \.parEL1)
        case .spsrEL1: return CPUState.offset(of: \.spsrEL1)
        default: return nil
        }
    }

    private static func readRegister(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let register = SystemRegister(instruction: word)
        guard !context.model.lacks(register) else { return false }
        let d = context.destination(word.rd)
        if let offset = plainValue(register, isEL0: context.isEL0) {
            context.emit(Operation(.readState64, d: d, immediate: offset))
            return true
        }
        switch register {
        case .nzcv:
            context.emit(Operation(.readState32, d: d, immediate: UInt64(CPUState.Offset.nzcv)))
            return true
        case .daif:
            context.emit(Operation(.readDAIF, d: d, a: word.rd))
            return true
        case .fpcr:
            context.checkFloatingPoint()
            context.emit(Operation(.readState32, d: d, immediate: UInt64(CPUState.Offset.fpcr)))
            return true
        case .fpsr:
            context.checkFloatingPoint()
            context.emit(Operation(.readState32, d: d, immediate: UInt64(CPUState.Offset.fpsr)))
            return true
        default:
            guard isAccessible(register, context) else { return false }
            // At EL1 nothing keeps the guest from what the model says. Linux asks before it clears a page.
            if !context.isEL0, let value = context.model.value(of: register) {
                context.emit(Operation(.moveImmediate, d: d, immediate: value))
                return true
            }
            context.emit(Operation(.readSystemRegister, d: d, a: word.rd, immediate: UInt64(register.rawValue)))
            return true
        }
    }

    private static func writeRegister(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let register = SystemRegister(instruction: word)
        guard !context.model.lacks(register) else { return false }
        let n = context.source(word.rd)
        switch register {
        case .tpidrroEL0 where context.isEL0:
            return false
        case .esrEL1, .parEL1, .spsrEL1:
            // Fields that do not exist stay zero: for the slow path.
            break
        case .daif:
            context.emit(
                Operation(.writeDAIF, d: word.rd, n: n, a: context.instructionCount, immediate: context.offset &+ 4))
            return true
        default:
            if let offset = plainValue(register, isEL0: context.isEL0) {
                context.emit(Operation(.writeState64, n: n, immediate: offset))
                return true
            }
        }
        guard isAccessible(register, context) else { return false }
        if register == .fpcr || register == .fpsr { context.checkFloatingPoint() }
        context.emit(Operation(.writeSystemRegister, n: n, a: word.rd, immediate: UInt64(register.rawValue)))
        switch register {
        case .nzcv, .fpcr, .fpsr, .esrEL1, .parEL1, .spsrEL1, .ssbs, .disrEL1: break
        default: synchronize(into: &context)
        }
        return true
    }

    /// Whether the encoding can name a register that the current exception level may use: op1 is 3 for those of EL0,
    /// 0 to 2 for those of EL1.
    private static func isAccessible(_ register: SystemRegister, _ context: LoweringContext) -> Bool {
        register.op1 == 3 || (register.op1 < 3 && !context.isEL0)
    }
}
