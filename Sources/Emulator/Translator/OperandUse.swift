// How the translator treats an operation, and which general registers it then has to know of.
//
// Responsible for: what register assignment and data flow need to know. What an operation reads and writes is said in
// `OperationFacts`; here is only what `RegionCompiler` makes of it. An operation that is not named here goes to a
// helper or to the interpreter.

#if arch(x86_64)

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

    /// Whether it finds all operands in the state block and leaves all results there.
    @inline(__always)
    var isOnState: Bool { self == .helper || self == .resume }
}

/// What one operation does to the general registers.
struct OperandUse {
    var reads = RegisterSet.none
    var writes = RegisterSet.none
    var treatment = Treatment.native
    /// What it does to NZCV, and to the host's flags.
    var flags = FlagUse.clobbers

    /// Of what does nothing.
    init() {}

    init(of op: Operation, isEL0: Bool, features: HostFeatures) {
        treatment = Treatment(of: op, isEL0: isEL0, features: features)
        // What only helpers and the interpreter execute has no claim to a host register.
        if treatment.isOnState && !Treatment.isTranslatedElsewhere(op.code) { return }
        let facts = OperationFacts(of: op)
        reads = facts.reads.registers(of: op)
        writes = facts.writes.registers(of: op)
        switch op.code {
        // What those of the second level do to flags, they do in the state block.
        case .vector, .float, .half, .crypto, .atomic, .unprivileged: break
        default: flags = FlagUse(of: op.code, facts.effects)
        }
    }
}

extension Treatment {
    /// - Parameters:
    ///   - isEL0: whether the operation is executed at EL0, where more is trapped.
    ///   - features: what the host can do.
    init(of op: Operation, isEL0: Bool, features: HostFeatures) {
        switch op.code {
        case .readState32:
            // Half of NZCV's place is translated code's own.
            self = op.immediate == UInt64(CPUState.Offset.nzcv) ? .helper : .native
        case .clz64, .clz32:
            self = features.hasLZCNT ? .native : .helper
        case .crc32:
            self = features.hasCarrylessProduct ? .native : .helper
        case .barrier:
            self = op.sub != 0 ? .helper : .native
        case .readDAIF, .setDAIF:
            self = isEL0 ? .resume : .native
        case .clearDAIF, .writeDAIF:
            self = isEL0 ? .resume : .guarded

        case .moveImmediate, .addToPC, .addToPageOfPC, .readState64, .insertImmediate64, .insertImmediate32, .move64,
            .move32,
            .addImmediate64, .addImmediate32, .addsImmediate64, .addsImmediate32, .subsImmediate64, .subsImmediate32,
            .andImmediate, .orrImmediate64, .orrImmediate32, .eorImmediate64, .eorImmediate32, .andsImmediate64,
            .andsImmediate32, .lslImmediate64, .lsrImmediate64, .extractUnsigned, .extractSigned64, .extractSigned32,
            .signExtendWord, .lsrImmediate32, .asrImmediate32, .rorImmediate64, .rorImmediate32, .rev64, .rev32,
            .reverseBytesInWords, .extend, .insertField64, .insertField32, .add64, .add32, .sub64, .sub32,
            .addShifted64,
            .subShifted64, .adds64, .adds32, .subs64, .subs32, .adc64, .adc32, .sbc64, .sbc32, .adcs64, .adcs32,
            .sbcs64,
            .sbcs32, .and64, .and32, .orr64, .orr32, .eor64, .eor32, .bic64, .bic32, .orn64, .orn32, .eon64, .eon32,
            .ands64,
            .ands32, .bics64, .bics32, .extractPair64, .extractPair32, .lslv64, .lslv32, .lsrv64, .lsrv32, .asrv64,
            .asrv32,
            .rorv64, .rorv32, .mul64, .mul32, .smulh, .umulh, .udiv64, .udiv32, .sdiv64, .sdiv32, .csel64, .csel32,
            .csinc64,
            .csinc32, .csinv64, .csinv32, .csneg64, .csneg32, .crc32c, .madd64, .madd32, .msub64, .msub32, .smaddl,
            .smsubl,
            .umaddl, .umsubl, .ccmp64, .ccmp32, .ccmn64, .ccmn32, .ccmpImmediate64, .ccmpImmediate32, .ccmnImmediate64,
            .ccmnImmediate32, .clearUpperHalf, .clearExclusive, .writeState64:
            self = .native
        case .load8, .load16, .load32, .load64, .loadSigned8To64, .loadSigned8To32, .loadSigned16To64,
            .loadSigned16To32,
            .loadSigned32To64, .loadIndexed8, .loadIndexed32, .loadIndexed64, .loadPair64, .loadPair32,
            .loadPairSigned32,
            .store8, .store16, .store32, .store64, .storePair64, .storePair32, .loadVector, .storeVector,
            .loadVectorPair,
            .storeVectorPair, .unprivileged, .loadReplicate, .loadElement, .storeElement, .zeroCacheLine,
            .checkFloatingPoint, .stackPointerWritten:
            self = .guarded
        case .systemInstruction, .readSystemRegister, .writeSystemRegister, .sendEvent,
            .cls64, .cls32, .rbit64, .rbit32, .reverseBytesInHalfwords64, .reverseBytesInHalfwords32, .half:
            self = .helper
        case .branch, .fallThrough, .branchLink:
            self = .jump
        case .branchConditional, .branchIfZero64, .branchIfZero32, .branchIfNotZero64, .branchIfNotZero32,
            .branchIfBitClear, .branchIfBitSet:
            self = .branch
        case .branchRegister, .branchLinkRegister:
            self = .indirect
        case .checkStackPointer, .synchronize, .exceptionReturn, .generateException, .wait, .undefined, .writePAN,
            .writeSPSel:
            self = .resume

        case .atomic: self.init(atomic: op)
        case .vector: self.init(vector: op)
        case .float: self.init(float: op, features: features)
        case .crypto: self.init(crypto: op, features: features)
        }
    }

    /// Whether an operation that this host, or this exception level, leaves to a helper or to the interpreter is
    /// translated on others. It counts as a use of its registers everywhere.
    static func isTranslatedElsewhere(_ code: Opcode) -> Bool {
        switch code {
        case .readState32, .clz64, .clz32, .crc32, .readDAIF, .writeDAIF: true
        default: false
        }
    }

    private init(atomic op: Operation) {
        switch AtomicOpcode(rawValue: op.sub) {
        case .loadAcquire, .storeRelease, .swap, .add, .clear, .exclusiveOr, .set, .compareAndSwap: self = .guarded
        case nil: self = .resume
        default: self = .helper
        }
    }
}

#endif
