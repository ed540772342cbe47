// The instructions of x86-64 that translated code is made of, by Intel's names.
//
// Responsible for: each opcode, once, with what belongs to it: its prefix, and the digit that some have in ModRM.reg.
// How an instruction with its operands becomes bytes is `Assembler`'s. Follows Intel's SDM, volume 2. A table, and only
// that.

#if arch(x86_64)

/// What comes before the opcode.
enum HostPrefix: UInt8 {
    case none = 0
    case operandSize = 0x66
    case scalarDouble = 0xF2
    case scalarSingle = 0xF3
}

/// An instruction whose operands are named by a ModRM byte.
struct HostInstruction: Equatable, Sendable {
    /// With its escape bytes: 0x89, 0x0FAF, 0x0F38F1.
    let opcode: UInt32
    var prefix = HostPrefix.none
    /// What is in ModRM.reg if that names no register.
    var digit: UInt8 = 0

    @inline(__always)
    init(_ opcode: UInt32, _ prefix: HostPrefix = .none, digit: UInt8 = 0) {
        self.opcode = opcode
        self.prefix = prefix
        self.digit = digit
    }

    /// An SSE instruction on integers: with the prefix that makes it one of XMM registers.
    @inline(__always)
    private static func sse(_ opcode: UInt32, digit: UInt8 = 0) -> Self { Self(opcode, .operandSize, digit: digit) }
}

// MARK: General registers

extension HostInstruction {
    /// From register or memory, and to it.
    static var mov: Self { Self(0x8B) }
    static var movStore: Self { Self(0x89) }
    static var movStoreByte: Self { Self(0x88) }
    /// An immediate of 32 bits follows.
    static var movImmediate: Self { Self(0xC7) }
    static var movzxByte: Self { Self(0x0FB6) }
    static var movzxWord: Self { Self(0x0FB7) }
    static var movsxByte: Self { Self(0x0FBE) }
    static var movsxWord: Self { Self(0x0FBF) }
    static var movsxd: Self { Self(0x63) }
    static var lea: Self { Self(0x8D) }
    /// The operations of `HostArithmetic`: from register or memory, to it, and with an immediate of 8 or 32 bits.
    static func arithmetic(_ operation: HostArithmetic) -> Self { Self(UInt32(operation.rawValue) << 3 | 3) }
    static func arithmeticStore(_ operation: HostArithmetic) -> Self { Self(UInt32(operation.rawValue) << 3 | 1) }
    static func arithmeticImmediate8(_ operation: HostArithmetic) -> Self { Self(0x83, digit: operation.rawValue) }
    static func arithmeticImmediate32(_ operation: HostArithmetic) -> Self { Self(0x81, digit: operation.rawValue) }
    static var test: Self { Self(0x85) }
    static var testByte: Self { Self(0x84) }
    static var testImmediate32: Self { Self(0xF7, digit: 0) }
    static var not: Self { Self(0xF7, digit: 2) }
    static var neg: Self { Self(0xF7, digit: 3) }
    /// RDX:RAX = RAX × operand.
    static var mul: Self { Self(0xF7, digit: 4) }
    static var imulWide: Self { Self(0xF7, digit: 5) }
    /// RAX and RDX = RDX:RAX by operand.
    static var div: Self { Self(0xF7, digit: 6) }
    static var idiv: Self { Self(0xF7, digit: 7) }
    static var imul: Self { Self(0x0FAF) }
    static var imulImmediate32: Self { Self(0x69) }
    static func shiftImmediate(_ shift: HostShift) -> Self { Self(0xC1, digit: shift.rawValue) }
    static func shiftByCL(_ shift: HostShift) -> Self { Self(0xD3, digit: shift.rawValue) }
    /// An immediate of 8 bits follows.
    static var shrd: Self { Self(0x0FAC) }
    /// With the bit's number as an immediate of 8 bits.
    static var bt: Self { Self(0x0FBA, digit: 4) }
    static var btr: Self { Self(0x0FBA, digit: 6) }
    static var btc: Self { Self(0x0FBA, digit: 7) }
    /// Into the second cache. Never faults.
    static var prefetchT1: Self { Self(0x0F18, digit: 2) }
    static var lzcnt: Self { Self(0x0FBD, .scalarSingle) }
    static var crc32Byte: Self { Self(0x0F38F0, .scalarDouble) }
    static var crc32: Self { Self(0x0F38F1, .scalarDouble) }
    static func cmov(_ condition: HostCondition) -> Self { Self(0x0F40 | UInt32(condition.rawValue)) }
    static func set(_ condition: HostCondition) -> Self { Self(0x0F90 | UInt32(condition.rawValue)) }
    static var callIndirect: Self { Self(0xFF, digit: 2) }
    static var jmpIndirect: Self { Self(0xFF, digit: 4) }

    // The forms for bytes; those for larger operands are the next opcode.
    static var xchgByte: Self { Self(0x86) }
    static var xaddByte: Self { Self(0x0FC0) }
    static var cmpxchgByte: Self { Self(0x0FB0) }
    var forLargerOperands: Self { Self(opcode + 1, prefix, digit: digit) }
}

// MARK: Vector registers, moves

extension HostInstruction {
    /// MOVD, or MOVQ if wide, from and to a general register or memory.
    static var movd: Self { sse(0x0F6E) }
    static var movdStore: Self { sse(0x0F7E) }
    /// Eight bytes from a vector register or memory, the rest zero.
    static var movq: Self { Self(0x0F7E, .scalarSingle) }
    static var movqStore: Self { sse(0x0FD6) }
    static var movdqa: Self { sse(0x0F6F) }
    static var movdqaStore: Self { sse(0x0F7F) }
    static var movdqu: Self { Self(0x0F6F, .scalarSingle) }
    static var movdquStore: Self { Self(0x0F7F, .scalarSingle) }
    /// MOVSS or MOVSD from memory, the rest zero.
    static var movScalar: Self { Self(0x0F10) }
    /// An immediate of 8 bits follows these.
    static var insertps: Self { sse(0x0F3A21) }
    static var pshufd: Self { sse(0x0F70) }
    static var pshuflw: Self { Self(0x0F70, .scalarDouble) }
    static var pshufhw: Self { Self(0x0F70, .scalarSingle) }
    static var shufps: Self { Self(0x0FC6) }
    static var pblendw: Self { sse(0x0F3A0E) }
    static var palignr: Self { sse(0x0F3A0F) }
    /// PEXTRB and PEXTRW to a general register or memory; PEXTRD, or PEXTRQ if wide.
    static func pextr(_ size: Int) -> Self { bySize(size, 0x0F3A14, 0x0F3A15, 0x0F3A16, 0x0F3A16) }
    static func pinsr(_ size: Int) -> Self { bySize(size, 0x0F3A20, 0x0FC4, 0x0F3A22, 0x0F3A22) }

    static var movmskps: Self { Self(0x0F50) }
}

// MARK: Cryptography

extension HostInstruction {
    /// An immediate of 8 bits follows.
    static var pclmulqdq: Self { sse(0x0F3A44) }
    static var aesenc: Self { sse(0x0F38DC) }
    static var aesenclast: Self { sse(0x0F38DD) }
    static var aesdec: Self { sse(0x0F38DE) }
    static var aesdeclast: Self { sse(0x0F38DF) }
    static var aesimc: Self { sse(0x0F38DB) }
    /// An immediate of 8 bits follows.
    static var sha1rnds4: Self { Self(0x0F3ACC) }
    static var sha1msg2: Self { Self(0x0F38CA) }
    /// With XMM0 as the third operand.
    static var sha256rnds2: Self { Self(0x0F38CB) }
    static var sha256msg1: Self { Self(0x0F38CC) }
    static var sha256msg2: Self { Self(0x0F38CD) }
}

// MARK: Integers in vector registers

extension HostInstruction {
    static var pand: Self { sse(0x0FDB) }
    static var pandn: Self { sse(0x0FDF) }
    static var por: Self { sse(0x0FEB) }
    static var pxor: Self { sse(0x0FEF) }
    static var pshufb: Self { sse(0x0F3800) }
    static var paddusb: Self { sse(0x0FDC) }
    static var packuswb: Self { sse(0x0F67) }
    static var packusdw: Self { sse(0x0F382B) }
    static var pmuldq: Self { sse(0x0F3828) }
    static var pmuludq: Self { sse(0x0FF4) }
    static var psrldq: Self { sse(0x0F73, digit: 3) }
    static var pslldq: Self { sse(0x0F73, digit: 7) }

    // By log2 of the element's bytes. An element size that the host has no instruction for is never asked for.

    private static func bySize(_ size: Int, _ byte: UInt32, _ word: UInt32, _ double: UInt32, _ quad: UInt32) -> Self {
        switch size {
        case 0: sse(byte)
        case 1: sse(word)
        case 2: sse(double)
        default: sse(quad)
        }
    }

    static func padd(_ size: Int) -> Self { bySize(size, 0x0FFC, 0x0FFD, 0x0FFE, 0x0FD4) }
    static func psub(_ size: Int) -> Self { bySize(size, 0x0FF8, 0x0FF9, 0x0FFA, 0x0FFB) }
    /// PMULLW or PMULLD.
    static func pmull(_ size: Int) -> Self { bySize(size, 0, 0x0FD5, 0x0F3840, 0) }
    static func pcmpeq(_ size: Int) -> Self { bySize(size, 0x0F74, 0x0F75, 0x0F76, 0x0F3829) }
    static func pcmpgt(_ size: Int) -> Self { bySize(size, 0x0F64, 0x0F65, 0x0F66, 0x0F3837) }
    static func pmaxs(_ size: Int) -> Self { bySize(size, 0x0F383C, 0x0FEE, 0x0F383D, 0) }
    static func pmaxu(_ size: Int) -> Self { bySize(size, 0x0FDE, 0x0F383E, 0x0F383F, 0) }
    static func pmins(_ size: Int) -> Self { bySize(size, 0x0F3838, 0x0FEA, 0x0F3839, 0) }
    static func pminu(_ size: Int) -> Self { bySize(size, 0x0FDA, 0x0F383A, 0x0F383B, 0) }
    static func punpckl(_ size: Int) -> Self { bySize(size, 0x0F60, 0x0F61, 0x0F62, 0x0F6C) }
    static func punpckh(_ size: Int) -> Self { bySize(size, 0x0F68, 0x0F69, 0x0F6A, 0x0F6D) }
    /// To elements of twice the size.
    static func pmovsx(_ size: Int) -> Self { bySize(size, 0x0F3820, 0x0F3823, 0x0F3825, 0) }
    static func pmovzx(_ size: Int) -> Self { bySize(size, 0x0F3830, 0x0F3833, 0x0F3835, 0) }

    /// The shifts of elements by an immediate of 8 bits.
    enum ElementShift: UInt8 {
        case rightLogical = 2
        case rightArithmetic = 4
        case left = 6
    }

    static func pshift(_ shift: ElementShift, _ size: Int) -> Self {
        var instruction = bySize(size, 0, 0x0F71, 0x0F72, 0x0F73)
        instruction.digit = shift.rawValue
        return instruction
    }
}

// MARK: Floating point

extension HostInstruction {
    // These are of packed singles as they are; `scalar` and `packed` make the others of them.
    static var add: Self { Self(0x0F58) }
    static var multiply: Self { Self(0x0F59) }
    static var convertPrecision: Self { Self(0x0F5A) }
    static var subtract: Self { Self(0x0F5C) }
    static var divide: Self { Self(0x0F5E) }
    static var squareRoot: Self { Self(0x0F51) }
    /// UCOMISS or, packed, UCOMISD.
    static var unorderedCompare: Self { Self(0x0F2E) }
    static var convertFromInteger: Self { Self(0x0F2A) }
    static var truncateToInteger: Self { Self(0x0F2C) }

    /// The form of one double or single.
    func scalar(isDouble: Bool) -> Self { Self(opcode, isDouble ? .scalarDouble : .scalarSingle) }
    /// The form of doubles or singles.
    func packed(isDouble: Bool) -> Self { Self(opcode, isDouble ? .operandSize : .none) }
}

// MARK: With a VEX prefix

/// An instruction of three operands, with a VEX prefix.
struct HostVEXInstruction: Equatable, Sendable {
    /// Which opcodes a VEX prefix selects.
    enum OpcodeMap: UInt8 {
        case map0F38 = 2
        case map0F3A = 3
    }

    let opcode: UInt8
    let map: OpcodeMap
    let prefix: HostPrefix

    @inline(__always)
    init(_ opcode: UInt8, _ map: OpcodeMap, _ prefix: HostPrefix) {
        self.opcode = opcode
        self.map = map
        self.prefix = prefix
    }

    static var andn: Self { Self(0xF2, .map0F38, .none) }
    /// An immediate of 8 bits follows.
    static var rorx: Self { Self(0xF0, .map0F3A, .scalarDouble) }
    /// SHLX, SHRX or SARX.
    static func shift(_ shift: HostShift) -> Self {
        switch shift {
        case .shl: Self(0xF7, .map0F38, .operandSize)
        case .sar: Self(0xF7, .map0F38, .scalarSingle)
        default: Self(0xF7, .map0F38, .scalarDouble)
        }
    }

    // destination = ±(first × second) ± destination; scalar, and of all elements.
    static var vfmadd231Scalar: Self { Self(0xB9, .map0F38, .operandSize) }
    static var vfmsub231Scalar: Self { Self(0xBB, .map0F38, .operandSize) }
    static var vfnmadd231Scalar: Self { Self(0xBD, .map0F38, .operandSize) }
    static var vfnmsub231Scalar: Self { Self(0xBF, .map0F38, .operandSize) }
    static var vfmadd231Packed: Self { Self(0xB8, .map0F38, .operandSize) }
    static var vfnmadd231Packed: Self { Self(0xBC, .map0F38, .operandSize) }
}

#endif
