// Advanced SIMD on integers and bits: which operation each instruction comes to, and for which element sizes it exists.
// The fields of each encoding class are taken apart in `Lowering+AdvancedSIMDFormats`.
//
// Every instruction here is one operation.

import Arm64

extension Lowering {
    /// Appends the operation of an instruction of the group `advancedSIMD`; false if `word` is a reserved combination.
    static func lowerAdvancedSIMD(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let operation =
            lanes(word, as: instruction) ?? longAndNarrow(word, as: instruction) ?? indexed(word, as: instruction)
            ?? shifts(word, as: instruction) ?? rearrangements(word, as: instruction, context)
        guard let operation else { return false }
        context.emit(operation)
        return true
    }

    /// What has sources and results of one size: three same, two-register miscellaneous, across lanes.
    private static func lanes(_ word: UInt32, as instruction: Instruction) -> Operation? {
        switch instruction {
        case .shadd: threeSame(word, .shadd, .upToWord)
        case .uhadd: threeSame(word, .uhadd, .upToWord)
        case .srhadd: threeSame(word, .srhadd, .upToWord)
        case .urhadd: threeSame(word, .urhadd, .upToWord)
        case .shsub: threeSame(word, .shsub, .upToWord)
        case .uhsub: threeSame(word, .uhsub, .upToWord)
        case .sqadd: threeSame(word, .sqadd, .all, scalar: .all)
        case .uqadd: threeSame(word, .uqadd, .all, scalar: .all)
        case .sqsub: threeSame(word, .sqsub, .all, scalar: .all)
        case .uqsub: threeSame(word, .uqsub, .all, scalar: .all)
        case .cmgtRegister: threeSame(word, .cmgt, .all, scalar: .doubleword)
        case .cmhiRegister: threeSame(word, .cmhi, .all, scalar: .doubleword)
        case .cmgeRegister: threeSame(word, .cmge, .all, scalar: .doubleword)
        case .cmhsRegister: threeSame(word, .cmhs, .all, scalar: .doubleword)
        case .cmtst: threeSame(word, .cmtst, .all, scalar: .doubleword)
        case .cmeqRegister: threeSame(word, .cmeq, .all, scalar: .doubleword)
        case .sshl: threeSame(word, .sshl, .all, scalar: .doubleword)
        case .ushl: threeSame(word, .ushl, .all, scalar: .doubleword)
        case .srshl: threeSame(word, .srshl, .all, scalar: .doubleword)
        case .urshl: threeSame(word, .urshl, .all, scalar: .doubleword)
        case .sqshlRegister: threeSame(word, .sqshl, .all, scalar: .all)
        case .uqshlRegister: threeSame(word, .uqshl, .all, scalar: .all)
        case .sqrshl: threeSame(word, .sqrshl, .all, scalar: .all)
        case .uqrshl: threeSame(word, .uqrshl, .all, scalar: .all)
        case .smax: threeSame(word, .smax, .upToWord)
        case .umax: threeSame(word, .umax, .upToWord)
        case .smin: threeSame(word, .smin, .upToWord)
        case .umin: threeSame(word, .umin, .upToWord)
        case .sabd: threeSame(word, .sabd, .upToWord)
        case .uabd: threeSame(word, .uabd, .upToWord)
        case .saba: threeSame(word, .saba, .upToWord)
        case .uaba: threeSame(word, .uaba, .upToWord)
        case .addVector: threeSame(word, .add, .all, scalar: .doubleword)
        case .subVector: threeSame(word, .sub, .all, scalar: .doubleword)
        case .mlaVector: threeSame(word, .mla, .upToWord)
        case .mlsVector: threeSame(word, .mls, .upToWord)
        case .mulVector: threeSame(word, .mul, .upToWord)
        case .pmul: threeSame(word, .pmul, .byte)
        case .smaxp: threeSame(word, .smaxp, .upToWord)
        case .umaxp: threeSame(word, .umaxp, .upToWord)
        case .sminp: threeSame(word, .sminp, .upToWord)
        case .uminp: threeSame(word, .uminp, .upToWord)
        case .addpVector: threeSame(word, .addp, .all)
        case .sqdmulhVector: threeSame(word, .sqdmulh, .halfwordAndWord, scalar: .halfwordAndWord)
        case .sqrdmulhVector: threeSame(word, .sqrdmulh, .halfwordAndWord, scalar: .halfwordAndWord)
        case .sqrdmlahVector: threeSame(word, .sqrdmlah, .halfwordAndWord, scalar: .halfwordAndWord)
        case .sqrdmlshVector: threeSame(word, .sqrdmlsh, .halfwordAndWord, scalar: .halfwordAndWord)
        case .sdotVector: threeSame(word, .sdot, .word)
        case .udotVector: threeSame(word, .udot, .word)

        case .andVector: bitwise(word, .and)
        case .bicVectorRegister: bitwise(word, .bic)
        case .orrVectorRegister: bitwise(word, .orr)
        case .ornVector: bitwise(word, .orn)
        case .eorVector: bitwise(word, .eor)
        case .bsl: bitwise(word, .bsl)
        case .bit: bitwise(word, .bit)
        case .bif: bitwise(word, .bif)
        case .not: bitwise(word, .not)
        case .rbitVector: bitwise(word, .rbit)

        case .rev64: twoRegister(word, .rev64, .upToWord)
        case .rev32Vector: twoRegister(word, .rev32, .byteAndHalfword)
        case .rev16Vector: twoRegister(word, .rev16, .byte)
        case .clsVector: twoRegister(word, .cls, .upToWord)
        case .clzVector: twoRegister(word, .clz, .upToWord)
        case .cnt: twoRegister(word, .cnt, .byte)
        case .suqadd: twoRegister(word, .suqadd, .all, scalar: .all)
        case .usqadd: twoRegister(word, .usqadd, .all, scalar: .all)
        case .sqabs: twoRegister(word, .sqabs, .all, scalar: .all)
        case .sqneg: twoRegister(word, .sqneg, .all, scalar: .all)
        case .cmgtZero: twoRegister(word, .cmgtZero, .all, scalar: .doubleword)
        case .cmgeZero: twoRegister(word, .cmgeZero, .all, scalar: .doubleword)
        case .cmeqZero: twoRegister(word, .cmeqZero, .all, scalar: .doubleword)
        case .cmleZero: twoRegister(word, .cmleZero, .all, scalar: .doubleword)
        case .cmltZero: twoRegister(word, .cmltZero, .all, scalar: .doubleword)
        case .abs: twoRegister(word, .abs, .all, scalar: .doubleword)
        case .negVector: twoRegister(word, .neg, .all, scalar: .doubleword)
        case .saddlp: twoRegister(word, .saddlp, .upToWord)
        case .uaddlp: twoRegister(word, .uaddlp, .upToWord)
        case .sadalp: twoRegister(word, .sadalp, .upToWord)
        case .uadalp: twoRegister(word, .uadalp, .upToWord)
        case .addpScalar: twoRegister(word, .addpScalar, [], scalar: .doubleword)

        case .addv: acrossLanes(word, .addv)
        case .smaxv: acrossLanes(word, .smaxv)
        case .umaxv: acrossLanes(word, .umaxv)
        case .sminv: acrossLanes(word, .sminv)
        case .uminv: acrossLanes(word, .uminv)
        case .saddlv: acrossLanes(word, .saddlv)
        case .uaddlv: acrossLanes(word, .uaddlv)
        default: nil
        }
    }

    /// Three different, and the two-register instructions that change the size.
    private static func longAndNarrow(_ word: UInt32, as instruction: Instruction) -> Operation? {
        switch instruction {
        case .saddl: threeSame(word, .saddl, .upToWord)
        case .uaddl: threeSame(word, .uaddl, .upToWord)
        case .saddw: threeSame(word, .saddw, .upToWord)
        case .uaddw: threeSame(word, .uaddw, .upToWord)
        case .ssubl: threeSame(word, .ssubl, .upToWord)
        case .usubl: threeSame(word, .usubl, .upToWord)
        case .ssubw: threeSame(word, .ssubw, .upToWord)
        case .usubw: threeSame(word, .usubw, .upToWord)
        case .addhn: threeSame(word, .addhn, .upToWord)
        case .raddhn: threeSame(word, .raddhn, .upToWord)
        case .subhn: threeSame(word, .subhn, .upToWord)
        case .rsubhn: threeSame(word, .rsubhn, .upToWord)
        case .sabal: threeSame(word, .sabal, .upToWord)
        case .uabal: threeSame(word, .uabal, .upToWord)
        case .sabdl: threeSame(word, .sabdl, .upToWord)
        case .uabdl: threeSame(word, .uabdl, .upToWord)
        case .smlalVector: threeSame(word, .smlal, .upToWord)
        case .umlalVector: threeSame(word, .umlal, .upToWord)
        case .smlslVector: threeSame(word, .smlsl, .upToWord)
        case .umlslVector: threeSame(word, .umlsl, .upToWord)
        case .smullVector: threeSame(word, .smull, .upToWord)
        case .umullVector: threeSame(word, .umull, .upToWord)
        case .sqdmlalVector: threeSame(word, .sqdmlal, .halfwordAndWord, scalar: .halfwordAndWord)
        case .sqdmlslVector: threeSame(word, .sqdmlsl, .halfwordAndWord, scalar: .halfwordAndWord)
        case .sqdmullVector: threeSame(word, .sqdmull, .halfwordAndWord, scalar: .halfwordAndWord)
        case .pmull: threeSame(word, .pmull, .byte)

        case .xtn: twoRegister(word, .xtn, .upToWord)
        case .sqxtn: twoRegister(word, .sqxtn, .upToWord, scalar: .upToWord)
        case .uqxtn: twoRegister(word, .uqxtn, .upToWord, scalar: .upToWord)
        case .sqxtun: twoRegister(word, .sqxtun, .upToWord, scalar: .upToWord)
        case .shll: shiftLeftLongBySize(word)
        default: nil
        }
    }

    /// Vector x indexed element.
    private static func indexed(_ word: UInt32, as instruction: Instruction) -> Operation? {
        switch instruction {
        case .mulByElement: byElement(word, .mulByElement)
        case .mlaByElement: byElement(word, .mlaByElement)
        case .mlsByElement: byElement(word, .mlsByElement)
        case .sqdmulhByElement: byElement(word, .sqdmulhByElement)
        case .sqrdmulhByElement: byElement(word, .sqrdmulhByElement)
        case .sqrdmlahByElement: byElement(word, .sqrdmlahByElement)
        case .sqrdmlshByElement: byElement(word, .sqrdmlshByElement)
        case .smullByElement: byElement(word, .smullByElement)
        case .umullByElement: byElement(word, .umullByElement)
        case .sqdmullByElement: byElement(word, .sqdmullByElement)
        case .smlalByElement: byElement(word, .smlalByElement)
        case .umlalByElement: byElement(word, .umlalByElement)
        case .smlslByElement: byElement(word, .smlslByElement)
        case .umlslByElement: byElement(word, .umlslByElement)
        case .sqdmlalByElement: byElement(word, .sqdmlalByElement)
        case .sqdmlslByElement: byElement(word, .sqdmlslByElement)
        case .sdotByElement: byElement(word, .sdotByElement, .word)
        case .udotByElement: byElement(word, .udotByElement, .word)
        default: nil
        }
    }

    /// Shift by immediate.
    private static func shifts(_ word: UInt32, as instruction: Instruction) -> Operation? {
        switch instruction {
        case .sshr: shiftRight(word, .sshr, .all, scalar: .doubleword)
        case .ushr: shiftRight(word, .ushr, .all, scalar: .doubleword)
        case .ssra: shiftRight(word, .ssra, .all, scalar: .doubleword)
        case .usra: shiftRight(word, .usra, .all, scalar: .doubleword)
        case .srshr: shiftRight(word, .srshr, .all, scalar: .doubleword)
        case .urshr: shiftRight(word, .urshr, .all, scalar: .doubleword)
        case .srsra: shiftRight(word, .srsra, .all, scalar: .doubleword)
        case .ursra: shiftRight(word, .ursra, .all, scalar: .doubleword)
        case .sri: shiftRight(word, .sri, .all, scalar: .doubleword)
        case .shl: shiftLeft(word, .shl, .all, scalar: .doubleword)
        case .sli: shiftLeft(word, .sli, .all, scalar: .doubleword)
        case .sqshlu: shiftLeft(word, .sqshlu, .all, scalar: .all)
        case .sqshlImmediate: shiftLeft(word, .sqshlImmediate, .all, scalar: .all)
        case .uqshlImmediate: shiftLeft(word, .uqshlImmediate, .all, scalar: .all)
        case .shrn: shiftRight(word, .shrn, .upToWord)
        case .rshrn: shiftRight(word, .rshrn, .upToWord)
        case .sqshrn: shiftRight(word, .sqshrn, .upToWord, scalar: .upToWord)
        case .uqshrn: shiftRight(word, .uqshrn, .upToWord, scalar: .upToWord)
        case .sqshrun: shiftRight(word, .sqshrun, .upToWord, scalar: .upToWord)
        case .sqrshrn: shiftRight(word, .sqrshrn, .upToWord, scalar: .upToWord)
        case .uqrshrn: shiftRight(word, .uqrshrn, .upToWord, scalar: .upToWord)
        case .sqrshrun: shiftRight(word, .sqrshrun, .upToWord, scalar: .upToWord)
        case .sshll: shiftLeft(word, .sshll, .upToWord)
        case .ushll: shiftLeft(word, .ushll, .upToWord)
        default: nil
        }
    }

    /// Copy, permute, extract, table lookup, modified immediate.
    private static func rearrangements(
        _ word: UInt32, as instruction: Instruction, _ context: LoweringContext
    ) -> Operation? {
        switch instruction {
        case .zip1: threeSame(word, .zip1, .all)
        case .zip2: threeSame(word, .zip2, .all)
        case .uzp1: threeSame(word, .uzp1, .all)
        case .uzp2: threeSame(word, .uzp2, .all)
        case .trn1: threeSame(word, .trn1, .all)
        case .trn2: threeSame(word, .trn2, .all)
        case .ext: extract(word)
        case .tbl: tableLookup(word, .tbl)
        case .tbx: tableLookup(word, .tbx)
        case .dupElement: duplicateElement(word)
        case .dupGeneral: duplicateGeneral(word, context)
        case .insElement: insertElement(word)
        case .insGeneral: insertGeneral(word, context)
        case .umov: moveToGeneral(word, .umov, context)
        case .smov: moveToGeneral(word, .smov, context)
        case .movi: modifiedImmediate(word, .movi)
        case .mvni: modifiedImmediate(word, .movi, inverted: true)
        case .orrVectorImmediate: modifiedImmediate(word, .orrImmediate)
        case .bicVectorImmediate: modifiedImmediate(word, .bicImmediate)
        default: nil
        }
    }
}
