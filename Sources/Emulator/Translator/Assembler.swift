// An assembler for x86-64: bytes of instructions, written one after the other.
//
// Responsible for: encoding (Intel SDM, volume 2, chapter 2) and labels; no bytes are written but here. Opcodes of
// instructions with a ModRM byte are in `HostInstruction`, those of the few others in the function of their name. Not
// responsible for what is emitted (`RegionCompiler`) nor for where the bytes are executed (`ExecutableMemory`).

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

/// Writes instructions at a cursor.
///
/// Safe: whoever makes an assembler hands it room for all that it will emit (`Translator.compile`).
struct Assembler {
    private(set) var cursor: UnsafeMutableRawPointer

    init(at start: UnsafeMutableRawPointer) { cursor = start }

    // MARK: Raw bytes

    @inline(__always)
    private mutating func byte(_ value: UInt8) {
        cursor.storeBytes(of: value, as: UInt8.self)
        cursor += 1
    }

    @inline(__always)
    private mutating func word(_ value: Int32) {
        cursor.storeBytes(of: value, as: Int32.self)
        cursor += 4
    }

    @inline(__always)
    private mutating func quad(_ value: UInt64) {
        cursor.storeBytes(of: value, as: UInt64.self)
        cursor += 8
    }

    // MARK: Encoding

    /// An instruction with a ModRM byte.
    ///
    /// - Parameters:
    ///   - reg: what ModRM.reg names.
    ///   - wide: whether operands have 64 bits.
    ///   - isByte: whether a register is named as a byte, which takes a REX prefix from RSP on.
    @inline(__always)
    private mutating func encode(
        _ instruction: HostInstruction, reg: UInt8, _ rm: HostOperand, wide: Bool, isByte: Bool
    ) {
        if instruction.prefix != .none { byte(instruction.prefix.rawValue) }
        var rex: UInt8 = (wide ? 8 : 0) | (reg >> 3) << 2 | rm.base >> 3
        if rm.kind == .indexed { rex |= (rm.index >> 3) << 1 }
        let namesHighByte = isByte && (reg >= 4 || (rm.kind == .register && rm.base >= 4))
        if rex != 0 || namesHighByte { byte(0x40 | rex) }
        let opcode = instruction.opcode
        if opcode > 0xFFFF { byte(UInt8(truncatingIfNeeded: opcode >> 16)) }
        if opcode > 0xFF { byte(UInt8(truncatingIfNeeded: opcode >> 8)) }
        byte(UInt8(truncatingIfNeeded: opcode))
        modRM(reg, rm)
    }

    /// An instruction of a general register and another operand.
    @inline(__always)
    mutating func emit(
        _ instruction: HostInstruction, _ register: HostRegister, _ operand: HostOperand, wide: Bool = false,
        isByte: Bool = false
    ) {
        encode(instruction, reg: register.rawValue, operand, wide: wide, isByte: isByte)
    }

    /// An instruction of a vector register and another operand.
    @inline(__always)
    mutating func emit(
        _ instruction: HostInstruction, _ register: HostVector, _ operand: HostOperand, wide: Bool = false
    ) {
        encode(instruction, reg: register.rawValue, operand, wide: wide, isByte: false)
    }

    /// The same with an immediate of 8 bits.
    @inline(__always)
    mutating func emit(
        _ instruction: HostInstruction, _ register: HostVector, _ operand: HostOperand, wide: Bool = false,
        immediate: UInt8
    ) {
        emit(instruction, register, operand, wide: wide)
        byte(immediate)
    }

    /// An instruction of one operand.
    @inline(__always)
    mutating func emit(
        _ instruction: HostInstruction, _ operand: HostOperand, wide: Bool = false, isByte: Bool = false
    ) {
        encode(instruction, reg: instruction.digit, operand, wide: wide, isByte: isByte)
    }

    /// An instruction for operands of 1, 2, 4 or 8 bytes. The register is one that needs no prefix as a byte: RAX to
    /// RDX.
    mutating func emitSized(
        _ byteForm: HostInstruction, _ register: HostRegister, _ operand: HostOperand, size: Int
    ) {
        if size == 2 { byte(HostPrefix.operandSize.rawValue) }
        emit(size == 1 ? byteForm : byteForm.forLargerOperands, register, operand, wide: size == 8)
    }

    /// An instruction with a VEX prefix of three bytes, of 128 bits or on general registers.
    ///
    /// - Parameters:
    ///   - reg: the register of ModRM.reg.
    ///   - second: the register that the prefix names.
    mutating func emit(
        _ instruction: HostVEXInstruction, _ reg: UInt8, _ second: UInt8, _ rm: HostOperand, wide: Bool
    ) {
        let prefixField: UInt8 =
            switch instruction.prefix {
            case .none: 0
            case .operandSize: 1
            case .scalarSingle: 2
            case .scalarDouble: 3
            }
        var high = (reg >> 3) << 2 | rm.base >> 3
        if rm.kind == .indexed { high |= (rm.index >> 3) << 1 }
        byte(0xC4)
        byte((~high & 7) << 5 | instruction.map.rawValue)
        byte((wide ? 0x80 : 0) | (~second & 15) << 3 | prefixField)
        byte(instruction.opcode)
        modRM(reg, rm)
    }

    @inline(__always)
    private mutating func modRM(_ reg: UInt8, _ rm: HostOperand) {
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
        emit(.mov, destination, source, wide: wide)
    }

    mutating func move(_ destination: HostRegister, _ source: HostRegister, wide: Bool = true) {
        if destination != source || !wide { move(destination, .register(source), wide: wide) }
    }

    /// Stores 1, 2, 4 or 8 bytes of a register.
    mutating func store(_ source: HostRegister, _ destination: HostOperand, size: Int = 8) {
        switch size {
        case 1: emit(.movStoreByte, source, destination, isByte: true)
        case 2:
            byte(HostPrefix.operandSize.rawValue)
            emit(.movStore, source, destination)
        default: emit(.movStore, source, destination, wide: size == 8)
        }
    }

    /// Loads 1, 2, 4 or 8 bytes, zero-extended.
    mutating func load(_ destination: HostRegister, _ source: HostOperand, size: Int) {
        switch size {
        case 1: emit(.movzxByte, destination, source, isByte: source.kind == .register)
        case 2: emit(.movzxWord, destination, source)
        default: move(destination, source, wide: size == 8)
        }
    }

    /// Loads 1, 2 or 4 bytes, sign-extended to 32 or 64 bits.
    mutating func loadSigned(_ destination: HostRegister, _ source: HostOperand, size: Int, wide: Bool) {
        switch size {
        case 1: emit(.movsxByte, destination, source, wide: wide, isByte: source.kind == .register)
        case 2: emit(.movsxWord, destination, source, wide: wide)
        default: emit(.movsxd, destination, source, wide: wide)
        }
    }

    /// A constant, in as few bytes as it takes. Flags stay as they are.
    mutating func move(_ destination: HostRegister, constant: UInt64) {
        if constant <= 0xFFFF_FFFF {
            emitMoveImmediate(destination, wide: false)
            word(Int32(truncatingIfNeeded: constant))
        } else if Int64(bitPattern: constant) == Int64(Int32(truncatingIfNeeded: constant)) {
            emit(.movImmediate, .register(destination), wide: true)
            word(Int32(truncatingIfNeeded: constant))
        } else {
            emitMoveImmediate(destination, wide: true)
            quad(constant)
        }
    }

    /// A constant of 32 bits, sign-extended if `wide`, into memory.
    mutating func store(constant: Int32, _ destination: HostOperand, wide: Bool) {
        emit(.movImmediate, destination, wide: wide)
        word(constant)
    }

    mutating func loadAddress(_ destination: HostRegister, _ address: HostOperand, wide: Bool = true) {
        emit(.lea, destination, address, wide: wide)
    }

    // MARK: Arithmetic

    mutating func arithmetic(
        _ operation: HostArithmetic, _ destination: HostRegister, _ source: HostOperand, wide: Bool = true
    ) {
        emit(.arithmetic(operation), destination, source, wide: wide)
    }

    mutating func arithmetic(
        _ operation: HostArithmetic, _ destination: HostOperand, _ source: HostRegister, wide: Bool = true
    ) {
        emit(.arithmeticStore(operation), source, destination, wide: wide)
    }

    mutating func arithmetic(
        _ operation: HostArithmetic, _ destination: HostOperand, constant: Int32, wide: Bool = true
    ) {
        if constant >= -128 && constant <= 127 {
            emit(.arithmeticImmediate8(operation), destination, wide: wide)
            byte(UInt8(bitPattern: Int8(truncatingIfNeeded: constant)))
        } else {
            emit(.arithmeticImmediate32(operation), destination, wide: wide)
            word(constant)
        }
    }

    mutating func test(_ first: HostRegister, _ second: HostRegister, wide: Bool) {
        test(.register(first), second, wide: wide)
    }

    mutating func test(_ first: HostOperand, _ second: HostRegister, wide: Bool) {
        emit(.test, second, first, wide: wide)
    }

    /// The lowest byte of RAX to RDX with itself.
    mutating func testByte(_ register: HostRegister) { emit(.testByte, register, .register(register)) }

    mutating func test(_ first: HostOperand, constant: Int32, wide: Bool) {
        emit(.testImmediate32, first, wide: wide)
        word(constant)
    }

    mutating func not(_ register: HostRegister, wide: Bool) { emit(.not, .register(register), wide: wide) }
    mutating func negate(_ register: HostRegister, wide: Bool) { emit(.neg, .register(register), wide: wide) }

    mutating func shift(_ operation: HostShift, _ register: HostRegister, by count: UInt8, wide: Bool = true) {
        emit(.shiftImmediate(operation), .register(register), wide: wide)
        byte(count)
    }

    /// By CL.
    mutating func shift(_ operation: HostShift, _ register: HostRegister, wide: Bool) {
        emit(.shiftByCL(operation), .register(register), wide: wide)
    }

    /// RORX: destination = source rotated, flags left alone.
    mutating func rotate(_ destination: HostRegister, _ source: HostOperand, by count: UInt8, wide: Bool) {
        emit(.rorx, destination.rawValue, 0, source, wide: wide)
        byte(count)
    }

    /// ANDN: destination = ~inverted & other.
    mutating func andNot(
        _ destination: HostRegister, inverted: HostRegister, _ other: HostOperand, wide: Bool
    ) {
        emit(.andn, destination.rawValue, inverted.rawValue, other, wide: wide)
    }

    /// SHLX, SHRX or SARX: destination = source shifted by another register, flags left alone.
    mutating func shift(
        _ operation: HostShift, _ destination: HostRegister, _ source: HostOperand, by count: HostRegister, wide: Bool
    ) {
        emit(HostVEXInstruction.shift(operation), destination.rawValue, count.rawValue, source, wide: wide)
    }

    mutating func multiply(_ destination: HostRegister, _ source: HostOperand, wide: Bool) {
        emit(.imul, destination, source, wide: wide)
    }

    mutating func move(_ destination: HostRegister, _ source: HostOperand, if condition: HostCondition, wide: Bool) {
        emit(.cmov(condition), destination, source, wide: wide)
    }

    mutating func multiply(_ destination: HostRegister, _ source: HostOperand, constant: Int32, wide: Bool) {
        emit(.imulImmediate32, destination, source, wide: wide)
        word(constant)
    }

    /// RDX:RAX = RAX × source.
    mutating func multiplyWide(_ source: HostOperand, isSigned: Bool) {
        emit(isSigned ? .imulWide : .mul, source, wide: true)
    }

    /// RAX = RDX:RAX by a register, RDX the remainder.
    mutating func divide(by divisor: HostRegister, isSigned: Bool, wide: Bool) {
        emit(isSigned ? .idiv : .div, .register(divisor), wide: wide)
    }

    /// CQO or CDQ: RDX = the sign of RAX.
    mutating func extendSignOfRAX(wide: Bool) {
        if wide { byte(0x48) }
        byte(0x99)
    }

    /// BSWAP, of RAX to RDI.
    mutating func swapBytes(_ register: HostRegister, wide: Bool) {
        byte(wide ? 0x48 : 0x40)
        byte(0x0F)
        byte(0xC8 | register.rawValue)
    }

    /// BT, BTR or BTC: the bit goes to CF.
    mutating func bit(_ instruction: HostInstruction, _ operand: HostOperand, _ number: UInt8, wide: Bool) {
        emit(instruction, operand, wide: wide)
        byte(number)
    }

    mutating func prefetch(_ operand: HostOperand) { emit(.prefetchT1, operand) }

    /// SHRD: the low half of (source:destination) >> count.
    mutating func shiftRight(_ destination: HostRegister, from source: HostRegister, by count: UInt8, wide: Bool) {
        emit(.shrd, source, .register(destination), wide: wide)
        byte(count)
    }

    /// SETcc: the lowest byte of a register = 1 or 0.
    mutating func set(_ register: HostRegister, if condition: HostCondition) {
        emit(.set(condition), .register(register), isByte: true)
    }

    /// Makes the next instruction, which changes memory, atomic.
    mutating func lock() { byte(0xF0) }

    /// CPUID.
    mutating func identify() {
        byte(0x0F)
        byte(0xA2)
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

    mutating func jump(through target: HostOperand) { emit(.jmpIndirect, target) }
    mutating func call(through target: HostOperand) { emit(.callIndirect, target) }

    mutating func call(_ target: UnsafeMutableRawPointer) {
        byte(0xE8)
        word(0)
        Fixup(site: cursor - 4).resolve(to: target)
    }

    /// A jump over a few instructions, to be resolved by `land`: no more than 127 bytes.
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
        precondition(cursor - skip <= Int(Int8.max), "a skip is short")
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
    mutating func setOverflowIntoAL() { set(.rax, if: .o) }
    /// AL += a constant.
    mutating func addToAL(_ constant: UInt8) {
        byte(0x04)
        byte(constant)
    }

    // MARK: Vectors

    /// Of the elements of a register, by an immediate.
    mutating func shift(_ instruction: HostInstruction, _ register: HostVector, by count: UInt8) {
        emit(instruction, .vector(register))
        byte(count)
    }

    /// MOVDQA from memory that is a multiple of 16.
    mutating func loadVector(_ destination: HostVector, _ source: HostOperand) { emit(.movdqa, destination, source) }

    mutating func storeVector(_ source: HostVector, _ destination: HostOperand) {
        emit(.movdqaStore, source, destination)
    }

    /// An FMA instruction of the 231 form: destination = ±(first × second) ± destination.
    mutating func fusedMultiply(
        _ instruction: HostVEXInstruction, _ destination: HostVector, _ first: HostVector, _ second: HostOperand,
        isDouble: Bool
    ) {
        emit(instruction, destination.rawValue, first.rawValue, second, wide: isDouble)
    }

    /// MOV of an immediate into a register, which follows: of 32 bits, or 64 if wide.
    private mutating func emitMoveImmediate(_ destination: HostRegister, wide: Bool) {
        let rex: UInt8 = (wide ? 8 : 0) | destination.rawValue >> 3
        if rex != 0 { byte(0x40 | rex) }
        byte(0xB8 | destination.rawValue & 7)
    }
}

#endif
