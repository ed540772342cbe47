// The scalar opcodes: what an operation does to general registers, flags, memory and the flow of control.
//
// Responsible for: naming them. Names end in the operand width where it matters. What each one does, exactly, is in
// the comment beside it; `d`, `n`, `m`, `a`, `sub` and `imm` are the operation's fields, `x[…]` a general register.

/// What an operation does; the second level of vector, float, crypto and atomic operations is in `Operation.sub`.
///
/// Results of 32-bit operations are zero-extended. "Block PC" is the address of the block's first instruction.
public enum Opcode: UInt8, CaseIterable, Sendable {
    // MARK: Second level

    /// `VectorOpcode(sub)`: Advanced SIMD on integers and bits, moves between register files.
    case vector
    /// `FloatOpcode(sub)`: floating point, scalar and vector.
    case float
    /// `FloatOpcode(sub)` in half precision, by `shape`; the scalar opcodes of single precision stand for those of half.
    case half
    /// `CryptoOpcode(sub)`: AES, PMULL 64, SHA-1, SHA-256.
    case crypto

    // MARK: Moves

    /// x[d] = imm
    case moveImmediate
    /// x[d] = x[n]
    case move64, move32
    /// x[d] = x[d] with the 16 bits at `sub` replaced by imm (MOVK)
    case insertImmediate64, insertImmediate32
    /// x[d] = block PC + imm (ADR)
    case addToPC
    /// x[d] = block PC with bits 11:0 clear + imm (ADRP)
    case addToPageOfPC

    // MARK: Add and subtract

    /// x[d] = x[n] + imm
    case addImmediate64, addImmediate32
    /// x[d] = x[n] ± x[m]
    case add64, add32, sub64, sub32
    /// x[d] = x[n] ± (x[m] << a)
    case addShifted64, subShifted64
    /// as above with imm, setting NZCV
    case addsImmediate64, addsImmediate32, subsImmediate64, subsImmediate32
    /// x[d] = x[n] ± x[m], setting NZCV
    case adds64, adds32, subs64, subs32
    /// x[d] = x[n] ± x[m] ± C
    case adc64, adc32, sbc64, sbc32, adcs64, adcs32, sbcs64, sbcs32
    /// x[d] = extend(x[m], option in `sub`) << a; option as in the encoding, UXTB to SXTX
    case extend

    // MARK: Logic

    case and64, and32, orr64, orr32, eor64, eor32
    /// with x[m] inverted
    case bic64, bic32, orn64, orn32, eon64, eon32
    /// setting NZ, clearing CV
    case ands64, ands32, bics64, bics32
    /// with imm; 32-bit immediates are zero-extended
    case andImmediate, orrImmediate64, orrImmediate32, eorImmediate64, eorImmediate32
    case andsImmediate64, andsImmediate32

    // MARK: Shifts and fields

    /// x[d] = x[n] << a, x[n] >> a
    case lslImmediate64, lsrImmediate64
    /// x[d] = (x[n] << a) >> sub, in 64 bits, logical: UBFM
    case extractUnsigned
    /// x[d] = (x[n] << a) >> sub, in 64 bits, arithmetic: SBFM
    case extractSigned64, extractSigned32
    /// x[d] = sign-extended low word of x[n] (SXTW)
    case signExtendWord
    /// x[d] = x[d] outside the mask imm, ((x[n] >> sub) << a) inside: BFM
    case insertField64, insertField32
    /// x[d] = low half of (x[n]:x[m]) >> a (EXTR)
    case extractPair64, extractPair32
    /// x[d] = x[n] shifted by a
    case lsrImmediate32, asrImmediate32, rorImmediate64, rorImmediate32
    /// x[d] = x[n] shifted by x[m], modulo the width
    case lslv64, lslv32, lsrv64, lsrv32, asrv64, asrv32, rorv64, rorv32

    // MARK: Multiply, divide, count

    /// x[d] = x[n] × x[m]
    case mul64, mul32
    /// x[d] = x[a] ± x[n] × x[m]
    case madd64, madd32, msub64, msub32, smaddl, smsubl, umaddl, umsubl
    case smulh, umulh
    case udiv64, udiv32, sdiv64, sdiv32
    case clz64, clz32, cls64, cls32, rbit64, rbit32
    case rev64, rev32, reverseBytesInHalfwords64, reverseBytesInHalfwords32, reverseBytesInWords
    /// CRC-32 of x[n] with 1 << sub bytes of x[m]; the second one by the Castagnoli polynomial
    case crc32, crc32c

    // MARK: Conditions

    /// x[d] = condition `sub` ? x[n] : f(x[m])
    case csel64, csel32, csinc64, csinc32, csinv64, csinv32, csneg64, csneg32
    /// NZCV = condition `sub` ? flags of x[n] ∓ x[m] : a << 28
    case ccmp64, ccmp32, ccmn64, ccmn32
    /// the same with imm
    case ccmpImmediate64, ccmpImmediate32, ccmnImmediate64, ccmnImmediate32

    // MARK: Loads and stores at x[n] + imm

    case load8, load16, load32, load64
    case loadSigned8To64, loadSigned8To32, loadSigned16To64, loadSigned16To32, loadSigned32To64
    /// x[d] = memory at x[n] + (x[m] << a)
    case loadIndexed8, loadIndexed32, loadIndexed64
    case store8, store16, store32, store64
    /// x[d], x[m]
    case loadPair64, loadPair32, loadPairSigned32, storePair64, storePair32
    /// LDTR and STTR: as if from EL0; `sub` is size | opc << 2
    case unprivileged
    /// v[d], whole or low part; the rest of the register becomes zero. `sub` is log2 of the bytes.
    case loadVector, storeVector
    /// v[d] and v[m]
    case loadVectorPair, storeVectorPair
    /// one element, log2 of its bytes in `sub`, number `a`, of v[d]; the rest of the register stays
    case loadElement, storeElement
    /// v[d] = every element the one loaded (LD1R to LD4R)
    case loadReplicate
    /// v[d] = 0 above the low 64 bits: the end of a structure load with Q = 0
    case clearUpperHalf
    /// `AtomicOpcode(sub)`: exclusives, ordered accesses and read-modify-write
    case atomic
    /// DC ZVA at x[n]
    case zeroCacheLine

    // MARK: System

    /// DMB and DSB; `sub` is 1 for DSB, `d` is CRm
    case barrier
    case clearExclusive
    /// x[d] = 64 or 32 bits of the state at byte imm
    case readState64, readState32
    /// the state at byte imm = x[n]
    case writeState64
    /// x[d] = system register imm; `a` is Rt of the encoding
    case readSystemRegister
    /// system register imm = x[n]; `a` is Rt of the encoding
    case writeSystemRegister
    /// x[d] = PSTATE.DAIF, in bits 9:6
    case readDAIF
    /// PSTATE.DAIF |= `sub` << 6, &= ~(`sub` << 6), = x[n] & 0x3C0. The latter two leave the block if that lets an
    /// interrupt in: `a` counts the instructions so far and imm is the next one's offset.
    case setDAIF, clearDAIF, writeDAIF
    /// PSTATE.PAN, PSTATE.SP = `sub`
    case writePAN, writeSPSel
    /// SYS imm with x[n]: cache, TLB and address translation instructions
    case systemInstruction
    /// Undefined at EL1 with FP and SIMD trapped: raises the exception if CPACR_EL1 says so
    case checkFloatingPoint
    /// Raises the SP alignment exception if SP is misaligned and checked
    case checkStackPointer
    /// Leaves the block if the alignment of SP is not the one that the block was made for
    case stackPointerWritten

    // MARK: Ends of a block; `a` is the number of guest instructions up to and including this one

    /// The operation after a branch is no operation: its `immediate` is the link to the target's block.
    /// PC = block PC + imm
    case branch
    /// the same, with x30 = address of the next instruction
    case branchLink
    /// if condition `sub`, whose mask (`Flags.mask(of:)`) is in `n` and `m`
    case branchConditional
    case branchIfZero64, branchIfZero32, branchIfNotZero64, branchIfNotZero32
    /// if bit `sub` of x[n] is clear, set
    case branchIfBitClear, branchIfBitSet
    /// PC = x[n]
    case branchRegister
    /// the same, with x30 = address of the next instruction
    case branchLinkRegister
    /// PC = block PC + imm: the block's size limit, or the end of its page
    case fallThrough
    /// PC = block PC + imm, and look at pending requests first: after ISB and the like
    case synchronize
    case exceptionReturn
    /// SVC, HVC, SMC, BRK, HLT: `sub` says which, imm is the immediate
    case generateException
    /// WFI, WFE, YIELD: `sub` says which
    case wait
    /// SEV if `sub` is 1, SEVL if it is 0
    case sendEvent
    /// The instruction is undefined; imm is its word
    case undefined
}

/// Which exception `Opcode.generateException` generates.
public enum ExceptionOpcode: UInt8, Sendable {
    case svc, hvc, smc, brk, hlt
}

/// Which hint `Opcode.wait` executes.
public enum WaitOpcode: UInt8, Sendable {
    case wfi, wfe, yield
}

/// What `Opcode.atomic` does at the address in x[n]; log2 of the bytes is in `shape.size`.
///
/// `d` is Rt, `m` is Rs and `a` is Rt2 of the encoding. Every access but LDXP and CASP pairs is naturally aligned or
/// faults, and is sequentially consistent, which is never weaker than what was asked for.
public enum AtomicOpcode: UInt8, CaseIterable, Sendable {
    case loadAcquire, storeRelease
    case loadExclusive, loadExclusivePair, storeExclusive, storeExclusivePair
    case compareAndSwap, compareAndSwapPair, swap
    case add, clear, exclusiveOr, set, signedMaximum, signedMinimum, unsignedMaximum, unsignedMinimum
}
