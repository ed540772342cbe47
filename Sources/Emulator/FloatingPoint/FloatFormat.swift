// The three formats of floating-point numbers: half, single and double precision.
//
// Responsible for: the layout of each format's bits (DDI 0487, A1.4). Values travel as the low bits of a UInt64, so
// that one generic source, specialised by the compiler, serves all formats.

/// An IEEE 754 binary format.
protocol FloatFormat {
    /// Bits of the fraction, without the implied leading one.
    static var fractionBits: Int { get }
    /// Bits of the biased exponent.
    static var exponentBits: Int { get }
    /// The bit of FPCR by which denormals become zero: FZ, FZ16, or none.
    static var flushControl: UInt32 { get }
    /// Whether FPSR.IDC tells of an operand that was flushed.
    static var notesFlushedInputs: Bool { get }
    /// Whether FPCR.AHP applies.
    static var obeysAlternativeHalf: Bool { get }
}

extension FloatFormat {
    @inline(__always)
    static var signBit: UInt64 { 1 << UInt64(fractionBits &+ exponentBits) }
    @inline(__always)
    static var magnitudeMask: UInt64 { signBit &- 1 }
    @inline(__always)
    static var fractionMask: UInt64 { 1 << UInt64(fractionBits) &- 1 }
    /// The largest biased exponent: of infinities and NaNs, except in the alternative half format.
    @inline(__always)
    static var maximumBiasedExponent: Int { 1 << exponentBits &- 1 }
    /// The exponent of the smallest normal number.
    @inline(__always)
    static var minimumExponent: Int { 2 &- 1 << (exponentBits &- 1) }
    @inline(__always)
    static var quietBit: UInt64 { 1 << UInt64(fractionBits &- 1) }

    @inline(__always)
    static func sign(_ negative: Bool) -> UInt64 { negative ? signBit : 0 }

    @inline(__always)
    static func zero(_ negative: Bool) -> UInt64 { sign(negative) }

    @inline(__always)
    static func infinity(_ negative: Bool) -> UInt64 {
        sign(negative) | UInt64(maximumBiasedExponent) << UInt64(fractionBits)
    }

    /// FPMaxNormal.
    @inline(__always)
    static func maximumNormal(_ negative: Bool) -> UInt64 { infinity(negative) &- 1 }

    /// FPDefaultNaN.
    @inline(__always)
    static var defaultNaN: UInt64 { infinity(false) | quietBit }

    /// 1.0 × 2^`power`, for powers in the range of normal numbers.
    @inline(__always)
    static func power(_ power: Int, negative: Bool = false) -> UInt64 {
        sign(negative) | UInt64(power &- minimumExponent &+ 1) << UInt64(fractionBits)
    }

    @inline(__always)
    static func biasedExponent(_ bits: UInt64) -> Int {
        Int((bits & magnitudeMask) >> UInt64(fractionBits))
    }

    /// FPNeg: also of NaNs, and without exceptions.
    @inline(__always)
    static func negate(_ bits: UInt64) -> UInt64 { bits ^ signBit }

    /// FPAbs: also of NaNs, and without exceptions.
    @inline(__always)
    static func absolute(_ bits: UInt64) -> UInt64 { bits & magnitudeMask }
}

/// A format that the host computes with, too, and that guest registers hold as elements of operations.
protocol HostFloatFormat: FloatFormat {
    associatedtype Host: BinaryFloatingPoint
    /// The element as it lies in a vector register.
    associatedtype Bits: FixedWidthInteger & UnsignedInteger

    static func host(_ bits: UInt64) -> Host
    static func bits(_ host: Host) -> UInt64

    // The standard library's generic conversions are slow: each format names the ones of its type.

    static func host(signed: Int64) -> Host
    static func host(unsigned: UInt64) -> Host
    /// - Precondition: The truncated number is in range.
    static func signed(_ host: Host) -> Int64
    /// - Precondition: The truncated number is in range.
    static func unsigned(_ host: Host) -> UInt64

    /// `addend` + `first` × `second`, rounded once to nearest, and whether that is exact, where that is known; nil if
    /// the host has no quick answer. Only meaningful where the result is an ordinary number.
    static func fused(_ addend: Host, _ first: Host, _ second: Host) -> (bits: UInt64, isExact: Bool?)?
}

/// Half precision in conversions from and to other precisions, which FPCR.FZ16 leaves alone.
enum HalfFormat: FloatFormat {
    @inline(__always) static var fractionBits: Int { 10 }
    @inline(__always) static var exponentBits: Int { 5 }
    @inline(__always) static var flushControl: UInt32 { 0 }
    @inline(__always) static var notesFlushedInputs: Bool { false }
    @inline(__always) static var obeysAlternativeHalf: Bool { true }
}

/// Half precision in all else, which is FEAT_FP16's: FPCR.AHP does not apply.
enum HalfArithmeticFormat: FloatFormat {
    @inline(__always) static var fractionBits: Int { 10 }
    @inline(__always) static var exponentBits: Int { 5 }
    @inline(__always) static var flushControl: UInt32 { FPCR.fz16 }
    @inline(__always) static var notesFlushedInputs: Bool { false }
    @inline(__always) static var obeysAlternativeHalf: Bool { false }
}

enum SingleFormat: HostFloatFormat {
    @inline(__always) static var fractionBits: Int { 23 }
    @inline(__always) static var exponentBits: Int { 8 }
    @inline(__always) static var flushControl: UInt32 { FPCR.fz }
    @inline(__always) static var notesFlushedInputs: Bool { true }
    @inline(__always) static var obeysAlternativeHalf: Bool { false }

    typealias Bits = UInt32
    @inline(__always)
    static func host(_ bits: UInt64) -> Float { Float(bitPattern: UInt32(truncatingIfNeeded: bits)) }
    @inline(__always)
    static func bits(_ host: Float) -> UInt64 { UInt64(host.bitPattern) }
    @inline(__always)
    static func host(signed: Int64) -> Float { Float(signed) }
    @inline(__always)
    static func host(unsigned: UInt64) -> Float { Float(unsigned) }
    @inline(__always)
    static func signed(_ host: Float) -> Int64 { Int64(host) }
    @inline(__always)
    static func unsigned(_ host: Float) -> UInt64 { UInt64(host) }

    /// In double precision the product is exact, and the sum is rounded, then rounded again to single precision. Twice
    /// is once, unless the first rounding ends halfway between two single-precision numbers.
    @inline(__always)
    static func fused(_ addend: Float, _ first: Float, _ second: Float) -> (bits: UInt64, isExact: Bool?)? {
        let product = Double(first) * Double(second)
        let sum = product + Double(addend)
        let lowBits = DoubleFormat.fractionBits &- fractionBits
        let halfway: UInt64 = 1 << UInt64(lowBits &- 1)
        guard sum.bitPattern & (1 << UInt64(lowBits) &- 1) != halfway else { return nil }
        let result = Float(sum)
        // Knuth's two-sum.
        let other = sum - product
        let error = (product - (sum - other)) + (Double(addend) - other)
        return (bits(result), error == 0 && Double(result) == sum)
    }
}

enum DoubleFormat: HostFloatFormat {
    @inline(__always) static var fractionBits: Int { 52 }
    @inline(__always) static var exponentBits: Int { 11 }
    @inline(__always) static var flushControl: UInt32 { FPCR.fz }
    @inline(__always) static var notesFlushedInputs: Bool { true }
    @inline(__always) static var obeysAlternativeHalf: Bool { false }

    typealias Bits = UInt64
    @inline(__always)
    static func host(_ bits: UInt64) -> Double { Double(bitPattern: bits) }
    @inline(__always)
    static func bits(_ host: Double) -> UInt64 { host.bitPattern }
    @inline(__always)
    static func host(signed: Int64) -> Double { Double(signed) }
    @inline(__always)
    static func host(unsigned: UInt64) -> Double { Double(unsigned) }
    @inline(__always)
    static func signed(_ host: Double) -> Int64 { Int64(host) }
    @inline(__always)
    static func unsigned(_ host: Double) -> UInt64 { UInt64(host) }

    @inline(__always)
    static func fused(_ addend: Double, _ first: Double, _ second: Double) -> (bits: UInt64, isExact: Bool?)? {
        (addend.addingProduct(first, second).bitPattern, nil)
    }
}
