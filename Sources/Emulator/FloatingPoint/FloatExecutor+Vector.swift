// Execution of the floating-point operations whose precision and number of elements are given by their shape.
//
// Elements are computed and written one after the other, which is right where source and destination are the same
// register: an element is read before that of the same number is written, and operations that mix elements read them
// all first.

extension FloatExecutor {
    /// The operations of the lists "by shape" in `FloatOpcode`.
    @inline(never)
    static func executeVector(_ operation: Operation, _ opcode: FloatOpcode, _ state: CPUState) {
        switch opcode {
        case .fadd:
            if ordinary(operation, state, +, +) { return }
            binary(operation, state, HostFloat<Single>.add, HostFloat<Double>.add)
        case .fsub:
            if ordinary(operation, state, -, -) { return }
            binary(operation, state, HostFloat<Single>.subtract, HostFloat<Double>.subtract)
        case .fmul:
            if ordinary(operation, state, *, *) { return }
            binary(operation, state, HostFloat<Single>.multiply, HostFloat<Double>.multiply)
        case .fdiv: binary(operation, state, HostFloat<Single>.divide, HostFloat<Double>.divide)
        case .fmulx: binary(operation, state, SoftFloat<Single>.multiplyExtended, SoftFloat<Double>.multiplyExtended)
        case .fabd: binary(operation, state, absoluteDifference(Single.self), absoluteDifference(Double.self))
        case .fmax: binary(operation, state, HostFloat<Single>.maximum, HostFloat<Double>.maximum)
        case .fmin: binary(operation, state, HostFloat<Single>.minimum, HostFloat<Double>.minimum)
        case .fmaxnm: binary(operation, state, HostFloat<Single>.maximumNumber, HostFloat<Double>.maximumNumber)
        case .fminnm: binary(operation, state, HostFloat<Single>.minimumNumber, HostFloat<Double>.minimumNumber)
        case .frecps: binary(operation, state, SoftFloat<Single>.reciprocalStep, SoftFloat<Double>.reciprocalStep)
        case .frsqrts:
            binary(
                operation, state, SoftFloat<Single>.reciprocalSquareRootStep,
                SoftFloat<Double>.reciprocalSquareRootStep)
        case .fcmeq, .fcmge, .fcmgt, .facge, .facgt:
            let relation = FloatRelation(opcode)
            binary(
                operation, state, { relation.mask($0, $1, Single.self, &$2) },
                { relation.mask($0, $1, Double.self, &$2) })
        case .fcmeqZero, .fcmgeZero, .fcmgtZero, .fcmleZero, .fcmltZero:
            let relation = FloatRelation(opcode)
            unary(
                operation, state, { relation.mask($0, 0, Single.self, &$1) }, { relation.mask($0, 0, Double.self, &$1) }
            )

        case .fmla: multiplyAdd(operation, state, negates: false, byElement: false)
        case .fmls: multiplyAdd(operation, state, negates: true, byElement: false)
        case .fmlaElement: multiplyAdd(operation, state, negates: false, byElement: true)
        case .fmlsElement: multiplyAdd(operation, state, negates: true, byElement: true)
        case .fmulElement: byElement(operation, state, HostFloat<Single>.multiply, HostFloat<Double>.multiply)
        case .fmulxElement:
            byElement(operation, state, SoftFloat<Single>.multiplyExtended, SoftFloat<Double>.multiplyExtended)

        case .fabs: unary(operation, state, { bits, _ in Single.absolute(bits) }, { bits, _ in Double.absolute(bits) })
        case .fneg: unary(operation, state, { bits, _ in Single.negate(bits) }, { bits, _ in Double.negate(bits) })
        case .fsqrt: unary(operation, state, HostFloat<Single>.squareRoot, HostFloat<Double>.squareRoot)
        case .frecpe:
            unary(operation, state, SoftFloat<Single>.reciprocalEstimate, SoftFloat<Double>.reciprocalEstimate)
        case .frsqrte:
            unary(
                operation, state, SoftFloat<Single>.reciprocalSquareRootEstimate,
                SoftFloat<Double>.reciprocalSquareRootEstimate)
        case .frecpx:
            unary(operation, state, SoftFloat<Single>.reciprocalExponent, SoftFloat<Double>.reciprocalExponent)
        case .urecpe: unsignedEstimate(operation, state, ReciprocalEstimate.unsignedReciprocal)
        case .ursqrte: unsignedEstimate(operation, state, ReciprocalEstimate.unsignedReciprocalSquareRoot)
        case .frint: roundToIntegral(operation, state, isExact: false)
        case .frintExact: roundToIntegral(operation, state, isExact: true)
        case .fcvts: toFixed(operation, state, isSigned: true)
        case .fcvtu: toFixed(operation, state, isSigned: false)
        case .scvtf: fromFixed(operation, state, isSigned: true)
        case .ucvtf: fromFixed(operation, state, isSigned: false)
        default: executeRearranging(operation, opcode, state)
        }
    }

    // MARK: Ordinary cases

    /// Stores the host's result of an operation on 128-bit vectors, if every element is right without raising anything.
    @inline(__always)
    private static func ordinary(
        _ operation: Operation, _ state: CPUState,
        _ single: (SIMD4<Float>, SIMD4<Float>) -> SIMD4<Float>,
        _ double: (SIMD2<Swift.Double>, SIMD2<Swift.Double>) -> SIMD2<Swift.Double>
    ) -> Bool {
        guard operation.shape.isQ, HostFloat<Single>.applies(state.fpcr, state.fpsr) else { return false }
        // Safe: a register is 16 bytes, aligned to 16, and every bit pattern is a number.
        let n = state.v(operation.n)
        let m = state.v(operation.m)
        let d = state.v(operation.d)
        if operation.shape.size == doubleSize {
            let result = double(n.load(as: SIMD2<Swift.Double>.self), m.load(as: SIMD2<Swift.Double>.self))
            guard
                HostFloat<Double>.isOrdinary(result.x.bitPattern), HostFloat<Double>.isOrdinary(result.y.bitPattern)
            else { return false }
            d.storeBytes(of: result, as: SIMD2<Swift.Double>.self)
        } else {
            let result = single(n.load(as: SIMD4<Float>.self), m.load(as: SIMD4<Float>.self))
            guard areOrdinary(result) else { return false }
            d.storeBytes(of: result, as: SIMD4<Float>.self)
        }
        return true
    }

    /// `HostFloat.isOrdinary` of four numbers at once.
    @inline(__always)
    private static func areOrdinary(_ numbers: SIMD4<Float>) -> Bool {
        // Safe: the same four 32-bit elements.
        let magnitudes = unsafeBitCast(numbers, to: SIMD4<Int32>.self) & Int32(truncatingIfNeeded: Single.magnitudeMask)
        let smallest = Int32(truncatingIfNeeded: Single.power(Single.minimumExponent &+ 1))
        let infinity = Int32(truncatingIfNeeded: Single.infinity(false))
        return all(magnitudes .>= smallest .& magnitudes .< infinity)
    }

    // MARK: Element by element

    /// How many elements `shape` has.
    @inline(__always)
    private static func count(_ shape: VectorShape) -> Int {
        shape.isScalar ? 1 : (shape.isQ ? 16 : 8) >> Int(shape.size)
    }

    /// Replaces each element of d by what `body` makes of its number, and clears what is above them.
    @inline(__always)
    private static func eachElement<Element: FixedWidthInteger>(
        _ operation: Operation, _ state: CPUState, _: Element.Type,
        _ body: (Int, inout FloatEnvironment) -> UInt64
    ) {
        var environment = FloatEnvironment(state)
        let size = MemoryLayout<Element>.size
        let used = count(operation.shape) &* size
        // Safe: a shape has at most 16 bytes, which is the size of a register.
        let destination = state.v(operation.d)
        var offset = 0
        while offset < used {
            let result = body(offset, &environment)
            destination.storeBytes(of: Element(truncatingIfNeeded: result), toByteOffset: offset, as: Element.self)
            offset &+= size
        }
        clear(destination, from: used)
        environment.store(to: state)
    }

    /// Clears a register from byte 4 or 8 up; 16 leaves it as it is.
    @inline(__always)
    private static func clear(_ register: UnsafeMutableRawPointer, from used: Int) {
        if used == 4 { register.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self) }
        if used <= 8 { register.storeBytes(of: 0, toByteOffset: 8, as: UInt64.self) }
    }

    @inline(__always)
    private static func load<Element: FixedWidthInteger & UnsignedInteger>(
        _ register: UnsafeMutableRawPointer, _ offset: Int, _: Element.Type
    ) -> UInt64 {
        // Safe: offsets are multiples of the element's size, and the element ends within the register's 16 bytes.
        UInt64(truncatingIfNeeded: register.load(fromByteOffset: offset, as: Element.self))
    }

    typealias UnaryBody = (UInt64, inout FloatEnvironment) -> UInt64
    typealias BinaryBody = (UInt64, UInt64, inout FloatEnvironment) -> UInt64

    @inline(__always)
    private static func unary(_ operation: Operation, _ state: CPUState, _ single: UnaryBody, _ double: UnaryBody) {
        let n = state.v(operation.n)
        if operation.shape.size == doubleSize {
            eachElement(operation, state, UInt64.self) { double(load(n, $0, UInt64.self), &$1) }
        } else {
            eachElement(operation, state, UInt32.self) { single(load(n, $0, UInt32.self), &$1) }
        }
    }

    @inline(__always)
    private static func binary(_ operation: Operation, _ state: CPUState, _ single: BinaryBody, _ double: BinaryBody) {
        let n = state.v(operation.n)
        let m = state.v(operation.m)
        if operation.shape.size == doubleSize {
            eachElement(operation, state, UInt64.self) {
                double(load(n, $0, UInt64.self), load(m, $0, UInt64.self), &$1)
            }
        } else {
            eachElement(operation, state, UInt32.self) {
                single(load(n, $0, UInt32.self), load(m, $0, UInt32.self), &$1)
            }
        }
    }

    /// Element number `a` of m, read before anything is written.
    @inline(__always)
    private static func indexedElement(_ operation: Operation, _ state: CPUState) -> UInt64 {
        let m = state.v(operation.m)
        return operation.shape.size == doubleSize
            ? load(m, Int(operation.a & 1) &* 8, UInt64.self) : load(m, Int(operation.a & 3) &* 4, UInt32.self)
    }

    @inline(__always)
    private static func byElement(
        _ operation: Operation, _ state: CPUState, _ single: BinaryBody, _ double: BinaryBody
    ) {
        let second = indexedElement(operation, state)
        unary(operation, state, { single($0, second, &$1) }, { double($0, second, &$1) })
    }

    @inline(__always)
    private static func multiplyAdd(_ operation: Operation, _ state: CPUState, negates: Bool, byElement: Bool) {
        let d = state.v(operation.d)
        let n = state.v(operation.n)
        let m = state.v(operation.m)
        let element = byElement ? indexedElement(operation, state) : 0
        if operation.shape.size == doubleSize {
            eachElement(operation, state, UInt64.self) {
                HostFloat<Double>.multiplyAdd(
                    load(d, $0, UInt64.self), load(n, $0, UInt64.self) ^ Double.sign(negates),
                    byElement ? element : load(m, $0, UInt64.self), &$1)
            }
        } else {
            eachElement(operation, state, UInt32.self) {
                HostFloat<Single>.multiplyAdd(
                    load(d, $0, UInt32.self), load(n, $0, UInt32.self) ^ Single.sign(negates),
                    byElement ? element : load(m, $0, UInt32.self), &$1)
            }
        }
    }

    @inline(__always)
    private static func absoluteDifference<Format: HostFloatFormat>(_: Format.Type) -> BinaryBody {
        { Format.absolute(HostFloat<Format>.subtract($0, $1, &$2)) }
    }

    private static func unsignedEstimate(_ operation: Operation, _ state: CPUState, _ body: (UInt32) -> UInt32) {
        let n = state.v(operation.n)
        eachElement(operation, state, UInt32.self) { offset, _ in
            UInt64(body(n.load(fromByteOffset: offset, as: UInt32.self)))
        }
    }

    // MARK: Conversion

    private static func roundToIntegral(_ operation: Operation, _ state: CPUState, isExact: Bool) {
        let rounding = rounding(operation)
        unary(
            operation, state,
            { SoftFloat<Single>.roundToIntegral($0, rounding, isExact: isExact, &$1) },
            { SoftFloat<Double>.roundToIntegral($0, rounding, isExact: isExact, &$1) })
    }

    private static func toFixed(_ operation: Operation, _ state: CPUState, isSigned: Bool) {
        let rounding = rounding(operation)
        if rounding == .zero && operation.immediate == 0 {
            return unary(
                operation, state,
                { HostFloat<Single>.truncate($0, isSigned: isSigned, bitCount: 32, &$1) },
                { HostFloat<Double>.truncate($0, isSigned: isSigned, bitCount: 64, &$1) })
        }
        let format = fixedPointFormat(operation, isSigned)
        unary(
            operation, state,
            { SoftFloat<Single>.toFixed($0, format, rounding, &$1) },
            { SoftFloat<Double>.toFixed($0, format, rounding, &$1) })
    }

    private static func fromFixed(_ operation: Operation, _ state: CPUState, isSigned: Bool) {
        if operation.immediate == 0 {
            return unary(
                operation, state,
                { HostFloat<Single>.convert($0, isSigned: isSigned, bitCount: 32, &$1) },
                { HostFloat<Double>.convert($0, isSigned: isSigned, bitCount: 64, &$1) })
        }
        let format = fixedPointFormat(operation, isSigned)
        unary(
            operation, state,
            { SoftFloat<Single>.fromFixed($0, format, &$1) },
            { SoftFloat<Double>.fromFixed($0, format, &$1) })
    }

    /// Integers of the elements' size.
    private static func fixedPointFormat(_ operation: Operation, _ isSigned: Bool) -> FixedPointFormat {
        FixedPointFormat(
            isSigned: isSigned, bitCount: 8 << Int(operation.shape.size),
            fractionBits: Int(truncatingIfNeeded: operation.immediate))
    }
}

/// A comparison of elements.
struct FloatRelation {
    private(set) var isAbsolute = false
    private(set) var isReversed = false
    private(set) var acceptsGreater = true
    private var acceptsEqual = true

    /// The relation of a comparing `opcode`.
    init(_ opcode: FloatOpcode) {
        switch opcode {
        case .fcmeq, .fcmeqZero: acceptsGreater = false
        case .fcmgt, .fcmgtZero: acceptsEqual = false
        case .fcmleZero: isReversed = true
        case .fcmltZero:
            isReversed = true
            acceptsEqual = false
        case .facge: isAbsolute = true
        case .facgt:
            isAbsolute = true
            acceptsEqual = false
        default: break
        }
    }

    /// All ones if the relation holds. Only equality is quiet about quiet NaNs.
    @inline(__always)
    func mask<Format: HostFloatFormat>(
        _ first: UInt64, _ second: UInt64, _: Format.Type, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let a = isAbsolute ? Format.absolute(first) : first
        let b = isAbsolute ? Format.absolute(second) : second
        let ordering = HostFloat<Format>.compare(
            isReversed ? b : a, isReversed ? a : b, signalsQuietNaNs: acceptsGreater, &environment)
        return mask(ordering)
    }

    /// All ones if the relation accepts `ordering`.
    @inline(__always)
    func mask(_ ordering: FloatOrdering) -> UInt64 {
        let holds = ordering == .equal ? acceptsEqual : ordering == .greater && acceptsGreater
        return holds ? .max : 0
    }
}
