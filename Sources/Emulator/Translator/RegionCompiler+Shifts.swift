// Shifts, rotations and bit fields: what each becomes on the host.

#if arch(x86_64)

extension RegionCompiler {
    mutating func emitShift(_ op: Operation) -> Bool {
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
        if count == 0 {
            load(op.n, to: target, wide: wide)
        } else if operation == .ror && features.hasBMI && (home(op.n) != target || keepsFlags) {
            assembler.rotate(target, operand(op.n), by: count, wide: wide)
        } else if keepsFlags {
            shiftKeepingFlags(operation, target, operand(op.n), by: count, wide: wide)
        } else {
            loadToChange(op.n, to: target, wide: wide)
            assembler.shift(operation, target, by: count, wide: wide)
        }
        finish(op.d, target)
    }

    /// A shift by a constant that leaves the flags alone. Changes RCX.
    mutating func shiftKeepingFlags(
        _ operation: HostShift, _ target: HostRegister, _ source: HostOperand, by count: UInt8, wide: Bool
    ) {
        assembler.move(.rcx, constant: UInt64(count))
        assembler.shift(operation, target, source, by: .rcx, wide: wide)
    }

    private mutating func shift(_ operation: HostShift, _ op: Operation, wide: Bool) {
        if operation != .ror && features.hasBMI {
            let count = value(op.m, in: .rcx)
            let target = destination(op.d)
            assembler.shift(operation, target, operand(op.n), by: count, wide: wide)
            finish(op.d, target)
            return
        }
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
        } else if right == .shr && op.sub == 32 && op.a > 32 {
            // LSL of a word.
            shift(.shl, op, by: op.a - 32, wide: false)
            return
        } else if right == .shr && op.a == 32 && op.sub > 32 {
            // LSR of a word.
            shift(.shr, op, by: op.sub - 32, wide: false)
            return
        } else if keepsFlags {
            shiftKeepingFlags(.shl, target, operand(op.n), by: op.a, wide: true)
            shiftKeepingFlags(.shr, target, .register(target), by: op.sub, wide: true)
        } else {
            load(op.n, to: target)
            if op.a != 0 { assembler.shift(.shl, target, by: op.a) }
            if op.sub != 0 { assembler.shift(right, target, by: op.sub) }
            if !wide { assembler.move(target, .register(target), wide: false) }
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
            assembler.shiftRight(.rax, from: n, by: op.a, wide: wide)
        }
        finish(op.d, .rax)
    }
}

#endif
