// AES, SHA-1, SHA-256 and the 64-bit polynomial multiplication. Every instruction is one operation.

import Arm64

extension Lowering {
    /// Appends the operation of an instruction of the group `cryptography`. No combination of fields is reserved.
    static func lowerCryptography(
        _ word: UInt32, as instruction: Instruction, into context: inout LoweringContext
    ) -> Bool {
        let opcode: CryptoOpcode
        switch instruction {
        case .aese: opcode = .aese
        case .aesd: opcode = .aesd
        case .aesmc: opcode = .aesmc
        case .aesimc: opcode = .aesimc
        case .pmullDoubleword: opcode = .pmull
        case .sha1c: opcode = .sha1c
        case .sha1p: opcode = .sha1p
        case .sha1m: opcode = .sha1m
        case .sha1h: opcode = .sha1h
        case .sha1su0: opcode = .sha1su0
        case .sha1su1: opcode = .sha1su1
        case .sha256h: opcode = .sha256h
        case .sha256h2: opcode = .sha256h2
        case .sha256su0: opcode = .sha256su0
        case .sha256su1: opcode = .sha256su1
        default: return false
        }
        context.emit(
            Operation(
                .crypto, sub: opcode.rawValue, d: word.rd, n: word.rn, m: word.rm,
                // Q is a fixed one in all encodings but PMULL's.
                shape: VectorShape(size: 3, q: word.bit(30))))
        return true
    }
}
