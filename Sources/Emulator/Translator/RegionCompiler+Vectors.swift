// Advanced SIMD on integers and bits, as far as the host has one instruction or a few for it. The rest goes to helpers.
//
// XMM0 to XMM3 are scratch; `RegionCompiler+VectorRegisters` says where the guest's registers are.

#if arch(x86_64)

extension Treatment {
    /// Which vector operations are translated.
    init(vector op: Operation) {
        guard let opcode = VectorOpcode(rawValue: op.sub) else {
            self = .resume
            return
        }
        let size = op.shape.size
        // The only scalars of more than moves are doublewords.
        let isPlain = !op.shape.isScalar || size == 3
        switch opcode {
        case .and, .bic, .orr, .orn, .eor, .not, .bsl, .bit, .bif, .movi, .orrImmediate, .bicImmediate:
            self = .native
        case .add, .sub, .cmeq:
            self = isPlain ? .native : .helper
        case .mul:
            self = size == 1 || size == 2 ? .native : .helper
        case .cmgt, .cmge, .cmeqZero, .cmgtZero, .cmgeZero, .cmltZero, .cmleZero:
            self = isPlain ? .native : .helper
        case .smax, .umax, .smin, .umin, .cmhi, .cmhs:
            self = size < 3 ? .native : .helper
        case .neg, .cmtst:
            self = isPlain ? .native : .helper
        case .shl, .ushr:
            self = isPlain ? .native : .helper
        case .sshr, .ssra, .usra, .sli, .sri:
            self = isPlain && size > 0 ? .native : .helper
        case .zip1, .zip2, .uzp1, .uzp2, .trn1, .trn2, .ext, .rev16, .rev32, .rev64, .tbl, .dupElement, .dupGeneral,
            .insGeneral, .insElement, .umov, .smov:
            self = .native
        case .ushll, .sshll, .shrn, .xtn:
            self = size < 3 ? .native : .helper
        case .smull, .umull, .smlal, .umlal, .smlsl, .umlsl, .saddl, .uaddl, .ssubl, .usubl, .saddw, .uaddw, .ssubw,
            .usubw:
            self = size < 3 ? .native : .helper
        case .mla, .mls, .mulByElement, .mlaByElement, .mlsByElement, .smullByElement, .umullByElement,
            .smlalByElement, .umlalByElement, .smlslByElement, .umlslByElement:
            self = size == 1 || size == 2 ? .native : .helper
        case .addp:
            self = .native
        case .smaxp, .umaxp, .sminp, .uminp:
            self = size < 3 ? .native : .helper
        case .addpScalar:
            self = .native
        default:
            self = .helper
        }
    }
}

extension RegionCompiler {
    /// Takes a host register as a result of the operation's shape.
    ///
    /// - Parameter upperHalfIsZero: whether it is known to be.
    mutating func finishVector(_ op: Operation, _ result: HostVector = .xmm0, upperHalfIsZero: Bool = false) {
        if !op.shape.isQ && !upperHalfIsZero { assembler.emit(.movq, result, .vector(result)) }
        finish(vector: op.d, result, zeroUpperHalf: !op.shape.isQ || upperHalfIsZero)
    }

    /// XMM0 = n `instruction` m.
    private mutating func binary(_ instruction: HostInstruction, _ op: Operation) {
        loadVector(.xmm0, op.n)
        assembler.emit(instruction, .xmm0, vector(op.m))
    }

    /// d = n `instruction` m, where zeros make zeros.
    private mutating func whole(_ instruction: HostInstruction, _ op: Operation) {
        let isZero = heldVectors.hasZeroUpperHalf(op.n) && heldVectors.hasZeroUpperHalf(op.m)
        let target = op.d == op.m ? .xmm0 : vectorDestination(op.d)
        loadVector(target, op.n)
        assembler.emit(instruction, target, vector(op.m))
        finishVector(op, target, upperHalfIsZero: isZero)
    }

    private mutating func swapped(_ instruction: HostInstruction, _ op: Operation) {
        loadVector(.xmm0, op.m)
        assembler.emit(instruction, .xmm0, vector(op.n))
    }

    /// XMM1 = all ones.
    private mutating func emitOnes() { assembler.emit(.pcmpeq(2), .xmm1, .vector(.xmm1)) }

    /// XMM0 = not XMM0. Changes XMM1.
    private mutating func invert() {
        emitOnes()
        assembler.emit(.pxor, .xmm0, .vector(.xmm1))
    }

    mutating func emitVector(_ op: Operation) {
        guard let opcode = VectorOpcode(rawValue: op.sub) else { return }
        let size = Int(op.shape.size)
        let xmm1 = HostOperand.vector(.xmm1)
        switch opcode {
        case .and: return whole(.pand, op)
        case .orr: return whole(.por, op)
        case .eor: return whole(.pxor, op)
        case .bic: swapped(.pandn, op)
        case .orn:
            emitOnes()
            assembler.emit(.pxor, .xmm1, vector(op.m))
            loadVector(.xmm0, op.n)
            assembler.emit(.por, .xmm0, xmm1)
        case .not:
            loadVector(.xmm0, op.n)
            invert()
        case .bsl: emitSelect(op, base: op.m, other: op.n, mask: op.d, inverted: false)
        case .bit: emitSelect(op, base: op.d, other: op.n, mask: op.m, inverted: false)
        case .bif: emitSelect(op, base: op.d, other: op.n, mask: op.m, inverted: true)
        case .movi:
            emitPattern(.xmm0, op.immediate)
        case .orrImmediate:
            emitPattern(.xmm0, op.immediate)
            assembler.emit(.por, .xmm0, vector(op.d))
        case .bicImmediate:
            emitPattern(.xmm0, ~op.immediate)
            assembler.emit(.pand, .xmm0, vector(op.d))
        case .add: return whole(.padd(size), op)
        case .sub: return whole(.psub(size), op)
        case .cmeq: binary(.pcmpeq(size), op)
        case .cmgt: binary(.pcmpgt(size), op)
        case .cmge:
            swapped(.pcmpgt(size), op)
            invert()
        case .cmeqZero:
            assembler.emit(.pxor, .xmm0, .vector(.xmm0))
            assembler.emit(.pcmpeq(size), .xmm0, vector(op.n))
        case .cmltZero, .cmgeZero:
            assembler.emit(.pxor, .xmm0, .vector(.xmm0))
            assembler.emit(.pcmpgt(size), .xmm0, vector(op.n))
            if opcode == .cmgeZero { invert() }
        case .cmgtZero, .cmleZero:
            loadVector(.xmm0, op.n)
            assembler.emit(.pcmpgt(size), .xmm0, constant(.zero))
            if opcode == .cmleZero { invert() }
        case .smax: binary(.pmaxs(size), op)
        case .umax: binary(.pmaxu(size), op)
        case .smin: binary(.pmins(size), op)
        case .umin: binary(.pminu(size), op)
        case .cmhs:
            // n is the greater or equal one if it is the maximum.
            binary(.pmaxu(size), op)
            assembler.emit(.pcmpeq(size), .xmm0, vector(op.n))
        case .cmhi:
            binary(.pminu(size), op)
            assembler.emit(.pcmpeq(size), .xmm0, vector(op.n))
            invert()
        case .neg:
            assembler.emit(.pxor, .xmm0, .vector(.xmm0))
            assembler.emit(.psub(size), .xmm0, vector(op.n))
        case .cmtst:
            binary(.pand, op)
            assembler.emit(.pcmpeq(size), .xmm0, constant(.zero))
            invert()
        case .smull, .umull, .smlal, .umlal, .smlsl, .umlsl, .smullByElement, .umullByElement, .smlalByElement,
            .umlalByElement, .smlslByElement, .umlslByElement:
            return emitLongProduct(opcode, op)
        case .saddl, .uaddl, .ssubl, .usubl, .saddw, .uaddw, .ssubw, .usubw:
            return emitLongSum(opcode, op)
        case .mul: return whole(.pmull(size), op)
        case .mla, .mls: return emitProduct(opcode, op, by: vector(op.m))
        case .mulByElement, .mlaByElement, .mlsByElement:
            broadcast(.xmm1, op.m, element: op.a, size: size)
            return emitProduct(opcode, op, by: xmm1)
        case .addp: emitPairwise(.padd(size), op)
        case .smaxp: emitPairwise(.pmaxs(size), op)
        case .umaxp: emitPairwise(.pmaxu(size), op)
        case .sminp: emitPairwise(.pmins(size), op)
        case .uminp: emitPairwise(.pminu(size), op)
        case .addpScalar:
            assembler.emit(.pshufd, .xmm0, vector(op.n), immediate: 0xEE)
            assembler.emit(.padd(3), .xmm0, vector(op.n))
            assembler.emit(.movq, .xmm0, .vector(.xmm0))
            return finish(vector: op.d, .xmm0, zeroUpperHalf: true)
        default:
            if !emitElements(opcode, op) { emitVectorShift(opcode, op) }
            return
        }
        finishVector(op)
    }

    /// The lower or upper half of a vector register.
    mutating func half(_ register: UInt8, isUpper: Bool) -> HostOperand {
        if !isUpper, let host = heldVectors.host(of: register) { return .vector(host) }
        return .memory(.rbx, vectorInState(register).displacement + (isUpper ? 8 : 0))
    }

    /// XMM0 = base where the mask is clear, other where it is set.
    private mutating func emitSelect(_ op: Operation, base: UInt8, other: UInt8, mask: UInt8, inverted: Bool) {
        loadVector(.xmm0, base)
        assembler.emit(.pxor, .xmm0, vector(other))
        if inverted {
            loadVector(.xmm1, mask)
            assembler.emit(.pandn, .xmm1, .vector(.xmm0))
            assembler.emit(.movdqa, .xmm0, .vector(.xmm1))
        } else {
            assembler.emit(.pand, .xmm0, vector(mask))
        }
        assembler.emit(.pxor, .xmm0, vector(base))
    }

    /// Both halves of a register = a pattern.
    mutating func emitPattern(_ target: HostVector, _ pattern: UInt64) {
        if pattern == 0 {
            assembler.emit(.pxor, target, .vector(target))
        } else if pattern == .max {
            assembler.emit(.pcmpeq(2), target, .vector(target))
        } else {
            assembler.move(.rax, constant: pattern)
            assembler.emit(.movd, target, .register(.rax), wide: true)
            assembler.emit(.punpckl(3), target, .vector(target))
        }
    }

    // MARK: Products, sums and pairs

    /// d = n × other, or d ± that. May be given XMM1.
    private mutating func emitProduct(_ opcode: VectorOpcode, _ op: Operation, by other: HostOperand) {
        let size = Int(op.shape.size)
        loadVector(.xmm0, op.n)
        assembler.emit(.pmull(size), .xmm0, other)
        switch opcode {
        case .mla, .mlaByElement: accumulate(.padd(size), op)
        case .mls, .mlsByElement: accumulate(.psub(size), op)
        default: finishVector(op)
        }
    }

    /// d = d `instruction` XMM0.
    private mutating func accumulate(_ instruction: HostInstruction, _ op: Operation) {
        let target = copy(of: op.d, for: op.d)
        assembler.emit(instruction, target, .vector(.xmm0))
        finishVector(op, target)
    }

    /// d = the products of the elements of the lower (Q: upper) halves, or d ± those.
    private mutating func emitLongProduct(_ opcode: VectorOpcode, _ op: Operation) {
        let size = Int(op.shape.size)
        let (isSigned, byElement, accumulation): (Bool, Bool, HostInstruction?) =
            switch opcode {
            case .smull: (true, false, nil)
            case .umull: (false, false, nil)
            case .smlal: (true, false, .padd(size + 1))
            case .umlal: (false, false, .padd(size + 1))
            case .smlsl: (true, false, .psub(size + 1))
            case .umlsl: (false, false, .psub(size + 1))
            case .smullByElement: (true, true, nil)
            case .umullByElement: (false, true, nil)
            case .smlalByElement: (true, true, .padd(size + 1))
            case .umlalByElement: (false, true, .padd(size + 1))
            case .smlslByElement: (true, true, .psub(size + 1))
            default: (false, true, .psub(size + 1))
            }
        if size == 2 {
            // PMULDQ and PMULUDQ take elements 0 and 2, whatever is in the others.
            let order: UInt8 = op.shape.isQ ? 0b11_11_10_10 : 0b01_01_00_00
            if byElement {
                broadcast(.xmm1, op.m, element: op.a, size: 2)
            } else {
                assembler.emit(.pshufd, .xmm1, vector(op.m), immediate: order)
            }
            assembler.emit(.pshufd, .xmm0, vector(op.n), immediate: order)
            assembler.emit(isSigned ? .pmuldq : .pmuludq, .xmm0, .vector(.xmm1))
        } else {
            let widen: HostInstruction = isSigned ? .pmovsx(size) : .pmovzx(size)
            if byElement {
                broadcast(.xmm1, op.m, element: op.a, size: size)
                assembler.emit(widen, .xmm1, .vector(.xmm1))
            } else {
                assembler.emit(widen, .xmm1, half(op.m, isUpper: op.shape.isQ))
            }
            assembler.emit(widen, .xmm0, half(op.n, isUpper: op.shape.isQ))
            // The low half of the product, which is all of it.
            assembler.emit(.pmull(size + 1), .xmm0, .vector(.xmm1))
        }
        guard let accumulation else { return finish(vector: op.d, .xmm0) }
        let target = copy(of: op.d, for: op.d)
        assembler.emit(accumulation, target, .vector(.xmm0))
        finish(vector: op.d, target)
    }

    /// d = sums or differences of the elements of the lower (Q: upper) halves, widened; n may be wide already.
    private mutating func emitLongSum(_ opcode: VectorOpcode, _ op: Operation) {
        let size = Int(op.shape.size)
        let (isSigned, isWide, adds): (Bool, Bool, Bool) =
            switch opcode {
            case .saddl: (true, false, true)
            case .uaddl: (false, false, true)
            case .ssubl: (true, false, false)
            case .usubl: (false, false, false)
            case .saddw: (true, true, true)
            case .uaddw: (false, true, true)
            case .ssubw: (true, true, false)
            default: (false, true, false)
            }
        let widen: HostInstruction = isSigned ? .pmovsx(size) : .pmovzx(size)
        assembler.emit(widen, .xmm1, half(op.m, isUpper: op.shape.isQ))
        if isWide {
            loadVector(.xmm0, op.n)
        } else {
            assembler.emit(widen, .xmm0, half(op.n, isUpper: op.shape.isQ))
        }
        assembler.emit(adds ? .padd(size + 1) : .psub(size + 1), .xmm0, .vector(.xmm1))
        finish(vector: op.d, .xmm0)
    }

    /// XMM0 = an operation on neighbours, first those of n, then those of m.
    private mutating func emitPairwise(_ instruction: HostInstruction, _ op: Operation) {
        emitUnzip(.xmm2, op, odd: true)
        emitUnzip(.xmm0, op, odd: false)
        assembler.emit(instruction, .xmm0, .vector(.xmm2))
    }
}

#endif
