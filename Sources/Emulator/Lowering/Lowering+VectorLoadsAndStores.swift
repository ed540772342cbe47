// Loads and stores of Advanced SIMD and floating-point registers: DDI 0487, C4.1.96.
//
// Structures are lowered to accesses of one element each, or of whole registers where nothing is interleaved. A fault
// in the middle leaves the elements before it loaded, which the architecture allows.

import Arm64

extension Lowering {
    static func lowerVectorLoadOrStore(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        switch instruction {
        case .ldrLiteralSIMD:
            let opc = word.bits(31, 30)
            guard opc != 3 else { return false }
            let displacement = UInt64(bitPattern: word.signedBits(23, 5) << 2)
            let temporary = CPUState.Register.temporary0
            context.emit(Operation(.addToPC, d: temporary, immediate: context.offset &+ displacement))
            context.emit(Operation(.loadVector, sub: UInt8(opc + 2), d: word.rd, n: temporary))
            return true
        case .stnpSIMD, .ldnpSIMD, .stpOffsetSIMD, .ldpOffsetSIMD, .stpPreIndexSIMD, .ldpPreIndexSIMD,
            .stpPostIndexSIMD, .ldpPostIndexSIMD:
            return loadStorePairSIMD(word, as: instruction, into: &context)
        case .loadStoreUnscaledSIMD:
            return accessSIMD(word, into: &context) { _ in .offset(word.signedBits(20, 12)) }
        case .loadStorePostIndexSIMD:
            return accessSIMD(word, into: &context) { _ in .postIndex(word.signedBits(20, 12)) }
        case .loadStorePreIndexSIMD:
            return accessSIMD(word, into: &context) { _ in .preIndex(word.signedBits(20, 12)) }
        case .loadStoreUnsignedImmediateSIMD:
            return accessSIMD(word, into: &context) { .offset(Int64(word.bits(21, 10)) << Int64($0)) }
        case .loadStoreRegisterOffsetSIMD:
            return accessAtRegisterOffsetSIMD(word, into: &context)
        case .loadStoreMultipleStructures:
            return multipleStructures(word, isPostIndex: false, into: &context)
        case .loadStoreMultipleStructuresPostIndex:
            return multipleStructures(word, isPostIndex: true, into: &context)
        case .loadStoreSingleStructure:
            return singleStructure(word, isPostIndex: false, into: &context)
        case .loadStoreSingleStructurePostIndex:
            return singleStructure(word, isPostIndex: true, into: &context)
        default:
            return false
        }
    }

    /// log2 of the bytes of a B, H, S, D or Q access; nil if reserved.
    private static func scale(_ word: UInt32) -> UInt32? {
        let scale = word.bits(23, 23) << 2 | word.bits(31, 30)
        return scale <= 4 ? scale : nil
    }

    private static func accessSIMD(
        _ word: UInt32, into context: inout LoweringContext, mode: (UInt32) -> AddressingMode
    ) -> Bool {
        guard let scale = scale(word) else { return false }
        let mode = mode(scale)
        context.checkAlignment(ofBase: word.rn)
        context.emit(
            Operation(
                word.bit(22) ? .loadVector : .storeVector, sub: UInt8(scale), d: word.rd, n: word.rn,
                immediate: mode.displacement))
        writeBack(mode, base: word.rn, into: &context)
        return true
    }

    private static func accessAtRegisterOffsetSIMD(_ word: UInt32, into context: inout LoweringContext) -> Bool {
        let option = word.bits(15, 13)
        guard let scale = scale(word), option & 0b010 != 0 else { return false }
        context.checkAlignment(ofBase: word.rn)
        emitAddress(
            base: word.rn, m: context.source(word.rm), option: UInt8(option), shift: word.bit(12) ? UInt8(scale) : 0,
            into: &context)
        context.emit(
            Operation(
                word.bit(22) ? .loadVector : .storeVector, sub: UInt8(scale), d: word.rd,
                n: CPUState.Register.temporary0))
        return true
    }

    private static func loadStorePairSIMD(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let opc = word.bits(31, 30)
        guard opc != 3 else { return false }
        let offset = word.signedBits(21, 15) << Int64(opc + 2)
        let mode: AddressingMode =
            switch instruction {
            case .stpPostIndexSIMD, .ldpPostIndexSIMD: .postIndex(offset)
            case .stpPreIndexSIMD, .ldpPreIndexSIMD: .preIndex(offset)
            default: .offset(offset)
            }
        context.checkAlignment(ofBase: word.rn)
        context.emit(
            Operation(
                word.bit(22) ? .loadVectorPair : .storeVectorPair, sub: UInt8(opc + 2), d: word.rd, n: word.rn,
                m: word.ra, immediate: mode.displacement))
        writeBack(mode, base: word.rn, into: &context)
        return true
    }

    /// The register `offset` after `register`, wrapping at V31.
    private static func register(_ register: UInt8, _ offset: UInt32) -> UInt8 {
        (register &+ UInt8(offset)) & 31
    }

    /// LD1–LD4, ST1–ST4 (multiple structures).
    private static func multipleStructures(
        _ word: UInt32, isPostIndex: Bool, into context: inout LoweringContext
    ) -> Bool {
        let isQ = word.bit(30)
        let isLoad = word.bit(22)
        let size = word.bits(11, 10)
        let repeats: UInt32
        let structure: UInt32
        switch word.bits(15, 12) {
        case 0b0000: (repeats, structure) = (1, 4)
        case 0b0010: (repeats, structure) = (4, 1)
        case 0b0100: (repeats, structure) = (1, 3)
        case 0b0110: (repeats, structure) = (3, 1)
        case 0b0111: (repeats, structure) = (1, 1)
        case 0b1000: (repeats, structure) = (1, 2)
        case 0b1010: (repeats, structure) = (2, 1)
        default: return false
        }
        // 1D is reserved but for LD1 and ST1.
        guard structure == 1 || size != 3 || isQ else { return false }
        context.checkAlignment(ofBase: word.rn)
        let bytes: UInt32 = isQ ? 16 : 8
        if structure == 1 {
            for index in 0..<repeats {
                context.emit(
                    Operation(
                        isLoad ? .loadVector : .storeVector, sub: isQ ? 4 : 3, d: register(word.rd, index), n: word.rn,
                        immediate: UInt64(index * bytes)))
            }
        } else {
            for element in 0..<bytes >> size {
                for index in 0..<structure {
                    context.emit(
                        Operation(
                            isLoad ? .loadElement : .storeElement, sub: UInt8(size), d: register(word.rd, index),
                            n: word.rn, a: UInt8(element), immediate: UInt64((element * structure + index) << size)))
                }
            }
            if isLoad && !isQ {
                for index in 0..<structure {
                    context.emit(Operation(.clearUpperHalf, d: register(word.rd, index)))
                }
            }
        }
        if isPostIndex { postIndex(word, transferred: repeats * structure * bytes, into: &context) }
        return true
    }

    /// LD1–LD4, ST1–ST4 (single structure) and LD1R–LD4R.
    private static func singleStructure(
        _ word: UInt32, isPostIndex: Bool, into context: inout LoweringContext
    ) -> Bool {
        let isQ = word.bit(30)
        let isLoad = word.bit(22)
        let opcode = word.bits(15, 13)
        let structure = (opcode & 1) << 1 | word.bits(21, 21)
        let count = structure + 1
        let s = word.bits(12, 12)
        var size = word.bits(11, 10)
        let q: UInt32 = isQ ? 1 : 0
        var index = q << 3 | s << 2 | size
        var replicates = false
        switch opcode >> 1 {
        case 0: size = 0
        case 1:
            guard size & 1 == 0 else { return false }
            index >>= 1
            size = 1
        case 2:
            if size == 0 {
                index >>= 2
                size = 2
            } else {
                guard size == 1, s == 0 else { return false }
                index >>= 3
                size = 3
            }
        default:
            guard isLoad, s == 0 else { return false }
            replicates = true
        }
        context.checkAlignment(ofBase: word.rn)
        for number in 0..<count {
            let displacement = UInt64(number << size)
            let d = register(word.rd, number)
            if replicates {
                context.emit(
                    Operation(
                        .loadReplicate, sub: UInt8(size), d: d, n: word.rn, shape: VectorShape(size: size, q: isQ),
                        immediate: displacement))
            } else {
                context.emit(
                    Operation(
                        isLoad ? .loadElement : .storeElement, sub: UInt8(size), d: d, n: word.rn, a: UInt8(index),
                        immediate: displacement))
            }
        }
        if isPostIndex { postIndex(word, transferred: count << size, into: &context) }
        return true
    }

    /// The base after a structure access: plus Rm, or plus the bytes transferred if that is 31.
    private static func postIndex(_ word: UInt32, transferred: UInt32, into context: inout LoweringContext) {
        if word.rm == 31 {
            writeBack(.postIndex(Int64(transferred)), base: word.rn, into: &context)
        } else {
            context.emit(Operation(.add64, d: word.rn, n: word.rn, m: word.rm))
            if word.rn == CPUState.Register.sp { stackPointerWritten(into: &context) }
        }
    }
}
