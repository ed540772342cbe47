// Conditional selects and comparisons: what each becomes on the host.

#if arch(x86_64)

extension RegionCompiler {
    mutating func emitConditional(_ op: Operation) -> Bool {
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
        let zero = CPUState.Register.zero
        let isIncrement = op.code == .csinc64 || op.code == .csinc32
        if isIncrement && op.n == zero && op.m == zero {
            // CSET: SETcc and MOVZX.
            assembler.set(.rcx, if: condition.inverted)
            let target = destination(op.d)
            assembler.load(target, .register(.rcx), size: 1)
            finish(op.d, target)
            return
        }
        if op.code == .csel64 || op.code == .csel32, op.d == op.n, let home = home(op.d) {
            assembler.move(home, operand(op.m), if: condition.inverted, wide: wide)
            return
        }
        let target = op.d == op.n ? .rcx : home(op.d) ?? .rcx
        if op.m == zero {
            // MOV, since clearing by XOR would change the flags.
            assembler.move(target, constant: isIncrement ? 1 : 0)
        } else if isIncrement {
            assembler.loadAddress(target, .memory(value(op.m, in: .rcx), 1), wide: wide)
        } else {
            // What follows clears the upper half.
            loadToChange(op.m, to: target, wide: wide)
        }
        switch op.code {
        case .csinv64, .csinv32: assembler.not(target, wide: wide)
        case .csneg64, .csneg32:
            assembler.not(target, wide: wide)
            assembler.loadAddress(target, .memory(target, 1), wide: wide)
        default: break
        }
        assembler.move(target, operand(op.n), if: condition, wide: wide)
        finish(op.d, target)
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
        let flags: HeldFlags = operation == .cmp ? .borrow : .carry
        if let otherwise {
            let done = assembler.skip()
            assembler.land(otherwise)
            loadFlags(nzcv: UInt32(op.a) << 28, as: flags)
            assembler.land(done)
        }
        setFlags(flags)
    }
}

#endif
