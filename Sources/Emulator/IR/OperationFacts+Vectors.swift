// The facts of operations of the second level: Advanced SIMD, floating point, cryptography. `OperationFacts` says what
// for.

extension OperationFacts {
    // MARK: Advanced SIMD

    init(vector op: Operation) {
        guard let opcode = VectorOpcode(rawValue: op.sub) else {
            self.init([], [], .leaves)
            return
        }
        self.init(opcode)
        // The high half of a register is filled, and the low half stays.
        if Self.narrows(opcode), op.shape.isQ { vectorReads.insert(.d) }
    }

    /// The facts of an opcode, but for what its shape adds.
    private init(_ opcode: VectorOpcode) {
        switch opcode {
        case .and, .bic, .orr, .orn, .eor, .add, .sub, .mul, .pmul, .shadd, .uhadd, .srhadd, .urhadd, .shsub, .uhsub,
            .smax,
            .umax, .smin, .umin, .sabd, .uabd, .cmgt, .cmge, .cmhi, .cmhs, .cmeq, .cmtst, .mulByElement, .sshl, .ushl,
            .srshl, .urshl, .saddl, .uaddl, .ssubl, .usubl, .sabdl, .uabdl, .smull, .umull, .pmull, .saddw, .uaddw,
            .ssubw,
            .usubw, .smullByElement, .umullByElement, .addhn, .raddhn, .subhn, .rsubhn, .addp, .smaxp, .umaxp, .sminp,
            .uminp,
            .zip1, .zip2, .uzp1, .uzp2, .trn1, .trn2, .ext:
            self.init(vectors: [.n, .m], toVectors: .d)
        case .sqadd, .uqadd, .sqsub, .uqsub, .sqdmulh, .sqrdmulh, .sqdmulhByElement, .sqrdmulhByElement, .sqshl, .uqshl,
            .sqrshl, .uqrshl, .sqdmull, .sqdmullByElement:
            self.init(vectors: [.n, .m], toVectors: .d, .writesFPSR)
        case .bsl, .bit, .bif, .mla, .mls, .saba, .uaba, .sdot, .udot, .mlaByElement, .mlsByElement, .sdotByElement,
            .udotByElement, .sabal, .uabal, .smlal, .umlal, .smlsl, .umlsl, .smlalByElement, .umlalByElement,
            .smlslByElement, .umlslByElement:
            self.init(vectors: [.d, .n, .m], toVectors: .d)
        case .sqrdmlah, .sqrdmlsh, .sqrdmlahByElement, .sqrdmlshByElement, .sqdmlal, .sqdmlsl, .sqdmlalByElement,
            .sqdmlslByElement:
            self.init(vectors: [.d, .n, .m], toVectors: .d, .writesFPSR)
        case .not, .cnt, .rbit, .rev16, .rev32, .rev64, .abs, .neg, .cls, .clz, .cmgtZero, .cmgeZero, .cmeqZero,
            .cmleZero,
            .cmltZero, .sshr, .ushr, .srshr, .urshr, .shl, .sshll, .ushll, .xtn, .shrn, .rshrn, .addpScalar, .saddlp,
            .uaddlp,
            .addv, .smaxv, .umaxv, .sminv, .uminv, .saddlv, .uaddlv, .dupElement:
            self.init(vectors: .n, toVectors: .d)
        case .sqabs, .sqneg, .sqshlImmediate, .uqshlImmediate, .sqshlu, .sqxtn, .uqxtn, .sqxtun, .sqshrn, .uqshrn,
            .sqshrun,
            .sqrshrn, .uqrshrn, .sqrshrun:
            self.init(vectors: .n, toVectors: .d, .writesFPSR)
        case .ssra, .usra, .srsra, .ursra, .sri, .sli, .sadalp, .uadalp, .insElement:
            self.init(vectors: [.d, .n], toVectors: .d)
        case .suqadd, .usqadd:
            self.init(vectors: [.d, .n], toVectors: .d, .writesFPSR)
        case .movi: self.init(vectors: [], toVectors: .d)
        case .orrImmediate, .bicImmediate: self.init(vectors: .d, toVectors: .d)
        case .tbl: self.init(vectors: [.table, .m], toVectors: .d)
        case .tbx: self.init(vectors: [.d, .table, .m], toVectors: .d)
        case .dupGeneral: self.init(.n, vectors: [], toVectors: .d)
        case .insGeneral: self.init(.n, vectors: .d, toVectors: .d)
        case .umov, .smov: self.init(to: .d, vectors: .n)
        }
    }

    private static func narrows(_ opcode: VectorOpcode) -> Bool {
        switch opcode {
        case .xtn, .sqxtn, .uqxtn, .sqxtun, .addhn, .raddhn, .subhn, .rsubhn, .shrn, .rshrn, .sqshrn, .uqshrn, .sqshrun,
            .sqrshrn, .uqrshrn, .sqrshrun:
            true
        default: false
        }
    }

    // MARK: Floating point

    private static let arithmetic: Effects = [.readsFPCR, .writesFPSR]

    init(float op: Operation) {
        guard let opcode = FloatOpcode(rawValue: op.sub) else {
            self.init([], [], .leaves)
            return
        }
        switch opcode {
        case .faddSingle, .faddDouble, .fsubSingle, .fsubDouble, .fmulSingle, .fmulDouble, .fnmulSingle, .fnmulDouble,
            .fdivSingle, .fdivDouble, .fadd, .fsub, .fmul, .fdiv, .fmulx, .fabd, .fmax, .fmin, .fmaxnm, .fminnm,
            .frecps,
            .frsqrts, .fcmeq, .fcmge, .fcmgt, .facge, .facgt, .fmulElement, .fmulxElement:
            self.init(vectors: [.n, .m], toVectors: .d, Self.arithmetic)
        case .faddp, .fmaxp, .fminp, .fmaxnmp, .fminnmp:
            self.init(vectors: op.shape.isScalar ? .n : [.n, .m], toVectors: .d, Self.arithmetic)
        case .fmaddSingle, .fmaddDouble, .fmsubSingle, .fmsubDouble, .fnmaddSingle, .fnmaddDouble, .fnmsubSingle,
            .fnmsubDouble:
            self.init(vectors: [.n, .m, .a], toVectors: .d, Self.arithmetic)
        case .fmla, .fmls, .fmlaElement, .fmlsElement:
            self.init(vectors: [.d, .n, .m], toVectors: .d, Self.arithmetic)
        case .fsqrtSingle, .fsqrtDouble, .fsqrt, .fcvtSingleToDouble, .fcvtDoubleToSingle, .fcvtHalfToSingle,
            .fcvtHalfToDouble, .fcvtSingleToHalf, .fcvtDoubleToHalf, .fcvtl, .fcvts, .fcvtu, .scvtf, .ucvtf, .frint,
            .frintExact, .frecpe, .frsqrte, .frecpx, .fcmeqZero, .fcmgeZero, .fcmgtZero, .fcmleZero, .fcmltZero, .fmaxv,
            .fminv, .fmaxnmv, .fminnmv:
            self.init(vectors: .n, toVectors: .d, Self.arithmetic)
        case .fcvtn, .fcvtxn:
            // With Q the lower half stays.
            self.init(vectors: op.shape.isQ ? [.d, .n] : .n, toVectors: .d, Self.arithmetic)
        case .fmovSingle, .fmovDouble, .fabsSingle, .fabsDouble, .fnegSingle, .fnegDouble, .fabs, .fneg, .urecpe,
            .ursqrte:
            self.init(vectors: .n, toVectors: .d)
        case .fmovImmediate:
            self.init(vectors: [], toVectors: .d)

        case .fcmpSingle, .fcmpDouble, .fcmpeSingle, .fcmpeDouble:
            self.init(vectors: [.n, .m], [.writesFlags, .readsFPCR, .writesFPSR])
        case .fcmpZeroSingle, .fcmpZeroDouble, .fcmpeZeroSingle, .fcmpeZeroDouble:
            self.init(vectors: .n, [.writesFlags, .readsFPCR, .writesFPSR])
        case .fccmpSingle, .fccmpDouble, .fccmpeSingle, .fccmpeDouble:
            self.init(vectors: [.n, .m], [.readsFlags, .writesFlags, .readsFPCR, .writesFPSR])
        case .fcselSingle, .fcselDouble:
            self.init(vectors: [.n, .m], toVectors: .d, .readsFlags)

        case .fmovGeneralToSingle, .fmovGeneralToDouble:
            self.init(.n, vectors: [], toVectors: .d)
        case .fmovGeneralToTop:
            self.init(.n, vectors: .d, toVectors: .d)
        case .fmovSingleToGeneral, .fmovDoubleToGeneral, .fmovTopToGeneral:
            self.init(to: .d, vectors: .n)
        case .fcvtzsSW, .fcvtzsSX, .fcvtzsDW, .fcvtzsDX, .fcvtzuSW, .fcvtzuSX, .fcvtzuDW, .fcvtzuDX, .fcvtsGeneral,
            .fcvtuGeneral:
            self.init(to: .d, vectors: .n, Self.arithmetic)
        case .scvtfWD, .ucvtfWD:
            // Exact, whatever FPCR says.
            self.init(.n, vectors: [], toVectors: .d)
        case .scvtfWS, .scvtfXS, .scvtfXD, .ucvtfWS, .ucvtfXS, .ucvtfXD, .scvtfGeneral, .ucvtfGeneral:
            self.init(.n, vectors: [], toVectors: .d, Self.arithmetic)
        }
    }

    // MARK: Cryptography

    init(crypto op: Operation) {
        guard let opcode = CryptoOpcode(rawValue: op.sub) else {
            self.init([], [], .leaves)
            return
        }
        switch opcode {
        case .aese, .aesd, .sha1su1, .sha256su0: self.init(vectors: [.d, .n], toVectors: .d)
        case .aesmc, .aesimc, .sha1h: self.init(vectors: .n, toVectors: .d)
        case .pmull: self.init(vectors: [.n, .m], toVectors: .d)
        case .sha1c, .sha1p, .sha1m, .sha1su0, .sha256h, .sha256h2, .sha256su1:
            self.init(vectors: [.d, .n, .m], toVectors: .d)
        }
    }
}
