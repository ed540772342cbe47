// Every instruction of the table, by the Arm ARM's section names (DDI 0487, C6.2 and C7.2).

/// An instruction encoding that the decoder tells apart.
public enum Instruction: UInt16, Sendable, CaseIterable {
    case unallocated

    // MARK: Data processing, immediate

    // MARK: Data processing, register

    // MARK: Branches, exception generation, system

    // MARK: Loads and stores

    // MARK: Exclusives and atomics

    // MARK: Vector loads and stores

    // MARK: Floating point
    case fmovRegister, fabsScalar, fnegScalar, fsqrtScalar, frintnScalar, frintpScalar, frintmScalar
    case frintzScalar, frintaScalar, frintxScalar, frintiScalar, fcvt, fmulScalar, fdivScalar, faddScalar
    case fsubScalar, fmaxScalar, fminScalar, fmaxnmScalar, fminnmScalar, fnmulScalar, fmadd, fmsub, fnmadd
    case fnmsub, fcmp, fcmpe, fccmp, fccmpe, fcsel, fmovScalarImmediate, fcvtnsScalar, fcvtnuScalar
    case scvtfScalarInteger, ucvtfScalarInteger, fcvtasScalar, fcvtauScalar, fcvtpsScalar, fcvtpuScalar
    case fcvtmsScalar, fcvtmuScalar, fcvtzsScalarInteger, fcvtzuScalarInteger, fmovGeneral
    case scvtfScalarFixedPoint, ucvtfScalarFixedPoint, fcvtzsScalarFixedPoint, fcvtzuScalarFixedPoint
    case fmaxnmVector, fmlaVector, faddVector, fmulx, fcmeqRegister, fmaxVector, frecps, fminnmVector
    case fmlsVector, fsubVector, fminVector, frsqrts, fmaxnmpVector, faddpVector, fmulVector, fcmgeRegister
    case facge, fmaxpVector, fdivVector, fminnmpVector, fabd, fcmgtRegister, facgt, fminpVector, fcvtn, fcvtl
    case frintnVector, frintmVector, fcvtnsVector, fcvtmsVector, fcvtasVector, scvtfVectorInteger, fcmgtZero
    case fcmeqZero, fcmltZero, fabsVector, frintpVector, frintzVector, fcvtpsVector, fcvtzsVectorInteger
    case urecpe, frecpe, fcvtxn, frintaVector, frintxVector, fcvtnuVector, fcvtmuVector, fcvtauVector
    case ucvtfVectorInteger, fcmgeZero, fcmleZero, fnegVector, frintiVector, fcvtpuVector, fcvtzuVectorInteger
    case ursqrte, frsqrte, fsqrtVector, frecpx, fmaxnmpScalar, faddpScalar, fmaxpScalar, fminnmpScalar
    case fminpScalar, fmaxnmv, fmaxv, fminnmv, fminv, fmlaElement, fmlsElement, fmulElement, fmulxElement
    case fmovVectorImmediate, scvtfVectorFixedPoint, fcvtzsVectorFixedPoint, ucvtfVectorFixedPoint
    case fcvtzuVectorFixedPoint

    // MARK: Advanced SIMD

    // MARK: Cryptography
}
