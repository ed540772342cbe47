// Multiplication, division, checksums and other operations on whole words: what each becomes on the host.

#if arch(x86_64)

extension RegionCompiler {
    mutating func emitMultiply(_ op: Operation) -> Bool {
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
            assembler.multiplyWide(operand(op.m), isSigned: op.code == .smulh)
            finish(op.d, .rdx)
        case .udiv64: divide(op, wide: true, signed: false)
        case .udiv32: divide(op, wide: false, signed: false)
        case .sdiv64: divide(op, wide: true, signed: true)
        case .sdiv32: divide(op, wide: false, signed: true)
        case .clz64, .clz32:
            let target = destination(op.d)
            assembler.emit(.lzcnt, target, operand(op.n), wide: op.code == .clz64)
            finish(op.d, target)
        case .rev64, .rev32, .reverseBytesInWords:
            load(op.n, to: .rax)
            let wide = op.code != .rev32
            assembler.swapBytes(.rax, wide: wide)
            if op.code == .reverseBytesInWords { assembler.shift(.ror, .rax, by: 32) }
            finish(op.d, .rax)
        case .crc32c:
            load(op.n, to: .rax, wide: false)
            load(op.m, to: .rcx)
            assembler.emitSized(.crc32Byte, .rax, .register(.rcx), size: 1 << Int(op.sub))
            finish(op.d, .rax)
        case .crc32: checksum(op)
        default: return false
        }
        return true
    }

    /// CRC-32 by two carry-less products (Barrett's reduction, with the lowest bit first): with D the data and the sum
    /// so far, and P the polynomial, Q = D × P⁻¹ modulo x^64 makes Q × P agree with D in the low half, and the high
    /// half is what remains. Fewer bytes are put at the top.
    private mutating func checksum(_ op: Operation) {
        let bits = UInt8(8) << op.sub
        load(op.n, to: .rcx, wide: false)
        load(op.m, to: .rax)
        assembler.arithmetic(.xor, .rax, .register(.rcx))
        if bits < 64 { assembler.shift(.shl, .rax, by: 64 - bits) }
        assembler.emit(.movd, .xmm0, .register(.rax), wide: true)
        assembler.move(.rax, constant: CRC32.Polynomial.ieee.inverse)
        assembler.emit(.movd, .xmm1, .register(.rax), wide: true)
        carrylessMultiply(.xmm0, .xmm1)
        assembler.move(.rax, constant: CRC32.Polynomial.ieee.product)
        assembler.emit(.movd, .xmm1, .register(.rax), wide: true)
        carrylessMultiply(.xmm0, .xmm1)
        // The high half.
        assembler.shift(.psrldq, .xmm0, by: 8)
        assembler.emit(.movdStore, .xmm0, .register(.rax))
        if bits < 32 {
            // The part of the sum that no byte was added to.
            assembler.shift(.shr, .rcx, by: bits, wide: false)
            assembler.arithmetic(.xor, .rax, .register(.rcx), wide: false)
        }
        finish(op.d, .rax)
    }

    /// PCLMULQDQ of the low halves.
    private mutating func carrylessMultiply(_ target: HostVector, _ source: HostVector) {
        assembler.emit(.pclmulqdq, target, .vector(source), immediate: 0)
    }

    private mutating func multiply(_ op: Operation, wide: Bool) {
        let target = op.d == op.m ? .rax : destination(op.d)
        loadToChange(op.n, to: target, wide: wide)
        assembler.multiply(target, operand(op.m), wide: wide)
        finish(op.d, target)
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
            if op.a == CPUState.Register.zero {
                finish(op.d, .rax)
            } else if let d = home(op.d), let a = home(op.a) {
                assembler.loadAddress(d, .indexed(a, .rax), wide: wide)
            } else {
                assembler.arithmetic(.add, .rax, operand(op.a), wide: wide)
                finish(op.d, .rax)
            }
        } else if op.d == op.a, let home = home(op.d) {
            assembler.arithmetic(.sub, home, .register(.rax), wide: wide)
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
            assembler.extendSignOfRAX(wide: wide)
        } else {
            assembler.arithmetic(.xor, .rdx, .register(.rdx), wide: false)
        }
        assembler.divide(by: .rcx, isSigned: signed, wide: wide)
    }
}

#endif
