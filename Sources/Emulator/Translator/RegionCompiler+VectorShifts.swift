// Vector operations that shift elements by a constant, and those that narrow them.
//
// XMM0 to XMM3 are scratch; `RegionCompiler+VectorRegisters` says where the guest's registers are.

#if arch(x86_64)

extension RegionCompiler {
    mutating func emitVectorShift(_ opcode: VectorOpcode, _ op: Operation) {
        let size = Int(op.shape.size)
        switch opcode {
        case .shl where size == 0, .ushr where size == 0: emitByteShift(op, isLeft: opcode == .shl)
        case .shl: emitShift(op, .left)
        case .ushr: emitShift(op, .rightLogical)
        case .sshr where size == 3:
            shiftSigned64(op)
            finishVector(op)
        case .sshr: emitShift(op, .rightArithmetic)
        case .usra, .ssra:
            if opcode == .ssra, size == 3 {
                shiftSigned64(op)
            } else {
                loadVector(.xmm0, op.n)
                assembler.shift(.pshift(opcode == .usra ? .rightLogical : .rightArithmetic, size), .xmm0, by: op.a)
            }
            assembler.emit(.padd(size), .xmm0, vector(op.d))
            finishVector(op)
        case .sli: emitInsertingShift(op, .left, back: .rightLogical, rotatingAfter: .ushr)
        case .sri: emitInsertingShift(op, .rightLogical, back: .left, rotatingAfter: .shl)
        case .ushll, .sshll:
            let target = vectorDestination(op.d)
            assembler.emit(opcode == .ushll ? .pmovzx(size) : .pmovsx(size), target, half(op.n, isUpper: op.shape.isQ))
            if op.a != 0 { assembler.shift(.pshift(.left, size + 1), target, by: op.a) }
            finish(vector: op.d, target)
        case .shrn, .xtn:
            loadVector(.xmm0, op.n)
            if opcode == .shrn { assembler.shift(.pshift(.rightLogical, size + 1), .xmm0, by: op.a) }
            emitNarrow(size)
            guard op.shape.isQ else { return finishVector(op) }
            // The lower half of d stays.
            let target = copy(of: op.d, for: op.d)
            assembler.emit(.punpckl(3), target, .vector(.xmm0))
            finish(vector: op.d, target)
        default: break
        }
    }

    private mutating func emitShift(_ op: Operation, _ kind: HostInstruction.ElementShift) {
        let isZero = heldVectors.hasZeroUpperHalf(op.n)
        let target = copy(of: op.n, for: op.d)
        assembler.shift(.pshift(kind, Int(op.shape.size)), target, by: op.a)
        finishVector(op, target, upperHalfIsZero: isZero)
    }

    /// XMM0 = n shifted right as signed doublewords, for which the host has nothing: the sign goes to where the shift
    /// leaves room. Changes XMM1.
    private mutating func shiftSigned64(_ op: Operation) {
        assembler.emit(.pxor, .xmm1, .vector(.xmm1))
        assembler.emit(.pcmpgt(3), .xmm1, vector(op.n))
        assembler.shift(.pshift(.left, 3), .xmm1, by: 64 - op.a)
        loadVector(.xmm0, op.n)
        assembler.shift(.pshift(.rightLogical, 3), .xmm0, by: op.a)
        assembler.emit(.por, .xmm0, .vector(.xmm1))
    }

    /// The host has no shift of bytes: halfwords are shifted, and what came from the other byte is cleared.
    private mutating func emitByteShift(_ op: Operation, isLeft: Bool) {
        let kept: UInt64 = (isLeft ? 0xFF << UInt64(op.a) : 0xFF >> UInt64(op.a)) & 0xFF
        emitPattern(.xmm1, kept * 0x0101_0101_0101_0101)
        loadVector(.xmm0, op.n)
        assembler.shift(.pshift(isLeft ? .left : .rightLogical, 1), .xmm0, by: op.a)
        assembler.emit(.pand, .xmm0, .vector(.xmm1))
        finishVector(op)
    }

    /// SLI and SRI: n shifted by `a`, and in the places that this leaves free the bits of d. These are what is left of d
    /// when it is shifted by the other places, and back.
    ///
    /// - Parameter opposite: the shift that, by those other places, makes a rotation of both.
    private mutating func emitInsertingShift(
        _ op: Operation, _ kind: HostInstruction.ElementShift, back: HostInstruction.ElementShift,
        rotatingAfter opposite: VectorOpcode
    ) {
        let size = Int(op.shape.size)
        let rest = UInt8(8) << UInt8(size) - op.a
        loadVector(.xmm0, op.n)
        assembler.shift(.pshift(kind, size), .xmm0, by: op.a)
        if isShifted(op.d, opposite, by: rest, like: op) {
            assembler.emit(.por, .xmm0, vector(op.d))
        } else {
            loadVector(.xmm1, op.d)
            assembler.shift(.pshift(kind, size), .xmm1, by: rest)
            assembler.shift(.pshift(back, size), .xmm1, by: rest)
            assembler.emit(.por, .xmm0, .vector(.xmm1))
        }
        finishVector(op)
    }

    /// Whether a register holds elements of the same shape that were shifted by as much as that, or more.
    private func isShifted(_ register: UInt8, _ shift: VectorOpcode, by count: UInt8, like op: Operation) -> Bool {
        guard let writer = lastWriter(ofVector: register, before: position) else { return false }
        let operation = source.block.operations[writer]
        return operation.code == .vector && operation.sub == shift.rawValue && operation.shape == op.shape
            && operation.a >= count
    }

    /// XMM0 = the lower halves of its elements, in its lower half. Changes XMM1.
    private mutating func emitNarrow(_ size: Int) {
        switch size {
        case 0:
            emitPattern(.xmm1, 0x00FF_00FF_00FF_00FF)
            assembler.emit(.pand, .xmm0, .vector(.xmm1))
            assembler.emit(.packuswb, .xmm0, .vector(.xmm0))
        case 1:
            emitPattern(.xmm1, 0x0000_FFFF_0000_FFFF)
            assembler.emit(.pand, .xmm0, .vector(.xmm1))
            assembler.emit(.packusdw, .xmm0, .vector(.xmm0))
        default:
            // Elements 0 and 2.
            assembler.emit(.pshufd, .xmm0, .vector(.xmm0), immediate: 0x08)
        }
    }
}

#endif
