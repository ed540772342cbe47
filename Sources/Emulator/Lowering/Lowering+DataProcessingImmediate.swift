// Data processing (immediate): DDI 0487, C4.1.93 and the instructions' own pages in C6.2.

import Arm64

extension Lowering {
    static func lowerDataProcessingImmediate(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        switch instruction {
        case .adr, .adrp:
            return address(word, isPage: instruction == .adrp, into: &context)
        case .addImmediate, .subImmediate, .addsImmediate, .subsImmediate:
            return addSubtractImmediate(word, into: &context)
        case .andImmediate, .orrImmediate, .eorImmediate, .andsImmediate:
            return logicalImmediate(word, as: instruction, into: &context)
        case .movn, .movz, .movk:
            return moveWide(word, as: instruction, into: &context)
        case .sbfm, .ubfm, .bfm:
            return bitfield(word, as: instruction, into: &context)
        case .extr:
            return extract(word, into: &context)
        default:
            return false
        }
    }

    /// ADR, ADRP.
    private static func address(_ word: UInt32, isPage: Bool, into context: inout LoweringContext) -> Bool {
        let immediate = word.signedBits(23, 5) << 2 | Int64(word.bits(30, 29))
        let d = context.destination(word.rd)
        if isPage {
            context.emit(Operation(.addToPageOfPC, d: d, immediate: UInt64(bitPattern: immediate << 12)))
        } else {
            context.emit(Operation(.addToPC, d: d, immediate: UInt64(bitPattern: immediate) &+ context.offset))
        }
        return true
    }

    /// ADD, ADDS, SUB, SUBS (immediate).
    private static func addSubtractImmediate(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let is64 = word.bit(31)
        let isSubtract = word.bit(30)
        let setsFlags = word.bit(29)
        let immediate = UInt64(word.bits(21, 10)) << (word.bit(22) ? 12 : 0)
        // Register 31 is SP, except as the destination of the flag-setting forms.
        if setsFlags {
            let code: Opcode =
                isSubtract
                ? (is64 ? .subsImmediate64 : .subsImmediate32) : (is64 ? .addsImmediate64 : .addsImmediate32)
            context.emit(Operation(code, d: context.destination(word.rd), n: word.rn, immediate: immediate))
            return true
        }
        if immediate == 0 {
            context.emit(Operation(is64 ? .move64 : .move32, d: word.rd, n: word.rn))
        } else {
            let addend = isSubtract ? 0 &- immediate : immediate
            context.emit(
                Operation(is64 ? .addImmediate64 : .addImmediate32, d: word.rd, n: word.rn, immediate: addend))
        }
        let keepsAlignment = word.rn == CPUState.Register.sp && immediate & 15 == 0 && is64
        if word.rd == CPUState.Register.sp && !(keepsAlignment && !context.stackIsMisaligned) {
            stackPointerWritten(into: &context)
        }
        return true
    }

    /// Emitted after an instruction that may have changed whether SP is a multiple of 16. `a` and the immediate tell
    /// where to go on, should the block have to be left.
    static func stackPointerWritten(into context: inout LoweringContext) {
        context.emit(
            Operation(.stackPointerWritten, a: context.instructionCount, immediate: context.offset &+ 4))
    }

    /// AND, ORR, EOR, ANDS (immediate).
    private static func logicalImmediate(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let is64 = word.bit(31)
        guard let mask = BitMask.decode(n: word.bits(22, 22), imms: word.bits(15, 10), immr: word.bits(21, 16)),
            is64 || !word.bit(22)
        else { return false }
        let immediate = is64 ? mask.w : mask.w & 0xFFFF_FFFF
        let n = context.source(word.rn)
        let code: Opcode
        switch instruction {
        case .andImmediate: code = .andImmediate
        case .orrImmediate where word.rn == 31:
            context.emit(Operation(.moveImmediate, d: word.rd, immediate: immediate))
            if word.rd == CPUState.Register.sp { stackPointerWritten(into: &context) }
            return true
        case .orrImmediate: code = is64 ? .orrImmediate64 : .orrImmediate32
        case .eorImmediate: code = is64 ? .eorImmediate64 : .eorImmediate32
        default:
            let code: Opcode = is64 ? .andsImmediate64 : .andsImmediate32
            context.emit(Operation(code, d: context.destination(word.rd), n: n, immediate: immediate))
            return true
        }
        context.emit(Operation(code, d: word.rd, n: n, immediate: immediate))
        if word.rd == CPUState.Register.sp { stackPointerWritten(into: &context) }
        return true
    }

    /// MOVN, MOVZ, MOVK.
    private static func moveWide(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let is64 = word.bit(31)
        let shift = word.bits(22, 21) * 16
        guard is64 || shift < 32 else { return false }
        let d = context.destination(word.rd)
        let value = UInt64(word.bits(20, 5)) << UInt64(shift)
        switch instruction {
        case .movk:
            context.emit(
                Operation(is64 ? .insertImmediate64 : .insertImmediate32, sub: UInt8(shift), d: d, immediate: value))
        case .movn:
            context.emit(Operation(.moveImmediate, d: d, immediate: is64 ? ~value : ~value & 0xFFFF_FFFF))
        default:
            context.emit(Operation(.moveImmediate, d: d, immediate: value))
        }
        return true
    }

    /// SBFM, BFM, UBFM: a field of `width` bits moves from bit `from` to bit `to`.
    private static func bitfield(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let is64 = word.bit(31)
        let immr = word.bits(21, 16)
        let imms = word.bits(15, 10)
        guard word.bit(22) == is64, is64 || (immr < 32 && imms < 32) else { return false }
        let size: UInt32 = is64 ? 64 : 32
        let from: UInt32
        let to: UInt32
        let width: UInt32
        if imms >= immr {
            (from, to, width) = (immr, 0, imms - immr + 1)
        } else {
            (from, to, width) = (0, size - immr, imms + 1)
        }
        let d = context.destination(word.rd)
        let n = context.source(word.rn)
        // Shifting the field to the top and back down extends it on both sides.
        let up = UInt8(64 - width - from)
        let down = UInt8(64 - width - to)
        switch instruction {
        case .bfm:
            let mask = (width == 64 ? ~UInt64(0) : (1 << UInt64(width)) - 1) << UInt64(to)
            context.emit(
                Operation(
                    is64 ? .insertField64 : .insertField32, sub: UInt8(from), d: d, n: n, a: UInt8(to), immediate: mask)
            )
        case .ubfm:
            if up == 0 && is64 {
                context.emit(Operation(.lsrImmediate64, d: d, n: n, a: down))
            } else if down == 0 {
                context.emit(Operation(.lslImmediate64, d: d, n: n, a: up))
            } else {
                context.emit(Operation(.extractUnsigned, sub: down, d: d, n: n, a: up))
            }
        default:
            if is64 && up == 32 && down == 32 {
                context.emit(Operation(.signExtendWord, d: d, n: n))
            } else {
                context.emit(Operation(is64 ? .extractSigned64 : .extractSigned32, sub: down, d: d, n: n, a: up))
            }
        }
        return true
    }

    /// EXTR.
    private static func extract(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let is64 = word.bit(31)
        let lsb = word.bits(15, 10)
        guard word.bit(22) == is64, is64 || lsb < 32 else { return false }
        let d = context.destination(word.rd)
        let n = context.source(word.rn)
        if word.rn == word.rm && lsb != 0 {
            // ROR (immediate)
            context.emit(Operation(is64 ? .rorImmediate64 : .rorImmediate32, d: d, n: n, a: UInt8(lsb)))
        } else {
            context.emit(
                Operation(
                    is64 ? .extractPair64 : .extractPair32, d: d, n: n, m: context.source(word.rm), a: UInt8(lsb)))
        }
        return true
    }
}
