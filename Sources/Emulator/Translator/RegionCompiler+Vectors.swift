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
    private enum SSE {
        static let pand: UInt32 = 0x0FDB
        static let pandn: UInt32 = 0x0FDF
        static let por: UInt32 = 0x0FEB
        static let pxor: UInt32 = 0x0FEF
        static let padd: [UInt32] = [0x0FFC, 0x0FFD, 0x0FFE, 0x0FD4]
        static let psub: [UInt32] = [0x0FF8, 0x0FF9, 0x0FFA, 0x0FFB]
        static let pmul: [UInt32] = [0, 0x0FD5, 0x0F3840, 0]
        static let pcmpeq: [UInt32] = [0x0F74, 0x0F75, 0x0F76, 0x0F3829]
        static let pcmpgt: [UInt32] = [0x0F64, 0x0F65, 0x0F66, 0x0F3837]
        static let pmaxs: [UInt32] = [0x0F383C, 0x0FEE, 0x0F383D, 0]
        static let pmaxu: [UInt32] = [0x0FDE, 0x0F383E, 0x0F383F, 0]
        static let pmins: [UInt32] = [0x0F3838, 0x0FEA, 0x0F3839, 0]
        static let pminu: [UInt32] = [0x0FDA, 0x0F383A, 0x0F383B, 0]
        static let punpckl: [UInt32] = [0x0F60, 0x0F61, 0x0F62, 0x0F6C]
        static let punpckh: [UInt32] = [0x0F68, 0x0F69, 0x0F6A, 0x0F6D]
        static let shiftImmediate: [UInt32] = [0, 0x0F71, 0x0F72, 0x0F73]
        static let pmovsx: [UInt32] = [0x0F3820, 0x0F3823, 0x0F3825]
        static let pmovzx: [UInt32] = [0x0F3830, 0x0F3833, 0x0F3835]
    }

    /// Takes a host register as a result of the operation's shape.
    ///
    /// - Parameter upperHalfIsZero: whether it is known to be.
    mutating func finishVector(_ op: Operation, _ result: HostVector = .xmm0, upperHalfIsZero: Bool = false) {
        // MOVQ
        if !op.shape.isQ && !upperHalfIsZero {
            assembler.vector(0x0F7E, result, .vector(result), prefix: .scalarSingle)
        }
        finish(vector: op.d, result, zeroUpperHalf: !op.shape.isQ || upperHalfIsZero)
    }

    /// XMM0 = n `opcode` m.
    private mutating func binary(_ opcode: UInt32, _ op: Operation) {
        loadVector(.xmm0, op.n)
        assembler.vector(opcode, .xmm0, vector(op.m))
    }

    /// d = n `opcode` m, where zeros make zeros.
    private mutating func whole(_ opcode: UInt32, _ op: Operation) {
        let isZero = heldVectors.hasZeroUpperHalf(op.n) && heldVectors.hasZeroUpperHalf(op.m)
        let target = op.d == op.m ? .xmm0 : vectorDestination(op.d)
        loadVector(target, op.n)
        assembler.vector(opcode, target, vector(op.m))
        finishVector(op, target, upperHalfIsZero: isZero)
    }

    private mutating func swapped(_ opcode: UInt32, _ op: Operation) {
        loadVector(.xmm0, op.m)
        assembler.vector(opcode, .xmm0, vector(op.n))
    }

    /// XMM1 = all ones.
    private mutating func emitOnes() { assembler.vector(0x0F76, .xmm1, .vector(.xmm1)) }

    mutating func emitVector(_ op: Operation) {
        guard let opcode = VectorOpcode(rawValue: op.sub) else { return }
        let size = Int(op.shape.size)
        let xmm1 = HostOperand.vector(.xmm1)
        switch opcode {
        case .and: return whole(SSE.pand, op)
        case .orr: return whole(SSE.por, op)
        case .eor: return whole(SSE.pxor, op)
        case .bic: swapped(SSE.pandn, op)
        case .orn:
            emitOnes()
            assembler.vector(SSE.pxor, .xmm1, vector(op.m))
            loadVector(.xmm0, op.n)
            assembler.vector(SSE.por, .xmm0, xmm1)
        case .not:
            emitOnes()
            loadVector(.xmm0, op.n)
            assembler.vector(SSE.pxor, .xmm0, xmm1)
        case .bsl: emitSelect(op, base: op.m, other: op.n, mask: op.d, inverted: false)
        case .bit: emitSelect(op, base: op.d, other: op.n, mask: op.m, inverted: false)
        case .bif: emitSelect(op, base: op.d, other: op.n, mask: op.m, inverted: true)
        case .movi:
            emitPattern(.xmm0, op.immediate)
        case .orrImmediate:
            emitPattern(.xmm0, op.immediate)
            assembler.vector(SSE.por, .xmm0, vector(op.d))
        case .bicImmediate:
            emitPattern(.xmm0, ~op.immediate)
            assembler.vector(SSE.pand, .xmm0, vector(op.d))
        case .add: return whole(SSE.padd[size], op)
        case .sub: return whole(SSE.psub[size], op)
        case .mul: return whole(SSE.pmul[size], op)
        case .cmeq: binary(SSE.pcmpeq[size], op)
        case .cmgt: binary(SSE.pcmpgt[size], op)
        case .cmge:
            swapped(SSE.pcmpgt[size], op)
            emitOnes()
            assembler.vector(SSE.pxor, .xmm0, xmm1)
        case .cmeqZero:
            assembler.vector(SSE.pxor, .xmm0, .vector(.xmm0))
            assembler.vector(SSE.pcmpeq[size], .xmm0, vector(op.n))
        case .cmltZero:
            assembler.vector(SSE.pxor, .xmm0, .vector(.xmm0))
            assembler.vector(SSE.pcmpgt[size], .xmm0, vector(op.n))
        case .cmgtZero:
            assembler.vector(SSE.pxor, .xmm1, xmm1)
            loadVector(.xmm0, op.n)
            assembler.vector(SSE.pcmpgt[size], .xmm0, xmm1)
        case .smax: binary(SSE.pmaxs[size], op)
        case .umax: binary(SSE.pmaxu[size], op)
        case .smin: binary(SSE.pmins[size], op)
        case .umin: binary(SSE.pminu[size], op)
        case .cmhs:
            // n is the greater or equal one if it is the maximum.
            binary(SSE.pmaxu[size], op)
            assembler.vector(SSE.pcmpeq[size], .xmm0, vector(op.n))
        case .cmhi:
            binary(SSE.pminu[size], op)
            assembler.vector(SSE.pcmpeq[size], .xmm0, vector(op.n))
            emitOnes()
            assembler.vector(SSE.pxor, .xmm0, xmm1)
        case .shl: return emitShift(op, 6)
        case .ushr: return emitShift(op, 2)
        case .sshr: return emitShift(op, 4)
        case .zip1:
            loadVector(.xmm0, op.n)
            assembler.vector(SSE.punpckl[size], .xmm0, vector(op.m))
        case .zip2:
            loadVector(.xmm0, op.n)
            if op.shape.isQ {
                assembler.vector(SSE.punpckh[size], .xmm0, vector(op.m))
            } else {
                // The upper half of the interleaved lower halves.
                assembler.vector(SSE.punpckl[size], .xmm0, vector(op.m))
                emitShiftRight(.xmm0, bytes: 8)
            }
        case .ext: emitExtract(op)
        case .dupElement:
            // PSHUFD by the element's number.
            assembler.vector(0x0F70, .xmm0, vector(op.n))
            assembler.byte(size == 2 ? (op.a & 3) &* 0x55 : op.a & 1 == 0 ? 0x44 : 0xEE)
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
                assembler.encode(
                    0x0F7E, host.rawValue, .register(target), wide: size == 3, prefix: .operandSize)
            } else {
                let place = element(vectorInState(op.n), op.a, size)
                assembler.load(target, place, size: 1 << size)
            }
            finish(op.d, target)
            return
        case .ushll, .sshll:
            let table = opcode == .ushll ? SSE.pmovzx : SSE.pmovsx
            assembler.vector(table[size], .xmm0, half(op.n, isUpper: op.shape.isQ))
            if op.a != 0 {
                assembler.encode(SSE.shiftImmediate[size + 1], 6, .vector(.xmm0), prefix: .operandSize)
                assembler.byte(op.a)
            }
            finish(vector: op.d, .xmm0)
            return
        case .smull, .umull, .smlal, .umlal, .saddl, .uaddl, .saddw, .uaddw:
            emitLong(opcode, op)
            finish(vector: op.d, .xmm0)
            return
        case .mla:
            binary(SSE.pmul[size], op)
            assembler.vector(SSE.padd[size], .xmm0, vector(op.d))
        case .mls:
            binary(SSE.pmul[size], op)
            assembler.vector(0x0F6F, .xmm1, .vector(.xmm0))
            loadVector(.xmm0, op.d)
            assembler.vector(SSE.psub[size], .xmm0, xmm1)
        case .rev32, .rev64:
            // PSHUFB by the order of bytes within the containers.
            let (low, high): (UInt64, UInt64) =
                opcode == .rev32
                ? (0x0405_0607_0001_0203, 0x0C0D_0E0F_0809_0A0B) : (0x0001_0203_0405_0607, 0x0809_0A0B_0C0D_0E0F)
            assembler.move(.rax, constant: low)
            assembler.vector(0x0F6E, .xmm1, .register(.rax), wide: true)
            assembler.move(.rax, constant: high)
            assembler.vector(0x0F6E, .xmm2, .register(.rax), wide: true)
            assembler.vector(SSE.punpckl[3], .xmm1, .vector(.xmm2))
            loadVector(.xmm0, op.n)
            assembler.vector(0x0F3800, .xmm0, xmm1)
        case .xtn: emitNarrow(op)
        case .addpScalar:
            let source = vectorInState(op.n)
            assembler.move(.rax, element(source, 0, 3))
            assembler.arithmetic(.add, .rax, element(source, 1, 3))
            assembler.vector(0x0F6E, .xmm0, .register(.rax), wide: true)
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
        assembler.vector(SSE.pxor, .xmm0, vector(other))
        if inverted {
            loadVector(.xmm1, mask)
            assembler.vector(SSE.pandn, .xmm1, .vector(.xmm0))
            assembler.vector(0x0F6F, .xmm0, .vector(.xmm1))
        } else {
            assembler.vector(SSE.pand, .xmm0, vector(mask))
        }
        assembler.vector(SSE.pxor, .xmm0, vector(base))
    }

    /// Both halves of a register = a pattern.
    private mutating func emitPattern(_ target: HostVector, _ pattern: UInt64) {
        if pattern == 0 {
            assembler.vector(SSE.pxor, target, .vector(target))
        } else if pattern == .max {
            assembler.vector(SSE.pcmpeq[2], target, .vector(target))
        } else {
            assembler.move(.rax, constant: pattern)
            assembler.vector(0x0F6E, target, .register(.rax), wide: true)
            assembler.vector(SSE.punpckl[3], target, .vector(target))
        }
    }

    private mutating func emitShift(_ op: Operation, _ kind: UInt8) {
        let isZero = heldVectors.hasZeroUpperHalf(op.n)
        let target = vectorDestination(op.d)
        loadVector(target, op.n)
        assembler.encode(SSE.shiftImmediate[Int(op.shape.size)], kind, .vector(target), prefix: .operandSize)
        assembler.byte(op.a)
        finishVector(op, target, upperHalfIsZero: isZero)
    }

    private mutating func emitShiftRight(_ register: HostVector, bytes: UInt8) {
        // PSRLDQ
        assembler.encode(0x0F73, 3, .vector(register), prefix: .operandSize)
        assembler.byte(bytes)
    }

    /// XMM0 = the bytes from number `a` of m:n.
    private mutating func emitExtract(_ op: Operation) {
        if op.shape.isQ {
            loadVector(.xmm0, op.n)
            emitShiftRight(.xmm0, bytes: op.a)
            loadVector(.xmm1, op.m)
            // PSLLDQ
            assembler.encode(0x0F73, 7, .vector(.xmm1), prefix: .operandSize)
            assembler.byte(16 - op.a)
            assembler.vector(SSE.por, .xmm0, .vector(.xmm1))
        } else {
            // The lower halves side by side.
            loadVector(.xmm0, op.n)
            assembler.vector(SSE.punpckl[3], .xmm0, vector(op.m))
            emitShiftRight(.xmm0, bytes: op.a)
        }
    }

    /// XMM0 = operations on the elements of the lower (Q: upper) halves, widened.
    private mutating func emitLong(_ opcode: VectorOpcode, _ op: Operation) {
        let size = Int(op.shape.size)
        let isSigned = opcode == .smull || opcode == .smlal || opcode == .saddl || opcode == .saddw
        let widen = (isSigned ? SSE.pmovsx : SSE.pmovzx)[size]
        assembler.vector(widen, .xmm1, half(op.m, isUpper: op.shape.isQ))
        if opcode == .saddw || opcode == .uaddw {
            loadVector(.xmm0, op.n)
        } else {
            assembler.vector(widen, .xmm0, half(op.n, isUpper: op.shape.isQ))
        }
        switch opcode {
        case .saddl, .uaddl, .saddw, .uaddw:
            assembler.vector(SSE.padd[size + 1], .xmm0, .vector(.xmm1))
        default:
            // PMULLW and PMULLD keep the low half of the product; PMULDQ and PMULUDQ make one of 64 bits.
            let multiply = size == 2 ? (isSigned ? 0x0F3828 : 0x0FF4) : SSE.pmul[size + 1]
            assembler.vector(multiply, .xmm0, .vector(.xmm1))
            if opcode == .smlal || opcode == .umlal {
                assembler.vector(SSE.padd[size + 1], .xmm0, vector(op.d))
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
            assembler.vector(0x0F6E, .xmm0, .register(source), wide: true)
            assembler.vector(SSE.punpckl[3], .xmm0, .vector(.xmm0))
        case 2:
            assembler.vector(0x0F6E, .xmm0, .register(source))
            assembler.vector(0x0F70, .xmm0, .vector(.xmm0))
            assembler.byte(0)
        default:
            assembler.load(.rax, .register(source), size: op.shape.size == 0 ? 1 : 2)
            assembler.encode(0x69, HostRegister.rax.rawValue, .register(.rax))
            assembler.word(op.shape.size == 0 ? 0x0101_0101 : 0x0001_0001)
            assembler.vector(0x0F6E, .xmm0, .register(.rax))
            assembler.vector(0x0F70, .xmm0, .vector(.xmm0))
            assembler.byte(0)
        }
    }

    /// XMM0 = the lower halves of the elements of n, in its lower half.
    private mutating func emitNarrow(_ op: Operation) {
        loadVector(.xmm0, op.n)
        switch op.shape.size {
        case 0:
            emitPattern(.xmm1, 0x00FF_00FF_00FF_00FF)
            assembler.vector(SSE.pand, .xmm0, .vector(.xmm1))
            // PACKUSWB
            assembler.vector(0x0F67, .xmm0, .vector(.xmm0))
        case 1:
            emitPattern(.xmm1, 0x0000_FFFF_0000_FFFF)
            assembler.vector(SSE.pand, .xmm0, .vector(.xmm1))
            // PACKUSDW
            assembler.vector(0x0F382B, .xmm0, .vector(.xmm0))
        default:
            // PSHUFD: elements 0 and 2.
            assembler.vector(0x0F70, .xmm0, .vector(.xmm0))
            assembler.byte(0x08)
        }
    }
}

#endif
