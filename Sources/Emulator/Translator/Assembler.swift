// An assembler for x86-64: bytes of instructions, written one after the other.
//
// Responsible for: encoding (Intel SDM, volume 2, chapter 2) and labels. Not responsible for what is emitted
// (`RegionCompiler`) nor for where the bytes are executed (`ExecutableMemory`).

#if arch(x86_64)

/// A general register of the host, by its number in encodings.
enum HostRegister: UInt8 {
    case rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
}

/// A vector register of the host, by its number in encodings.
enum HostVector: UInt8 {
    case xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15
}

/// The operand that ModRM.rm names: a register or a place in memory.
struct HostOperand {
    enum Kind { case register, memory, indexed }
    let kind: Kind
    /// The register, or the base of the address.
    let base: UInt8
    /// The index of an `indexed` address, and how far it is shifted.
    let index: UInt8
    var scale: UInt8 = 0
    let displacement: Int32

    static func register(_ register: HostRegister) -> Self {
        Self(kind: .register, base: register.rawValue, index: 0, displacement: 0)
    }

    static func vector(_ register: HostVector) -> Self {
        Self(kind: .register, base: register.rawValue, index: 0, displacement: 0)
    }

    static func memory(_ base: HostRegister, _ displacement: Int32 = 0) -> Self {
        Self(kind: .memory, base: base.rawValue, index: 0, displacement: displacement)
    }

    static func indexed(
        _ base: HostRegister, _ index: HostRegister, _ displacement: Int32 = 0, scale: UInt8 = 0
    ) -> Self {
        Self(
            kind: .indexed, base: base.rawValue, index: index.rawValue, scale: scale, displacement: displacement)
    }
}

/// Conditions, by their number in encodings.
enum HostCondition: UInt8 {
    case o, no, b, ae, e, ne, be, a, s, ns, p, np, l, ge, le, g

    var inverted: HostCondition {
        // Conditions come in pairs that differ in the lowest bit.
        HostCondition(rawValue: rawValue ^ 1) ?? self
    }
}

/// The operations of two operands whose opcodes differ in one field.
enum HostArithmetic: UInt8 {
    case add, or, adc, sbb, and, sub, xor, cmp

    var isCommutative: Bool {
        switch self {
        case .add, .or, .adc, .and, .xor: true
        case .sbb, .sub, .cmp: false
        }
    }
}

/// The shifts and rotations whose opcodes differ in one field.
enum HostShift: UInt8 {
    case rol = 0, ror = 1, shl = 4, shr = 5, sar = 7
}

/// What comes before the opcode.
enum HostPrefix: UInt8 {
    case none = 0
    case operandSize = 0x66
    case scalarDouble = 0xF2
    case scalarSingle = 0xF3
}

/// Writes instructions at a cursor.
///
/// Safe: whoever makes an assembler hands it room for all that it will emit (`Translator.compile`).
struct Assembler {
    private(set) var cursor: UnsafeMutableRawPointer

    init(at start: UnsafeMutableRawPointer) { cursor = start }

    // MARK: Raw bytes

    @inline(__always)
    mutating func byte(_ value: UInt8) {
        cursor.storeBytes(of: value, as: UInt8.self)
        cursor += 1
    }

    @inline(__always)
    mutating func word(_ value: Int32) {
        cursor.storeBytes(of: value, as: Int32.self)
        cursor += 4
    }

    @inline(__always)
    mutating func quad(_ value: UInt64) {
        cursor.storeBytes(of: value, as: UInt64.self)
        cursor += 8
    }

    // MARK: Encoding

    /// One instruction with a ModRM byte. `opcode` holds the escape bytes too: 0x89, 0x0FAF, 0x0F38F1.
    ///
    /// - Parameters:
    ///   - reg: the register, or the opcode's extension, of ModRM.reg.
    ///   - wide: whether operands have 64 bits.
    ///   - isByte: whether a register is named as a byte, which takes a REX prefix from RSP on.
    @inline(__always)
    mutating func encode(
        _ opcode: UInt32, _ reg: UInt8, _ rm: HostOperand, wide: Bool = false, prefix: HostPrefix = .none,
        isByte: Bool = false
    ) {
        if prefix != .none { byte(prefix.rawValue) }
        var rex: UInt8 = (wide ? 8 : 0) | (reg >> 3) << 2 | rm.base >> 3
        if rm.kind == .indexed { rex |= (rm.index >> 3) << 1 }
        let namesHighByte = isByte && (reg >= 4 || (rm.kind == .register && rm.base >= 4))
        if rex != 0 || namesHighByte { byte(0x40 | rex) }
        if opcode > 0xFFFF { byte(UInt8(truncatingIfNeeded: opcode >> 16)) }
        if opcode > 0xFF { byte(UInt8(truncatingIfNeeded: opcode >> 8)) }
        byte(UInt8(truncatingIfNeeded: opcode))
        modRM(reg, rm)
    }

    /// Which opcodes a VEX prefix selects.
    enum OpcodeMap: UInt8 {
        case map0F38 = 2
        case map0F3A = 3
    }

    /// One instruction with a VEX prefix of three bytes, of 128 bits or on general registers.
    ///
    /// - Parameters:
    ///   - reg: the register of ModRM.reg.
    ///   - second: the register that the prefix names.
    mutating func encodeVEX(
        _ opcode: UInt8, map: OpcodeMap, prefix: HostPrefix, _ reg: UInt8, _ second: UInt8, _ rm: HostOperand,
        wide: Bool
    ) {
        let prefixField: UInt8 =
            switch prefix {
            case .none: 0
            case .operandSize: 1
            case .scalarSingle: 2
            case .scalarDouble: 3
            }
        var high = (reg >> 3) << 2 | rm.base >> 3
        if rm.kind == .indexed { high |= (rm.index >> 3) << 1 }
        byte(0xC4)
        byte((~high & 7) << 5 | map.rawValue)
        byte((wide ? 0x80 : 0) | (~second & 15) << 3 | prefixField)
        byte(opcode)
        modRM(reg, rm)
    }

    @inline(__always)
    mutating func modRM(_ reg: UInt8, _ rm: HostOperand) {
        let field = (reg & 7) << 3
        let low = rm.base & 7
        if rm.kind == .register {
            byte(0xC0 | field | low)
            return
        }
        // RBP and R13 as a base always take a displacement; RSP and R12 take an SIB byte.
        let isShort = rm.displacement >= -128 && rm.displacement <= 127
        let mod: UInt8 = rm.displacement == 0 && low != 5 ? 0 : isShort ? 0x40 : 0x80
        if rm.kind == .indexed {
            byte(mod | field | 4)
            byte(rm.scale << 6 | (rm.index & 7) << 3 | low)
        } else {
            byte(mod | field | low)
            if low == 4 { byte(0x24) }
        }
        if mod == 0x40 {
            byte(UInt8(bitPattern: Int8(truncatingIfNeeded: rm.displacement)))
        } else if mod == 0x80 {
            word(rm.displacement)
        }
    }

    // MARK: Moves

    mutating func move(_ destination: HostRegister, _ source: HostOperand, wide: Bool = true) {
        encode(0x8B, destination.rawValue, source, wide: wide)
    }

    mutating func move(_ destination: HostRegister, _ source: HostRegister, wide: Bool = true) {
        if destination != source || !wide { move(destination, .register(source), wide: wide) }
    }

    /// Stores 1, 2, 4 or 8 bytes of a register.
    mutating func store(_ source: HostRegister, _ destination: HostOperand, size: Int = 8) {
        switch size {
        case 1: encode(0x88, source.rawValue, destination, isByte: true)
        case 2: encode(0x89, source.rawValue, destination, prefix: .operandSize)
        default: encode(0x89, source.rawValue, destination, wide: size == 8)
        }
    }

    /// Loads 1, 2, 4 or 8 bytes, zero-extended.
    mutating func load(_ destination: HostRegister, _ source: HostOperand, size: Int) {
        switch size {
        case 1: encode(0x0FB6, destination.rawValue, source, isByte: source.kind == .register)
        case 2: encode(0x0FB7, destination.rawValue, source)
        default: move(destination, source, wide: size == 8)
        }
    }

    /// Loads 1, 2 or 4 bytes, sign-extended to 32 or 64 bits.
    mutating func loadSigned(_ destination: HostRegister, _ source: HostOperand, size: Int, wide: Bool) {
        switch size {
        case 1: encode(0x0FBE, destination.rawValue, source, wide: wide, isByte: source.kind == .register)
        case 2: encode(0x0FBF, destination.rawValue, source, wide: wide)
        default: encode(0x63, destination.rawValue, source, wide: wide)
        }
    }

    /// A constant, in as few bytes as it takes. Flags stay as they are.
    mutating func move(_ destination: HostRegister, constant: UInt64) {
        if constant <= 0xFFFF_FFFF {
            if destination.rawValue >= 8 { byte(0x41) }
            byte(0xB8 | destination.rawValue & 7)
            word(Int32(truncatingIfNeeded: constant))
        } else if Int64(bitPattern: constant) == Int64(Int32(truncatingIfNeeded: constant)) {
            encode(0xC7, 0, .register(destination), wide: true)
            word(Int32(truncatingIfNeeded: constant))
        } else {
            byte(0x48 | destination.rawValue >> 3)
            byte(0xB8 | destination.rawValue & 7)
            quad(constant)
        }
    }

    /// A constant of 32 bits, sign-extended if `wide`, into memory.
    mutating func store(constant: Int32, _ destination: HostOperand, wide: Bool) {
        encode(0xC7, 0, destination, wide: wide)
        word(constant)
    }

    mutating func loadAddress(_ destination: HostRegister, _ address: HostOperand, wide: Bool = true) {
        encode(0x8D, destination.rawValue, address, wide: wide)
    }

    // MARK: Arithmetic

    mutating func arithmetic(
        _ operation: HostArithmetic, _ destination: HostRegister, _ source: HostOperand, wide: Bool = true
    ) {
        encode(UInt32(operation.rawValue << 3 | 3), destination.rawValue, source, wide: wide)
    }

    mutating func arithmetic(
        _ operation: HostArithmetic, _ destination: HostOperand, constant: Int32, wide: Bool = true
    ) {
        if constant >= -128 && constant <= 127 {
            encode(0x83, operation.rawValue, destination, wide: wide)
            byte(UInt8(bitPattern: Int8(truncatingIfNeeded: constant)))
        } else {
            encode(0x81, operation.rawValue, destination, wide: wide)
            word(constant)
        }
    }

    mutating func test(_ first: HostRegister, _ second: HostRegister, wide: Bool) {
        encode(0x85, second.rawValue, .register(first), wide: wide)
    }

    mutating func test(_ first: HostOperand, constant: Int32, wide: Bool) {
        encode(0xF7, 0, first, wide: wide)
        word(constant)
    }

    mutating func not(_ register: HostRegister, wide: Bool) { encode(0xF7, 2, .register(register), wide: wide) }
    mutating func negate(_ register: HostRegister, wide: Bool) { encode(0xF7, 3, .register(register), wide: wide) }

    mutating func shift(_ operation: HostShift, _ register: HostRegister, by count: UInt8, wide: Bool = true) {
        encode(0xC1, operation.rawValue, .register(register), wide: wide)
        byte(count)
    }

    /// By CL.
    mutating func shift(_ operation: HostShift, _ register: HostRegister, wide: Bool) {
        encode(0xD3, operation.rawValue, .register(register), wide: wide)
    }

    /// RORX: destination = source rotated, flags left alone.
    mutating func rotate(_ destination: HostRegister, _ source: HostOperand, by count: UInt8, wide: Bool) {
        encodeVEX(0xF0, map: .map0F3A, prefix: .scalarDouble, destination.rawValue, 0, source, wide: wide)
        byte(count)
    }

    /// ANDN: destination = ~inverted & other.
    mutating func andNot(
        _ destination: HostRegister, inverted: HostRegister, _ other: HostOperand, wide: Bool
    ) {
        encodeVEX(0xF2, map: .map0F38, prefix: .none, destination.rawValue, inverted.rawValue, other, wide: wide)
    }

    /// SHLX, SHRX or SARX: destination = source shifted by another register, flags left alone.
    mutating func shift(
        _ operation: HostShift, _ destination: HostRegister, _ source: HostOperand, by count: HostRegister, wide: Bool
    ) {
        let prefix: HostPrefix =
            switch operation {
            case .shl: .operandSize
            case .sar: .scalarSingle
            default: .scalarDouble
            }
        encodeVEX(0xF7, map: .map0F38, prefix: prefix, destination.rawValue, count.rawValue, source, wide: wide)
    }

    mutating func multiply(_ destination: HostRegister, _ source: HostOperand, wide: Bool) {
        encode(0x0FAF, destination.rawValue, source, wide: wide)
    }

    mutating func move(_ destination: HostRegister, _ source: HostOperand, if condition: HostCondition, wide: Bool) {
        encode(0x0F40 | UInt32(condition.rawValue), destination.rawValue, source, wide: wide)
    }

    // MARK: Flow of control

    /// A place in the code that a jump of 32 bits displacement leads to, before it is known.
    struct Fixup {
        /// Where the displacement is.
        let site: UnsafeMutableRawPointer

        func resolve(to target: UnsafeMutableRawPointer) {
            site.storeBytes(of: Int32(truncatingIfNeeded: target - (site + 4)), as: Int32.self)
        }
    }

    mutating func jump(if condition: HostCondition) -> Fixup {
        byte(0x0F)
        byte(0x80 | condition.rawValue)
        word(0)
        return Fixup(site: cursor - 4)
    }

    mutating func jump() -> Fixup {
        byte(0xE9)
        word(0)
        return Fixup(site: cursor - 4)
    }

    mutating func jump(to target: UnsafeMutableRawPointer) { jump().resolve(to: target) }
    mutating func jump(if condition: HostCondition, to target: UnsafeMutableRawPointer) {
        jump(if: condition).resolve(to: target)
    }

    mutating func call(_ target: UnsafeMutableRawPointer) {
        byte(0xE8)
        word(0)
        Fixup(site: cursor - 4).resolve(to: target)
    }

    /// A jump over a few instructions, to be resolved by `land`.
    mutating func skip(if condition: HostCondition) -> UnsafeMutableRawPointer {
        byte(0x70 | condition.rawValue)
        byte(0)
        return cursor
    }

    mutating func skip() -> UnsafeMutableRawPointer {
        byte(0xEB)
        byte(0)
        return cursor
    }

    /// Makes a `skip` end here.
    mutating func land(_ skip: UnsafeMutableRawPointer) {
        (skip - 1).storeBytes(of: UInt8(truncatingIfNeeded: cursor - skip), as: UInt8.self)
    }

    mutating func returnToCaller() { byte(0xC3) }
    mutating func push(_ register: HostRegister) {
        if register.rawValue >= 8 { byte(0x41) }
        byte(0x50 | register.rawValue & 7)
    }
    mutating func pop(_ register: HostRegister) {
        if register.rawValue >= 8 { byte(0x41) }
        byte(0x58 | register.rawValue & 7)
    }

    /// Puts one-byte no-operations until `offset` bytes further on is a multiple of 4.
    mutating func align(before offset: Int) {
        while (Int(bitPattern: cursor) + offset) & 3 != 0 { byte(0x90) }
    }

    // MARK: Flags

    mutating func complementCarry() { byte(0xF5) }
    /// AH = SF, ZF, AF, PF, CF.
    mutating func loadFlagsIntoAH() { byte(0x9F) }
    /// The other way.
    mutating func storeFlagsFromAH() { byte(0x9E) }
    mutating func setOverflowIntoAL() { encode(0x0F90, 0, .register(.rax), isByte: true) }

    // MARK: Vectors

    /// An SSE instruction with two vector operands, or a vector and memory.
    mutating func vector(
        _ opcode: UInt32, _ destination: HostVector, _ source: HostOperand, prefix: HostPrefix = .operandSize,
        wide: Bool = false
    ) {
        encode(opcode, destination.rawValue, source, wide: wide, prefix: prefix)
    }

    /// MOVDQA from memory that is a multiple of 16.
    mutating func loadVector(_ destination: HostVector, _ source: HostOperand) {
        encode(0x0F6F, destination.rawValue, source, prefix: .operandSize)
    }

    mutating func storeVector(_ source: HostVector, _ destination: HostOperand) {
        encode(0x0F7F, source.rawValue, destination, prefix: .operandSize)
    }
}

#endif
