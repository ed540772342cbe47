// The opcodes of Advanced SIMD on integers and bits, and of moves between the general and the vector registers.
//
// Responsible for: naming each operation once, by Arm's mnemonic, and saying where it finds its operands. What an
// opcode computes is Arm's definition of that mnemonic (DDI 0487, C7.2); `VectorExecutor` carries it out.
//
// Unless a group below says otherwise, an operation works lane by lane on elements of `shape.size`, reads the vector
// registers `n` and `m`, and writes the vector register `d`. A 64-bit shape (neither Q nor scalar) computes the low
// half of `d` and clears the high half; a scalar shape computes the lowest element and clears the rest. Nothing in
// this group can fault. The opcodes that saturate set FPSR.QC.

/// What an operation with the opcode `vector` does.
public enum VectorOpcode: UInt8, CaseIterable, Sendable {
    // MARK: Bitwise; the element size means nothing
    case and, bic, orr, orn, eor, not
    /// These select bits by a mask: `d` itself for `bsl`, `m` for `bit` and `bif`.
    case bsl, bit, bif
    /// `immediate` is the pattern that both halves of the register are combined with.
    case movi, orrImmediate, bicImmediate
    case cnt, rbit
    /// These reverse the elements within containers of 16, 32 and 64 bits.
    case rev16, rev32, rev64

    // MARK: Arithmetic
    case add, sub, mul, pmul
    case shadd, uhadd, srhadd, urhadd, shsub, uhsub
    case smax, umax, smin, umin, sabd, uabd
    case abs, neg, cls, clz
    /// These also read `d`.
    case mla, mls, saba, uaba
    case sqadd, uqadd, sqsub, uqsub, sqabs, sqneg
    case sqdmulh, sqrdmulh
    /// These also read `d`.
    case suqadd, usqadd, sqrdmlah, sqrdmlsh
    /// 32-bit lanes of `d`, each with four products of bytes added.
    case sdot, udot

    // MARK: Comparison
    case cmgt, cmge, cmhi, cmhs, cmeq, cmtst
    case cmgtZero, cmgeZero, cmeqZero, cmleZero, cmltZero

    // MARK: With element `a` of `m` for every lane
    case mulByElement, mlaByElement, mlsByElement
    case sqdmulhByElement, sqrdmulhByElement, sqrdmlahByElement, sqrdmlshByElement
    /// `a` counts groups of four bytes.
    case sdotByElement, udotByElement

    // MARK: Shift by the lowest byte of each lane of m, signed: left if positive
    case sshl, ushl, srshl, urshl
    case sqshl, uqshl, sqrshl, uqrshl

    // MARK: Shift by the number `a`: 1 to the element's bits to the right, 0 to one less to the left
    case sshr, ushr, srshr, urshr, shl
    /// These also read `d`.
    case ssra, usra, srsra, ursra, sri, sli
    case sqshlImmediate, uqshlImmediate, sqshlu

    // MARK: Long and wide
    // `shape.size` is that of the narrow sources, which are the high halves of their registers if Q is set; the
    // result has elements of twice that size and fills the register.
    case saddl, uaddl, ssubl, usubl, sabdl, uabdl, smull, umull, sqdmull
    /// Of bytes only.
    case pmull
    /// These also read `d`.
    case sabal, uabal, smlal, umlal, smlsl, umlsl, sqdmlal, sqdmlsl
    /// `n` has wide elements already.
    case saddw, uaddw, ssubw, usubw
    /// With element `a` of `m` for every lane.
    case smullByElement, umullByElement, sqdmullByElement
    /// With element `a` of `m` for every lane; these also read `d`.
    case smlalByElement, umlalByElement, smlslByElement, umlslByElement, sqdmlalByElement, sqdmlslByElement
    /// Shift left by the number `a`; SHLL is `ushll` by the element's bits.
    case sshll, ushll

    // MARK: Narrow
    // `shape.size` is that of the result, which has half the sources' size. It fills the low half of `d` and clears
    // the high half, or if Q is set fills the high half and keeps the low half.
    case xtn, sqxtn, uqxtn, sqxtun
    case addhn, raddhn, subhn, rsubhn
    /// Shift right by the number `a` first.
    case shrn, rshrn, sqshrn, uqshrn, sqshrun, sqrshrn, uqrshrn, sqrshrun

    // MARK: Pairwise
    case addp, smaxp, umaxp, sminp, uminp
    /// d = the sum of the two doublewords of `n`.
    case addpScalar
    /// `shape.size` is that of the sources; the sums are twice as wide.
    case saddlp, uaddlp
    /// The same, and these also read `d`.
    case sadalp, uadalp

    // MARK: Across the lanes of n, into a scalar
    case addv, smaxv, umaxv, sminv, uminv
    /// The sum is twice as wide as `shape.size`.
    case saddlv, uaddlv

    // MARK: Permutation
    case zip1, zip2, uzp1, uzp2, trn1, trn2
    /// `a` is the lowest byte's position in m:n.
    case ext
    /// `a` is the number of table registers, from `n` on; `m` holds the indexes. `tbx` also reads `d`.
    case tbl, tbx

    // MARK: Moves
    /// d = element `a` of `n` in every lane (or as a scalar).
    case dupElement
    /// d = general register `n` in every lane.
    case dupGeneral
    /// Element `a` of `d` = element `immediate` of `n`. The other elements of `d` stay.
    case insElement
    /// Element `a` of `d` = general register `n`. The other elements of `d` stay.
    case insGeneral
    /// General register `d` = element `a` of `n`, zero-extended to 64 bits.
    case umov
    /// General register `d` = element `a` of `n`, sign-extended to 64 bits if Q is set, else to 32.
    case smov
}
