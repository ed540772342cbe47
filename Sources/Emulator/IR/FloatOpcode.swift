// The second-level opcodes of floating point: what `Operation.sub` means where `Operation.code` is `float`.
//
// One opcode is one operation of the Arm ARM on one or more elements. Operations that compiled guest code executes most
// have an opcode for each precision, so that their translation depends on the opcode alone; the others tell precision
// and number of elements by `Operation.shape`. No floating-point operation faults or ends a block. FPCR is read when
// the operation is executed; results are rounded, and FPSR is updated, as it says.
//
// Unless an opcode says otherwise, `d`, `n`, `m` and `a` are vector registers, and a scalar result clears the rest of
// `d`.

/// What a floating-point operation does. Raw values are positions in this list and mean nothing outside the process.
public enum FloatOpcode: UInt8, CaseIterable, Sendable {
    // MARK: Scalar arithmetic

    case faddSingle, faddDouble
    case fsubSingle, fsubDouble
    case fmulSingle, fmulDouble
    case fnmulSingle, fnmulDouble
    case fdivSingle, fdivDouble
    case fsqrtSingle, fsqrtDouble
    /// d = a + n × m.
    case fmaddSingle, fmaddDouble
    /// d = a - n × m.
    case fmsubSingle, fmsubDouble
    /// d = -a - n × m.
    case fnmaddSingle, fnmaddDouble
    /// d = -a + n × m.
    case fnmsubSingle, fnmsubDouble

    // MARK: Scalar comparison and selection

    /// NZCV = n compared with m; only signalling NaNs are invalid.
    case fcmpSingle, fcmpDouble
    /// NZCV = n compared with m; every NaN is invalid.
    case fcmpeSingle, fcmpeDouble
    /// The same with zero in place of m.
    case fcmpZeroSingle, fcmpZeroDouble
    case fcmpeZeroSingle, fcmpeZeroDouble
    /// As FCMP and FCMPE if the condition `a` holds, else NZCV = `immediate` (in bits 31:28).
    case fccmpSingle, fccmpDouble
    case fccmpeSingle, fccmpeDouble
    /// d = n if the condition `a` holds, else m.
    case fcselSingle, fcselDouble

    // MARK: Moves

    case fmovSingle, fmovDouble
    case fabsSingle, fabsDouble
    case fnegSingle, fnegDouble
    /// d = `immediate`, by `shape` in the lower or in both halves of the register; of any element size.
    case fmovImmediate
    /// General register n to the low element of vector register d, which else becomes zero.
    case fmovGeneralToSingle, fmovGeneralToDouble
    /// General register n to bits 127:64 of vector register d, which else stays.
    case fmovGeneralToTop
    /// Vector register n to general register d.
    case fmovSingleToGeneral, fmovDoubleToGeneral, fmovTopToGeneral

    // MARK: Conversion between precisions

    case fcvtSingleToDouble, fcvtDoubleToSingle
    case fcvtHalfToSingle, fcvtHalfToDouble
    case fcvtSingleToHalf, fcvtDoubleToHalf
    /// Elements of half the size in the lower (Q: upper) half of n to elements of `shape`.
    case fcvtl
    /// Elements of `shape` to elements of half the size, in the lower half of d (Q: in the upper half; the lower
    /// stays).
    case fcvtn
    /// As `fcvtn` from double precision, rounded to odd; also scalar.
    case fcvtxn

    // MARK: Conversion between floating point and integers

    /// Vector register n to general register d, towards zero. W and X: 32 and 64 bits; S and D: single and double.
    case fcvtzsSW, fcvtzsSX, fcvtzsDW, fcvtzsDX
    case fcvtzuSW, fcvtzuSX, fcvtzuDW, fcvtzuDX
    /// General register n to vector register d.
    case scvtfWS, scvtfWD, scvtfXS, scvtfXD
    case ucvtfWS, ucvtfWD, ucvtfXS, ucvtfXD
    /// Vector register n to general register d: rounded by `FloatRounding(a)`, `immediate` fraction bits, `shape` for
    /// the source's precision, Q for a 64-bit destination.
    case fcvtsGeneral, fcvtuGeneral
    /// General register n to vector register d: `immediate` fraction bits, `shape` for the destination's precision, Q
    /// for a 64-bit source.
    case scvtfGeneral, ucvtfGeneral
    /// Elements of `shape` to integers of the same size: rounded by `FloatRounding(a)`, `immediate` fraction bits.
    case fcvts, fcvtu
    /// Integers of the size of `shape` to floating point: `immediate` fraction bits.
    case scvtf, ucvtf
    /// To integral values in floating point, by `FloatRounding(a)`.
    case frint
    /// The same, and inexact if the value changes.
    case frintExact

    // MARK: Two sources, scalar and vector by shape

    case fadd, fsub, fmul, fdiv
    case fmulx, fabd
    case fmax, fmin, fmaxnm, fminnm
    case frecps, frsqrts
    /// All ones where the comparison holds, else zeros.
    case fcmeq, fcmge, fcmgt, facge, facgt
    /// d = d + n × m.
    case fmla
    /// d = d - n × m.
    case fmls

    // MARK: Two sources, the second one element (number `a`) of m, scalar and vector by shape

    case fmulElement, fmulxElement, fmlaElement, fmlsElement

    // MARK: One source, scalar and vector by shape

    case fabs, fneg, fsqrt
    case frecpe, frsqrte, frecpx
    case urecpe, ursqrte
    /// Comparison of n with zero.
    case fcmeqZero, fcmgeZero, fcmgtZero, fcmleZero, fcmltZero

    // MARK: Pairs of neighbours

    /// Of the elements of n, then m; scalar: of the two elements of n.
    case faddp, fmaxp, fminp, fmaxnmp, fminnmp
    /// The four single-precision elements of n, pair by pair, down to one.
    case fmaxv, fminv, fmaxnmv, fminnmv
}
