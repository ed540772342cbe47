// Loads and stores of general registers: DDI 0487, C4.1.96.
//
// Writeback is an operation of its own after the access, so that an access that faults leaves the base as it was.

import Arm64

extension Lowering {
    static func lowerLoadOrStore(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        switch instruction {
        case .ldrLiteral32, .ldrLiteral64, .ldrswLiteral:
            return loadLiteral(word, as: instruction, into: &context)
        case .prfmLiteral:
            return true
        case .stnp, .ldnp, .stpPostIndex, .ldpPostIndex, .stpOffset, .ldpOffset, .stpPreIndex, .ldpPreIndex,
            .ldpswPostIndex, .ldpswOffset, .ldpswPreIndex:
            return loadStorePair(word, as: instruction, into: &context)
        case .loadStoreUnscaled:
            return access(word, mode: .offset(word.signedBits(20, 12)), into: &context)
        case .loadStorePostIndex:
            return access(word, mode: .postIndex(word.signedBits(20, 12)), into: &context)
        case .loadStorePreIndex:
            return access(word, mode: .preIndex(word.signedBits(20, 12)), into: &context)
        case .loadStoreUnsignedImmediate:
            return access(word, mode: .offset(Int64(word.bits(21, 10)) << Int64(word.bits(31, 30))), into: &context)
        case .loadStoreRegisterOffset:
            return accessAtRegisterOffset(word, into: &context)
        case .loadStoreUnprivileged:
            return unprivileged(word, into: &context)
        default:
            return false
        }
    }

    /// How an address is made and what becomes of the base.
    enum AddressingMode {
        case offset(Int64)
        case preIndex(Int64)
        case postIndex(Int64)

        /// Added to the base for the access.
        var displacement: UInt64 {
            switch self {
            case .offset(let offset), .preIndex(let offset): UInt64(bitPattern: offset)
            case .postIndex: 0
            }
        }

        /// Added to the base afterwards.
        var writeback: UInt64? {
            switch self {
            case .offset: nil
            case .preIndex(let offset), .postIndex(let offset): UInt64(bitPattern: offset)
            }
        }
    }

    /// Emits the update of `base` after an access by `mode`.
    static func writeBack(_ mode: AddressingMode, base: UInt8, into context: inout LoweringContext) {
        guard let writeback = mode.writeback else { return }
        context.emit(Operation(.addImmediate64, d: base, n: base, immediate: writeback))
        if base == CPUState.Register.sp && (writeback & 15 != 0 || context.stackIsMisaligned) {
            stackPointerWritten(into: &context)
        }
    }

    /// What `size` (bits 31:30) and `opc` (bits 23:22) of the register forms select.
    private enum AccessKind {
        case memory(Opcode)
        case prefetch
        case unallocated

        init(size: UInt32, opc: UInt32) {
            switch (size, opc) {
            case (0, 0): self = .memory(.store8)
            case (1, 0): self = .memory(.store16)
            case (2, 0): self = .memory(.store32)
            case (3, 0): self = .memory(.store64)
            case (0, 1): self = .memory(.load8)
            case (1, 1): self = .memory(.load16)
            case (2, 1): self = .memory(.load32)
            case (3, 1): self = .memory(.load64)
            case (0, 2): self = .memory(.loadSigned8To64)
            case (1, 2): self = .memory(.loadSigned16To64)
            case (2, 2): self = .memory(.loadSigned32To64)
            case (3, 2): self = .prefetch
            case (0, 3): self = .memory(.loadSigned8To32)
            case (1, 3): self = .memory(.loadSigned16To32)
            default: self = .unallocated
            }
        }
    }

    private static func isLoad(_ word: UInt32) -> Bool { word.bits(23, 22) != 0 }

    /// The register that an access loads or stores.
    private static func transferred(_ word: UInt32, _ context: LoweringContext) -> UInt8 {
        isLoad(word) ? context.destination(word.rd) : context.source(word.rd)
    }

    private static func access(
        _ word: UInt32, mode: AddressingMode, into context: inout LoweringContext
    ) -> Bool {
        switch AccessKind(size: word.bits(31, 30), opc: word.bits(23, 22)) {
        case .unallocated:
            return false
        case .prefetch:
            // PRFM and PRFUM have no pre- and post-indexed forms.
            return mode.writeback == nil
        case .memory(let code):
            context.checkAlignment(ofBase: word.rn)
            context.emit(
                Operation(code, d: transferred(word, context), n: word.rn, immediate: mode.displacement))
            writeBack(mode, base: word.rn, into: &context)
            return true
        }
    }

    private static func accessAtRegisterOffset(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let size = word.bits(31, 30)
        let option = word.bits(15, 13)
        guard option & 0b010 != 0 else { return false }
        let shift = word.bit(12) ? UInt8(size) : 0
        switch AccessKind(size: size, opc: word.bits(23, 22)) {
        case .unallocated:
            return false
        case .prefetch:
            return true
        case .memory(let code):
            context.checkAlignment(ofBase: word.rn)
            let d = transferred(word, context)
            let m = context.source(word.rm)
            let isPlain = option == 0b011
            let indexed: Opcode? =
                switch code {
                case .load8 where isPlain: .loadIndexed8
                case .load32 where isPlain: .loadIndexed32
                case .load64 where isPlain: .loadIndexed64
                default: nil
                }
            if let indexed {
                context.emit(Operation(indexed, d: d, n: word.rn, m: m, a: shift))
            } else {
                emitAddress(base: word.rn, m: m, option: UInt8(option), shift: shift, into: &context)
                context.emit(Operation(code, d: d, n: CPUState.Register.temporary0))
            }
            return true
        }
    }

    /// Emits temporary 0 = x[base] + extend(x[m]) << shift.
    static func emitAddress(
        base: UInt8, m: UInt8, option: UInt8, shift: UInt8, into context: inout LoweringContext
    ) {
        let temporary = CPUState.Register.temporary0
        if option == 0b011 || option == 0b111 {
            context.emit(Operation(.addShifted64, d: temporary, n: base, m: m, a: shift))
        } else {
            context.emit(Operation(.extend, sub: option, d: temporary, m: m, a: shift))
            context.emit(Operation(.add64, d: temporary, n: base, m: temporary))
        }
    }

    private static func unprivileged(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let size = word.bits(31, 30)
        let opc = word.bits(23, 22)
        guard case .memory(let code) = AccessKind(size: size, opc: opc) else { return false }
        context.checkAlignment(ofBase: word.rn)
        let d = transferred(word, context)
        let displacement = UInt64(bitPattern: word.signedBits(20, 12))
        if context.isEL0 {
            context.emit(Operation(code, d: d, n: word.rn, immediate: displacement))
        } else {
            context.emit(
                Operation(.unprivileged, sub: UInt8(size | opc << 2), d: d, n: word.rn, immediate: displacement))
        }
        return true
    }

    private static func loadLiteral(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let displacement = UInt64(bitPattern: word.signedBits(23, 5) << 2)
        let temporary = CPUState.Register.temporary0
        let code: Opcode =
            switch instruction {
            case .ldrLiteral32: .load32
            case .ldrLiteral64: .load64
            default: .loadSigned32To64
            }
        context.emit(Operation(.addToPC, d: temporary, immediate: context.offset &+ displacement))
        context.emit(Operation(code, d: context.destination(word.rd), n: temporary))
        return true
    }

    private static func loadStorePair(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let opc = word.bits(31, 30)
        let isLoad = word.bit(22)
        let isSigned = opc == 1
        guard opc != 3, !isSigned || isLoad else { return false }
        let is64 = opc == 2
        let offset = word.signedBits(21, 15) << (is64 ? 3 : 2)
        let mode: AddressingMode
        switch instruction {
        case .stpPostIndex, .ldpPostIndex, .ldpswPostIndex: mode = .postIndex(offset)
        case .stpPreIndex, .ldpPreIndex, .ldpswPreIndex: mode = .preIndex(offset)
        default:
            // LDNP has no signed form.
            guard !(isSigned && instruction == .ldnp) else { return false }
            mode = .offset(offset)
        }
        let code: Opcode
        if isLoad {
            code = isSigned ? .loadPairSigned32 : is64 ? .loadPair64 : .loadPair32
        } else {
            code = is64 ? .storePair64 : .storePair32
        }
        context.checkAlignment(ofBase: word.rn)
        context.emit(
            Operation(
                code, d: isLoad ? context.destination(word.rd) : context.source(word.rd), n: word.rn,
                m: isLoad ? context.destination(word.ra) : context.source(word.ra), immediate: mode.displacement))
        writeBack(mode, base: word.rn, into: &context)
        return true
    }
}
