// Execution of floating-point operations on a CPU's state: the dispatch, and the ordinary cases of hot scalar
// operations.
//
// Responsible for: reading operands, writing results, NZCV and FPSR. What a result is, is said in `HostFloat` (ordinary
// cases) and `SoftFloat` (all). All cases of scalar operations are in `FloatExecutor+Scalar`, vector operations in
// `FloatExecutor+Vector` and `FloatExecutor+Rearranging`.

import Arm64

/// Executes operations whose code is `float`.
public enum FloatExecutor {
    /// Executes one operation. It never faults and never changes the program counter.
    ///
    /// - Precondition: `operation.sub` is the raw value of a `FloatOpcode`.
    public static func execute(_ operation: Operation, _ state: CPUState) {
        // Safe: only lowering makes operations, from opcodes; the cases are numbered in the order of their tags, which
        // a test confirms.
        let opcode = unsafeBitCast(operation.sub, to: FloatOpcode.self)
        // Here are the cases that take a few host instructions and call nothing, so that no register has to be saved.
        // Whatever turns out not to be ordinary breaks out of the switch.
        switch opcode {
        case .faddSingle: if ordinary(operation, state, Single.self, +) { return }
        case .faddDouble: if ordinary(operation, state, Double.self, +) { return }
        case .fsubSingle: if ordinary(operation, state, Single.self, -) { return }
        case .fsubDouble: if ordinary(operation, state, Double.self, -) { return }
        case .fmulSingle: if ordinary(operation, state, Single.self, *) { return }
        case .fmulDouble: if ordinary(operation, state, Double.self, *) { return }
        case .fdivSingle: if ordinary(operation, state, Single.self, /) { return }
        case .fdivDouble: if ordinary(operation, state, Double.self, /) { return }
        case .fcmpSingle, .fcmpeSingle: if ordinaryCompare(operation, state, Single.self) { return }
        case .fcmpDouble, .fcmpeDouble: if ordinaryCompare(operation, state, Double.self) { return }
        case .fcmpZeroSingle, .fcmpeZeroSingle: if ordinaryCompareZero(operation, state, Single.self) { return }
        case .fcmpZeroDouble, .fcmpeZeroDouble: if ordinaryCompareZero(operation, state, Double.self) { return }

        case .fmovSingle: return state.setD(operation.d, element(state, operation.n, Single.self))
        case .fmovDouble: return state.setD(operation.d, state.d(operation.n))
        case .fabsSingle: return state.setD(operation.d, Single.absolute(element(state, operation.n, Single.self)))
        case .fabsDouble: return state.setD(operation.d, Double.absolute(state.d(operation.n)))
        case .fnegSingle: return state.setD(operation.d, Single.negate(element(state, operation.n, Single.self)))
        case .fnegDouble: return state.setD(operation.d, Double.negate(state.d(operation.n)))
        case .fmovImmediate:
            let value = operation.immediate
            return state.setQ(operation.d, SIMD2(value, operation.shape.isQ ? value : 0))
        case .fmovGeneralToSingle: return state.setD(operation.d, state.x[Int(operation.n)] & singleMask)
        case .fmovGeneralToDouble: return state.setD(operation.d, state.x[Int(operation.n)])
        case .fmovGeneralToTop:
            return state.setQ(operation.d, SIMD2(state.d(operation.d), state.x[Int(operation.n)]))
        case .fmovSingleToGeneral: return state.x[Int(operation.d)] = element(state, operation.n, Single.self)
        case .fmovDoubleToGeneral: return state.x[Int(operation.d)] = state.d(operation.n)
        case .fmovTopToGeneral: return state.x[Int(operation.d)] = state.q(operation.n).y
        case .fcselSingle, .fcselDouble:
            let source = holds(operation.a, state.nzcv) ? operation.n : operation.m
            return state.setD(operation.d, state.d(source) & (opcode == .fcselSingle ? singleMask : .max))

        case .fcvtSingleToDouble:
            let single = element(state, operation.n, Single.self)
            if HostFloat<Single>.isOrdinary(single) {
                return state.setD(operation.d, Double.bits(Swift.Double(Single.host(single))))
            }
        case .fcvtDoubleToSingle:
            let single = Single.bits(Float(Double.host(state.d(operation.n))))
            if HostFloat<Double>.applies(state.fpcr, state.fpsr) && HostFloat<Single>.isOrdinary(single) {
                return state.setD(operation.d, single)
            }
        case .fcvtzsSW: if ordinaryTruncate(operation, state, Single.self, isSigned: true, bitCount: 32) { return }
        case .fcvtzsSX: if ordinaryTruncate(operation, state, Single.self, isSigned: true, bitCount: 64) { return }
        case .fcvtzsDW: if ordinaryTruncate(operation, state, Double.self, isSigned: true, bitCount: 32) { return }
        case .fcvtzsDX: if ordinaryTruncate(operation, state, Double.self, isSigned: true, bitCount: 64) { return }
        case .fcvtzuSW: if ordinaryTruncate(operation, state, Single.self, isSigned: false, bitCount: 32) { return }
        case .fcvtzuSX: if ordinaryTruncate(operation, state, Single.self, isSigned: false, bitCount: 64) { return }
        case .fcvtzuDW: if ordinaryTruncate(operation, state, Double.self, isSigned: false, bitCount: 32) { return }
        case .fcvtzuDX: if ordinaryTruncate(operation, state, Double.self, isSigned: false, bitCount: 64) { return }
        case .scvtfWD:
            let integer = Int32(truncatingIfNeeded: state.x[Int(operation.n)])
            return state.setD(operation.d, Double.bits(Swift.Double(integer)))
        case .ucvtfWD:
            let integer = UInt32(truncatingIfNeeded: state.x[Int(operation.n)])
            return state.setD(operation.d, Double.bits(Swift.Double(integer)))
        case .scvtfXD:
            let integer = state.x[Int(operation.n)]
            if HostFloat<Double>.applies(state.fpcr, state.fpsr)
                || HostFloat<Double>.isShort(integer, isSigned: true, bitCount: 64)
            {
                return state.setD(operation.d, Double.bits(Swift.Double(Int64(bitPattern: integer))))
            }
        case .scvtfWS:
            let integer = state.x[Int(operation.n)]
            if HostFloat<Single>.applies(state.fpcr, state.fpsr)
                || HostFloat<Single>.isShort(integer, isSigned: true, bitCount: 32)
            {
                return state.setD(operation.d, Single.bits(Float(Int32(truncatingIfNeeded: integer))))
            }
        default: break
        }
        executeScalar(operation, opcode, state)
    }

    typealias Single = SingleFormat
    typealias Double = DoubleFormat

    private static let singleMask: UInt64 = 0xFFFF_FFFF

    /// Bits of the lowest element of vector register `register`.
    @inline(__always)
    static func element<Format: HostFloatFormat>(
        _ state: CPUState, _ register: UInt8, _: Format.Type
    ) -> UInt64 {
        // Safe: a register is 16 bytes, aligned to 16.
        UInt64(truncatingIfNeeded: state.v(register).load(as: Format.Bits.self))
    }

    // MARK: Ordinary cases

    /// Stores the host's result of an operation of two sources, if it is right without raising anything.
    @inline(__always)
    private static func ordinary<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type,
        _ body: (Format.Host, Format.Host) -> Format.Host
    ) -> Bool {
        guard HostFloat<Format>.applies(state.fpcr, state.fpsr) else { return false }
        let first = Format.host(element(state, operation.n, format))
        let second = Format.host(element(state, operation.m, format))
        let bits = Format.bits(body(first, second))
        guard HostFloat<Format>.isOrdinary(bits) else { return false }
        state.setD(operation.d, bits)
        return true
    }

    @inline(__always)
    private static func ordinaryCompare<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type
    ) -> Bool {
        let first = element(state, operation.n, format)
        return ordinaryCompare(state, first, element(state, operation.m, format), format)
    }

    @inline(__always)
    private static func ordinaryCompareZero<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type
    ) -> Bool {
        ordinaryCompare(state, element(state, operation.n, format), Format.zero(false), format)
    }

    @inline(__always)
    private static func ordinaryCompare<Format: HostFloatFormat>(
        _ state: CPUState, _ first: UInt64, _ second: UInt64, _: Format.Type
    ) -> Bool {
        guard let ordering = HostFloat<Format>.order(first, second, state.fpcr) else { return false }
        state.nzcv = ordering.nzcv
        return true
    }

    @inline(__always)
    private static func ordinaryTruncate<Format: HostFloatFormat>(
        _ operation: Operation, _ state: CPUState, _ format: Format.Type, isSigned: Bool, bitCount: Int
    ) -> Bool {
        let operand = element(state, operation.n, format)
        guard
            let (result, isExact) = HostFloat<Format>.truncated(operand, isSigned: isSigned, bitCount: bitCount),
            isExact || state.fpsr & FPSR.ixc != 0
        else { return false }
        state.x[Int(operation.d)] = result
        return true
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

    /// `VectorShape.size` of double precision; that of single precision is the only other one here.
    @inline(__always)
    static var doubleSize: UInt8 { 3 }

    /// The rounding that field `a` names.
    @inline(__always)
    static func rounding(_ operation: Operation) -> FloatRounding {
        FloatRounding(rawValue: operation.a) ?? .current
    }
}
