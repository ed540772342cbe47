// Execution of floating-point operations on a CPU's state: the dispatch, and the scalar operations.
//
// Responsible for: reading operands, writing results, NZCV and FPSR. What a result is, is said in `HostFloat` (ordinary
// cases) and `SoftFloat` (all). Vector operations are in `FloatExecutor+Vector`.

import Arm64

/// Executes operations whose code is `float`.
public enum FloatExecutor {
    /// Executes one operation. It never faults and never changes the program counter.
    ///
    /// - Precondition: `operation.sub` is the raw value of a `FloatOpcode`.
    public static func execute(_ operation: Operation, _ state: CPUState) {
        // Safe: only lowering makes operations, from opcodes; the cases are numbered in the order of their tags, which a
        // test confirms.
        let opcode = unsafeBitCast(operation.sub, to: FloatOpcode.self)
        switch opcode {
        case .faddSingle: scalar(operation, state, Single.self, +, HostFloat<Single>.add)
        case .faddDouble: scalar(operation, state, Double.self, +, HostFloat<Double>.add)
        case .fsubSingle: scalar(operation, state, Single.self, -, HostFloat<Single>.subtract)
        case .fsubDouble: scalar(operation, state, Double.self, -, HostFloat<Double>.subtract)
        case .fmulSingle: scalar(operation, state, Single.self, *, HostFloat<Single>.multiply)
        case .fmulDouble: scalar(operation, state, Double.self, *, HostFloat<Double>.multiply)
        case .fdivSingle: scalar(operation, state, Single.self, /, HostFloat<Single>.divide)
        case .fdivDouble: scalar(operation, state, Double.self, /, HostFloat<Double>.divide)
        case .fmaddSingle: multiplyAdd(operation, state, Single.self, negatesAddend: false, negatesProduct: false)
        case .fmaddDouble: multiplyAdd(operation, state, Double.self, negatesAddend: false, negatesProduct: false)
        case .fmsubSingle: multiplyAdd(operation, state, Single.self, negatesAddend: false, negatesProduct: true)
        case .fmsubDouble: multiplyAdd(operation, state, Double.self, negatesAddend: false, negatesProduct: true)
        case .fcmpSingle: compare(operation, state, Single.self, signals: false)
        case .fcmpDouble: compare(operation, state, Double.self, signals: false)
        case .fcmpeSingle: compare(operation, state, Single.self, signals: true)
        case .fcmpeDouble: compare(operation, state, Double.self, signals: true)
        case .fcmpZeroSingle: compareZero(operation, state, Single.self, signals: false)
        case .fcmpZeroDouble: compareZero(operation, state, Double.self, signals: false)
        case .fcmpeZeroSingle: compareZero(operation, state, Single.self, signals: true)
        case .fcmpeZeroDouble: compareZero(operation, state, Double.self, signals: true)

        case .fmovSingle: state.setD(operation.d, element(state, operation.n, Single.self))
        case .fmovDouble: state.setD(operation.d, state.d(operation.n))
        case .fabsSingle: state.setD(operation.d, Single.absolute(element(state, operation.n, Single.self)))
        case .fabsDouble: state.setD(operation.d, Double.absolute(state.d(operation.n)))
        case .fnegSingle: state.setD(operation.d, Single.negate(element(state, operation.n, Single.self)))
        case .fnegDouble: state.setD(operation.d, Double.negate(state.d(operation.n)))
        case .fmovImmediate:
            let value = operation.immediate
            state.setQ(operation.d, SIMD2(value, operation.shape.isQ ? value : 0))
        case .fmovGeneralToSingle: state.setD(operation.d, state.x[Int(operation.n)] & singleMask)
        case .fmovGeneralToDouble: state.setD(operation.d, state.x[Int(operation.n)])
        case .fmovGeneralToTop: state.setQ(operation.d, SIMD2(state.d(operation.d), state.x[Int(operation.n)]))
        case .fmovSingleToGeneral: state.x[Int(operation.d)] = element(state, operation.n, Single.self)
        case .fmovDoubleToGeneral: state.x[Int(operation.d)] = state.d(operation.n)
        case .fmovTopToGeneral: state.x[Int(operation.d)] = state.q(operation.n).y
        case .fcselSingle, .fcselDouble:
            let source = holds(operation.a, state.nzcv) ? operation.n : operation.m
            state.setD(operation.d, state.d(source) & (opcode == .fcselSingle ? singleMask : .max))

        case .fcvtSingleToDouble: unary(operation, state, Single.self, HostFloat<Single>.widen)
        case .fcvtDoubleToSingle: unary(operation, state, Double.self, HostFloat<Double>.narrow)
        case .fcvtzsSW: toGeneral(operation, state, Single.self, isSigned: true, bitCount: 32)
        case .fcvtzsSX: toGeneral(operation, state, Single.self, isSigned: true, bitCount: 64)
        case .fcvtzsDW: toGeneral(operation, state, Double.self, isSigned: true, bitCount: 32)
        case .fcvtzsDX: toGeneral(operation, state, Double.self, isSigned: true, bitCount: 64)
        case .fcvtzuSW: toGeneral(operation, state, Single.self, isSigned: false, bitCount: 32)
        case .fcvtzuSX: toGeneral(operation, state, Single.self, isSigned: false, bitCount: 64)
        case .fcvtzuDW: toGeneral(operation, state, Double.self, isSigned: false, bitCount: 32)
        case .fcvtzuDX: toGeneral(operation, state, Double.self, isSigned: false, bitCount: 64)
        case .scvtfWS: fromGeneral(operation, state, Single.self, isSigned: true, bitCount: 32)
        case .scvtfWD: fromGeneral(operation, state, Double.self, isSigned: true, bitCount: 32)
        case .scvtfXS: fromGeneral(operation, state, Single.self, isSigned: true, bitCount: 64)
        case .scvtfXD: fromGeneral(operation, state, Double.self, isSigned: true, bitCount: 64)
        case .ucvtfWS: fromGeneral(operation, state, Single.self, isSigned: false, bitCount: 32)
        case .ucvtfWD: fromGeneral(operation, state, Double.self, isSigned: false, bitCount: 32)
        case .ucvtfXS: fromGeneral(operation, state, Single.self, isSigned: false, bitCount: 64)
        case .ucvtfXD: fromGeneral(operation, state, Double.self, isSigned: false, bitCount: 64)
        default: executeOthers(operation, opcode, state)
        }
    }

    /// What is executed less often is kept out of `execute`, whose registers it would take.
    @inline(never)
    private static func executeOthers(_ operation: Operation, _ opcode: FloatOpcode, _ state: CPUState) {
        switch opcode {
        case .fsqrtSingle: unary(operation, state, Single.self, HostFloat<Single>.squareRoot)
        case .fsqrtDouble: unary(operation, state, Double.self, HostFloat<Double>.squareRoot)
        case .fnmulSingle: negatedMultiply(operation, state, Single.self)
        case .fnmulDouble: negatedMultiply(operation, state, Double.self)
        case .fnmaddSingle: multiplyAdd(operation, state, Single.self, negatesAddend: true, negatesProduct: true)
        case .fnmaddDouble: multiplyAdd(operation, state, Double.self, negatesAddend: true, negatesProduct: true)
        case .fnmsubSingle: multiplyAdd(operation, state, Single.self, negatesAddend: true, negatesProduct: false)
        case .fnmsubDouble: multiplyAdd(operation, state, Double.self, negatesAddend: true, negatesProduct: false)
        case .fccmpSingle: conditionalCompare(operation, state, Single.self, signals: false)
        case .fccmpDouble: conditionalCompare(operation, state, Double.self, signals: false)
        case .fccmpeSingle: conditionalCompare(operation, state, Single.self, signals: true)
        case .fccmpeDouble: conditionalCompare(operation, state, Double.self, signals: true)
        case .fcvtHalfToSingle: convert(operation, state, HalfFormat.self, Single.self)
        case .fcvtHalfToDouble: convert(operation, state, HalfFormat.self, Double.self)
        case .fcvtSingleToHalf: convert(operation, state, Single.self, HalfFormat.self)
        case .fcvtDoubleToHalf: convert(operation, state, Double.self, HalfFormat.self)
        case .fcvtsGeneral: toGeneralFixed(operation, state, isSigned: true)
        case .fcvtuGeneral: toGeneralFixed(operation, state, isSigned: false)
        case .scvtfGeneral: fromGeneralFixed(operation, state, isSigned: true)
        case .ucvtfGeneral: fromGeneralFixed(operation, state, isSigned: false)
        default: executeVector(operation, opcode, state)
        }
    }

    typealias Single = SingleFormat
    typealias Double = DoubleFormat

    private static let singleMask: UInt64 = 0xFFFF_FFFF

    /// Bits of the lowest element of vector register `register`.
    @inline(__always)
    private static func element<Format: HostFloatFormat>(
        _ state: CPUState, _ register: UInt8, _: Format.Type
    ) -> UInt64 {
        UInt64(truncatingIfNeeded: state.v(register).load(as: Format.Bits.self))
    }

    // MARK: Arithmetic

    /// A scalar operation of two sources: `ordinary` where that is enough, else `complete`.
    @inline(__always)
    private static func scalar<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type,
        _ ordinary: (Format.Host, Format.Host) -> Format.Host,
        _ complete: (UInt64, UInt64, inout FloatEnvironment) -> UInt64
    ) {
        let first = element(state, operation.n, format)
        let second = element(state, operation.m, format)
        if HostFloat<Format>.applies(state.fpcr, state.fpsr) {
            let bits = Format.bits(ordinary(Format.host(first), Format.host(second)))
            if HostFloat<Format>.isOrdinary(bits) {
                state.setD(operation.d, bits)
                return
            }
        }
        completely(operation, state, first, second, complete)
    }

    @inline(never)
    private static func completely(
        _ operation: Operation, _ state: CPUState, _ first: UInt64, _ second: UInt64,
        _ complete: (UInt64, UInt64, inout FloatEnvironment) -> UInt64
    ) {
        var environment = FloatEnvironment(state)
        state.setD(operation.d, complete(first, second, &environment))
        state.fpsr = environment.fpsr
    }

    /// The signs of operands turn before the operation, those of NaNs too.
    @inline(__always)
    private static func multiplyAdd<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type, negatesAddend: Bool, negatesProduct: Bool
    ) {
        var environment = FloatEnvironment(state)
        let addend = element(state, operation.a, format) ^ Format.sign(negatesAddend)
        let first = element(state, operation.n, format) ^ Format.sign(negatesProduct)
        let second = element(state, operation.m, format)
        state.setD(operation.d, HostFloat<Format>.multiplyAdd(addend, first, second, &environment))
        state.fpsr = environment.fpsr
    }

    @inline(__always)
    private static func negatedMultiply<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type
    ) {
        var environment = FloatEnvironment(state)
        let first = element(state, operation.n, format)
        let second = element(state, operation.m, format)
        state.setD(operation.d, Format.negate(HostFloat<Format>.multiply(first, second, &environment)))
        state.fpsr = environment.fpsr
    }

    @inline(__always)
    private static func unary<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type,
        _ body: (UInt64, inout FloatEnvironment) -> UInt64
    ) {
        var environment = FloatEnvironment(state)
        state.setD(operation.d, body(element(state, operation.n, format), &environment))
        state.fpsr = environment.fpsr
    }

    // MARK: Comparison

    @inline(__always)
    private static func compare<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type, signals: Bool
    ) {
        compare(state, element(state, operation.n, format), element(state, operation.m, format), format, signals)
    }

    @inline(__always)
    private static func compareZero<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type, signals: Bool
    ) {
        compare(state, element(state, operation.n, format), Format.zero(false), format, signals)
    }

    @inline(__always)
    private static func compare<Format: HostFloatFormat>(
        _ state: CPUState, _ first: UInt64, _ second: UInt64, _: Format.Type, _ signals: Bool
    ) {
        var environment = FloatEnvironment(state)
        let ordering = HostFloat<Format>.compare(first, second, signalsQuietNaNs: signals, &environment)
        state.nzcv = ordering.nzcv
        state.fpsr = environment.fpsr
    }

    @inline(__always)
    private static func conditionalCompare<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type, signals: Bool
    ) {
        if holds(operation.a, state.nzcv) {
            compare(operation, state, format, signals: signals)
        } else {
            state.nzcv = UInt32(truncatingIfNeeded: operation.immediate)
        }
    }

    /// ConditionHolds (DDI 0487, J1.3).
    @inline(__always)
    static func holds(_ condition: UInt8, _ nzcv: UInt32) -> Bool {
        let n = nzcv.bit(31)
        let z = nzcv.bit(30)
        let c = nzcv.bit(29)
        let v = nzcv.bit(28)
        let result =
            switch condition >> 1 {
            case 0: z
            case 1: c
            case 2: n
            case 3: v
            case 4: c && !z
            case 5: n == v
            case 6: n == v && !z
            default: true
            }
        // 1111 is always, as 1110 is.
        return condition & 1 != 0 && condition != 15 ? !result : result
    }

    // MARK: Conversion

    @inline(__always)
    private static func convert<Source: FloatFormat, Target: FloatFormat>(
        _ operation: Operation, _ state: CPUState, _ source: Source.Type, _ target: Target.Type
    ) {
        var environment = FloatEnvironment(state)
        // Bits above the source's element do not count.
        let operand = state.d(operation.n) & (Source.signBit | Source.magnitudeMask)
        state.setD(operation.d, SoftFloat<Source>.convert(operand, to: target, .current, &environment))
        state.fpsr = environment.fpsr
    }

    @inline(__always)
    private static func toGeneral<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type, isSigned: Bool, bitCount: Int
    ) {
        var environment = FloatEnvironment(state)
        state.x[Int(operation.d)] = HostFloat<Format>.truncate(
            element(state, operation.n, format), isSigned: isSigned, bitCount: bitCount, &environment)
        state.fpsr = environment.fpsr
    }

    @inline(__always)
    private static func fromGeneral<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type, isSigned: Bool, bitCount: Int
    ) {
        var environment = FloatEnvironment(state)
        let result = HostFloat<Format>.convert(
            state.x[Int(operation.n)], isSigned: isSigned, bitCount: bitCount, &environment)
        state.setD(operation.d, result)
        state.fpsr = environment.fpsr
    }

    private static func toGeneralFixed(_ operation: Operation, _ state: CPUState, isSigned: Bool) {
        var environment = FloatEnvironment(state)
        let format = fixedPointFormat(operation, isSigned: isSigned)
        let rounding = rounding(operation)
        state.x[Int(operation.d)] =
            operation.shape.size == doubleSize
            ? SoftFloat<Double>.toFixed(element(state, operation.n, Double.self), format, rounding, &environment)
            : SoftFloat<Single>.toFixed(element(state, operation.n, Single.self), format, rounding, &environment)
        state.fpsr = environment.fpsr
    }

    private static func fromGeneralFixed(_ operation: Operation, _ state: CPUState, isSigned: Bool) {
        var environment = FloatEnvironment(state)
        let format = fixedPointFormat(operation, isSigned: isSigned)
        let integer = state.x[Int(operation.n)]
        let result =
            operation.shape.size == doubleSize
            ? SoftFloat<Double>.fromFixed(integer, format, &environment)
            : SoftFloat<Single>.fromFixed(integer, format, &environment)
        state.setD(operation.d, result)
        state.fpsr = environment.fpsr
    }

    private static func fixedPointFormat(_ operation: Operation, isSigned: Bool) -> FixedPointFormat {
        FixedPointFormat(
            isSigned: isSigned, bitCount: operation.shape.isQ ? 64 : 32,
            fractionBits: Int(truncatingIfNeeded: operation.immediate))
    }

    /// `VectorShape.size` of double precision; that of single precision is the only other one here.
    @inline(__always)
    static var doubleSize: UInt8 { 3 }

    /// The rounding that field `a` names.
    @inline(__always)
    static func rounding(_ operation: Operation) -> FloatRounding {
        FloatRounding(rawValue: operation.a) ?? .current
    }
}
