// Lowering of FEAT_FlagM: CFINV, RMIF, SETF8 and SETF16 (DDI 0487, C6.2).
//
// These are rare, so that they come to operations that there are anyway: NZCV is read as MRS does, changed, and written
// as MSR does.

import Arm64

extension Lowering {
    /// The numbers of the flags' bits in NZCV.
    private enum FlagBit {
        static let n: UInt8 = 31
        static let z: UInt8 = 30
        static let c: UInt8 = 29
        static let v: UInt8 = 28
    }

    private static var flags: UInt8 { CPUState.Register.temporary0 }
    private static var scratch: UInt8 { CPUState.Register.temporary1 }

    /// CFINV.
    static func invertCarry(into context: inout LoweringContext) {
        readFlags(into: &context)
        context.emit(Operation(.eorImmediate64, d: flags, n: flags, immediate: 1 << UInt64(FlagBit.c)))
        writeFlags(into: &context)
    }

    /// RMIF: bits 3 to 0 of Rn, rotated right, to those of N, Z, C and V that the mask names.
    static func rotateIntoFlags(_ word: UInt32, into context: inout LoweringContext) {
        let amount = UInt8(truncatingIfNeeded: word.bits(20, 15))
        var source = context.source(word.rn)
        readFlags(into: &context)
        if amount != 0 {
            context.emit(Operation(.rorImmediate64, d: scratch, n: source, a: amount))
            source = scratch
        }
        context.emit(
            Operation(
                .insertField64, sub: 0, d: flags, n: source, a: FlagBit.v,
                immediate: UInt64(word.bits(3, 0)) << UInt64(FlagBit.v)))
        writeFlags(into: &context)
    }

    /// SETF8 and SETF16: N, Z and V of the low bits of Rn; V if the bit above them is not their highest one.
    static func evaluateIntoFlags(_ word: UInt32, bitCount: UInt8, into context: inout LoweringContext) {
        let source = context.source(word.rn)
        readFlags(into: &context)
        insert(bit: bitCount - 1, of: source, into: FlagBit.n, &context)
        context.emit(Operation(.lsrImmediate64, d: scratch, n: source, a: 1))
        context.emit(Operation(.eor64, d: scratch, n: scratch, m: source))
        insert(bit: bitCount - 1, of: scratch, into: FlagBit.v, &context)
        context.emit(Operation(.andImmediate, d: scratch, n: source, immediate: 1 << UInt64(bitCount) - 1))
        // 64 leading zeros, and no other number of them, have bit 6 set.
        context.emit(Operation(.clz64, d: scratch, n: scratch))
        insert(bit: 6, of: scratch, into: FlagBit.z, &context)
        writeFlags(into: &context)
    }

    private static func readFlags(into context: inout LoweringContext) {
        context.emit(Operation(.readState32, d: flags, immediate: UInt64(CPUState.Offset.nzcv)))
    }

    private static func writeFlags(into context: inout LoweringContext) {
        context.emit(
            Operation(.writeSystemRegister, n: flags, a: 31, immediate: UInt64(SystemRegister.nzcv.rawValue)))
    }

    private static func insert(bit: UInt8, of source: UInt8, into flag: UInt8, _ context: inout LoweringContext) {
        context.emit(
            Operation(.insertField64, sub: bit, d: flags, n: source, a: flag, immediate: 1 << UInt64(flag)))
    }
}
