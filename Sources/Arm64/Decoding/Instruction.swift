// Every instruction of the table, by the Arm ARM's section names (DDI 0487, C6.2 and C7.2).

/// An instruction encoding that the decoder tells apart.
public enum Instruction: UInt16, Sendable, CaseIterable {
    case unallocated

    // MARK: Data processing, immediate
    case adr
    case adrp
    case addImmediate
    case addsImmediate
    case subImmediate
    case subsImmediate
    case andImmediate
    case orrImmediate
    case eorImmediate
    case andsImmediate
    case movn
    case movz
    case movk
    case sbfm
    case bfm
    case ubfm
    case extr

    // MARK: Data processing, register
    case andShiftedRegister
    case bicShiftedRegister
    case orrShiftedRegister
    case ornShiftedRegister
    case eorShiftedRegister
    case eonShiftedRegister
    case andsShiftedRegister
    case bicsShiftedRegister
    case addShiftedRegister
    case addsShiftedRegister
    case subShiftedRegister
    case subsShiftedRegister
    case addExtendedRegister
    case addsExtendedRegister
    case subExtendedRegister
    case subsExtendedRegister
    case adc
    case adcs
    case sbc
    case sbcs
    case rmif
    case setf8
    case setf16
    case ccmnRegister
    case ccmnImmediate
    case ccmpRegister
    case ccmpImmediate
    case csel
    case csinc
    case csinv
    case csneg
    case udiv
    case sdiv
    case lslv
    case lsrv
    case asrv
    case rorv
    case crc32
    case crc32c
    case rbit
    case rev16
    case rev32
    case rev
    case clz
    case cls
    case madd
    case msub
    case smaddl
    case smsubl
    case smulh
    case umaddl
    case umsubl
    case umulh

    // MARK: Branches, exception generation, system
    case b
    case bl
    case bCondition
    case cbz
    case cbnz
    case tbz
    case tbnz
    case br
    case blr
    case ret
    case svc
    case hvc
    case smc
    case brk
    case hlt
    case eret
    case hint
    case clrex
    case dsb
    case dmb
    case isb
    case sb
    case cfinv
    case msrImmediate
    case sys
    case sysl
    case msrRegister
    case mrs

    // MARK: Loads and stores
    case ldrLiteral32
    case ldrLiteral64
    case ldrswLiteral
    case prfmLiteral
    case stnp
    case ldnp
    case stpPostIndex
    case ldpPostIndex
    case stpOffset
    case ldpOffset
    case stpPreIndex
    case ldpPreIndex
    case ldpswPostIndex
    case ldpswOffset
    case ldpswPreIndex
    case loadStoreUnscaled
    case loadStorePostIndex
    case loadStoreUnprivileged
    case loadStorePreIndex
    case loadStoreRegisterOffset
    case loadStoreUnsignedImmediate

    // MARK: Exclusives and atomics
    case stxr
    case stlxr
    case ldxr
    case ldaxr
    case stxp
    case stlxp
    case ldxp
    case ldaxp
    case stllr
    case stlr
    case ldlar
    case ldar
    case casp
    case cas
    case ldadd
    case ldclr
    case ldeor
    case ldset
    case ldsmax
    case ldsmin
    case ldumax
    case ldumin
    case swp
    case ldapr
    case ldaprStlrUnscaled

    // MARK: Vector loads and stores
    case ldrLiteralSIMD
    case stnpSIMD
    case ldnpSIMD
    case stpPostIndexSIMD
    case ldpPostIndexSIMD
    case stpOffsetSIMD
    case ldpOffsetSIMD
    case stpPreIndexSIMD
    case ldpPreIndexSIMD
    case loadStoreUnscaledSIMD
    case loadStorePostIndexSIMD
    case loadStorePreIndexSIMD
    case loadStoreRegisterOffsetSIMD
    case loadStoreUnsignedImmediateSIMD
    case loadStoreMultipleStructures
    case loadStoreMultipleStructuresPostIndex
    case loadStoreSingleStructure
    case loadStoreSingleStructurePostIndex

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
