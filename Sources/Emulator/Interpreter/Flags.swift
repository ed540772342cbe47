// NZCV: how instructions set it, and what conditions make of it (DDI 0487, C1.2.4).

import Arm64

/// Flag arithmetic. NZCV is kept in bits 31 to 28 of a UInt32, the rest zero.
enum Flags {
    static let n: UInt32 = 1 << 31
    static let z: UInt32 = 1 << 30
    static let c: UInt32 = 1 << 29
    static let v: UInt32 = 1 << 28
    static let cShift: UInt32 = 29

    /// Whether `condition` (0 to 15) holds.
    @inline(__always)
    static func holds(_ condition: UInt8, _ nzcv: UInt32) -> Bool {
        holds(mask: mask(of: condition), nzcv)
    }

    /// Whether a condition holds, given by its mask.
    @inline(__always)
    static func holds(mask: UInt32, _ nzcv: UInt32) -> Bool {
        mask >> (nzcv >> 28) & 1 != 0
    }

    /// For each value of NZCV, bit by bit, whether the condition holds.
    @inline(__always)
    static func mask(of condition: UInt8) -> UInt32 {
        switch condition & 15 {
        case 0: 0xF0F0
        case 1: 0x0F0F
        case 2: 0xCCCC
        case 3: 0x3333
        case 4: 0xFF00
        case 5: 0x00FF
        case 6: 0xAAAA
        case 7: 0x5555
        case 8: 0x0C0C
        case 9: 0xF3F3
        case 10: 0xAA55
        case 11: 0x55AA
        case 12: 0x0A05
        case 13: 0xF5FA
        default: 0xFFFF
        }
    }

    @inline(__always)
    static func ofAdd(_ a: UInt64, _ b: UInt64, _ result: UInt64) -> UInt32 {
        nz(result) | (result < a ? c : 0)
            | UInt32(truncatingIfNeeded: ((a ^ result) & (b ^ result)) >> 63) << 28
    }

    @inline(__always)
    static func ofSubtract(_ a: UInt64, _ b: UInt64, _ result: UInt64) -> UInt32 {
        nz(result) | (a >= b ? c : 0)
            | UInt32(truncatingIfNeeded: ((a ^ b) & (a ^ result)) >> 63) << 28
    }

    @inline(__always)
    static func ofAdd(_ a: UInt32, _ b: UInt32, _ result: UInt32) -> UInt32 {
        nz(result) | (result < a ? c : 0) | (((a ^ result) & (b ^ result)) >> 31) << 28
    }

    @inline(__always)
    static func ofSubtract(_ a: UInt32, _ b: UInt32, _ result: UInt32) -> UInt32 {
        nz(result) | (a >= b ? c : 0) | (((a ^ b) & (a ^ result)) >> 31) << 28
    }

    /// N and Z of a result.
    @inline(__always)
    static func nz(_ result: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: result >> 32) & n | (result == 0 ? z : 0)
    }

    @inline(__always)
    static func nz(_ result: UInt32) -> UInt32 {
        result & n | (result == 0 ? z : 0)
    }

    /// CCMP: NZCV = the condition `sub` holds ? flags of a - b : the operation's own.
    @inline(__always)
    static func conditionalSubtract(_ op: Operation, _ state: CPUState, _ a: UInt64, _ b: UInt64) {
        state.nzcv = holds(op.sub, state.nzcv) ? ofSubtract(a, b, a &- b) : UInt32(op.a) &<< 28
    }

    @inline(__always)
    static func conditionalSubtract(_ op: Operation, _ state: CPUState, _ a: UInt32, _ b: UInt32) {
        state.nzcv = holds(op.sub, state.nzcv) ? ofSubtract(a, b, a &- b) : UInt32(op.a) &<< 28
    }

    /// CCMN: the same of a + b.
    @inline(__always)
    static func conditionalAdd(_ op: Operation, _ state: CPUState, _ a: UInt64, _ b: UInt64) {
        state.nzcv = holds(op.sub, state.nzcv) ? ofAdd(a, b, a &+ b) : UInt32(op.a) &<< 28
    }

    @inline(__always)
    static func conditionalAdd(_ op: Operation, _ state: CPUState, _ a: UInt32, _ b: UInt32) {
        state.nzcv = holds(op.sub, state.nzcv) ? ofAdd(a, b, a &+ b) : UInt32(op.a) &<< 28
    }

    /// a + b + carry, with flags; subtraction is the same with b inverted.
    @inline(__always)
    static func addWithCarry(_ a: UInt64, _ b: UInt64, _ nzcv: UInt32) -> (UInt64, UInt32) {
        let carry = UInt64(nzcv >> cShift & 1)
        let (partial, first) = a.addingReportingOverflow(b)
        let (result, second) = partial.addingReportingOverflow(carry)
        let flags =
            nz(result) | (first || second ? c : 0)
            | UInt32(truncatingIfNeeded: ((a ^ result) & (b ^ result)) >> 63) << 28
        return (result, flags)
    }

    @inline(__always)
    static func addWithCarry(_ a: UInt32, _ b: UInt32, _ nzcv: UInt32) -> (UInt32, UInt32) {
        let carry = nzcv >> cShift & 1
        let (partial, first) = a.addingReportingOverflow(b)
        let (result, second) = partial.addingReportingOverflow(carry)
        let flags = nz(result) | (first || second ? c : 0) | (((a ^ result) & (b ^ result)) >> 31) << 28
        return (result, flags)
    }
}
