// What an operation touches: the registers, flags, memory and other state that it reads and writes, and where execution
// goes on.
//
// Responsible for: saying so once, for everything that has to know of an operation without executing it. The
// translator's operand use, data flow and treatment of flags follow from it; a test compares it with what the
// interpreter does. Not responsible for what an operation computes (`Opcode`), nor for how the translator treats it
// (`Treatment`). Those of the second level are in `OperationFacts+Vectors`.

/// Facts of one operation. What is not named, it neither reads nor writes.
struct OperationFacts: Equatable {
    /// Registers of one file, by the field of the operation that holds their number.
    struct Operands: OptionSet {
        let rawValue: UInt8

        static let d = Operands(rawValue: 1 << 0)
        static let n = Operands(rawValue: 1 << 1)
        static let m = Operands(rawValue: 1 << 2)
        static let a = Operands(rawValue: 1 << 3)
        /// The registers after `d` and `m`; the one after 30 is XZR.
        static let afterD = Operands(rawValue: 1 << 4)
        static let afterM = Operands(rawValue: 1 << 5)
        /// SP, whatever the fields hold. Of vectors: a table of `a` registers, from `n` on.
        static let sp = Operands(rawValue: 1 << 6)
        static let table = Operands(rawValue: 1 << 6)
        /// x30, whatever the fields hold.
        static let link = Operands(rawValue: 1 << 7)
    }

    /// Everything else that an operation may do.
    struct Effects: OptionSet {
        let rawValue: UInt16

        /// NZCV.
        static let readsFlags = Effects(rawValue: 1 << 0)
        static let writesFlags = Effects(rawValue: 1 << 1)
        static let readsFPCR = Effects(rawValue: 1 << 2)
        /// Sets bits of FPSR; never clears one, but for a write of FPSR itself.
        static let writesFPSR = Effects(rawValue: 1 << 3)
        static let loads = Effects(rawValue: 1 << 4)
        static let stores = Effects(rawValue: 1 << 5)
        /// System registers, PSTATE, the local monitor; time and interrupts.
        static let readsSystem = Effects(rawValue: 1 << 6)
        static let writesSystem = Effects(rawValue: 1 << 7)
        /// May take an exception, and then changes nothing else.
        static let mayTrap = Effects(rawValue: 1 << 8)
        /// May leave the block behind its instruction, for something that the CPU has to see to first.
        static let mayLeave = Effects(rawValue: 1 << 9)
    }

    /// Where execution goes on.
    enum Flow: UInt8 {
        /// With the next operation.
        case next
        /// With the target's block or behind the link slot.
        case sideExit
        /// With the target's block; a link slot follows.
        case jump
        /// At an address in a register.
        case indirect
        /// Wherever the CPU finds itself then.
        case leaves
    }

    /// General registers.
    var reads: Operands = []
    var writes: Operands = []
    /// Vector registers.
    var vectorReads: Operands = []
    var vectorWrites: Operands = []
    var effects: Effects = []
    var flow = Flow.next

    /// General registers from and to general registers.
    @inline(__always)
    init(_ reads: Operands = [], to writes: Operands = [], _ effects: Effects = [], _ flow: Flow = .next) {
        self.reads = reads
        self.writes = writes
        self.effects = effects
        self.flow = flow
    }

    /// The same with vector registers.
    @inline(__always)
    init(
        _ reads: Operands = [], to writes: Operands = [], vectors vectorReads: Operands,
        toVectors vectorWrites: Operands = [],
        _ effects: Effects = []
    ) {
        self.reads = reads
        self.writes = writes
        self.vectorReads = vectorReads
        self.vectorWrites = vectorWrites
        self.effects = effects
    }

    /// The facts of `op`.
    init(of op: Operation) {
        switch op.code {
        case .vector: self.init(vector: op)
        // What an operation of half precision touches is what it touches in single precision.
        case .float, .half: self.init(float: op)
        case .crypto: self.init(crypto: op)
        case .atomic: self.init(atomic: op)
        case .unprivileged:
            // Bits 3:2 of `sub` are zero for stores.
            self = op.sub >> 2 == 0 ? Self([.n, .d], Self.store) : Self(.n, to: .d, Self.load)
        default: self.init(of: op.code)
        }
    }

    private static let load: Effects = [.loads, .mayTrap]
    private static let store: Effects = [.stores, .mayTrap]
    private static let update: Effects = [.loads, .stores, .mayTrap]

    /// The facts of an opcode that depend on it alone; those of the second level have none here.
    init(of code: Opcode) {
        switch code {
        case .vector, .float, .half, .crypto, .atomic, .unprivileged:
            self.init()

        case .moveImmediate, .addToPC, .addToPageOfPC:
            self.init(to: .d)
        case .insertImmediate64, .insertImmediate32:
            self.init(.d, to: .d)
        case .move64, .move32, .addImmediate64, .addImmediate32, .andImmediate, .orrImmediate64, .orrImmediate32,
            .eorImmediate64, .eorImmediate32, .lslImmediate64, .lsrImmediate64, .extractUnsigned, .extractSigned64,
            .extractSigned32, .signExtendWord, .lsrImmediate32, .asrImmediate32, .rorImmediate64, .rorImmediate32,
            .clz64,
            .clz32, .cls64, .cls32, .rbit64, .rbit32, .rev64, .rev32, .reverseBytesInHalfwords64,
            .reverseBytesInHalfwords32, .reverseBytesInWords:
            self.init(.n, to: .d)
        case .addsImmediate64, .addsImmediate32, .subsImmediate64, .subsImmediate32, .andsImmediate64, .andsImmediate32:
            self.init(.n, to: .d, .writesFlags)
        case .extend:
            self.init(.m, to: .d)
        case .insertField64, .insertField32:
            self.init([.d, .n], to: .d)
        case .add64, .add32, .sub64, .sub32, .addShifted64, .subShifted64, .and64, .and32, .orr64, .orr32, .eor64,
            .eor32,
            .bic64, .bic32, .orn64, .orn32, .eon64, .eon32, .extractPair64, .extractPair32, .lslv64, .lslv32, .lsrv64,
            .lsrv32, .asrv64, .asrv32, .rorv64, .rorv32, .mul64, .mul32, .smulh, .umulh, .udiv64, .udiv32, .sdiv64,
            .sdiv32,
            .crc32, .crc32c:
            self.init([.n, .m], to: .d)
        case .adds64, .adds32, .subs64, .subs32, .ands64, .ands32, .bics64, .bics32:
            self.init([.n, .m], to: .d, .writesFlags)
        case .adc64, .adc32, .sbc64, .sbc32, .csel64, .csel32, .csinc64, .csinc32, .csinv64, .csinv32, .csneg64,
            .csneg32:
            self.init([.n, .m], to: .d, .readsFlags)
        case .adcs64, .adcs32, .sbcs64, .sbcs32:
            self.init([.n, .m], to: .d, [.readsFlags, .writesFlags])
        case .madd64, .madd32, .msub64, .msub32, .smaddl, .smsubl, .umaddl, .umsubl:
            self.init([.n, .m, .a], to: .d)
        case .ccmp64, .ccmp32, .ccmn64, .ccmn32:
            self.init([.n, .m], [.readsFlags, .writesFlags])
        case .ccmpImmediate64, .ccmpImmediate32, .ccmnImmediate64, .ccmnImmediate32:
            self.init(.n, [.readsFlags, .writesFlags])

        case .load8, .load16, .load32, .load64, .loadSigned8To64, .loadSigned8To32, .loadSigned16To64,
            .loadSigned16To32,
            .loadSigned32To64:
            self.init(.n, to: .d, Self.load)
        case .loadIndexed8, .loadIndexed32, .loadIndexed64:
            self.init([.n, .m], to: .d, Self.load)
        case .loadPair64, .loadPair32, .loadPairSigned32:
            self.init(.n, to: [.d, .m], Self.load)
        case .store8, .store16, .store32, .store64:
            self.init([.n, .d], Self.store)
        case .storePair64, .storePair32:
            self.init([.n, .d, .m], Self.store)
        case .loadVector, .loadReplicate:
            self.init(.n, vectors: [], toVectors: .d, Self.load)
        case .loadVectorPair:
            self.init(.n, vectors: [], toVectors: [.d, .m], Self.load)
        case .storeVector, .storeElement:
            self.init(.n, vectors: .d, Self.store)
        case .storeVectorPair:
            self.init(.n, vectors: [.d, .m], Self.store)
        case .loadElement:
            self.init(.n, vectors: .d, toVectors: .d, Self.load)
        case .clearUpperHalf:
            self.init(vectors: .d, toVectors: .d)
        case .zeroCacheLine:
            self.init(.n, [.stores, .readsSystem, .mayTrap])

        case .barrier:
            self.init([], [.readsSystem, .mayLeave])
        case .clearExclusive:
            self.init([], .writesSystem)
        case .readState64:
            self.init(to: .d, .readsSystem)
        case .readState32:
            // NZCV, FPCR, FPSR.
            self.init(to: .d, [.readsFlags, .readsFPCR, .readsSystem])
        case .writeState64:
            self.init(.n, .writesSystem)
        case .readSystemRegister:
            // RNDR sets the flags.
            self.init(to: .d, [.writesFlags, .readsSystem, .writesSystem, .mayTrap])
        case .writeSystemRegister:
            self.init([.n, .sp], to: .sp, [.writesFlags, .writesFPSR, .readsSystem, .writesSystem, .mayTrap])
        case .readDAIF:
            self.init(to: .d, [.readsSystem, .mayTrap])
        case .setDAIF:
            self.init([], [.readsSystem, .writesSystem, .mayTrap])
        case .clearDAIF:
            self.init([], [.readsSystem, .writesSystem, .mayTrap, .mayLeave])
        case .writeDAIF:
            self.init(.n, [.readsSystem, .writesSystem, .mayTrap, .mayLeave])
        case .writePAN, .sendEvent:
            self.init([], .writesSystem)
        case .writeSPSel:
            self.init(.sp, to: .sp, [.readsSystem, .writesSystem])
        case .systemInstruction:
            self.init(.n, [.readsSystem, .writesSystem, .mayTrap])
        case .checkFloatingPoint, .checkStackPointer:
            self.init([], [.readsSystem, .mayTrap])
        case .stackPointerWritten:
            self.init(.sp, .mayLeave)

        case .branch, .fallThrough:
            self.init([], [], .jump)
        case .branchLink:
            self.init(to: .link, [], .jump)
        case .branchConditional:
            self.init([], .readsFlags, .sideExit)
        case .branchIfZero64, .branchIfZero32, .branchIfNotZero64, .branchIfNotZero32, .branchIfBitClear,
            .branchIfBitSet:
            self.init(.n, [], .sideExit)
        case .branchRegister:
            self.init(.n, [], .indirect)
        case .branchLinkRegister:
            self.init(.n, to: .link, [], .indirect)
        case .synchronize:
            self.init([], [], .leaves)
        case .exceptionReturn:
            self.init(.sp, to: .sp, [.writesFlags, .readsSystem, .writesSystem], .leaves)
        case .generateException, .undefined, .wait:
            self.init(.sp, to: .sp, [.readsFlags, .readsSystem, .writesSystem, .mayTrap], .leaves)
        }
    }

    private init(atomic op: Operation) {
        guard let opcode = AtomicOpcode(rawValue: op.sub) else {
            self.init([], [], .leaves)
            return
        }
        switch opcode {
        case .loadAcquire: self.init(.n, to: .d, Self.load)
        case .storeRelease: self.init([.n, .d], Self.store)
        case .loadExclusive: self.init(.n, to: .d, [.loads, .writesSystem, .mayTrap])
        case .loadExclusivePair: self.init(.n, to: [.d, .a], [.loads, .writesSystem, .mayTrap])
        case .storeExclusive:
            self.init([.n, .d], to: .m, Self.update.union([.readsSystem, .writesSystem]))
        case .storeExclusivePair:
            self.init([.n, .d, .a], to: .m, Self.update.union([.readsSystem, .writesSystem]))
        case .compareAndSwap: self.init([.n, .d, .m], to: .a, Self.update)
        case .compareAndSwapPair:
            self.init([.n, .d, .afterD, .m, .afterM], to: [.m, .afterM], Self.update)
        case .swap, .add, .clear, .exclusiveOr, .set, .signedMaximum, .signedMinimum, .unsignedMaximum,
            .unsignedMinimum:
            self.init([.n, .m], to: .d, Self.update)
        }
    }
}

extension OperationFacts.Operands {
    /// The general registers that these operands of `op` are.
    @inline(__always)
    func registers(of op: Operation) -> RegisterSet {
        var set = RegisterSet.none
        if contains(.d) { set |= RegisterSet(op.d) }
        if contains(.n) { set |= RegisterSet(op.n) }
        if contains(.m) { set |= RegisterSet(op.m) }
        if contains(.a) { set |= RegisterSet(op.a) }
        if contains(.sp) { set |= RegisterSet(CPUState.Register.sp) }
        if contains(.link) { set |= RegisterSet(30) }
        if contains(.afterD) && op.d < 30 { set |= RegisterSet(op.d &+ 1) }
        if contains(.afterM) && op.m < 30 { set |= RegisterSet(op.m &+ 1) }
        return set
    }

    /// The vector registers that these operands of `op` are, one bit each.
    func vectors(of op: Operation) -> UInt64 {
        var set: UInt64 = 0
        if contains(.d) { set |= 1 << UInt64(op.d) }
        if contains(.n) { set |= 1 << UInt64(op.n) }
        if contains(.m) { set |= 1 << UInt64(op.m) }
        if contains(.a) { set |= 1 << UInt64(op.a) }
        // A table goes on with v0 after v31.
        if contains(.table) { for index in 0..<op.a { set |= 1 << UInt64((op.n &+ index) & 31) } }
        return set
    }
}
