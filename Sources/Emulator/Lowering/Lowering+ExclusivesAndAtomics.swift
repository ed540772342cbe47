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
}
