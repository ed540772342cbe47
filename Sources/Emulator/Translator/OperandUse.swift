// Which general registers an operation reads and writes, and how the translator treats it.
//
// Responsible for: what register assignment and data flow need to know of an operation. It must agree with what
// `RegionCompiler` emits; an operation that is not named here goes to a helper or to the interpreter.

#if arch(x86_64)

/// A set of general registers, numbered as in `CPUState.Register`.
struct RegisterSet: Equatable {
    var bits: UInt64

    static let none = RegisterSet(bits: 0)
    static let all = RegisterSet(bits: ~0)

    @inline(__always)
    init(bits: UInt64) { self.bits = bits }

    @inline(__always)
    init(_ register: UInt8) { bits = 1 << UInt64(register) }

    @inline(__always)
    func contains(_ register: UInt8) -> Bool { bits >> UInt64(register) & 1 != 0 }

    @inline(__always)
    static func | (a: Self, b: Self) -> Self { Self(bits: a.bits | b.bits) }

    @inline(__always)
    static func |= (a: inout Self, b: Self) { a.bits |= b.bits }

    @inline(__always)
    func subtracting(_ other: Self) -> Self { Self(bits: bits & ~other.bits) }

    @inline(__always)
    func intersection(_ other: Self) -> Self { Self(bits: bits & other.bits) }

    /// Calls `body` with each member, from the lowest.
    @inline(__always)
    func forEach(_ body: (UInt8) -> Void) {
        var rest = bits
        while rest != 0 {
            body(UInt8(rest.trailingZeroBitCount))
            rest &= rest &- 1
        }
    }
}

/// How the translator treats an operation.
enum Treatment {
    /// Translated; never leaves the straight path.
    case native
    /// Translated, with a slow path beside it that may find the whole state in memory.
    case guarded
    /// A helper executes it on the state in memory.
    case helper
    /// A direct branch, taken or not; the slot of its link follows.
    case branch
    /// The last operation: a direct branch that is always taken.
    case jump
    /// The last operation: to an address in a register.
    case indirect
    /// The interpreter goes on here.
    case resume

    /// Whether the slot of a link follows.
    @inline(__always)
    var isDirectBranch: Bool { self == .branch || self == .jump }
}

/// What one operation does to the general registers.
struct OperandUse {
    var reads = RegisterSet.none
    var writes = RegisterSet.none
    var treatment = Treatment.native

    @inline(__always)
    init(reads: RegisterSet = .none, writes: RegisterSet = .none, _ treatment: Treatment = .native) {
        self.reads = reads
        self.writes = writes
        self.treatment = treatment
    }

    init(of op: Operation, isEL0: Bool, features: HostFeatures) {
        let d = RegisterSet(op.d)
        let n = RegisterSet(op.n)
        let m = RegisterSet(op.m)
        switch op.code {
        case .moveImmediate, .addToPC, .addToPageOfPC, .readState64, .readState32:
            // Half of NZCV's place is translated code's own.
            self.init(
                writes: d,
                op.code == .readState32 && op.immediate == UInt64(CPUState.Offset.nzcv) ? .helper : .native)
        case .insertImmediate64, .insertImmediate32:
            self.init(reads: d, writes: d)
        case .move64, .move32, .addImmediate64, .addImmediate32, .addsImmediate64, .addsImmediate32,
            .subsImmediate64,
            .subsImmediate32, .andImmediate, .orrImmediate64, .orrImmediate32, .eorImmediate64, .eorImmediate32,
            .andsImmediate64, .andsImmediate32, .lslImmediate64, .lsrImmediate64, .extractUnsigned,
            .extractSigned64,
            .extractSigned32, .signExtendWord, .lsrImmediate32, .asrImmediate32, .rorImmediate64, .rorImmediate32,
            .rev64, .rev32, .reverseBytesInWords:
            self.init(reads: n, writes: d)
        case .clz64, .clz32:
            self.init(reads: n, writes: d, features.hasLZCNT ? .native : .helper)
        case .extend:
            self.init(reads: m, writes: d)
        case .insertField64, .insertField32:
            self.init(reads: d | n, writes: d)
        case .add64, .add32, .sub64, .sub32, .addShifted64, .subShifted64, .adds64, .adds32, .subs64, .subs32,
            .adc64,
            .adc32, .sbc64, .sbc32, .adcs64, .adcs32, .sbcs64, .sbcs32, .and64, .and32, .orr64, .orr32, .eor64,
            .eor32,
            .bic64, .bic32, .orn64, .orn32, .eon64, .eon32, .ands64, .ands32, .bics64, .bics32, .extractPair64,
            .extractPair32, .lslv64, .lslv32, .lsrv64, .lsrv32, .asrv64, .asrv32, .rorv64, .rorv32, .mul64, .mul32,
            .smulh, .umulh, .udiv64, .udiv32, .sdiv64, .sdiv32, .csel64, .csel32, .csinc64, .csinc32, .csinv64,
            .csinv32, .csneg64, .csneg32:
            self.init(reads: n | m, writes: d)
        case .crc32c:
            self.init(reads: n | m, writes: d)
        case .crc32:
            self.init(reads: n | m, writes: d, features.hasCarrylessProduct ? .native : .helper)
        case .madd64, .madd32, .msub64, .msub32, .smaddl, .smsubl, .umaddl, .umsubl:
            self.init(reads: n | m | RegisterSet(op.a), writes: d)
        case .ccmp64, .ccmp32, .ccmn64, .ccmn32:
            self.init(reads: n | m)
        case .ccmpImmediate64, .ccmpImmediate32, .ccmnImmediate64, .ccmnImmediate32:
            self.init(reads: n)

        case .load8, .load16, .load32, .load64, .loadSigned8To64, .loadSigned8To32, .loadSigned16To64,
            .loadSigned16To32, .loadSigned32To64:
            self.init(reads: n, writes: d, .guarded)
        case .loadIndexed8, .loadIndexed32, .loadIndexed64:
            self.init(reads: n | m, writes: d, .guarded)
        case .loadPair64, .loadPair32, .loadPairSigned32:
            self.init(reads: n, writes: d | m, .guarded)
        case .store8, .store16, .store32, .store64:
            self.init(reads: n | d, .guarded)
        case .storePair64, .storePair32:
            self.init(reads: n | d | m, .guarded)
        case .loadVector, .storeVector, .loadVectorPair, .storeVectorPair:
            self.init(reads: n, .guarded)
        case .unprivileged:
            // Bits 3:2 of `sub` are zero for stores.
            self.init(reads: op.sub >> 2 == 0 ? n | d : n, writes: op.sub >> 2 == 0 ? .none : d, .guarded)
        case .loadReplicate:
            self.init(reads: n, .guarded)
        case .zeroCacheLine:
            // At EL0 it may be trapped.
            self.init(reads: n, isEL0 ? .helper : .guarded)
        case .loadElement, .storeElement, .systemInstruction,
            .readSystemRegister, .writeSystemRegister, .sendEvent:
            self.init(.helper)
        case .clearUpperHalf:
            self.init()
        case .atomic:
            self.init(atomic: op)
        case .barrier:
            self.init(op.sub != 0 ? .helper : .native)
        case .clearExclusive:
            self.init()
        case .writeState64:
            self.init(reads: n)
        case .writeState32:
            self.init(.helper)
        case .readDAIF:
            self.init(writes: d, isEL0 ? .resume : .native)
        case .setDAIF:
            self.init(isEL0 ? .resume : .native)
        case .clearDAIF:
            self.init(isEL0 ? .resume : .guarded)
        case .writeDAIF:
            self.init(reads: n, isEL0 ? .resume : .guarded)
        case .checkFloatingPoint:
            self.init(.guarded)
        case .checkStackPointer:
            self.init(.resume)
        case .stackPointerWritten:
            self.init(reads: RegisterSet(CPUState.Register.sp), .guarded)

        case .branch, .fallThrough:
            self.init(.jump)
        case .branchLink:
            self.init(writes: RegisterSet(30), .jump)
        case .branchConditional:
            self.init(.branch)
        case .branchIfZero64, .branchIfZero32, .branchIfNotZero64, .branchIfNotZero32, .branchIfBitClear,
            .branchIfBitSet:
            self.init(reads: n, .branch)
        case .branchRegister:
            self.init(reads: n, .indirect)
        case .branchLinkRegister:
            self.init(reads: n, writes: RegisterSet(30), .indirect)
        case .synchronize, .exceptionReturn, .generateException, .wait, .undefined, .writePAN, .writeSPSel:
            self.init(.resume)

        case .vector:
            self.init(vector: op)
        case .float:
            self.init(float: op, features: features)
        case .crypto, .cls64, .cls32, .rbit64, .rbit32, .reverseBytesInHalfwords64, .reverseBytesInHalfwords32:
            self.init(.helper)
        }
    }

    private init(atomic op: Operation) {
        guard let opcode = AtomicOpcode(rawValue: op.sub) else {
            self.init(.resume)
            return
        }
        let n = RegisterSet(op.n)
        switch opcode {
        case .loadAcquire: self.init(reads: n, writes: RegisterSet(op.d), .guarded)
        case .storeRelease: self.init(reads: n | RegisterSet(op.d), .guarded)
        case .swap, .add, .clear, .exclusiveOr, .set:
            self.init(reads: n | RegisterSet(op.m), writes: RegisterSet(op.d), .guarded)
        case .compareAndSwap:
            self.init(reads: n | RegisterSet(op.d) | RegisterSet(op.m), writes: RegisterSet(op.a), .guarded)
        default: self.init(.helper)
        }
    }
}

#endif
