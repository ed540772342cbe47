// Floating point by the host's own instructions, where that is certain to give the Arm result: see `HostFloat`.
//
// The host's answer counts if FPCR rounds to nearest and does not flush, FPSR says that inexactness has been seen (so
// that there is nothing left to find out), and the result is finite and well above the denormals. The first two are
// tested once on each path through a block, and what fails there goes on in the interpreter; the last is tested for
// each result, and what fails there goes to a helper.

#if arch(x86_64)

extension Treatment {
    /// Which floating-point operations are translated.
    init(float op: Operation, features: HostFeatures) {
        guard let opcode = FloatOpcode(rawValue: op.sub) else {
            self = .resume
            return
        }
        switch opcode {
        case .faddSingle, .faddDouble, .fsubSingle, .fsubDouble, .fmulSingle, .fmulDouble, .fdivSingle, .fdivDouble,
            .fnmulSingle, .fnmulDouble, .fsqrtSingle, .fsqrtDouble, .fcmpSingle, .fcmpDouble, .fcmpeSingle,
            .fcmpeDouble, .fcmpZeroSingle, .fcmpZeroDouble, .fcmpeZeroSingle, .fcmpeZeroDouble, .fcselSingle,
            .fcselDouble, .fcvtSingleToDouble, .fcvtDoubleToSingle:
            self = .guarded
        case .fmaddSingle, .fmaddDouble, .fmsubSingle, .fmsubDouble, .fnmaddSingle, .fnmaddDouble, .fnmsubSingle,
            .fnmsubDouble:
            self = features.hasFMA ? .guarded : .helper
        case .fmovSingle, .fmovDouble, .fabsSingle, .fabsDouble, .fnegSingle, .fnegDouble, .fmovImmediate:
            self = .native
        case .fmovGeneralToSingle, .fmovGeneralToDouble, .fmovGeneralToTop:
            self = .native
        case .fmovSingleToGeneral, .fmovDoubleToGeneral, .fmovTopToGeneral:
            self = .native
        case .fcvtzsSW, .fcvtzsSX, .fcvtzsDW, .fcvtzsDX, .fcvtzuSW, .fcvtzuSX, .fcvtzuDW, .fcvtzuDX:
            self = .guarded
        case .scvtfWD, .ucvtfWD:
            self = .native
        case .scvtfWS, .scvtfXS, .scvtfXD, .ucvtfWS, .ucvtfXS, .ucvtfXD:
            self = .guarded
        case .fadd, .fsub, .fmul, .fdiv, .fmulElement:
            self = Self.isWholeVector(op) ? .guarded : .helper
        case .fmla, .fmls, .fmlaElement, .fmlsElement:
            self = features.hasFMA && Self.isWholeVector(op) ? .guarded : .helper
        default:
            self = .helper
        }
    }

    /// Two doubles or four singles.
    private static func isWholeVector(_ op: Operation) -> Bool {
        op.shape.isQ && !op.shape.isScalar && op.shape.size >= 2
    }
}

extension RegionCompiler {
    mutating func emitFloat(_ op: Operation) {
        guard let opcode = FloatOpcode(rawValue: op.sub) else { return }
        switch opcode {
        case .faddSingle: binary(.add, op, isDouble: false)
        case .faddDouble: binary(.add, op, isDouble: true)
        case .fsubSingle: binary(.subtract, op, isDouble: false)
        case .fsubDouble: binary(.subtract, op, isDouble: true)
        case .fmulSingle: binary(.multiply, op, isDouble: false)
        case .fmulDouble: binary(.multiply, op, isDouble: true)
        case .fdivSingle: binary(.divide, op, isDouble: false)
        case .fdivDouble: binary(.divide, op, isDouble: true)
        case .fnmulSingle: binary(.multiply, op, isDouble: false, negates: true)
        case .fnmulDouble: binary(.multiply, op, isDouble: true, negates: true)
        case .fsqrtSingle: unary(.squareRoot, op, isDouble: false)
        case .fsqrtDouble: unary(.squareRoot, op, isDouble: true)
        case .fmaddSingle: fused(.vfmadd231Scalar, op, isDouble: false)
        case .fmaddDouble: fused(.vfmadd231Scalar, op, isDouble: true)
        case .fmsubSingle: fused(.vfnmadd231Scalar, op, isDouble: false)
        case .fmsubDouble: fused(.vfnmadd231Scalar, op, isDouble: true)
        case .fnmaddSingle: fused(.vfnmsub231Scalar, op, isDouble: false)
        case .fnmaddDouble: fused(.vfnmsub231Scalar, op, isDouble: true)
        case .fnmsubSingle: fused(.vfmsub231Scalar, op, isDouble: false)
        case .fnmsubDouble: fused(.vfmsub231Scalar, op, isDouble: true)
        case .fcmpSingle, .fcmpeSingle: compare(op, with: vector(op.m), isDouble: false)
        case .fcmpDouble, .fcmpeDouble: compare(op, with: vector(op.m), isDouble: true)
        case .fcmpZeroSingle, .fcmpeZeroSingle: compare(op, with: nil, isDouble: false)
        case .fcmpZeroDouble, .fcmpeZeroDouble: compare(op, with: nil, isDouble: true)
        case .fcselSingle: select(op, isDouble: false)
        case .fcselDouble: select(op, isDouble: true)
        case .fcvtSingleToDouble:
            loadScalar(.xmm0, op.n, isDouble: false)
            guardOrdinary(isDouble: false)
            assembler.emit(.convertPrecision.scalar(isDouble: false), .xmm0, .vector(.xmm0))
            finishScalar(op)
        case .fcvtDoubleToSingle:
            checkHostFloat()
            loadScalar(.xmm1, op.n, isDouble: true)
            assembler.emit(.pxor, .xmm0, .vector(.xmm0))
            assembler.emit(.convertPrecision.scalar(isDouble: true), .xmm0, .vector(.xmm1))
            guardOrdinary(isDouble: false)
            finishScalar(op)
        case .fmovSingle, .fmovDouble:
            loadScalar(.xmm0, op.n, isDouble: opcode == .fmovDouble)
            finishScalar(op)
        case .fabsSingle: changeSign(op, .btr, isDouble: false)
        case .fabsDouble: changeSign(op, .btr, isDouble: true)
        case .fnegSingle: changeSign(op, .btc, isDouble: false)
        case .fnegDouble: changeSign(op, .btc, isDouble: true)
        case .fmovImmediate:
            assembler.move(.rax, constant: op.immediate)
            assembler.emit(.movd, .xmm0, .register(.rax), wide: true)
            if op.shape.isQ { assembler.emit(.punpckl(3), .xmm0, .vector(.xmm0)) }
            finish(vector: op.d, .xmm0, zeroUpperHalf: !op.shape.isQ)
        case .fmovGeneralToSingle, .fmovGeneralToDouble:
            assembler.emit(.movd, .xmm0, operand(op.n), wide: opcode == .fmovGeneralToDouble)
            finishScalar(op)
        case .fmovGeneralToTop:
            insert(op.n, into: op.d, element: 1, size: 3)
        case .fmovSingleToGeneral, .fmovDoubleToGeneral, .fmovTopToGeneral:
            let target = destination(op.d)
            if opcode != .fmovTopToGeneral, let host = heldVectors.host(of: op.n) {
                assembler.emit(.movdStore, host, .register(target), wide: opcode == .fmovDoubleToGeneral)
                finish(op.d, target)
                return
            }
            let half: Int32 = opcode == .fmovTopToGeneral ? 8 : 0
            let place = vectorInState(op.n)
            assembler.move(
                target, .memory(.rbx, place.displacement + half), wide: opcode != .fmovSingleToGeneral)
            finish(op.d, target)
        case .fcvtzsSW: truncate(op, isDouble: false, wide: false, isSigned: true)
        case .fcvtzsSX: truncate(op, isDouble: false, wide: true, isSigned: true)
        case .fcvtzsDW: truncate(op, isDouble: true, wide: false, isSigned: true)
        case .fcvtzsDX: truncate(op, isDouble: true, wide: true, isSigned: true)
        case .fcvtzuSW: truncate(op, isDouble: false, wide: false, isSigned: false)
        case .fcvtzuSX: truncate(op, isDouble: false, wide: true, isSigned: false)
        case .fcvtzuDW: truncate(op, isDouble: true, wide: false, isSigned: false)
        case .fcvtzuDX: truncate(op, isDouble: true, wide: true, isSigned: false)
        case .scvtfWS: convert(op, isDouble: false, wide: false, isSigned: true)
        case .scvtfWD: convert(op, isDouble: true, wide: false, isSigned: true)
        case .scvtfXS: convert(op, isDouble: false, wide: true, isSigned: true)
        case .scvtfXD: convert(op, isDouble: true, wide: true, isSigned: true)
        case .ucvtfWS: convert(op, isDouble: false, wide: false, isSigned: false)
        case .ucvtfWD: convert(op, isDouble: true, wide: false, isSigned: false)
        case .ucvtfXS: convert(op, isDouble: false, wide: true, isSigned: false)
        case .ucvtfXD: convert(op, isDouble: true, wide: true, isSigned: false)
        case .fadd: packed(.add, op)
        case .fsub: packed(.subtract, op)
        case .fmul: packed(.multiply, op)
        case .fdiv: packed(.divide, op)
        case .fmulElement: packed(.multiply, op, byElement: true)
        case .fmla: packedFused(.vfmadd231Packed, op)
        case .fmls: packedFused(.vfnmadd231Packed, op)
        case .fmlaElement: packedFused(.vfmadd231Packed, op, byElement: true)
        case .fmlsElement: packedFused(.vfnmadd231Packed, op, byElement: true)
        default: break
        }
    }

    // MARK: Guards

    /// Goes on in the interpreter unless the host's arithmetic applies.
    private mutating func checkHostFloat() {
        guard !hostFloatIsChecked else { return }
        hostFloatIsChecked = true
        assembler.test(
            state(CPUState.Offset.fpcr), constant: Int32(bitPattern: FPCR.fz | FPCR.rMode), wide: false)
        deferred.append(.resume(assembler.jump(if: .ne), place))
        assembler.test(state(CPUState.Offset.fpsr), constant: Int32(bitPattern: FPSR.ixc), wide: false)
        deferred.append(.resume(assembler.jump(if: .e), place))
    }

    /// Adds a jump to a helper that executes the operation in place of what follows, up to `endHelp`.
    private mutating func help(if condition: HostCondition) {
        helps.append(assembler.jump(if: condition))
    }

    /// Where the helpers of this operation come back to.
    private mutating func endHelp() {
        for fixup in helps { deferred.append(.help(fixup, back: assembler.cursor, place, after: heldVectors)) }
        helps.removeAll(keepingCapacity: true)
    }

    /// Jumps to a helper unless the number in XMM0 is ordinary. Changes RAX.
    private mutating func guardOrdinary(isDouble: Bool) {
        assembler.emit(.movdStore, .xmm0, .register(.rax), wide: isDouble)
        assembler.shift(.shr, .rax, by: isDouble ? 52 : 23, wide: isDouble)
        let infinity: Int32 = isDouble ? 0x7FF : 0xFF
        assembler.arithmetic(.and, .register(.rax), constant: infinity, wide: false)
        assembler.arithmetic(.sub, .register(.rax), constant: 2, wide: false)
        assembler.arithmetic(.cmp, .register(.rax), constant: infinity - 2, wide: false)
        help(if: .ae)
    }

    // MARK: Scalars

    /// The low element of a vector register; the rest becomes zero.
    private mutating func loadScalar(_ target: HostVector, _ register: UInt8, isDouble: Bool) {
        guard let host = heldVectors.host(of: register) else {
            assembler.emit(.movScalar.scalar(isDouble: isDouble), target, vector(register))
            return
        }
        if isDouble {
            assembler.emit(.movq, target, .vector(host))
        } else {
            // Element 0, with all others cleared.
            assembler.emit(.insertps, target, .vector(host), immediate: 0x0E)
        }
    }

    /// XMM0, of which only the low element is not zero, is the result.
    private mutating func finishScalar(_ op: Operation) {
        finish(vector: op.d, .xmm0, zeroUpperHalf: true)
        endHelp()
    }

    /// All of XMM0 is the result.
    private mutating func finishPacked(_ op: Operation) {
        finish(vector: op.d, .xmm0)
        endHelp()
    }

    private mutating func binary(_ instruction: HostInstruction, _ op: Operation, isDouble: Bool, negates: Bool = false)
    {
        checkHostFloat()
        loadScalar(.xmm0, op.n, isDouble: isDouble)
        assembler.emit(instruction.scalar(isDouble: isDouble), .xmm0, vector(op.m))
        guardOrdinary(isDouble: isDouble)
        if negates { flipSign(.btc, isDouble: isDouble) }
        finishScalar(op)
    }

    private mutating func unary(_ instruction: HostInstruction, _ op: Operation, isDouble: Bool) {
        checkHostFloat()
        assembler.emit(.pxor, .xmm0, .vector(.xmm0))
        assembler.emit(instruction.scalar(isDouble: isDouble), .xmm0, vector(op.n))
        guardOrdinary(isDouble: isDouble)
        finishScalar(op)
    }

    /// XMM0 = ±a ± n × m, by an FMA instruction of the 231 form.
    private mutating func fused(_ instruction: HostVEXInstruction, _ op: Operation, isDouble: Bool) {
        checkHostFloat()
        loadScalar(.xmm0, op.a, isDouble: isDouble)
        loadScalar(.xmm1, op.n, isDouble: isDouble)
        assembler.fusedMultiply(instruction, .xmm0, .xmm1, vector(op.m), isDouble: isDouble)
        guardOrdinary(isDouble: isDouble)
        finishScalar(op)
    }

    /// BTR or BTC of the sign of XMM0. Changes RAX.
    private mutating func flipSign(_ instruction: HostInstruction, isDouble: Bool) {
        assembler.emit(.movdStore, .xmm0, .register(.rax), wide: isDouble)
        assembler.bit(instruction, .register(.rax), isDouble ? 63 : 31, wide: isDouble)
        assembler.emit(.movd, .xmm0, .register(.rax), wide: isDouble)
    }

    private mutating func changeSign(_ op: Operation, _ instruction: HostInstruction, isDouble: Bool) {
        loadScalar(.xmm0, op.n, isDouble: isDouble)
        flipSign(instruction, isDouble: isDouble)
        finishScalar(op)
    }

    /// NZCV = n compared with m, or with zero. A NaN goes to the helper.
    private mutating func compare(_ op: Operation, with other: HostOperand?, isDouble: Bool) {
        assembler.test(state(CPUState.Offset.fpcr), constant: Int32(bitPattern: FPCR.fz), wide: false)
        help(if: .ne)
        loadScalar(.xmm0, op.n, isDouble: isDouble)
        if other == nil { assembler.emit(.pxor, .xmm1, .vector(.xmm1)) }
        assembler.emit(.unorderedCompare.packed(isDouble: isDouble), .xmm0, other ?? .vector(.xmm1))
        help(if: .p)
        // Greater: C. Less: N. Equal: Z and C.
        assembler.move(.rax, constant: UInt64(HostFlags.c))
        assembler.move(.rcx, constant: UInt64(HostFlags.n))
        assembler.move(.rax, .register(.rcx), if: .b, wide: false)
        assembler.move(.rcx, constant: UInt64(HostFlags.z | HostFlags.c))
        assembler.move(.rax, .register(.rcx), if: .e, wide: false)
        assembler.store(.rax, state(CPUState.Offset.hostFlags), size: 2)
        endHelp()
    }

    private mutating func select(_ op: Operation, isDouble: Bool) {
        guard !Self.isAlways(op.a) else {
            loadScalar(.xmm0, op.n, isDouble: isDouble)
            finish(vector: op.d, .xmm0, zeroUpperHalf: true)
            return
        }
        held = heldBefore
        let condition = hostCondition(op.a)
        let otherwise = assembler.skip(if: condition.inverted)
        loadScalar(.xmm0, op.n, isDouble: isDouble)
        let done = assembler.skip()
        assembler.land(otherwise)
        loadScalar(.xmm0, op.m, isDouble: isDouble)
        assembler.land(done)
        finish(vector: op.d, .xmm0, zeroUpperHalf: true)
    }

    // MARK: Conversions

    /// Towards zero. What is out of range gives the host's indefinite integer, and goes to the helper.
    private mutating func truncate(_ op: Operation, isDouble: Bool, wide: Bool, isSigned: Bool) {
        checkHostFloat()
        // Unsigned words are converted as signed doublewords.
        let converted = wide || !isSigned
        assembler.emit(.truncateToInteger.scalar(isDouble: isDouble), .rax, vector(op.n), wide: converted)
        if isSigned {
            assembler.move(.rcx, constant: wide ? 1 << 63 : 1 << 31)
            assembler.arithmetic(.cmp, .rax, .register(.rcx), wide: wide)
            help(if: .e)
        } else {
            // The result is to be below 1 << 32, or 1 << 63.
            assembler.move(.rcx, .rax)
            assembler.shift(.shr, .rcx, by: wide ? 63 : 32)
            help(if: .ne)
        }
        finish(op.d, .rax)
        endHelp()
    }

    private mutating func convert(_ op: Operation, isDouble: Bool, wide: Bool, isSigned: Bool) {
        if wide || !isDouble { checkHostFloat() }
        load(op.n, to: .rax, wide: wide)
        if wide && !isSigned {
            assembler.test(.rax, .rax, wide: true)
            help(if: .s)
        }
        assembler.emit(.pxor, .xmm0, .vector(.xmm0))
        assembler.emit(
            .convertFromInteger.scalar(isDouble: isDouble), .xmm0, .register(.rax), wide: wide || !isSigned)
        finishScalar(op)
    }

    // MARK: Whole vectors

    private mutating func packed(_ instruction: HostInstruction, _ op: Operation, byElement: Bool = false) {
        checkHostFloat()
        let other = secondOperand(of: op, byElement: byElement)
        loadVector(.xmm0, op.n)
        assembler.emit(instruction.packed(isDouble: op.shape.size == 3), .xmm0, other)
        guardOrdinaryElements(op)
        finishPacked(op)
    }

    /// d = d ± n × m.
    private mutating func packedFused(_ instruction: HostVEXInstruction, _ op: Operation, byElement: Bool = false) {
        checkHostFloat()
        let other = secondOperand(of: op, byElement: byElement)
        loadVector(.xmm0, op.d)
        loadVector(.xmm2, op.n)
        assembler.fusedMultiply(instruction, .xmm0, .xmm2, other, isDouble: op.shape.size == 3)
        guardOrdinaryElements(op)
        finishPacked(op)
    }

    /// All of m, or XMM1 with element `a` of it everywhere.
    private mutating func secondOperand(of op: Operation, byElement: Bool) -> HostOperand {
        guard byElement else { return vector(op.m) }
        broadcast(.xmm1, op.m, element: op.a, size: Int(op.shape.size))
        return .vector(.xmm1)
    }

    /// Jumps to a helper unless all elements of XMM0 are ordinary. Changes RAX and XMM1.
    ///
    /// Twice an element has no sign, and an exponent at the top. The ordinary ones are a range of those, which is moved
    /// to the lowest signed numbers.
    private mutating func guardOrdinaryElements(_ op: Operation) {
        let isDouble = op.shape.size == 3
        let size = isDouble ? 3 : 2
        assembler.emit(.movdqa, .xmm1, .vector(.xmm0))
        assembler.emit(.padd(size), .xmm1, .vector(.xmm1))
        assembler.emit(.padd(size), .xmm1, constant(isDouble ? .ordinaryDoubleOffset : .ordinarySingleOffset))
        assembler.emit(.pcmpgt(size), .xmm1, constant(isDouble ? .lastOrdinaryDouble : .lastOrdinarySingle))
        // A bit for each of four.
        assembler.emit(.movmskps, .rax, .vector(.xmm1))
        assembler.test(.rax, .rax, wide: false)
        help(if: .ne)
    }
}

#endif
