// What lowering writes to.

import Arm64

/// Collects the operations of one block while its instructions are lowered.
///
/// A lowering method returns false for an encoding that is unallocated or not implemented; whatever it emitted before
/// is then dropped and the instruction is undefined.
public struct LoweringContext {
    /// The operations so far.
    public var operations: [Operation] = []
    /// The instruction's byte offset from the start of its block.
    public var offset: UInt64 = 0
    /// Set by an instruction that must be the last of its block.
    public var endsBlock = false

    public init() {}

    @inlinable @inline(__always)
    public mutating func emit(_ operation: Operation) {
        operations.append(operation)
    }

    /// A source register where number 31 is XZR.
    @inlinable @inline(__always)
    public func source(_ register: UInt8) -> UInt8 {
        register == 31 ? CPUState.Register.zero : register
    }

    /// A destination register where number 31 is XZR.
    @inlinable @inline(__always)
    public func destination(_ register: UInt8) -> UInt8 {
        register == 31 ? CPUState.Register.sink : register
    }
}
