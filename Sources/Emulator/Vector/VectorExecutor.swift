// The interpreter of vector operations: which lane operation, signedness and driver each opcode is.
//
// Not here: floating point and cryptography. Nothing here can fault; FPSR.QC is the only state besides the registers.

/// Executes operations whose opcode is `vector`.
enum VectorExecutor {
    /// Executes one operation on `state`.
    static func execute(_ operation: Operation, _ state: CPUState) {
        // Lowering is the only source of operations and stores nothing but opcodes here.
        guard let opcode = VectorOpcode(rawValue: operation.sub) else { return }
        switch opcode {
        case .and: bitwise(operation, state) { _, n, m in n & m }
        case .bic: bitwise(operation, state) { _, n, m in n & ~m }
        case .orr: bitwise(operation, state) { _, n, m in n | m }
        case .orn: bitwise(operation, state) { _, n, m in n | ~m }
        case .eor: bitwise(operation, state) { _, n, m in n ^ m }
        case .not: bitwise(operation, state) { _, n, _ in ~n }
        case .bsl: bitwise(operation, state) { d, n, m in m ^ (m ^ n) & d }
        case .bit: bitwise(operation, state) { d, n, m in d ^ (d ^ n) & m }
        case .bif: bitwise(operation, state) { d, n, m in d ^ (d ^ n) & ~m }
        case .movi: immediate(operation, state) { _, pattern in pattern }
        case .orrImmediate: immediate(operation, state) { d, pattern in d | pattern }
        case .bicImmediate: immediate(operation, state) { d, pattern in d & ~pattern }
        case .cnt: countOnes(operation, state)
        case .rbit: reverseBits(operation, state)
        case .rev16: reverseElements(container: 1, operation, state)
        case .rev32: reverseElements(container: 2, operation, state)
        case .rev64: reverseElements(container: 3, operation, state)

        case .add: lanes(Add.self, Unsigned.self, operation, state)
        case .sub: lanes(Subtract.self, Unsigned.self, operation, state)
        case .mul: lanes(Multiply.self, Unsigned.self, operation, state)
        case .pmul: polynomialMultiply(operation, state)
        case .shadd: lanes(HalvingAdd.self, Signed.self, operation, state)
        case .uhadd: lanes(HalvingAdd.self, Unsigned.self, operation, state)
        case .srhadd: lanes(RoundingHalvingAdd.self, Signed.self, operation, state)
        case .urhadd: lanes(RoundingHalvingAdd.self, Unsigned.self, operation, state)
        case .shsub: lanes(HalvingSubtract.self, Signed.self, operation, state)
        case .uhsub: lanes(HalvingSubtract.self, Unsigned.self, operation, state)
        case .smax: lanes(Maximum.self, Signed.self, operation, state)
        case .umax: lanes(Maximum.self, Unsigned.self, operation, state)
        case .smin: lanes(Minimum.self, Signed.self, operation, state)
        case .umin: lanes(Minimum.self, Unsigned.self, operation, state)
        case .sabd: lanes(AbsoluteDifference.self, Signed.self, operation, state)
        case .uabd: lanes(AbsoluteDifference.self, Unsigned.self, operation, state)
        case .abs: lanes(Absolute.self, Signed.self, operation, state)
        case .neg: lanes(Negate.self, Signed.self, operation, state)
        case .cls: lanes(CountLeadingSignBits.self, Signed.self, operation, state)
        case .clz: lanes(CountLeadingZeroBits.self, Unsigned.self, operation, state)
        case .mla: lanes(MultiplyAdd.self, Unsigned.self, operation, state)
        case .mls: lanes(MultiplySubtract.self, Unsigned.self, operation, state)
        case .saba: lanes(AbsoluteDifferenceAccumulate.self, Signed.self, operation, state)
        case .uaba: lanes(AbsoluteDifferenceAccumulate.self, Unsigned.self, operation, state)
        case .sqadd: lanes(SaturatingAdd.self, Signed.self, operation, state)
        case .uqadd: lanes(SaturatingAdd.self, Unsigned.self, operation, state)
        case .sqsub: lanes(SaturatingSubtract.self, Signed.self, operation, state)
        case .uqsub: lanes(SaturatingSubtract.self, Unsigned.self, operation, state)
        case .sqabs: lanes(SaturatingAbsolute.self, Signed.self, operation, state)
        case .sqneg: lanes(SaturatingNegate.self, Signed.self, operation, state)
        case .suqadd: lanes(SaturatingAddUnsigned.self, Signed.self, operation, state)
        case .usqadd: lanes(SaturatingAddSigned.self, Unsigned.self, operation, state)

        case .sqdmulh, .sqrdmulh, .sqrdmlah, .sqrdmlsh, .sqdmulhByElement, .sqrdmulhByElement, .sqrdmlahByElement,
            .sqrdmlshByElement, .mulByElement, .mlaByElement, .mlsByElement, .sdot, .udot, .sdotByElement,
            .udotByElement:
            executeMultiply(opcode, operation, state)

        case .cmgt: lanes(Greater.self, Signed.self, operation, state)
        case .cmhi: lanes(Greater.self, Unsigned.self, operation, state)
        case .cmge: lanes(GreaterOrEqual.self, Signed.self, operation, state)
        case .cmhs: lanes(GreaterOrEqual.self, Unsigned.self, operation, state)
        case .cmeq: lanes(Equal.self, Unsigned.self, operation, state)
        case .cmtst: lanes(Test.self, Unsigned.self, operation, state)
        // `a` is zero.
        case .cmgtZero: lanes(Greater.self, Signed.self, m: FromImmediate.self, operation, state)
        case .cmgeZero: lanes(GreaterOrEqual.self, Signed.self, m: FromImmediate.self, operation, state)
        case .cmeqZero: lanes(Equal.self, Unsigned.self, m: FromImmediate.self, operation, state)
        case .cmleZero: lanes(LessOrEqual.self, Signed.self, m: FromImmediate.self, operation, state)
        case .cmltZero: lanes(Less.self, Signed.self, m: FromImmediate.self, operation, state)

        case .sshl, .ushl, .srshl, .urshl, .sqshl, .uqshl, .sqrshl, .uqrshl, .sshr, .ushr, .srshr, .urshr, .shl,
            .ssra, .usra, .srsra, .ursra, .sri, .sli, .sqshlImmediate, .uqshlImmediate, .sqshlu:
            executeShift(opcode, operation, state)

        case .saddl, .uaddl, .ssubl, .usubl, .sabdl, .uabdl, .smull, .umull, .sqdmull, .pmull, .sabal, .uabal, .smlal,
            .umlal, .smlsl, .umlsl, .sqdmlal, .sqdmlsl, .saddw, .uaddw, .ssubw, .usubw, .smullByElement,
            .umullByElement, .sqdmullByElement, .smlalByElement, .umlalByElement, .smlslByElement, .umlslByElement,
            .sqdmlalByElement, .sqdmlslByElement, .sshll, .ushll:
            executeLong(opcode, operation, state)

        case .xtn, .sqxtn, .uqxtn, .sqxtun, .addhn, .raddhn, .subhn, .rsubhn, .shrn, .rshrn, .sqshrn, .uqshrn, .sqshrun,
            .sqrshrn, .uqrshrn, .sqrshrun:
            executeNarrow(opcode, operation, state)

        case .addp: pairwise(Add.self, Unsigned.self, operation, state)
        case .smaxp: pairwise(Maximum.self, Signed.self, operation, state)
        case .umaxp: pairwise(Maximum.self, Unsigned.self, operation, state)
        case .sminp: pairwise(Minimum.self, Signed.self, operation, state)
        case .uminp: pairwise(Minimum.self, Unsigned.self, operation, state)
        case .addpScalar:
            let n = state.q(operation.n)
            state.setD(operation.d, n[0] &+ n[1])
        case .saddlp: lanesOfPairs(PairwiseAddLong.self, Signed.self, operation, state)
        case .uaddlp: lanesOfPairs(PairwiseAddLong.self, Unsigned.self, operation, state)
        case .sadalp: lanesOfPairs(PairwiseAddLongAccumulate.self, Signed.self, operation, state)
        case .uadalp: lanesOfPairs(PairwiseAddLongAccumulate.self, Unsigned.self, operation, state)

        case .addv: acrossLanes(Add.self, Unsigned.self, operation, state)
        case .smaxv: acrossLanes(Maximum.self, Signed.self, operation, state)
        case .umaxv: acrossLanes(Maximum.self, Unsigned.self, operation, state)
        case .sminv: acrossLanes(Minimum.self, Signed.self, operation, state)
        case .uminv: acrossLanes(Minimum.self, Unsigned.self, operation, state)
        case .saddlv: acrossLanes(Add.self, Signed.self, widens: true, operation, state)
        case .uaddlv: acrossLanes(Add.self, Unsigned.self, widens: true, operation, state)

        case .zip1: zip(high: false, operation, state)
        case .zip2: zip(high: true, operation, state)
        case .uzp1: unzip(odd: false, operation, state)
        case .uzp2: unzip(odd: true, operation, state)
        case .trn1: transpose(odd: false, operation, state)
        case .trn2: transpose(odd: true, operation, state)
        case .ext: extract(operation, state)
        case .tbl: tableLookup(old: SIMD16(), operation, state)
        case .tbx: tableLookup(old: state.lanes(operation.d), operation, state)

        case .dupElement:
            duplicate(element(operation.n, operation.a, operation.shape, state), operation, state)
        case .dupGeneral: duplicate(state.x[Int(operation.n)], operation, state)
        case .insElement:
            let index = UInt8(truncatingIfNeeded: operation.immediate)
            insert(element(operation.n, index, operation.shape, state), operation, state)
        case .insGeneral: insert(state.x[Int(operation.n)], operation, state)
        case .umov: state.x[Int(operation.d)] = element(operation.n, operation.a, operation.shape, state)
        case .smov: moveSignExtended(operation, state)
        }
    }
}
