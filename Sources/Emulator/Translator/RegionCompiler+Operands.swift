// General registers as operands: in the state block, in the host register that is their home, or in scratch.

#if arch(x86_64)

extension RegionCompiler {
    /// The block being compiled.
    var source: RegionBlock { region.blocks[blockIndex] }

    /// Where the compiler is, for a slow path.
    var place: Place {
        let block = source.block
        let operation = UnsafeMutableRawPointer(block.operations + position)
        return Place(
            block: UInt32(truncatingIfNeeded: block.base - codeBase),
            operation: UInt32(truncatingIfNeeded: operation - codeBase), written: written, vectors: heldVectorsBefore,
            flags: flagsAreKnownBefore ? unsavedFlags : 0, wantsAddress: indexedAddress != nil)
    }

    /// A place in the state block.
    @inline(__always)
    func state(_ offset: Int) -> HostOperand { .memory(.rbx, Int32(truncatingIfNeeded: offset - Self.stateBias)) }

    @inline(__always)
    func state(general register: UInt8) -> HostOperand { state(CPUState.Offset.general + Int(register) * 8) }

    /// The host register that a guest register lives in.
    @inline(__always)
    func home(_ register: UInt8) -> HostRegister? {
        if temporaryIsInScratch && register == CPUState.Register.temporary0 { return .rdx }
        let number = region.homes[Int(register)]
        return number == Region.noHome ? nil : HostRegister(rawValue: number)
    }

    /// A guest register as an operand of an instruction.
    @inline(__always)
    func operand(_ register: UInt8) -> HostOperand {
        home(register).map { .register($0) } ?? state(general: register)
    }

    /// A guest register in a host register: its own, or `scratch`, loaded.
    @inline(__always)
    mutating func value(_ register: UInt8, in scratch: HostRegister) -> HostRegister {
        if let home = home(register) { return home }
        load(register, to: scratch)
        return scratch
    }

    /// Copies a guest register.
    @inline(__always)
    mutating func load(_ register: UInt8, to destination: HostRegister, wide: Bool = true) {
        if register == CPUState.Register.zero {
            assembler.move(destination, constant: 0)
        } else if let home = home(register) {
            assembler.move(destination, home, wide: wide)
        } else {
            assembler.move(destination, state(general: register), wide: wide)
        }
    }

    /// The same, for an instruction of that width that changes `destination` next: it clears the upper half itself.
    @inline(__always)
    mutating func loadToChange(_ register: UInt8, to destination: HostRegister, wide: Bool) {
        if home(register) != destination { load(register, to: destination, wide: wide) }
    }

    /// Where the result of an operation is to be computed: in its own register, or in RAX.
    @inline(__always)
    func destination(_ register: UInt8) -> HostRegister { home(register) ?? .rax }

    /// Puts a result where it belongs. Flags stay as they are.
    @inline(__always)
    mutating func finish(_ register: UInt8, _ result: HostRegister) {
        if let home = home(register) {
            if home != result { assembler.move(home, result) }
        } else if register != CPUState.Register.sink {
            assembler.store(result, state(general: register))
        }
    }

    /// A constant as an operand that is sign-extended from 32 bits; nil if it is not one.
    @inline(__always)
    static func immediate(_ value: UInt64, wide: Bool = true) -> Int32? {
        let short = Int32(truncatingIfNeeded: value)
        return !wide || Int64(bitPattern: value) == Int64(short) ? short : nil
    }
}

#endif
