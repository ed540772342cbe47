// What is neither arithmetic nor memory: PSTATE, plain system registers, barriers and checks.

#if arch(x86_64)

import Arm64

extension RegionCompiler {
    private var pstate: HostOperand { state(Int(CPUState.offset(of: \.pstate))) }

    mutating func emitSystem(_ op: Operation) {
        switch op.code {
        case .readState64, .readState32:
            let target = destination(op.d)
            assembler.move(target, state(Int(op.immediate)), wide: op.code == .readState64)
            finish(op.d, target)
        case .writeState64:
            assembler.store(value(op.n, in: .rax), state(Int(op.immediate)))
        case .clearExclusive:
            assembler.store(constant: 0, state(Int(CPUState.offset(of: \.exclusiveAddress))), wide: true)
        case .barrier:
            // The host keeps loads before loads and stores, and stores before stores: only a store before a load, which
            // DMB LD and DMB ST leave alone, takes an instruction.
            let kind = op.d & 3
            guard kind != 1 && kind != 2 else { return }
            // LOCK OR of nothing on the stack.
            assembler.lock()
            assembler.arithmetic(.or, .memory(.rsp), constant: 0, wide: false)
        case .readDAIF:
            let target = destination(op.d)
            assembler.move(target, pstate, wide: false)
            assembler.arithmetic(.and, .register(target), constant: Int32(PSTATE.daif), wide: false)
            finish(op.d, target)
        case .setDAIF:
            assembler.arithmetic(.or, pstate, constant: Int32(op.sub) << 6)
        case .clearDAIF:
            assembler.arithmetic(.and, pstate, constant: ~(Int32(op.sub) << 6))
            leaveIfInterrupted(op)
        case .writeDAIF:
            load(op.n, to: .rax)
            assembler.arithmetic(.and, .register(.rax), constant: Int32(PSTATE.daif), wide: false)
            assembler.arithmetic(.and, pstate, constant: ~Int32(PSTATE.daif))
            assembler.arithmetic(.or, pstate, .rax)
            leaveIfInterrupted(op)
        case .checkFloatingPoint:
            let enabled = state(Int(CPUState.offset(of: \.cpacrEL1)))
            if region.mode.isEL0 {
                assembler.move(.rax, enabled)
                assembler.not(.rax, wide: false)
                assembler.test(.register(.rax), constant: Int32(CPACR.fpen), wide: false)
                deferred.append(.resume(assembler.jump(if: .ne), place))
            } else {
                // Both 01 and 11 allow it at EL1.
                assembler.test(enabled, constant: Int32(CPACR.fpenEL1), wide: false)
                deferred.append(.resume(assembler.jump(if: .e), place))
            }
        case .stackPointerWritten:
            assembler.test(operand(CPUState.Register.sp), constant: 15, wide: false)
            emitStop(op, if: region.mode.stackIsMisaligned ? .e : .ne)
        default: break
        }
    }

    /// Goes on in the interpreter if DC ZVA is trapped at EL0.
    mutating func checkZeroingIsAllowed() {
        let control = state(Int(CPUState.offset(of: \.sctlrEL1)))
        assembler.test(control, constant: Int32(SCTLR.dze), wide: false)
        deferred.append(.resume(assembler.jump(if: .e), place))
    }

    /// Goes to the dispatcher behind an operation that may have let an interrupt in.
    private mutating func leaveIfInterrupted(_ op: Operation) {
        assembler.arithmetic(.cmp, state(CPUState.Offset.interrupt), constant: 0, wide: false)
        emitStop(op, if: .ne)
    }

    private mutating func emitStop(_ op: Operation, if condition: HostCondition) {
        deferred.append(
            .stop(
                assembler.jump(if: condition), displacement: source.offset &+ op.immediate,
                Exit(written: leaving, count: op.a, isBackward: false, vectors: heldVectors)))
    }
}

#endif
