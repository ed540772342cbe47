// The opcodes of the cryptographic instructions, by Arm's mnemonics (DDI 0487, C7.2). `CryptoExecutor` carries them
// out.

/// What an operation with the opcode `crypto` does. Operands are the vector registers `d`, `n` and `m`, whole; `shape`
/// means something to `pmull` only.
public enum CryptoOpcode: UInt8, CaseIterable, Sendable {
    /// d = one AES round's steps on d XOR n, without MixColumns.
    case aese, aesd
    /// d = (inverse) MixColumns of n.
    case aesmc, aesimc
    /// d = the 128-bit carry-less product of the low doublewords of `n` and `m`; of the high ones if Q is set.
    case pmull
    /// Four rounds of SHA-1 on d with the hash's E in n and the schedule in m.
    case sha1c, sha1p, sha1m
    case sha1h, sha1su0, sha1su1
    /// Four rounds of SHA-256 on d and n, with the schedule in m.
    case sha256h, sha256h2
    case sha256su0, sha256su1
}
