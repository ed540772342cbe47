// Moves, arithmetic, logic, shifts and conditions: what each becomes on the host.
//
// Operations of 32 bits need no masking: the host clears the upper half of a 32-bit result.

#if arch(x86_64)

extension RegionCompiler {
    /// Emits an operation whose treatment is `native` or `guarded`.
    mutating func emit(_ op: Operation) {
        switch FlagUse(of: op.code) {
        case .keeps, .reads, .branches: break
        case .sets, .readsAndClobbers, .readsAndSets, .clobbers:
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
        case .add32: binary(.add, op, wide: false)
        case .sub64: binary(.sub, op, wide: true)
        case .sub32: binary(.sub, op, wide: false)
        case .and64: binary(.and, op, wide: true)
        case .and32: binary(.and, op, wide: false)
        case .orr64: binary(.or, op, wide: true)
        case .orr32: binary(.or, op, wide: false)
        case .eor64: binary(.xor, op, wide: true)
        case .eor32: binary(.xor, op, wide: false)
        case .bic64: binaryInverted(.and, op, wide: true)
        case .bic32: binaryInverted(.and, op, wide: false)
        case .orn64: binaryInverted(.or, op, wide: true)
        case .orn32: binaryInverted(.or, op, wide: false)
        case .eon64: binaryInverted(.xor, op, wide: true)
        case .eon32: binaryInverted(.xor, op, wide: false)
        case .addShifted64, .subShifted64:
            load(op.m, to: .rcx)
            assembler.shift(.shl, .rcx, by: op.a)
            combine(op.code == .addShifted64 ? .add : .sub, op, with: .register(.rcx), wide: true)
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
            let wide = op.code == .bics64
            load(op.m, to: .rcx)
            assembler.not(.rcx, wide: wide)
            combine(.and, op, with: .register(.rcx), wide: wide)
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
        load(op.n, to: target, wide: wide)
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
        load(op.n, to: target, wide: wide)
        assembler.arithmetic(operation, target, operand(op.m), wide: wide)
        finish(op.d, target)
    }

    private mutating func add(_ op: Operation, wide: Bool) {
        if let d = home(op.d), let n = home(op.n), let m = home(op.m), op.d != op.n, op.d != op.m {
            assembler.loadAddress(d, .indexed(n, m))
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
        if op.d == op.n, home(op.d) == nil, let short = Self.immediate(op.immediate, wide: wide), wide {
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
        load(op.n, to: target, wide: wide)
        constantArithmetic(operation, target, op.immediate, wide: wide)
        finish(op.d, target)
    }

    /// Changes RCX if the constant is long.
    private mutating func constantArithmetic(
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
            let n = value(op.n, in: .rax)
            if operation == .sub {
                assembler.arithmetic(.cmp, n, operand(op.m), wide: wide)
            } else {
                assembler.encode(0x85, n.rawValue, operand(op.m), wide: wide)
            }
        } else {
            binary(operation, op, wide: wide)
        }
        setFlags(operation == .sub ? .borrow : .carry)
    }

    private mutating func flagged(_ operation: HostArithmetic, _ op: Operation, immediate: UInt64, wide: Bool) {
        // An AND whose upper half is not asked for cannot set N from bit 63 in 32 bits.
        let short = Self.immediate(immediate, wide: wide)
        if op.d == CPUState.Register.sink, operation != .add, let short {
            if operation == .sub {
                assembler.arithmetic(.cmp, operand(op.n), constant: short, wide: wide)
            } else {
                assembler.test(operand(op.n), constant: short, wide: wide)
            }
        } else {
            let target = destination(op.d)
            load(op.n, to: target, wide: wide)
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

    private mutating func withCarry(_ operation: HostArithmetic, _ op: Operation, wide: Bool, setsFlags: Bool) {
        // Operands first: loading the carry takes RAX, and nothing may touch the flags after it.
        load(op.n, to: .rcx, wide: wide)
        held = heldBefore
        loadCarry(asBorrow: operation == .sbb)
        assembler.arithmetic(operation, .rcx, operand(op.m), wide: wide)
        finish(op.d, .rcx)
        if setsFlags { setFlags(operation == .sbb ? .borrow : .carry) }
    }

    // MARK: Shifts

    private mutating func emitShift(_ op: Operation) -> Bool {
        switch op.code {
        case .lslImmediate64: shift(.shl, op, by: op.a, wide: true)
        case .lsrImmediate64: shift(.shr, op, by: op.a, wide: true)
        case .lsrImmediate32: shift(.shr, op, by: op.a, wide: false)
        case .asrImmediate32: shift(.sar, op, by: op.a, wide: false)
        case .rorImmediate64: shift(.ror, op, by: op.a, wide: true)
        case .rorImmediate32: shift(.ror, op, by: op.a, wide: false)
        case .extractUnsigned: extract(op, .shr, wide: true)
        case .extractSigned64: extract(op, .sar, wide: true)
        case .extractSigned32: extract(op, .sar, wide: false)
        case .insertField64, .insertField32: insertField(op)
        case .extractPair64, .extractPair32: extractPair(op)
        case .lslv64: shift(.shl, op, wide: true)
        case .lslv32: shift(.shl, op, wide: false)
        case .lsrv64: shift(.shr, op, wide: true)
        case .lsrv32: shift(.shr, op, wide: false)
        case .asrv64: shift(.sar, op, wide: true)
        case .asrv32: shift(.sar, op, wide: false)
        case .rorv64: shift(.ror, op, wide: true)
        case .rorv32: shift(.ror, op, wide: false)
        default: return false
        }
        return true
    }

    private mutating func shift(_ operation: HostShift, _ op: Operation, by count: UInt8, wide: Bool) {
        let target = destination(op.d)
        load(op.n, to: target, wide: wide)
        if count != 0 {
            assembler.shift(operation, target, by: count, wide: wide)
        }
        finish(op.d, target)
    }

    private mutating func shift(_ operation: HostShift, _ op: Operation, wide: Bool) {
        load(op.m, to: .rcx, wide: false)
        load(op.n, to: .rax, wide: wide)
        // Of CL the host takes the count modulo the width, as Arm does.
        assembler.shift(operation, .rax, wide: wide)
        finish(op.d, .rax)
    }

    /// (n << a) >> sub in 64 bits; the signed form of 32 bits keeps the low half.
    private mutating func extract(_ op: Operation, _ right: HostShift, wide: Bool) {
        let target = destination(op.d)
        let size: Int? =
            switch (op.a, op.sub) {
            case (56, 56): 1
            case (48, 48): 2
            case (32, 32): 4
            default: nil
            }
        if let size {
            if right == .sar {
                assembler.loadSigned(target, operand(op.n), size: size, wide: wide)
            } else {
                assembler.load(target, operand(op.n), size: size)
            }
        } else {
            load(op.n, to: target)
            if op.a != 0 { assembler.shift(.shl, target, by: op.a) }
            if op.sub != 0 { assembler.shift(right, target, by: op.sub) }
            if !wide { assembler.encode(0x8B, target.rawValue, .register(target)) }
        }
        finish(op.d, target)
    }

    /// d = d outside the mask, ((n >> sub) << a) inside.
    private mutating func insertField(_ op: Operation) {
        let mask = op.immediate
        load(op.n, to: .rax)
        if op.sub != 0 { assembler.shift(.shr, .rax, by: op.sub) }
        if op.a != 0 { assembler.shift(.shl, .rax, by: op.a) }
        constantArithmetic(.and, .rax, mask, wide: true)
        load(op.d, to: .rdx)
        constantArithmetic(.and, .rdx, ~mask, wide: true)
        assembler.arithmetic(.or, .rax, .register(.rdx), wide: op.code == .insertField64)
        finish(op.d, .rax)
    }

    /// The low half of (n:m) >> a.
    private mutating func extractPair(_ op: Operation) {
        let wide = op.code == .extractPair64
        load(op.m, to: .rax, wide: wide)
        if op.a != 0 {
            let n = value(op.n, in: .rcx)
            // SHRD
            assembler.encode(0x0FAC, n.rawValue, .register(.rax), wide: wide)
            assembler.byte(op.a)
        }
        finish(op.d, .rax)
    }

    // MARK: Multiply, divide, count

    private mutating func emitMultiply(_ op: Operation) -> Bool {
        switch op.code {
        case .mul64: multiply(op, wide: true)
        case .mul32: multiply(op, wide: false)
        case .madd64: multiplyAdd(op, .add, wide: true)
        case .madd32: multiplyAdd(op, .add, wide: false)
        case .msub64: multiplyAdd(op, .sub, wide: true)
        case .msub32: multiplyAdd(op, .sub, wide: false)
        case .smaddl: multiplyLong(op, .add, signed: true)
        case .smsubl: multiplyLong(op, .sub, signed: true)
        case .umaddl: multiplyLong(op, .add, signed: false)
        case .umsubl: multiplyLong(op, .sub, signed: false)
        case .smulh, .umulh:
            load(op.n, to: .rax)
            // IMUL and MUL of RAX: the upper half in RDX.
            assembler.encode(0xF7, op.code == .smulh ? 5 : 4, operand(op.m), wide: true)
            finish(op.d, .rdx)
        case .udiv64: divide(op, wide: true, signed: false)
        case .udiv32: divide(op, wide: false, signed: false)
        case .sdiv64: divide(op, wide: true, signed: true)
        case .sdiv32: divide(op, wide: false, signed: true)
        case .clz64, .clz32:
            let target = destination(op.d)
            // LZCNT
            assembler.encode(
                0x0FBD, target.rawValue, operand(op.n), wide: op.code == .clz64, prefix: .scalarSingle)
            finish(op.d, target)
        case .rev64, .rev32, .reverseBytesInWords:
            load(op.n, to: .rax)
            let wide = op.code != .rev32
            // BSWAP
            assembler.byte(wide ? 0x48 : 0x40)
            assembler.byte(0x0F)
            assembler.byte(0xC8)
            if op.code == .reverseBytesInWords { assembler.shift(.ror, .rax, by: 32) }
            finish(op.d, .rax)
        case .crc32c:
            load(op.n, to: .rax, wide: false)
            load(op.m, to: .rcx)
            // CRC32 of a byte, or of an operand whose size prefixes tell.
            if op.sub == 1 { assembler.byte(HostPrefix.operandSize.rawValue) }
            assembler.encode(
                op.sub == 0 ? 0x0F38F0 : 0x0F38F1, HostRegister.rax.rawValue, .register(.rcx), wide: op.sub == 3,
                prefix: .scalarDouble)
            finish(op.d, .rax)
        case .crc32: checksum(op)
        default: return false
        }
        return true
    }

    /// CRC-32 by two carry-less products (Barrett's reduction, with the lowest bit first): with D the data and the sum so
    /// far, and P the polynomial, Q = D × P⁻¹ modulo x^64 makes Q × P agree with D in the low half, and the high half is
    /// what remains. Fewer bytes are put at the top.
    private mutating func checksum(_ op: Operation) {
        let bits = UInt8(8) << op.sub
        load(op.n, to: .rcx, wide: false)
        load(op.m, to: .rax)
        assembler.arithmetic(.xor, .rax, .register(.rcx))
        if bits < 64 { assembler.shift(.shl, .rax, by: 64 - bits) }
        assembler.vector(0x0F6E, .xmm0, .register(.rax), wide: true)
        assembler.move(.rax, constant: CRC32.Polynomial.ieee.inverse)
        assembler.vector(0x0F6E, .xmm1, .register(.rax), wide: true)
        carrylessMultiply(.xmm0, .xmm1)
        assembler.move(.rax, constant: CRC32.Polynomial.ieee.product)
        assembler.vector(0x0F6E, .xmm1, .register(.rax), wide: true)
        carrylessMultiply(.xmm0, .xmm1)
        // PSRLDQ: the high half.
        assembler.encode(0x0F73, 3, .vector(.xmm0), prefix: .operandSize)
        assembler.byte(8)
        assembler.encode(0x0F7E, HostVector.xmm0.rawValue, .register(.rax), prefix: .operandSize)
        if bits < 32 {
            // The part of the sum that no byte was added to.
            assembler.shift(.shr, .rcx, by: bits, wide: false)
            assembler.arithmetic(.xor, .rax, .register(.rcx), wide: false)
        }
        finish(op.d, .rax)
    }

    /// PCLMULQDQ of the low halves.
    private mutating func carrylessMultiply(_ target: HostVector, _ source: HostVector) {
        assembler.vector(0x0F3A44, target, .vector(source))
        assembler.byte(0)
    }

    private mutating func multiply(_ op: Operation, wide: Bool) {
        load(op.n, to: .rax, wide: wide)
        assembler.multiply(.rax, operand(op.m), wide: wide)
        finish(op.d, .rax)
    }

    private mutating func multiplyAdd(_ op: Operation, _ operation: HostArithmetic, wide: Bool) {
        load(op.n, to: .rax, wide: wide)
        assembler.multiply(.rax, operand(op.m), wide: wide)
        accumulate(op, operation, wide: wide)
    }

    private mutating func multiplyLong(_ op: Operation, _ operation: HostArithmetic, signed: Bool) {
        if signed {
            assembler.loadSigned(.rax, operand(op.n), size: 4, wide: true)
            assembler.loadSigned(.rcx, operand(op.m), size: 4, wide: true)
        } else {
            load(op.n, to: .rax, wide: false)
            load(op.m, to: .rcx, wide: false)
        }
        assembler.multiply(.rax, .register(.rcx), wide: true)
        accumulate(op, operation, wide: true)
    }

    /// d = a ± RAX.
    private mutating func accumulate(_ op: Operation, _ operation: HostArithmetic, wide: Bool) {
        if operation == .add {
            assembler.arithmetic(.add, .rax, operand(op.a), wide: wide)
            finish(op.d, .rax)
        } else {
            load(op.a, to: .rcx, wide: wide)
            assembler.arithmetic(.sub, .rcx, .register(.rax), wide: wide)
            finish(op.d, .rcx)
        }
    }

    /// Division, by the host's unless it would trap: zero by zero, and the quotient that does not fit.
    private mutating func divide(_ op: Operation, wide: Bool, signed: Bool) {
        load(op.n, to: .rax, wide: wide)
        load(op.m, to: .rcx, wide: wide)
        assembler.test(.rcx, .rcx, wide: wide)
        let isZero = assembler.skip(if: .e)
        var isMinusOne: UnsafeMutableRawPointer?
        if signed {
            assembler.arithmetic(.cmp, .register(.rcx), constant: -1, wide: wide)
            isMinusOne = assembler.skip(if: .e)
        }
        var short: UnsafeMutableRawPointer?
        if wide {
            // Most numbers are short, and the host divides those much faster.
            assembler.move(.rdx, .rax)
            assembler.arithmetic(.or, .rdx, .register(.rcx))
            assembler.shift(.shr, .rdx, by: 32)
            short = assembler.skip(if: .e)
        }
        emitDivision(wide: wide, signed: signed)
        var done = [assembler.skip()]
        if let short {
            assembler.land(short)
            emitDivision(wide: false, signed: false)
            done.append(assembler.skip())
        }
        if let isMinusOne {
            assembler.land(isMinusOne)
            assembler.negate(.rax, wide: wide)
            done.append(assembler.skip())
        }
        assembler.land(isZero)
        assembler.arithmetic(.xor, .rax, .register(.rax), wide: false)
        for skip in done { assembler.land(skip) }
        finish(op.d, .rax)
    }

    private mutating func emitDivision(wide: Bool, signed: Bool) {
        if signed {
            // CQO or CDQ
            if wide { assembler.byte(0x48) }
            assembler.byte(0x99)
        } else {
            assembler.arithmetic(.xor, .rdx, .register(.rdx), wide: false)
        }
        assembler.encode(0xF7, signed ? 7 : 6, .register(.rcx), wide: wide)
    }

    // MARK: Conditions

    private mutating func emitConditional(_ op: Operation) -> Bool {
        switch op.code {
        case .csel64, .csinc64, .csinv64, .csneg64: select(op, wide: true)
        case .csel32, .csinc32, .csinv32, .csneg32: select(op, wide: false)
        case .ccmp64: compare(op, .cmp, immediate: nil, wide: true)
        case .ccmp32: compare(op, .cmp, immediate: nil, wide: false)
        case .ccmn64: compare(op, .add, immediate: nil, wide: true)
        case .ccmn32: compare(op, .add, immediate: nil, wide: false)
        case .ccmpImmediate64: compare(op, .cmp, immediate: op.immediate, wide: true)
        case .ccmpImmediate32: compare(op, .cmp, immediate: op.immediate, wide: false)
        case .ccmnImmediate64: compare(op, .add, immediate: op.immediate, wide: true)
        case .ccmnImmediate32: compare(op, .add, immediate: op.immediate, wide: false)
        default: return false
        }
        return true
    }

    /// d = condition ? n : f(m). Nothing here changes the host's flags.
    private mutating func select(_ op: Operation, wide: Bool) {
        guard !Self.isAlways(op.sub) else {
            load(op.n, to: .rcx, wide: wide)
            finish(op.d, .rcx)
            return
        }
        let condition = hostCondition(op.sub)
        if op.m == CPUState.Register.zero {
            // MOV, since clearing by XOR would change the flags.
            assembler.move(.rcx, constant: 0)
        } else {
            load(op.m, to: .rcx, wide: wide)
        }
        switch op.code {
        case .csinc64, .csinc32: assembler.loadAddress(.rcx, .memory(.rcx, 1), wide: wide)
        case .csinv64, .csinv32: assembler.not(.rcx, wide: wide)
        case .csneg64, .csneg32:
            assembler.not(.rcx, wide: wide)
            assembler.loadAddress(.rcx, .memory(.rcx, 1), wide: wide)
        default: break
        }
        assembler.move(.rcx, operand(op.n), if: condition, wide: wide)
        finish(op.d, .rcx)
    }

    /// NZCV = condition ? flags of the comparison : a << 28.
    private mutating func compare(_ op: Operation, _ operation: HostArithmetic, immediate: UInt64?, wide: Bool) {
        held = heldBefore
        let otherwise: UnsafeMutableRawPointer? =
            Self.isAlways(op.sub) ? nil : assembler.skip(if: hostCondition(op.sub).inverted)
        if let immediate {
            // Immediates have 5 bits.
            if operation == .cmp {
                assembler.arithmetic(
                    .cmp, operand(op.n), constant: Int32(truncatingIfNeeded: immediate), wide: wide)
            } else {
                load(op.n, to: .rcx, wide: wide)
                assembler.arithmetic(
                    .add, .register(.rcx), constant: Int32(truncatingIfNeeded: immediate), wide: wide)
            }
        } else {
            load(op.n, to: .rcx, wide: wide)
            assembler.arithmetic(operation, .rcx, operand(op.m), wide: wide)
        }
        held = operation == .cmp ? .borrow : .carry
        saveFlags()
        if let otherwise {
            let done = assembler.skip()
            assembler.land(otherwise)
            assembler.encode(0xC7, 0, state(CPUState.Offset.hostFlags))
            assembler.word(Int32(HostFlags.from(nzcv: UInt32(op.a) << 28)))
            assembler.land(done)
        }
        held = .nothing
    }
}

#endif
