// Where NZCV came from, while the registers that it came from are as they were: cheaper to ask than the saved flags.
//
// Responsible for: remembering the operation. Emitting the comparison again is `RegionCompiler`'s.

#if arch(x86_64)

struct FlagOrigin {
    /// A comparison that nothing but the flags comes of, and what it compares.
    private(set) var comparison: Operation?
    private var compared = RegisterSet.none
    /// The register that holds the result whose zeroness is Z and whose sign is N, and whether it has 64 bits.
    private(set) var result: (register: UInt8, wide: Bool)?

    static let unknown = FlagOrigin()

    private init() {}

    /// What is known behind an operation that sets NZCV by its result.
    init(of op: Operation) {
        let isPlain = op.n < CPUState.Register.temporary0
        let wide: Bool
        switch op.code {
        case .subsImmediate64, .andsImmediate64, .addsImmediate64: wide = true
        case .subsImmediate32, .andsImmediate32, .addsImmediate32: wide = false
        case .subs64, .ands64, .adds64, .bics64, .adcs64, .sbcs64: wide = true
        default: wide = false
        }
        if op.d != CPUState.Register.sink {
            result = (op.d, wide)
            return
        }
        switch op.code {
        case .subsImmediate64, .subsImmediate32, .andsImmediate64, .andsImmediate32:
            guard isPlain, RegionCompiler.immediate(op.immediate, wide: wide) != nil else { return }
            comparison = op
            compared = RegisterSet(op.n)
        case .subs64, .subs32, .ands64, .ands32:
            guard isPlain, op.m < CPUState.Register.temporary0 else { return }
            comparison = op
            compared = RegisterSet(op.n) | RegisterSet(op.m)
        default: break
        }
    }

    /// Forgets what rests on registers that are written.
    @inline(__always)
    mutating func note(writes: RegisterSet) {
        if comparison != nil, writes.intersection(compared) != .none { comparison = nil }
        if let result, writes.contains(result.register) { self.result = nil }
    }
}

#endif
