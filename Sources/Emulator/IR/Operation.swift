// The intermediate representation: what one guest instruction comes to, in one or a few 16-byte operations.
//
// Responsible for: the layout of an operation. The scalar opcodes are in `Opcode`; those of Advanced SIMD, floating
// point and cryptography are in `VectorOpcode`, `FloatOpcode` and `CryptoOpcode`, selected by `sub`.
// Interpreter and translator both start from here: lowering is the one place that says what an instruction does.

import Arm64

/// One operation on the CPU state.
///
/// Register operands are indexes into `CPUState`'s register files: for general registers 0–30 are x0–x30, and
/// `CPUState.Register` names the rest (SP, always-zero, write sink, temporaries); for vectors 0–31 are v0–v31 and
/// 32–35 are the translator's own.
@frozen
public struct Operation {
    public var code: Opcode
    /// Meaning depends on `code`: second-level opcode, condition, shift amount.
    public var sub: UInt8
    /// Destination register, or the register stored.
    public var d: UInt8
    /// First source register, or the base of an address.
    public var n: UInt8
    /// Second source register.
    public var m: UInt8
    /// Third source register, or a small immediate.
    public var a: UInt8
    /// Vector shapes: see `VectorShape`.
    public var shape: VectorShape
    /// Guest instructions begun since the operation before, so that any position in a block maps back to a guest PC:
    /// 1 on the first operation of an instruction, more after instructions that need no operation, 0 within one.
    public var advance: UInt8
    public var immediate: UInt64

    @inlinable @inline(__always)
    public init(
        _ code: Opcode, sub: UInt8 = 0, d: UInt8 = 0, n: UInt8 = 0, m: UInt8 = 0, a: UInt8 = 0,
        shape: VectorShape = VectorShape(rawValue: 0), immediate: UInt64 = 0
    ) {
        self.code = code
        self.sub = sub
        self.d = d
        self.n = n
        self.m = m
        self.a = a
        self.shape = shape
        advance = 0
        self.immediate = immediate
    }
}

/// How a vector operation divides its registers into elements.
@frozen
public struct VectorShape: RawRepresentable, Equatable, Sendable {
    /// Bits 1:0 log2 of the element's bytes; bit 7 Q (128-bit vector, else the upper half becomes zero);
    /// bit 6 scalar (one element; the rest of the destination becomes zero).
    public var rawValue: UInt8

    @inlinable @inline(__always)
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `size`: log2 of the element's bytes, 0 to 3.
    @inlinable @inline(__always)
    public init(size: UInt32, q: Bool, scalar: Bool = false) {
        rawValue = UInt8(truncatingIfNeeded: size & 3) | (q ? 0x80 : 0) | (scalar ? 0x40 : 0)
    }

    /// log2 of the element's bytes.
    @inlinable @inline(__always)
    public var size: UInt8 { rawValue & 3 }
    /// Whether all 128 bits are operated on.
    @inlinable @inline(__always)
    public var isQ: Bool { rawValue & 0x80 != 0 }
    /// Whether only the lowest element is operated on.
    @inlinable @inline(__always)
    public var isScalar: Bool { rawValue & 0x40 != 0 }
}
