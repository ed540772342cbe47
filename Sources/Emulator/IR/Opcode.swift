// The scalar opcodes.

/// What an operation does; the second level of vector, float and crypto operations is in `Operation.sub`.
public enum Opcode: UInt8 {
    /// The instruction is undefined.
    case undefined
    /// `VectorOpcode(sub)`: Advanced SIMD on integers and bits, moves between register files.
    case vector
    /// `FloatOpcode(sub)`: floating point, scalar and vector.
    case float
    /// `CryptoOpcode(sub)`: AES, PMULL 64, SHA-1, SHA-256.
    case crypto
}
