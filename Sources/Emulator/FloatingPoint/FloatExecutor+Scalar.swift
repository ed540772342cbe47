// Execution of scalar floating-point operations, all cases of them.

extension FloatExecutor {
    /// Executes a scalar operation that computes something, or passes `operation` on.
    @inline(never)
    static func executeScalar(_ operation: Operation, _ opcode: FloatOpcode, _ state: CPUState) {
        switch opcode {
        case .faddSingle: binary(operation, state, Single.self, HostFloat<Single>.add)
        case .faddDouble: binary(operation, state, Double.self, HostFloat<Double>.add)
        case .fsubSingle: binary(operation, state, Single.self, HostFloat<Single>.subtract)
        case .fsubDouble: binary(operation, state, Double.self, HostFloat<Double>.subtract)
        case .fmulSingle: binary(operation, state, Single.self, HostFloat<Single>.multiply)
        case .fmulDouble: binary(operation, state, Double.self, HostFloat<Double>.multiply)
        case .fdivSingle: binary(operation, state, Single.self, HostFloat<Single>.divide)
        case .fdivDouble: binary(operation, state, Double.self, HostFloat<Double>.divide)
        case .fsqrtSingle: unary(operation, state, Single.self, HostFloat<Single>.squareRoot)
        case .fsqrtDouble: unary(operation, state, Double.self, HostFloat<Double>.squareRoot)
        case .fnmulSingle: negatedMultiply(operation, state, Single.self)
        case .fnmulDouble: negatedMultiply(operation, state, Double.self)
        case .fmaddSingle: multiplyAdd(operation, state, Single.self, negatesAddend: false, negatesProduct: false)
        case .fmaddDouble: multiplyAdd(operation, state, Double.self, negatesAddend: false, negatesProduct: false)
        case .fmsubSingle: multiplyAdd(operation, state, Single.self, negatesAddend: false, negatesProduct: true)
        case .fmsubDouble: multiplyAdd(operation, state, Double.self, negatesAddend: false, negatesProduct: true)
        case .fnmaddSingle: multiplyAdd(operation, state, Single.self, negatesAddend: true, negatesProduct: true)
        case .fnmaddDouble: multiplyAdd(operation, state, Double.self, negatesAddend: true, negatesProduct: true)
        case .fnmsubSingle: multiplyAdd(operation, state, Single.self, negatesAddend: true, negatesProduct: false)
        case .fnmsubDouble: multiplyAdd(operation, state, Double.self, negatesAddend: true, negatesProduct: false)
        case .fcmpSingle: compare(operation, state, Single.self, signals: false)
        case .fcmpDouble: compare(operation, state, Double.self, signals: false)
        case .fcmpeSingle: compare(operation, state, Single.self, signals: true)
        case .fcmpeDouble: compare(operation, state, Double.self, signals: true)
        case .fcmpZeroSingle: compareZero(operation, state, Single.self, signals: false)
        case .fcmpZeroDouble: compareZero(operation, state, Double.self, signals: false)
        case .fcmpeZeroSingle: compareZero(operation, state, Single.self, signals: true)
        case .fcmpeZeroDouble: compareZero(operation, state, Double.self, signals: true)
        case .fccmpSingle: conditionalCompare(operation, state, Single.self, signals: false)
        case .fccmpDouble: conditionalCompare(operation, state, Double.self, signals: false)
        case .fccmpeSingle: conditionalCompare(operation, state, Single.self, signals: true)
        case .fccmpeDouble: conditionalCompare(operation, state, Double.self, signals: true)
        case .fcvtSingleToDouble: unary(operation, state, Single.self, HostFloat<Single>.widen)
        case .fcvtDoubleToSingle: unary(operation, state, Double.self, HostFloat<Double>.narrow)
        case .fcvtHalfToSingle: convert(operation, state, HalfFormat.self, Single.self)
        case .fcvtHalfToDouble: convert(operation, state, HalfFormat.self, Double.self)
        case .fcvtSingleToHalf: convert(operation, state, Single.self, HalfFormat.self)
        case .fcvtDoubleToHalf: convert(operation, state, Double.self, HalfFormat.self)
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
        case .fcvtsGeneral: toGeneralFixed(operation, state, isSigned: true)
        case .fcvtuGeneral: toGeneralFixed(operation, state, isSigned: false)
        case .scvtfGeneral: fromGeneralFixed(operation, state, isSigned: true)
        case .ucvtfGeneral: fromGeneralFixed(operation, state, isSigned: false)
        default: executeVector(operation, opcode, state)
        }
    }

    // MARK: Arithmetic

    @inline(__always)
    private static func binary<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type,
        _ body: (UInt64, UInt64, inout FloatEnvironment) -> UInt64
    ) {
        var environment = FloatEnvironment(state)
        let first = element(state, operation.n, format)
        let second = element(state, operation.m, format)
        state.setD(operation.d, body(first, second, &environment))
        environment.store(to: state)
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
        environment.store(to: state)
    }

    @inline(__always)
    private static func negatedMultiply<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type
    ) {
        var environment = FloatEnvironment(state)
        let first = element(state, operation.n, format)
        let second = element(state, operation.m, format)
        state.setD(operation.d, Format.negate(HostFloat<Format>.multiply(first, second, &environment)))
        environment.store(to: state)
    }

    @inline(__always)
    private static func unary<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type,
        _ body: (UInt64, inout FloatEnvironment) -> UInt64
    ) {
        var environment = FloatEnvironment(state)
        state.setD(operation.d, body(element(state, operation.n, format), &environment))
        environment.store(to: state)
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
        environment.store(to: state)
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

    // MARK: Conversion

    @inline(__always)
    private static func convert<Source: FloatFormat, Target: FloatFormat>(
        _ operation: Operation, _ state: CPUState, _ source: Source.Type, _ target: Target.Type
    ) {
        var environment = FloatEnvironment(state)
        // Bits above the source's element do not count.
        let operand = state.d(operation.n) & (Source.signBit | Source.magnitudeMask)
        state.setD(operation.d, SoftFloat<Source>.convert(operand, to: target, .current, &environment))
        environment.store(to: state)
    }

    @inline(__always)
    private static func toGeneral<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type, isSigned: Bool, bitCount: Int
    ) {
        var environment = FloatEnvironment(state)
        state.x[Int(operation.d)] = HostFloat<Format>.truncate(
            element(state, operation.n, format), isSigned: isSigned, bitCount: bitCount, &environment)
        environment.store(to: state)
    }

    @inline(__always)
    private static func fromGeneral<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type, isSigned: Bool, bitCount: Int
    ) {
        var environment = FloatEnvironment(state)
        let result = HostFloat<Format>.convert(
            state.x[Int(operation.n)], isSigned: isSigned, bitCount: bitCount, &environment)
        state.setD(operation.d, result)
        environment.store(to: state)
    }

    private static func toGeneralFixed(_ operation: Operation, _ state: CPUState, isSigned: Bool) {
        var environment = FloatEnvironment(state)
        let format = fixedPointFormat(operation, isSigned: isSigned)
        let rounding = rounding(operation)
        state.x[Int(operation.d)] =
            operation.shape.size == doubleSize
            ? SoftFloat<Double>.toFixed(element(state, operation.n, Double.self), format, rounding, &environment)
            : SoftFloat<Single>.toFixed(element(state, operation.n, Single.self), format, rounding, &environment)
        environment.store(to: state)
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
        environment.store(to: state)
    }

    private static func fixedPointFormat(_ operation: Operation, isSigned: Bool) -> FixedPointFormat {
        FixedPointFormat(
            isSigned: isSigned, bitCount: operation.shape.isQ ? 64 : 32,
            fractionBits: Int(truncatingIfNeeded: operation.immediate))
    }
}
