// Comparisons, minimum and maximum: FPCompare, FPCompareEQ, FPCompareGE, FPCompareGT, FPMax, FPMin, FPMaxNum and
// FPMinNum (DDI 0487, J1.3).

/// What a comparison finds.
enum FloatOrdering {
    case less
    case equal
    case greater
    case unordered

    /// The flags N, Z, C, V that FCMP sets, in bits 31:28.
    @inline(__always)
    var nzcv: UInt32 {
        switch self {
        case .less: 0b1000 << 28
        case .equal: 0b0110 << 28
        case .greater: 0b0010 << 28
        case .unordered: 0b0011 << 28
        }
    }
}

extension SoftFloat {
    /// Compares; a quiet NaN is an invalid operation only if `signalsQuietNaNs`.
    @inline(never)
    static func compare(
        _ first: UInt64, _ second: UInt64, signalsQuietNaNs: Bool, _ environment: inout FloatEnvironment
    ) -> FloatOrdering {
        let a = unpack(first, &environment)
        let b = unpack(second, &environment)
        if a.isNaN || b.isNaN {
            if signalsQuietNaNs || a.kind == .signallingNaN || b.kind == .signallingNaN {
                environment.raise(FPSR.ioc)
            }
            return .unordered
        }
        let x = order(a)
        let y = order(b)
        return x < y ? .less : x > y ? .greater : .equal
    }

    /// A number that compares as `number` does, which is not a NaN.
    @inline(__always)
    private static func order(_ number: UnpackedFloat) -> Int64 {
        guard number.kind != .zero else { return 0 }
        let magnitude = Int64(truncatingIfNeeded: Format.absolute(number.bits))
        return number.isNegative ? 0 &- magnitude : magnitude
    }

    /// FPMax.
    @inline(never)
    static func maximum(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        extremum(first, second, greater: true, &environment)
    }

    /// FPMin.
    @inline(never)
    static func minimum(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        extremum(first, second, greater: false, &environment)
    }

    /// FPMaxNum: a quiet NaN loses against a number.
    @inline(never)
    static func maximumNumber(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        numericExtremum(first, second, greater: true, &environment)
    }

    /// FPMinNum.
    @inline(never)
    static func minimumNumber(_ first: UInt64, _ second: UInt64, _ environment: inout FloatEnvironment) -> UInt64 {
        numericExtremum(first, second, greater: false, &environment)
    }

    private static func numericExtremum(
        _ first: UInt64, _ second: UInt64, greater: Bool, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let a = unpack(first, &environment)
        let b = unpack(second, &environment)
        // The infinity that never wins takes the NaN's place.
        let loser = Format.infinity(greater)
        if a.kind == .quietNaN && b.kind != .quietNaN {
            return extremum(loser, second, greater: greater, &environment)
        }
        if a.kind != .quietNaN && b.kind == .quietNaN {
            return extremum(first, loser, greater: greater, &environment)
        }
        return extremum(first, second, greater: greater, &environment)
    }

    private static func extremum(
        _ first: UInt64, _ second: UInt64, greater: Bool, _ environment: inout FloatEnvironment
    ) -> UInt64 {
        let a = unpack(first, &environment)
        let b = unpack(second, &environment)
        if let nan = processNaNs(a, b, &environment) { return nan }
        let takesFirst = greater ? order(a) > order(b) : order(a) < order(b)
        let chosen = takesFirst ? a : b
        guard chosen.kind == .zero else { return chosen.bits }
        // Of two zeros, the positive one is greater; of a zero and another number, neither sign differs from the
        // chosen zero's in a way that matters.
        return Format.zero(greater ? a.isNegative && b.isNegative : a.isNegative || b.isNegative)
    }
}
