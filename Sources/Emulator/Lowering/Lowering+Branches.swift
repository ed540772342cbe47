// Branches: DDI 0487, C4.1.94.
//
// A conditional branch does not end its block: the block goes on with the instructions after it, and a taken branch
// leaves it. Every direct branch is followed by one more slot, for the link to its target's block.

import Arm64

extension Lowering {
    static func lowerBranch(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        /// Emits a direct branch by `displacement` instructions, and the slot of its link.
        func emitDirect(_ code: Opcode, sub: UInt8 = 0, n: UInt8 = 0, m: UInt8 = 0, displacement: Int64) {
            let target = context.offset &+ UInt64(bitPattern: displacement << 2)
            context.emit(Operation(code, sub: sub, n: n, m: m, a: context.instructionCount, immediate: target))
            context.emit(Operation(.moveImmediate, immediate: 0))
        }
        let is64 = word.bit(31)
        switch instruction {
        case .b, .bl:
            emitDirect(instruction == .b ? .branch : .branchLink, displacement: word.signedBits(25, 0))
            context.endsBlock = true
        case .bCondition:
            let condition = UInt8(word.bits(3, 0))
            // AL and NV: always.
            if condition >= 14 {
                emitDirect(.branch, displacement: word.signedBits(23, 5))
                context.endsBlock = true
            } else {
                let mask = Flags.mask(of: condition)
                emitDirect(
                    .branchConditional, sub: condition, n: UInt8(mask & 0xFF), m: UInt8(mask >> 8),
                    displacement: word.signedBits(23, 5))
            }
        case .cbz, .cbnz:
            let code: Opcode =
                instruction == .cbz
                ? (is64 ? .branchIfZero64 : .branchIfZero32) : (is64 ? .branchIfNotZero64 : .branchIfNotZero32)
            emitDirect(code, n: context.source(word.rd), displacement: word.signedBits(23, 5))
        case .tbz, .tbnz:
            let bit = UInt8(word.bits(31, 31) << 5 | word.bits(23, 19))
            emitDirect(
                instruction == .tbz ? .branchIfBitClear : .branchIfBitSet, sub: bit, n: context.source(word.rd),
                displacement: word.signedBits(18, 5))
        case .br, .ret, .blr:
            let code: Opcode = instruction == .blr ? .branchLinkRegister : .branchRegister
            context.emit(Operation(code, n: context.source(word.rn), a: context.instructionCount))
            context.endsBlock = true
        default:
            return false
        }
        return true
    }
}
