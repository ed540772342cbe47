// Execution of floating-point operations in half precision (FEAT_FP16): those whose code is `half`.
//
// Responsible for: all of them, on scalars and vectors. What a result is, is said in `SoftFloat`, which every element
// comes to: nobody has asked for more speed yet. Scalars are vectors of one element.

import Arm64

/// Executes operations whose code is `half`.
public enum HalfExecutor {
    private typealias Half = SoftFloat<HalfArithmeticFormat>
    /// The elements of a register.
    private typealias Halves = SIMD8<UInt16>
    private typealias UnaryBody = FloatExecutor.UnaryBody
    private typealias BinaryBody = FloatExecutor.BinaryBody

    /// Executes one operation. It never faults and never changes the program counter.
    ///
    /// - Precondition: `operation.sub` is the raw value of a `FloatOpcode` by shape or of single precision, and
    ///   `operation.shape` says how many elements of half precision there are.
    @inline(never)
    public static func execute(_ operation: Operation, _ state: CPUState) {
        // Safe: as in `FloatExecutor.execute`.
        let opcode = unsafeBitCast(operation.sub, to: FloatOpcode.self)
        switch opcode {
        case .faddSingle, .fadd: binary(operation, state, Half.add)
        case .fsubSingle, .fsub: binary(operation, state, Half.subtract)
        case .fmulSingle, .fmul: binary(operation, state, Half.multiply)
        case .fnmulSingle:
            binary(operation, state) { HalfArithmeticFormat.negate(Half.multiply($0, $1, &$2)) }
        case .fdivSingle, .fdiv: binary(operation, state, Half.divide)
        case .fmulx: binary(operation, state, Half.multiplyExtended)
        case .fabd: binary(operation, state) { HalfArithmeticFormat.absolute(Half.subtract($0, $1, &$2)) }
        case .fmax: binary(operation, state, Half.maximum)
        case .fmin: binary(operation, state, Half.minimum)
        case .fmaxnm: binary(operation, state, Half.maximumNumber)
        case .fminnm: binary(operation, state, Half.minimumNumber)
        case .frecps: binary(operation, state, Half.reciprocalStep)
        case .frsqrts: binary(operation, state, Half.reciprocalSquareRootStep)
        case .fcmeq, .fcmge, .fcmgt, .facge, .facgt:
            let relation = FloatRelation(opcode)
            binary(operation, state) { mask(relation, $0, $1, &$2) }
        case .fcmeqZero, .fcmgeZero, .fcmgtZero, .fcmleZero, .fcmltZero:
            let relation = FloatRelation(opcode)
            unary(operation, state) { mask(relation, $0, 0, &$1) }

        case .fmla: accumulate(operation, state, negatesProduct: false, byElement: false)
        case .fmls: accumulate(operation, state, negatesProduct: true, byElement: false)
        case .fmlaElement: accumulate(operation, state, negatesProduct: false, byElement: true)
        case .fmlsElement: accumulate(operation, state, negatesProduct: true, byElement: true)
        case .fmulElement: byElement(operation, state, Half.multiply)
        case .fmulxElement: byElement(operation, state, Half.multiplyExtended)
        case .fmaddSingle: multiplyAdd(operation, state, negatesAddend: false, negatesProduct: false)
        case .fmsubSingle: multiplyAdd(operation, state, negatesAddend: false, negatesProduct: true)
        case .fnmaddSingle: multiplyAdd(operation, state, negatesAddend: true, negatesProduct: true)
        case .fnmsubSingle: multiplyAdd(operation, state, negatesAddend: true, negatesProduct: false)

        case .fmovSingle: unary(operation, state) { bits, _ in bits }
        case .fabsSingle, .fabs: unary(operation, state) { bits, _ in HalfArithmeticFormat.absolute(bits) }
        case .fnegSingle, .fneg: unary(operation, state) { bits, _ in HalfArithmeticFormat.negate(bits) }
        case .fsqrtSingle, .fsqrt: unary(operation, state, Half.squareRoot)
        case .frecpe: unary(operation, state, Half.reciprocalEstimate)
        case .frsqrte: unary(operation, state, Half.reciprocalSquareRootEstimate)
        case .frecpx: unary(operation, state, Half.reciprocalExponent)
        case .frint, .frintExact:
            let rounding = FloatExecutor.rounding(operation)
            unary(operation, state) { Half.roundToIntegral($0, rounding, isExact: opcode == .frintExact, &$1) }
        case .fcvts, .fcvtu, .scvtf, .ucvtf: convert(operation, opcode, state)

        case .faddp: pairwise(operation, state, Half.add)
        case .fmaxp: pairwise(operation, state, Half.maximum)
        case .fminp: pairwise(operation, state, Half.minimum)
        case .fmaxnmp: pairwise(operation, state, Half.maximumNumber)
        case .fminnmp: pairwise(operation, state, Half.minimumNumber)
        case .fmaxv: reduce(operation, state, Half.maximum)
        case .fminv: reduce(operation, state, Half.minimum)
        case .fmaxnmv: reduce(operation, state, Half.maximumNumber)
        case .fminnmv: reduce(operation, state, Half.minimumNumber)
        default: executeScalar(operation, opcode, state)
        }
    }

    /// The operations that have to do with general registers or flags.
    @inline(never)
    private static func executeScalar(_ operation: Operation, _ opcode: FloatOpcode, _ state: CPUState) {
        switch opcode {
        case .fcmpSingle: compare(operation, state, signals: false)
        case .fcmpeSingle: compare(operation, state, signals: true)
        case .fcmpZeroSingle: compare(operation, state, withZero: true, signals: false)
        case .fcmpeZeroSingle: compare(operation, state, withZero: true, signals: true)
        case .fccmpSingle, .fccmpeSingle:
            if FloatExecutor.holds(operation.a, state.nzcv) {
                compare(operation, state, signals: opcode == .fccmpeSingle)
            } else {
                state.nzcv = UInt32(truncatingIfNeeded: operation.immediate)
            }
        case .fcselSingle:
            let isFirst = FloatExecutor.holds(operation.a, state.nzcv)
            state.setD(operation.d, half(state, isFirst ? operation.n : operation.m))
        case .fmovGeneralToSingle: state.setD(operation.d, state.x[Int(operation.n)] & halfMask)
        case .fmovSingleToGeneral: state.x[Int(operation.d)] = half(state, operation.n)
        case .fcvtzsSW, .fcvtzsSX, .fcvtsGeneral: toGeneral(operation, state, isSigned: true)
        case .fcvtzuSW, .fcvtzuSX, .fcvtuGeneral: toGeneral(operation, state, isSigned: false)
        case .scvtfWS, .scvtfXS, .scvtfGeneral: fromGeneral(operation, state, isSigned: true)
        case .ucvtfWS, .ucvtfXS, .ucvtfGeneral: fromGeneral(operation, state, isSigned: false)
        // Lowering makes no other.
        default: break
        }
    }

    // MARK: Elements

    private static let halfMask: UInt64 = 0xFFFF

    /// The lowest element of vector register `register`.
    @inline(__always)
    private static func half(_ state: CPUState, _ register: UInt8) -> UInt64 { state.d(register) & halfMask }

    @inline(__always)
    private static func halves(_ state: CPUState, _ register: UInt8) -> Halves {
        // Safe: a register is 16 bytes, aligned to 16.
        state.v(register).load(as: Halves.self)
    }

    /// Replaces the elements of d by what `body` makes of their numbers, and clears what is above them.
    @inline(__always)
    private static func eachHalf(
        _ operation: Operation, _ state: CPUState, _ body: (Int, inout FloatEnvironment) -> UInt64
    ) {
        var environment = FloatEnvironment(state)
        var result = Halves.zero
        let count = operation.shape.isScalar ? 1 : operation.shape.isQ ? 8 : 4
        for index in 0..<count {
            result[index] = UInt16(truncatingIfNeeded: body(index, &environment))
        }
        // Safe: as in `halves`.
        state.v(operation.d).storeBytes(of: result, as: Halves.self)
        environment.store(to: state)
    }

    @inline(__always)
    private static func unary(_ operation: Operation, _ state: CPUState, _ body: UnaryBody) {
        let n = halves(state, operation.n)
        eachHalf(operation, state) { body(UInt64(n[$0]), &$1) }
    }

    @inline(__always)
    private static func binary(_ operation: Operation, _ state: CPUState, _ body: BinaryBody) {
        let n = halves(state, operation.n)
        let m = halves(state, operation.m)
        eachHalf(operation, state) { body(UInt64(n[$0]), UInt64(m[$0]), &$1) }
    }

    /// Element number `a` of m.
    @inline(__always)
    private static func indexed(_ operation: Operation, _ state: CPUState) -> UInt64 {
        UInt64(halves(state, operation.m)[Int(operation.a & 7)])
    }

    @inline(__always)
    private static func byElement(_ operation: Operation, _ state: CPUState, _ body: BinaryBody) {
        let second = indexed(operation, state)
        unary(operation, state) { body($0, second, &$1) }
    }

    @inline(__always)
    private static func accumulate(
        _ operation: Operation, _ state: CPUState, negatesProduct: Bool, byElement: Bool
    ) {
        let d = halves(state, operation.d)
        let n = halves(state, operation.n)
        let m = byElement ? Halves(repeating: UInt16(indexed(operation, state))) : halves(state, operation.m)
        eachHalf(operation, state) {
            Half.multiplyAdd(
                UInt64(d[$0]), UInt64(n[$0]) ^ HalfArithmeticFormat.sign(negatesProduct), UInt64(m[$0]), &$1)
        }
    }

    /// The signs of operands turn before the operation, those of NaNs too.
    private static func multiplyAdd(
        _ operation: Operation, _ state: CPUState, negatesAddend: Bool, negatesProduct: Bool
    ) {
        let addend = half(state, operation.a) ^ HalfArithmeticFormat.sign(negatesAddend)
        let first = half(state, operation.n) ^ HalfArithmeticFormat.sign(negatesProduct)
        let second = half(state, operation.m)
        eachHalf(operation, state) { Half.multiplyAdd(addend, first, second, &$1) }
    }

    private static func mask(
        _ relation: FloatRelation, _ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let a = relation.isAbsolute ? HalfArithmeticFormat.absolute(first) : first
        let b = relation.isAbsolute ? HalfArithmeticFormat.absolute(second) : second
        return relation.mask(
            Half.compare(
                relation.isReversed ? b : a, relation.isReversed ? a : b, signalsQuietNaNs: relation.acceptsGreater,
                &environment))
    }

    /// Neighbours of n, then of m; scalar: the two lowest of n.
    @inline(__always)
    private static func pairwise(_ operation: Operation, _ state: CPUState, _ body: BinaryBody) {
        let n = halves(state, operation.n)
        let m = halves(state, operation.m)
        let pairs = operation.shape.isQ ? 4 : 2
        eachHalf(operation, state) { index, environment in
            let source = index < pairs ? n : m
            let first = 2 &* (index < pairs ? index : index &- pairs)
            return body(UInt64(source[first]), UInt64(source[first &+ 1]), &environment)
        }
    }

    /// Reduce (DDI 0487, J1.3): halves first, which decides which NaN the result is.
    @inline(__always)
    private static func reduce(_ operation: Operation, _ state: CPUState, _ body: BinaryBody) {
        var environment = FloatEnvironment(state)
        var elements = halves(state, operation.n)
        var count = operation.shape.isQ ? 8 : 4
        while count > 1 {
            count /= 2
            for index in 0..<count {
                let result = body(UInt64(elements[2 &* index]), UInt64(elements[2 &* index &+ 1]), &environment)
                elements[index] = UInt16(truncatingIfNeeded: result)
            }
        }
        state.setD(operation.d, UInt64(elements[0]))
        environment.store(to: state)
    }

    // MARK: Comparison and conversion

    private static func compare(
        _ operation: Operation, _ state: CPUState, withZero: Bool = false, signals: Bool
    ) {
        var environment = FloatEnvironment(state)
        let second = withZero ? 0 : half(state, operation.m)
        state.nzcv = Half.compare(half(state, operation.n), second, signalsQuietNaNs: signals, &environment).nzcv
        environment.store(to: state)
    }

    /// Between elements and integers or fixed-point numbers of their size.
    private static func convert(_ operation: Operation, _ opcode: FloatOpcode, _ state: CPUState) {
        let rounding = FloatExecutor.rounding(operation)
        let format = FixedPointFormat(
            isSigned: opcode == .fcvts || opcode == .scvtf, bitCount: 16,
            fractionBits: Int(truncatingIfNeeded: operation.immediate))
        if opcode == .fcvts || opcode == .fcvtu {
            unary(operation, state) { Half.toFixed($0, format, rounding, &$1) }
        } else {
            unary(operation, state) { Half.fromFixed($0, format, &$1) }
        }
    }

    /// The integer in a general register.
    private static func generalFormat(_ operation: Operation, isSigned: Bool) -> FixedPointFormat {
        FixedPointFormat(
            isSigned: isSigned, bitCount: operation.shape.isQ ? 64 : 32,
            fractionBits: Int(truncatingIfNeeded: operation.immediate))
    }

    private static func toGeneral(_ operation: Operation, _ state: CPUState, isSigned: Bool) {
        var environment = FloatEnvironment(state)
        state.x[Int(operation.d)] = Half.toFixed(
            half(state, operation.n), generalFormat(operation, isSigned: isSigned),
            FloatExecutor.rounding(operation), &environment)
        environment.store(to: state)
    }

    private static func fromGeneral(_ operation: Operation, _ state: CPUState, isSigned: Bool) {
        var environment = FloatEnvironment(state)
        let result = Half.fromFixed(
            state.x[Int(operation.n)], generalFormat(operation, isSigned: isSigned), &environment)
        state.setD(operation.d, result)
        environment.store(to: state)
    }
}
