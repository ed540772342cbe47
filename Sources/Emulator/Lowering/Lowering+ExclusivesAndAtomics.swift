// Exclusives, ordered accesses and FEAT_LSE atomics: DDI 0487, C4.1.96.

import Arm64

extension Lowering {
    static func lowerExclusiveOrAtomic(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let size = word.bits(31, 30)
        context.checkAlignment(ofBase: word.rn)

        /// One operation; Rt and Rt2 are destinations if `loads`, Rs is one if it receives a status.
        func emit(_ code: AtomicOpcode, d: UInt8, m: UInt8 = 0, a: UInt8 = 0, size: UInt32) -> Bool {
            context.emit(
                Operation(
                    .atomic, sub: code.rawValue, d: d, n: word.rn, m: m, a: a,
                    shape: VectorShape(size: size, q: false)))
            return true
        }
        let loaded = context.destination(word.rd)
        let stored = context.source(word.rd)
        let s = context.source(word.rm)

        switch instruction {
        case .ldar, .ldlar, .ldapr:
            return emit(.loadAcquire, d: loaded, size: size)
        case .ldaprStlrUnscaled:
            return orderedUnscaled(word, into: &context)
        case .stlr, .stllr:
            return emit(.storeRelease, d: stored, size: size)
        case .ldxr, .ldaxr:
            return emit(.loadExclusive, d: loaded, size: size)
        case .ldxp, .ldaxp:
            return emit(.loadExclusivePair, d: loaded, a: context.destination(word.ra), size: size)
        case .stxr, .stlxr:
            return emit(.storeExclusive, d: stored, m: context.destination(word.rm), size: size)
        case .stxp, .stlxp:
            return emit(
                .storeExclusivePair, d: stored, m: context.destination(word.rm), a: context.source(word.ra), size: size)
        case .cas:
            // Rs is compared and receives the old value, so it is read and written.
            return emit(.compareAndSwap, d: stored, m: s, a: context.destination(word.rm), size: size)
        case .casp:
            // Pairs are an even register and the next.
            guard word.rd & 1 == 0, word.rm & 1 == 0 else { return false }
            return emit(.compareAndSwapPair, d: word.rd, m: word.rm, size: size + 2)
        case .swp: return emit(.swap, d: loaded, m: s, size: size)
        case .ldadd: return emit(.add, d: loaded, m: s, size: size)
        case .ldclr: return emit(.clear, d: loaded, m: s, size: size)
        case .ldeor: return emit(.exclusiveOr, d: loaded, m: s, size: size)
        case .ldset: return emit(.set, d: loaded, m: s, size: size)
        case .ldsmax: return emit(.signedMaximum, d: loaded, m: s, size: size)
        case .ldsmin: return emit(.signedMinimum, d: loaded, m: s, size: size)
        case .ldumax: return emit(.unsignedMaximum, d: loaded, m: s, size: size)
        case .ldumin: return emit(.unsignedMinimum, d: loaded, m: s, size: size)
        default: return false
        }
    }

    /// LDAPUR, LDAPURS and STLUR of all sizes.
    private static func orderedUnscaled(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let size = word.bits(31, 30)
        let opc = word.bits(23, 22)
        // LDAPURSW has no form for W registers, and doublewords have no sign to extend.
        guard opc < 2 || size < (opc == 2 ? 3 : 2) else { return false }
        let address = CPUState.Register.temporary0
        let d = opc == 0 ? context.source(word.rd) : context.destination(word.rd)
        context.emit(
            Operation(
                .addImmediate64, d: address, n: word.rn, immediate: UInt64(bitPattern: word.signedBits(20, 12))))
        let code: AtomicOpcode = opc == 0 ? .storeRelease : .loadAcquire
        context.emit(
            Operation(.atomic, sub: code.rawValue, d: d, n: address, shape: VectorShape(size: size, q: false)))
        if opc >= 2 {
            let unused = 64 - UInt8(8) << UInt8(size)
            context.emit(
                Operation(opc == 2 ? .extractSigned64 : .extractSigned32, sub: unused, d: d, n: d, a: unused))
        }
        return true
    }
}
