// Moves, arithmetic and logic: what each becomes on the host.
//
// Operations of 32 bits need no masking: the host clears the upper half of a 32-bit result.

#if arch(x86_64)

extension RegionCompiler {
    /// Emits an operation whose treatment is `native` or `guarded`.
    mutating func emit(_ op: Operation) {
        keepsFlags = false
        switch source.uses[position].flags {
        case .keeps, .reads, .branches: break
        case .canKeep where held != .nothing && position < flagsAreWanted && features.hasBMI: keepsFlags = true
        case .canKeep, .sets, .readsAndClobbers, .readsAndSets, .clobbers:
            // Those that read the flags first take them from here.
            heldBefore = held
            held = .nothing
        }
        if emitMove(op) || emitArithmetic(op) || emitShift(op) || emitMultiply(op) || emitConditional(op) { return }
        emitOther(op)
    }

    // MARK: Moves

    private mutating func emitMove(_ op: Operation) -> Bool {
        switch op.code {
        case .moveImmediate:
            if let home = home(op.d) {
                assembler.move(home, constant: op.immediate)
            } else if op.d != CPUState.Register.sink {
                if let short = Self.immediate(op.immediate) {
                    assembler.store(constant: short, state(general: op.d), wide: true)
                } else {
                    assembler.move(.rax, constant: op.immediate)
                    finish(op.d, .rax)
                }
            }
        case .move64, .move32:
            if op.code == .move64, let source = home(op.n) {
                finish(op.d, source)
            } else {
                let target = destination(op.d)
                load(op.n, to: target, wide: op.code == .move64)
                finish(op.d, target)
            }
        case .insertImmediate64, .insertImmediate32:
            let wide = op.code == .insertImmediate64
            let target = destination(op.d)
            load(op.d, to: target)
            let mask = ~(UInt64(0xFFFF) << UInt64(op.sub))
            if let short = Self.immediate(mask, wide: wide) {
                assembler.arithmetic(.and, .register(target), constant: short, wide: wide)
            } else {
                assembler.move(.rcx, constant: mask)
                assembler.arithmetic(.and, target, .register(.rcx), wide: wide)
            }
            constantArithmetic(.or, target, op.immediate, wide: wide)
            finish(op.d, target)
        case .addToPC, .addToPageOfPC:
            let target = destination(op.d)
            let displacement = op.immediate &+ (op.code == .addToPC ? source.offset : 0)
            assembler.move(target, state(CPUState.Offset.pageOfPC))
            if let short = Self.immediate(displacement) {
                assembler.loadAddress(target, .memory(target, short))
            } else {
                assembler.move(.rcx, constant: displacement)
                assembler.arithmetic(.add, target, .register(.rcx))
            }
            finish(op.d, target)
        case .signExtendWord:
            let target = destination(op.d)
            assembler.loadSigned(target, operand(op.n), size: 4, wide: true)
            finish(op.d, target)
        case .extend:
            emitExtend(op)
        default: return false
        }
        return true
    }

    private mutating func emitExtend(_ op: Operation) {
        let target = destination(op.d)
        let source = operand(op.m)
        switch op.sub & 7 {
        case 0: assembler.load(target, source, size: 1)
        case 1: assembler.load(target, source, size: 2)
        case 2: assembler.move(target, source, wide: false)
        case 4: assembler.loadSigned(target, source, size: 1, wide: true)
        case 5: assembler.loadSigned(target, source, size: 2, wide: true)
        case 6: assembler.loadSigned(target, source, size: 4, wide: true)
        default: assembler.move(target, source)
        }
        if op.a != 0 { assembler.shift(.shl, target, by: op.a) }
        finish(op.d, target)
    }

    // MARK: Add, subtract, logic

    private mutating func emitArithmetic(_ op: Operation) -> Bool {
        switch op.code {
        case .addImmediate64, .addImmediate32: addImmediate(op)
        case .add64: add(op, wide: true)
        case .add32: add(op, wide: false)
        case .sub64: binary(.sub, op, wide: true)
        case .sub32: binary(.sub, op, wide: false)
        case .and64: binary(.and, op, wide: true)
        case .and32: binary(.and, op, wide: false)
        case .orr64: binary(.or, op, wide: true)
        case .orr32: binary(.or, op, wide: false)
        case .eor64: binary(.xor, op, wide: true)
        case .eor32: binary(.xor, op, wide: false)
        case .bic64: clearBits(op, wide: true)
        case .bic32: clearBits(op, wide: false)
        case .orn64: binaryInverted(.or, op, wide: true)
        case .orn32: binaryInverted(.or, op, wide: false)
        case .eon64: binaryInverted(.xor, op, wide: true)
        case .eon32: binaryInverted(.xor, op, wide: false)
        case .addShifted64, .subShifted64:
            if op.code == .addShifted64, op.a <= 3, let n = home(op.n), let m = home(op.m) {
                let target = destination(op.d)
                assembler.loadAddress(target, .indexed(n, m, scale: op.a))
                finish(op.d, target)
            } else if keepsFlags {
                shiftKeepingFlags(.shl, .rcx, operand(op.m), by: op.a, wide: true)
                let target = destination(op.d)
                assembler.loadAddress(target, .indexed(value(op.n, in: .rax), .rcx))
                finish(op.d, target)
            } else {
                load(op.m, to: .rcx)
                if op.a != 0 { assembler.shift(.shl, .rcx, by: op.a) }
                combine(op.code == .addShifted64 ? .add : .sub, op, with: .register(.rcx), wide: true)
            }
        case .addsImmediate64: flagged(.add, op, immediate: op.immediate, wide: true)
        case .addsImmediate32: flagged(.add, op, immediate: op.immediate, wide: false)
        case .subsImmediate64: flagged(.sub, op, immediate: op.immediate, wide: true)
        case .subsImmediate32: flagged(.sub, op, immediate: op.immediate, wide: false)
        case .andsImmediate64: flagged(.and, op, immediate: op.immediate, wide: true)
        case .andsImmediate32: flagged(.and, op, immediate: op.immediate, wide: false)
        case .adds64: flagged(.add, op, wide: true)
        case .adds32: flagged(.add, op, wide: false)
        case .subs64: flagged(.sub, op, wide: true)
        case .subs32: flagged(.sub, op, wide: false)
        case .ands64: flagged(.and, op, wide: true)
        case .ands32: flagged(.and, op, wide: false)
        case .bics64, .bics32:
            // The host's AND and ANDN set the flags as Arm's do.
            clearBits(op, wide: op.code == .bics64)
            setFlags(.carry)
        case .andImmediate: withImmediate(.and, op, wide: true)
        case .orrImmediate64: withImmediate(.or, op, wide: true)
        case .orrImmediate32: withImmediate(.or, op, wide: false)
        case .eorImmediate64: withImmediate(.xor, op, wide: true)
        case .eorImmediate32: withImmediate(.xor, op, wide: false)
        case .adc64, .adcs64: withCarry(.adc, op, wide: true, setsFlags: op.code == .adcs64)
        case .adc32, .adcs32: withCarry(.adc, op, wide: false, setsFlags: op.code == .adcs32)
        case .sbc64, .sbcs64: withCarry(.sbb, op, wide: true, setsFlags: op.code == .sbcs64)
        case .sbc32, .sbcs32: withCarry(.sbb, op, wide: false, setsFlags: op.code == .sbcs32)
        default: return false
        }
        return true
    }

    /// d = n `operation` another operand, which is not in RAX.
    private mutating func combine(
        _ operation: HostArithmetic, _ op: Operation, with other: HostOperand, wide: Bool
    ) {
        let target = destination(op.d)
        loadToChange(op.n, to: target, wide: wide)
        assembler.arithmetic(operation, target, other, wide: wide)
        finish(op.d, target)
    }

    private mutating func binary(_ operation: HostArithmetic, _ op: Operation, wide: Bool) {
        let target = destination(op.d)
        if op.m != op.n, let home = home(op.d), op.m == op.d {
            // The destination is the second operand.
            if operation.isCommutative {
                assembler.arithmetic(operation, home, operand(op.n), wide: wide)
            } else {
                load(op.n, to: .rax, wide: wide)
                assembler.arithmetic(operation, .rax, .register(home), wide: wide)
                assembler.move(home, .rax)
            }
            return
        }
        loadToChange(op.n, to: target, wide: wide)
        assembler.arithmetic(operation, target, operand(op.m), wide: wide)
        finish(op.d, target)
    }

    /// d = n and not m.
    private mutating func clearBits(_ op: Operation, wide: Bool) {
        guard features.hasBMI else { return binaryInverted(.and, op, wide: wide) }
        let m = value(op.m, in: .rcx)
        let target = destination(op.d)
        assembler.andNot(target, inverted: m, operand(op.n), wide: wide)
        finish(op.d, target)
    }

    private mutating func add(_ op: Operation, wide: Bool) {
        if keepsFlags {
            let target = destination(op.d)
            let n = value(op.n, in: .rax)
            assembler.loadAddress(target, .indexed(n, value(op.m, in: .rcx)), wide: wide)
            finish(op.d, target)
        } else if let d = home(op.d), let n = home(op.n), let m = home(op.m), op.d != op.n, op.d != op.m {
            assembler.loadAddress(d, .indexed(n, m), wide: wide)
        } else {
            binary(.add, op, wide: wide)
        }
    }

    private mutating func binaryInverted(_ operation: HostArithmetic, _ op: Operation, wide: Bool) {
        load(op.m, to: .rcx)
        assembler.not(.rcx, wide: wide)
        combine(operation, op, with: .register(.rcx), wide: wide)
    }

    private mutating func addImmediate(_ op: Operation) {
        let wide = op.code == .addImmediate64
        let target = destination(op.d)
        if keepsFlags {
            let n = value(op.n, in: .rax)
            if let short = Self.immediate(op.immediate, wide: wide) {
                assembler.loadAddress(target, .memory(n, short), wide: wide)
            } else {
                assembler.move(.rcx, constant: op.immediate)
                assembler.loadAddress(target, .indexed(n, .rcx), wide: wide)
            }
            finish(op.d, target)
        } else if op.d == op.n, home(op.d) == nil, let short = Self.immediate(op.immediate, wide: wide), wide {
            assembler.arithmetic(.add, state(general: op.d), constant: short)
        } else if op.d != op.n, let n = home(op.n), let short = Self.immediate(op.immediate, wide: wide) {
            assembler.loadAddress(target, .memory(n, short), wide: wide)
            finish(op.d, target)
        } else {
            withImmediate(.add, op, wide: wide)
        }
    }

    private mutating func withImmediate(_ operation: HostArithmetic, _ op: Operation, wide: Bool) {
        let target = destination(op.d)
        loadToChange(op.n, to: target, wide: wide)
        constantArithmetic(operation, target, op.immediate, wide: wide)
        finish(op.d, target)
    }

    /// Changes RCX if the constant is long.
    mutating func constantArithmetic(
        _ operation: HostArithmetic, _ target: HostRegister, _ constant: UInt64, wide: Bool
    ) {
        if let short = Self.immediate(constant, wide: wide) {
            assembler.arithmetic(operation, .register(target), constant: short, wide: wide)
        } else if operation == .and && constant <= 0xFFFF_FFFF {
            // The upper half becomes zero either way.
            assembler.arithmetic(
                .and, .register(target), constant: Int32(truncatingIfNeeded: constant), wide: false)
        } else {
            assembler.move(.rcx, constant: constant)
            assembler.arithmetic(operation, target, .register(.rcx), wide: wide)
        }
    }

    // MARK: Setting flags

    private mutating func flagged(_ operation: HostArithmetic, _ op: Operation, wide: Bool) {
        if op.d == CPUState.Register.sink && operation != .add {
            _ = emitComparison(op)
        } else {
            binary(operation, op, wide: wide)
        }
        setFlags(operation == .sub ? .borrow : .carry)
    }

    private mutating func flagged(_ operation: HostArithmetic, _ op: Operation, immediate: UInt64, wide: Bool) {
        // An AND whose upper half is not asked for cannot set N from bit 63 in 32 bits.
        let short = Self.immediate(immediate, wide: wide)
        if op.d == CPUState.Register.sink, operation != .add, short != nil {
            _ = emitComparison(op)
        } else {
            let target = destination(op.d)
            loadToChange(op.n, to: target, wide: wide)
            if let short {
                assembler.arithmetic(operation, .register(target), constant: short, wide: wide)
            } else {
                assembler.move(.rcx, constant: immediate)
                assembler.arithmetic(operation, target, .register(.rcx), wide: wide)
            }
            finish(op.d, target)
        }
        setFlags(operation == .sub ? .borrow : .carry)
    }

    /// Makes the host's flags NZCV by CMP or TEST: of SUBS and ANDS without a result, whose immediates are short. May
    /// change RAX.
    mutating func emitComparison(_ op: Operation) -> HeldFlags {
        switch op.code {
        case .subs64, .subs32:
            let n = value(op.n, in: .rax)
            assembler.arithmetic(.cmp, n, operand(op.m), wide: op.code == .subs64)
            return .borrow
        case .ands64, .ands32:
            let n = value(op.n, in: .rax)
            assembler.test(operand(op.m), n, wide: op.code == .ands64)
            return .carry
        case .subsImmediate64, .subsImmediate32:
            let short = Int32(truncatingIfNeeded: op.immediate)
            assembler.arithmetic(.cmp, operand(op.n), constant: short, wide: op.code == .subsImmediate64)
            return .borrow
        default:
            let short = Int32(truncatingIfNeeded: op.immediate)
            assembler.test(operand(op.n), constant: short, wide: op.code == .andsImmediate64)
            return .carry
        }
    }

    private mutating func withCarry(_ operation: HostArithmetic, _ op: Operation, wide: Bool, setsFlags: Bool) {
        // Operands first: loading the carry takes RAX, and nothing may touch the flags after it.
        load(op.n, to: .rcx, wide: wide)
        held = heldBefore
        loadCarry(asBorrow: operation == .sbb)
        assembler.arithmetic(operation, .rcx, operand(op.m), wide: wide)
        finish(op.d, .rcx)
        if setsFlags { setFlags(operation == .sbb ? .borrow : .carry) }
    }
}

#endif
