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
        case .cmgt, .cmge, .cmeqZero, .cmgtZero, .cmltZero:
            self = isPlain ? .native : .helper
        case .smax, .umax, .smin, .umin, .cmhi, .cmhs:
            self = size < 3 ? .native : .helper
        case .shl, .ushr:
            self = isPlain && size > 0 ? .native : .helper
        case .sshr:
            self = size == 1 || size == 2 ? .native : .helper
        case .zip1, .zip2:
            self = .native
        case .ext:
            self = .native
        case .dupElement:
            self = op.shape.isScalar || size < 2 ? .helper : .native
        case .dupGeneral:
            self = .native
        case .insGeneral:
            self = .native
        case .insElement:
            self = .native
        case .umov:
            self = .native
        case .ushll, .sshll:
            self = size < 3 ? .native : .helper
        case .smull, .umull, .smlal, .umlal, .saddl, .uaddl, .saddw, .uaddw:
            self = size < 3 ? .native : .helper
        case .mla, .mls:
            self = size == 1 || size == 2 ? .native : .helper
        case .rev32, .rev64:
            self = size == 0 ? .native : .helper
        case .xtn:
            self = op.shape.isQ ? .helper : .native
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
            emitOnes()
            loadVector(.xmm0, op.n)
            assembler.emit(.pxor, .xmm0, xmm1)
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
        case .mul: return whole(.pmull(size), op)
        case .cmeq: binary(.pcmpeq(size), op)
        case .cmgt: binary(.pcmpgt(size), op)
        case .cmge:
            swapped(.pcmpgt(size), op)
            emitOnes()
            assembler.emit(.pxor, .xmm0, xmm1)
        case .cmeqZero:
            assembler.emit(.pxor, .xmm0, .vector(.xmm0))
            assembler.emit(.pcmpeq(size), .xmm0, vector(op.n))
        case .cmltZero:
            assembler.emit(.pxor, .xmm0, .vector(.xmm0))
            assembler.emit(.pcmpgt(size), .xmm0, vector(op.n))
        case .cmgtZero:
            assembler.emit(.pxor, .xmm1, xmm1)
            loadVector(.xmm0, op.n)
            assembler.emit(.pcmpgt(size), .xmm0, xmm1)
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
            emitOnes()
            assembler.emit(.pxor, .xmm0, xmm1)
        case .shl: return emitShift(op, .left)
        case .ushr: return emitShift(op, .rightLogical)
        case .sshr: return emitShift(op, .rightArithmetic)
        case .zip1:
            loadVector(.xmm0, op.n)
            assembler.emit(.punpckl(size), .xmm0, vector(op.m))
        case .zip2:
            loadVector(.xmm0, op.n)
            if op.shape.isQ {
                assembler.emit(.punpckh(size), .xmm0, vector(op.m))
            } else {
                // The upper half of the interleaved lower halves.
                assembler.emit(.punpckl(size), .xmm0, vector(op.m))
                emitShiftRight(.xmm0, bytes: 8)
            }
        case .ext: emitExtract(op)
        case .dupElement:
            // By the element's number.
            let order = size == 2 ? (op.a & 3) &* 0x55 : op.a & 1 == 0 ? 0x44 : 0xEE
            assembler.emit(.pshufd, .xmm0, vector(op.n), immediate: order)
        case .dupGeneral: emitDuplicate(op)
        case .insGeneral:
            let place = element(vectorToChangeInState(op.d), op.a, size)
            assembler.store(value(op.n, in: .rax), place, size: 1 << size)
            return
        case .insElement:
            let place = element(vectorInState(op.n), UInt8(truncatingIfNeeded: op.immediate), size)
            assembler.load(.rax, place, size: 1 << size)
            assembler.store(.rax, element(vectorToChangeInState(op.d), op.a, size), size: 1 << size)
            return
        case .umov:
            let target = destination(op.d)
            if size >= 2, op.a == 0, let host = heldVectors.host(of: op.n) {
                // MOVD or MOVQ
                assembler.emit(.movdStore, host, .register(target), wide: size == 3)
            } else {
                let place = element(vectorInState(op.n), op.a, size)
                assembler.load(target, place, size: 1 << size)
            }
            finish(op.d, target)
            return
        case .ushll, .sshll:
            assembler.emit(opcode == .ushll ? .pmovzx(size) : .pmovsx(size), .xmm0, half(op.n, isUpper: op.shape.isQ))
            if op.a != 0 {
                assembler.shift(.pshift(.left, size + 1), .xmm0, by: op.a)
            }
            finish(vector: op.d, .xmm0)
            return
        case .smull, .umull, .smlal, .umlal, .saddl, .uaddl, .saddw, .uaddw:
            emitLong(opcode, op)
            finish(vector: op.d, .xmm0)
            return
        case .mla:
            binary(.pmull(size), op)
            assembler.emit(.padd(size), .xmm0, vector(op.d))
        case .mls:
            binary(.pmull(size), op)
            assembler.emit(.movdqa, .xmm1, .vector(.xmm0))
            loadVector(.xmm0, op.d)
            assembler.emit(.psub(size), .xmm0, xmm1)
        case .rev32, .rev64:
            // By the order of bytes within the containers.
            let (low, high): (UInt64, UInt64) =
                opcode == .rev32
                ? (0x0405_0607_0001_0203, 0x0C0D_0E0F_0809_0A0B) : (0x0001_0203_0405_0607, 0x0809_0A0B_0C0D_0E0F)
            assembler.move(.rax, constant: low)
            assembler.emit(.movd, .xmm1, .register(.rax), wide: true)
            assembler.move(.rax, constant: high)
            assembler.emit(.movd, .xmm2, .register(.rax), wide: true)
            assembler.emit(.punpckl(3), .xmm1, .vector(.xmm2))
            loadVector(.xmm0, op.n)
            assembler.emit(.pshufb, .xmm0, xmm1)
        case .xtn: emitNarrow(op)
        case .addpScalar:
            let source = vectorInState(op.n)
            assembler.move(.rax, element(source, 0, 3))
            assembler.arithmetic(.add, .rax, element(source, 1, 3))
            assembler.emit(.movd, .xmm0, .register(.rax), wide: true)
            finish(vector: op.d, .xmm0, zeroUpperHalf: true)
            return
        default: return
        }
        finishVector(op)
    }

    /// An element of a vector register in the state block.
    private func element(_ place: HostOperand, _ index: UInt8, _ size: Int) -> HostOperand {
        .memory(.rbx, place.displacement + Int32(index) << Int32(size))
    }

    /// The lower or upper half of a vector register.
    private mutating func half(_ register: UInt8, isUpper: Bool) -> HostOperand {
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
    private mutating func emitPattern(_ target: HostVector, _ pattern: UInt64) {
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

    private mutating func emitShift(_ op: Operation, _ kind: HostInstruction.ElementShift) {
        let isZero = heldVectors.hasZeroUpperHalf(op.n)
        let target = vectorDestination(op.d)
        loadVector(target, op.n)
        assembler.shift(.pshift(kind, Int(op.shape.size)), target, by: op.a)
        finishVector(op, target, upperHalfIsZero: isZero)
    }

    private mutating func emitShiftRight(_ register: HostVector, bytes: UInt8) {
        assembler.shift(.psrldq, register, by: bytes)
    }

    /// XMM0 = the bytes from number `a` of m:n.
    private mutating func emitExtract(_ op: Operation) {
        if op.shape.isQ {
            loadVector(.xmm0, op.n)
            emitShiftRight(.xmm0, bytes: op.a)
            loadVector(.xmm1, op.m)
            assembler.shift(.pslldq, .xmm1, by: 16 - op.a)
            assembler.emit(.por, .xmm0, .vector(.xmm1))
        } else {
            // The lower halves side by side.
            loadVector(.xmm0, op.n)
            assembler.emit(.punpckl(3), .xmm0, vector(op.m))
            emitShiftRight(.xmm0, bytes: op.a)
        }
    }

    /// XMM0 = operations on the elements of the lower (Q: upper) halves, widened.
    private mutating func emitLong(_ opcode: VectorOpcode, _ op: Operation) {
        let size = Int(op.shape.size)
        let isSigned = opcode == .smull || opcode == .smlal || opcode == .saddl || opcode == .saddw
        let widen: HostInstruction = isSigned ? .pmovsx(size) : .pmovzx(size)
        assembler.emit(widen, .xmm1, half(op.m, isUpper: op.shape.isQ))
        if opcode == .saddw || opcode == .uaddw {
            loadVector(.xmm0, op.n)
        } else {
            assembler.emit(widen, .xmm0, half(op.n, isUpper: op.shape.isQ))
        }
        switch opcode {
        case .saddl, .uaddl, .saddw, .uaddw:
            assembler.emit(.padd(size + 1), .xmm0, .vector(.xmm1))
        default:
            // PMULLW and PMULLD keep the low half of the product; PMULDQ and PMULUDQ make one of 64 bits.
            let multiply: HostInstruction = size == 2 ? (isSigned ? .pmuldq : .pmuludq) : .pmull(size + 1)
            assembler.emit(multiply, .xmm0, .vector(.xmm1))
            if opcode == .smlal || opcode == .umlal {
                assembler.emit(.padd(size + 1), .xmm0, vector(op.d))
            }
        }
    }

    private mutating func emitDuplicate(_ op: Operation) {
        emitDuplicate(value(op.n, in: .rax), op)
    }

    /// XMM0 = the low bits of a register in every element. Changes RAX.
    mutating func emitDuplicate(_ source: HostRegister, _ op: Operation) {
        switch op.shape.size {
        case 3:
            assembler.emit(.movd, .xmm0, .register(source), wide: true)
            assembler.emit(.punpckl(3), .xmm0, .vector(.xmm0))
        case 2:
            assembler.emit(.movd, .xmm0, .register(source))
            assembler.emit(.pshufd, .xmm0, .vector(.xmm0), immediate: 0)
        default:
            assembler.load(.rax, .register(source), size: op.shape.size == 0 ? 1 : 2)
            assembler.multiply(
                .rax, .register(.rax), constant: op.shape.size == 0 ? 0x0101_0101 : 0x0001_0001, wide: false)
            assembler.emit(.movd, .xmm0, .register(.rax))
            assembler.emit(.pshufd, .xmm0, .vector(.xmm0), immediate: 0)
        }
    }

    /// XMM0 = the lower halves of the elements of n, in its lower half.
    private mutating func emitNarrow(_ op: Operation) {
        loadVector(.xmm0, op.n)
        switch op.shape.size {
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
