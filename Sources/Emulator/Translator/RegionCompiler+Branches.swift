// Branches.

#if arch(x86_64)

extension RegionCompiler {
    /// Emits a direct branch, conditional or not.
    mutating func emitBranch(_ op: Operation) {
        switch op.code {
        case .branchLink:
            emitLink(op)
            emitJump(op)
        case .branch, .fallThrough:
            emitJump(op)
        case .branchConditional:
            emitSideExit(op, if: hostCondition(op.sub), unsaved: flagsAreSaved ? .nothing : held)
        case .branchIfZero64, .branchIfZero32, .branchIfNotZero64, .branchIfNotZero32:
            held = .nothing
            let wide = op.code == .branchIfZero64 || op.code == .branchIfNotZero64
            if let home = home(op.n) {
                assembler.test(home, home, wide: wide)
            } else {
                assembler.arithmetic(.cmp, state(general: op.n), constant: 0, wide: wide)
            }
            emitSideExit(
                op, if: op.code == .branchIfZero64 || op.code == .branchIfZero32 ? .e : .ne, unsaved: .nothing)
        default:
            held = .nothing
            let isSet = op.code == .branchIfBitSet
            if op.sub < 32 {
                assembler.test(operand(op.n), constant: Int32(bitPattern: 1 << UInt32(op.sub)), wide: false)
                emitSideExit(op, if: isSet ? .ne : .e, unsaved: .nothing)
            } else {
                // BT: the bit goes to CF.
                assembler.bit(.bt, operand(op.n), op.sub, wide: true)
                emitSideExit(op, if: isSet ? .b : .ae, unsaved: .nothing)
            }
        }
    }

    private func exit(of op: Operation, unsaved: HeldFlags = .nothing) -> Exit {
        let own = source.offset &+ UInt64(op.a) &* 4 &- 4
        let target = source.offset &+ op.immediate
        return Exit(
            written: leaving, count: op.a, isBackward: target <= own, vectors: heldVectors, unsaved: unsaved,
            flags: flagOrigin.known != nil ? unsavedFlags : 0)
    }

    /// The end of a block.
    private mutating func emitJump(_ op: Operation) {
        held = .nothing
        let exit = exit(of: op)
        if let target = Region.target(of: op, from: source.offset) {
            emitLeave(to: target, exit, isEnd: true)
        } else {
            emitStores(exit.written)
            emitStores(exit.vectors)
            emitLeavePage(source.offset &+ op.immediate, exit)
        }
    }

    /// A conditional branch: the straight path goes on behind it.
    private mutating func emitSideExit(_ op: Operation, if condition: HostCondition, unsaved: HeldFlags) {
        let exit = exit(of: op, unsaved: unsaved)
        guard let target = Region.target(of: op, from: source.offset) else {
            let displacement = source.offset &+ op.immediate
            deferred.append(.leavePage(assembler.jump(if: condition), displacement: displacement, exit))
            return
        }
        if exit.isBackward && region.index(ofBlockAt: target) != nil {
            // A loop: the way back is the straight one. It is longer than a short jump reaches: twelve vectors alone are
            // stored by 104 bytes.
            let onwards = assembler.jump(if: condition.inverted)
            saveFlags(of: exit)
            emitLeave(to: target, exit)
            onwards.resolve(to: assembler.cursor)
        } else {
            deferred.append(.leave(assembler.jump(if: condition), target: target, exit))
        }
    }

    /// x30 = the address of the next instruction.
    private mutating func emitLink(_ op: Operation) {
        let target = destination(30)
        assembler.move(target, state(CPUState.Offset.pageOfPC))
        assembler.arithmetic(.add, .register(target), constant: Int32(source.offset) + Int32(op.a) * 4)
        finish(30, target)
        written |= RegisterSet(30).intersection(region.mapped)
    }

    /// BR, RET and BLR.
    mutating func emitIndirect(_ op: Operation) {
        held = .nothing
        if op.code == .branchLinkRegister {
            load(op.n, to: .rdx)
            emitLink(op)
            assembler.move(.rax, .rdx)
        } else {
            load(op.n, to: .rax)
        }
        emitStores(leaving)
        emitStores(heldVectors)
        emitJumpCacheLookup(op.a)
    }
}

#endif
