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
    /// Whether the block runs at EL0.
    public var isEL0 = false
    /// Whether the block is for a stack pointer that is not a multiple of 16: accesses through it are then checked.
    public var stackIsMisaligned = false
    /// Whether the block has tested already that floating point is not trapped.
    public var floatingPointIsChecked = false

    /// The CPU model that the block is for.
    public let model: CPUModel

    public init(for model: CPUModel) {
        self.model = model
        operations.reserveCapacity(256)
    }

    /// Makes the context ready for another block.
    public mutating func begin(isEL0: Bool, stackIsMisaligned: Bool) {
        operations.removeAll(keepingCapacity: true)
        offset = 0
        endsBlock = false
        self.isEL0 = isEL0
        self.stackIsMisaligned = stackIsMisaligned
        floatingPointIsChecked = false
    }

    @inlinable @inline(__always)
    public mutating func emit(_ operation: Operation) {
        operations.append(operation)
    }

    /// Emits the test that comes before the first floating-point or SIMD operation of a block.
    public mutating func checkFloatingPoint() {
        guard !floatingPointIsChecked else { return }
        floatingPointIsChecked = true
        emit(Operation(.checkFloatingPoint))
    }

    /// Emits the SP alignment check if `base` is SP and this block needs it.
    @inlinable @inline(__always)
    public mutating func checkAlignment(ofBase base: UInt8) {
        if stackIsMisaligned && base == CPUState.Register.sp {
            emit(Operation(.checkStackPointer))
        }
    }

    /// Guest instructions of the block up to and including this one.
    @inlinable @inline(__always)
    public var instructionCount: UInt8 { UInt8(truncatingIfNeeded: offset >> 2 &+ 1) }

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
