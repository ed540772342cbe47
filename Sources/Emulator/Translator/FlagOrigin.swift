// Where NZCV came from, while the registers that it came from are as they were: cheaper to ask than the saved flags,
// and often a reason not to save them, since a slow path can make them again.
//
// Responsible for: remembering the operation, and how its flags are made again. Emitting that is `RegionCompiler`'s.

#if arch(x86_64)

struct FlagOrigin {
    /// How NZCV is made again.
    enum Way {
        /// By the comparison, of operands that are still there.
        case comparison
        /// A sum from which one operand can be taken, and added again.
        case sum
        /// A difference to which the second operand can be added, and subtracted again.
        case difference
        /// Logic, of which C and V are 0: by testing the result.
        case logic
    }

    /// The operation, and how to make NZCV again; nil if it cannot be.
    private(set) var known: (operation: Operation, way: Way)?
    /// What that takes.
    private var needed = RegisterSet.none
    /// The register that holds the result whose zeroness is Z and whose sign is N, and whether it has 64 bits.
    private(set) var result: (register: UInt8, wide: Bool)?

    static let unknown = FlagOrigin()

    private init() {}

    /// What is known behind an operation that sets NZCV by its result.
    init(of op: Operation) {
        let isImmediate: Bool
        let way: Way
        switch op.code {
        case .subsImmediate64, .subsImmediate32: (isImmediate, way) = (true, .difference)
        case .addsImmediate64, .addsImmediate32: (isImmediate, way) = (true, .sum)
        case .andsImmediate64, .andsImmediate32: (isImmediate, way) = (true, .logic)
        case .subs64, .subs32: (isImmediate, way) = (false, .difference)
        case .adds64, .adds32: (isImmediate, way) = (false, .sum)
        case .ands64, .ands32, .bics64, .bics32: (isImmediate, way) = (false, .logic)
        case .adcs64, .adcs32, .sbcs64, .sbcs32:
            // Nobody has the carry any more.
            if op.d != CPUState.Register.sink { result = (op.d, Self.isWide(op)) }
            return
        default: return
        }
        let hasResult = op.d != CPUState.Register.sink
        if hasResult { result = (op.d, Self.isWide(op)) }
        let second = isImmediate ? RegisterSet.none : RegisterSet(op.m)
        let isPlain =
            op.n < CPUState.Register.temporary0
            && (isImmediate
                ? RegionCompiler.immediate(op.immediate, wide: Self.isWide(op)) != nil
                : op.m < CPUState.Register.temporary0)
        switch way {
        case .logic where hasResult:
            known = (op, .logic)
            needed = RegisterSet(op.d)
        case .difference where isPlain && (!hasResult || op.d != op.n && !second.contains(op.d)),
            .logic where isPlain && op.code != .bics64 && op.code != .bics32:
            known = (op, .comparison)
            needed = RegisterSet(op.n) | second
        case .difference where isPlain && !second.contains(op.d),
            .sum where isPlain && hasResult && !second.contains(op.d):
            known = (op, way)
            needed = RegisterSet(op.d) | second
        default: break
        }
    }

    /// Whether an operation that sets flags has 64 bits.
    static func isWide(_ op: Operation) -> Bool {
        switch op.code {
        case .subsImmediate64, .andsImmediate64, .addsImmediate64, .subs64, .ands64, .adds64, .bics64, .adcs64, .sbcs64:
            true
        default: false
        }
    }

    /// Whether a sum or a difference has an immediate, not a register, as its second operand.
    static func hasImmediate(_ op: Operation) -> Bool {
        switch op.code {
        case .addsImmediate64, .addsImmediate32, .subsImmediate64, .subsImmediate32: true
        default: false
        }
    }

    /// Forgets what rests on registers that are written.
    @inline(__always)
    mutating func note(writes: RegisterSet) {
        if known != nil, writes.intersection(needed) != .none { known = nil }
        if let result, writes.contains(result.register) { self.result = nil }
    }
}

#endif
