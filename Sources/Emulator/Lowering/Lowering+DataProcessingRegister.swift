// Data processing (register): DDI 0487, C4.1.95 and the instructions' own pages in C6.2.

import Arm64

extension Lowering {
    static func lowerDataProcessingRegister(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let is64 = word.bit(31)
        let d = context.destination(word.rd)
        let n = context.source(word.rn)
        let m = context.source(word.rm)

        /// One operation on Rd, Rn and Rm.
        func emit(_ code64: Opcode, _ code32: Opcode, sub: UInt8 = 0, a: UInt8 = 0) -> Bool {
            context.emit(Operation(is64 ? code64 : code32, sub: sub, d: d, n: n, m: m, a: a))
            return true
        }
        let condition = UInt8(word.bits(15, 12))

        switch instruction {
        case .andShiftedRegister, .bicShiftedRegister, .orrShiftedRegister, .ornShiftedRegister, .eorShiftedRegister,
            .eonShiftedRegister, .andsShiftedRegister, .bicsShiftedRegister:
            return logicalShifted(word, as: instruction, into: &context)
        case .addShiftedRegister, .addsShiftedRegister, .subShiftedRegister, .subsShiftedRegister:
            return addSubtractShifted(word, into: &context)
        case .addExtendedRegister, .addsExtendedRegister, .subExtendedRegister, .subsExtendedRegister:
            return addSubtractExtended(word, into: &context)
        case .adc: return emit(.adc64, .adc32)
        case .adcs: return emit(.adcs64, .adcs32)
        case .sbc: return emit(.sbc64, .sbc32)
        case .sbcs: return emit(.sbcs64, .sbcs32)
        case .ccmpRegister, .ccmnRegister, .ccmpImmediate, .ccmnImmediate:
            return conditionalCompare(word, as: instruction, into: &context)
        case .rmif:
            rotateIntoFlags(word, into: &context)
            return true
        case .setf8, .setf16:
            evaluateIntoFlags(word, bitCount: instruction == .setf8 ? 8 : 16, into: &context)
            return true
        case .csel: return emit(.csel64, .csel32, sub: condition)
        case .csinc: return emit(.csinc64, .csinc32, sub: condition)
        case .csinv: return emit(.csinv64, .csinv32, sub: condition)
        case .csneg: return emit(.csneg64, .csneg32, sub: condition)
        case .udiv: return emit(.udiv64, .udiv32)
        case .sdiv: return emit(.sdiv64, .sdiv32)
        case .lslv: return emit(.lslv64, .lslv32)
        case .lsrv: return emit(.lsrv64, .lsrv32)
        case .asrv: return emit(.asrv64, .asrv32)
        case .rorv: return emit(.rorv64, .rorv32)
        case .crc32, .crc32c:
            let size = UInt8(word.bits(11, 10))
            guard is64 == (size == 3) else { return false }
            let code: Opcode = instruction == .crc32 ? .crc32 : .crc32c
            return emit(code, code, sub: size)
        case .rbit: return emit(.rbit64, .rbit32)
        case .rev16: return emit(.reverseBytesInHalfwords64, .reverseBytesInHalfwords32)
        case .rev32: return emit(.reverseBytesInWords, .rev32)
        case .rev: return emit(.rev64, .rev64)
        case .clz: return emit(.clz64, .clz32)
        case .cls: return emit(.cls64, .cls32)
        case .madd where word.ra == 31: return emit(.mul64, .mul32)
        case .madd: return emit(.madd64, .madd32, a: context.source(word.ra))
        case .msub: return emit(.msub64, .msub32, a: context.source(word.ra))
        case .smaddl: return emit(.smaddl, .smaddl, a: context.source(word.ra))
        case .smsubl: return emit(.smsubl, .smsubl, a: context.source(word.ra))
        case .umaddl: return emit(.umaddl, .umaddl, a: context.source(word.ra))
        case .umsubl: return emit(.umsubl, .umsubl, a: context.source(word.ra))
        case .smulh: return emit(.smulh, .smulh)
        case .umulh: return emit(.umulh, .umulh)
        default: return false
        }
    }

    /// Emits Rm shifted as the shifted-register forms say, and returns the register that holds it; nil if reserved.
    private static func shiftedOperand(
        _ word: UInt32, allowsROR: Bool, into context: inout LoweringContext
    ) -> UInt8? {
        let is64 = word.bit(31)
        let amount = UInt8(word.bits(15, 10))
        guard is64 || amount < 32 else { return nil }
        let m = context.source(word.rm)
        let code: Opcode
        switch word.bits(23, 22) {
        case 0: code = .lslImmediate64
        case 1: code = is64 ? .lsrImmediate64 : .lsrImmediate32
        case 2: code = is64 ? .extractSigned64 : .asrImmediate32
        default:
            guard allowsROR else { return nil }
            code = is64 ? .rorImmediate64 : .rorImmediate32
        }
        guard amount != 0 else { return m }
        let temporary = CPUState.Register.temporary0
        if code == .extractSigned64 {
            context.emit(Operation(code, sub: amount, d: temporary, n: m))
        } else {
            context.emit(Operation(code, d: temporary, n: m, a: amount))
        }
        return temporary
    }

    private static func logicalShifted(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let is64 = word.bit(31)
        guard let m = shiftedOperand(word, allowsROR: true, into: &context) else { return false }
        let d = context.destination(word.rd)
        let n = context.source(word.rn)
        let code: Opcode
        switch instruction {
        case .andShiftedRegister: code = is64 ? .and64 : .and32
        case .bicShiftedRegister: code = is64 ? .bic64 : .bic32
        case .orrShiftedRegister:
            if word.rn == 31 {
                context.emit(Operation(is64 ? .move64 : .move32, d: d, n: m))
                return true
            }
            code = is64 ? .orr64 : .orr32
        case .ornShiftedRegister: code = is64 ? .orn64 : .orn32
        case .eorShiftedRegister: code = is64 ? .eor64 : .eor32
        case .eonShiftedRegister: code = is64 ? .eon64 : .eon32
        case .andsShiftedRegister: code = is64 ? .ands64 : .ands32
        default: code = is64 ? .bics64 : .bics32
        }
        context.emit(Operation(code, d: d, n: n, m: m))
        return true
    }

    private static func addSubtractShifted(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let is64 = word.bit(31)
        let isSubtract = word.bit(30)
        let setsFlags = word.bit(29)
        let d = context.destination(word.rd)
        let n = context.source(word.rn)
        let amount = UInt8(word.bits(15, 10))
        if is64 && !setsFlags && word.bits(23, 22) == 0 && amount != 0 {
            context.emit(
                Operation(
                    isSubtract ? .subShifted64 : .addShifted64, d: d, n: n, m: context.source(word.rm), a: amount))
            return true
        }
        guard let m = shiftedOperand(word, allowsROR: false, into: &context) else { return false }
        context.emit(Operation(addSubtract(is64, isSubtract, setsFlags), d: d, n: n, m: m))
        return true
    }

    /// The opcode for two registers.
    private static func addSubtract(_ is64: Bool, _ isSubtract: Bool, _ setsFlags: Bool) -> Opcode {
        switch (isSubtract, setsFlags) {
        case (false, false): is64 ? .add64 : .add32
        case (false, true): is64 ? .adds64 : .adds32
        case (true, false): is64 ? .sub64 : .sub32
        case (true, true): is64 ? .subs64 : .subs32
        }
    }

    private static func addSubtractExtended(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let is64 = word.bit(31)
        let setsFlags = word.bit(29)
        let amount = UInt8(word.bits(12, 10))
        guard amount <= 4 else { return false }
        let temporary = CPUState.Register.temporary0
        context.emit(
            Operation(
                .extend, sub: UInt8(word.bits(15, 13)), d: temporary, m: context.source(word.rm), a: amount))
        // Register 31 is SP, except as the destination of the flag-setting forms.
        let d = setsFlags ? context.destination(word.rd) : word.rd
        context.emit(Operation(addSubtract(is64, word.bit(30), setsFlags), d: d, n: word.rn, m: temporary))
        if d == CPUState.Register.sp { stackPointerWritten(into: &context) }
        return true
    }

    private static func conditionalCompare(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let is64 = word.bit(31)
        let n = context.source(word.rn)
        let condition = UInt8(word.bits(15, 12))
        let flags = UInt8(word.bits(3, 0))
        let code: Opcode
        switch instruction {
        case .ccmpRegister: code = is64 ? .ccmp64 : .ccmp32
        case .ccmnRegister: code = is64 ? .ccmn64 : .ccmn32
        case .ccmpImmediate: code = is64 ? .ccmpImmediate64 : .ccmpImmediate32
        default: code = is64 ? .ccmnImmediate64 : .ccmnImmediate32
        }
        context.emit(
            Operation(
                code, sub: condition, n: n, m: context.source(word.rm), a: flags, immediate: UInt64(word.bits(20, 16))))
        return true
    }
}
