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

    // MARK: Advanced SIMD

    case abs, addhn, addpScalar, addpVector, addv, addVector, andVector, bicVectorImmediate, bicVectorRegister, bif
    case bit, bsl, clsVector, clzVector, cmeqRegister, cmeqZero, cmgeRegister, cmgeZero, cmgtRegister, cmgtZero
    case cmhiRegister, cmhsRegister, cmleZero, cmltZero, cmtst, cnt, dupElement, dupGeneral, eorVector, ext
    case insElement, insGeneral, mlaByElement, mlaVector, mlsByElement, mlsVector, movi, mulByElement, mulVector
    case mvni, negVector, not, ornVector, orrVectorImmediate, orrVectorRegister, pmul, pmull, raddhn, rbitVector
    case rev16Vector, rev32Vector, rev64, rshrn, rsubhn, saba, sabal, sabd, sabdl, sadalp, saddl, saddlp, saddlv
    case saddw, sdotByElement, sdotVector, shadd, shl, shll, shrn, shsub, sli, smax, smaxp, smaxv, smin, sminp
    case sminv, smlalByElement, smlalVector, smlslByElement, smlslVector, smov, smullByElement, smullVector, sqabs
    case sqadd, sqdmlalByElement, sqdmlalVector, sqdmlslByElement, sqdmlslVector, sqdmulhByElement, sqdmulhVector
    case sqdmullByElement, sqdmullVector, sqneg, sqrdmlahByElement, sqrdmlahVector, sqrdmlshByElement
    case sqrdmlshVector, sqrdmulhByElement, sqrdmulhVector, sqrshl, sqrshrn, sqrshrun, sqshlImmediate, sqshlRegister
    case sqshlu, sqshrn, sqshrun, sqsub, sqxtn, sqxtun, srhadd, sri, srshl, srshr, srsra, sshl, sshll, sshr, ssra
    case ssubl, ssubw, subhn, subVector, suqadd, tbl, tbx, trn1, trn2, uaba, uabal, uabd, uabdl, uadalp, uaddl
    case uaddlp, uaddlv, uaddw, udotByElement, udotVector, uhadd, uhsub, umax, umaxp, umaxv, umin, uminp, uminv
    case umlalByElement, umlalVector, umlslByElement, umlslVector, umov, umullByElement, umullVector, uqadd, uqrshl
    case uqrshrn, uqshlImmediate, uqshlRegister, uqshrn, uqsub, uqxtn, urhadd, urshl, urshr, ursra, ushl, ushll
    case ushr, usqadd, usra, usubl, usubw, uzp1, uzp2, xtn, zip1, zip2

    // MARK: Cryptography

    case aese, aesd, aesmc, aesimc, sha1c, sha1p, sha1m, sha1su0, sha256h, sha256h2, sha256su1, sha1h, sha1su1
    case sha256su0
    /// PMULL, PMULL2 of doublewords (FEAT_PMULL); `pmull` is the one of bytes.
    case pmullDoubleword
}
