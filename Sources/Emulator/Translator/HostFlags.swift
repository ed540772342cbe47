// NZCV as translated code keeps it: the host's flags, as LAHF and SETO leave them in AX, with the carry as Arm has it.

#if arch(x86_64)

/// Bit 15 is N (the host's SF), 14 Z (ZF), 8 C (CF), 0 V (OF); the others mean nothing.
enum HostFlags {
    static let n: UInt32 = 1 << 15
    static let z: UInt32 = 1 << 14
    static let c: UInt32 = 1 << 8
    static let v: UInt32 = 1 << 0

    @inline(__always)
    static func from(nzcv: UInt32) -> UInt32 {
        (nzcv >> 16) & (n | z) | (nzcv >> 21) & c | (nzcv >> 28) & v
    }

    @inline(__always)
    static func nzcv(from flags: UInt32) -> UInt32 {
        (flags & (n | z)) << 16 | (flags & c) << 21 | (flags & v) << 28
    }
}

extension CPUState {
    /// Takes NZCV over for translated code.
    @inline(__always)
    func loadHostFlags() {
        base.storeBytes(of: HostFlags.from(nzcv: nzcv), toByteOffset: Offset.hostFlags, as: UInt32.self)
    }

    /// Takes NZCV back from translated code.
    @inline(__always)
    func storeHostFlags() {
        nzcv = HostFlags.nzcv(from: base.load(fromByteOffset: Offset.hostFlags, as: UInt32.self))
    }
}

/// What the host's flags hold at a point of translated code.
enum HeldFlags {
    case nothing
    /// NZCV, with CF = C.
    case carry
    /// NZCV, with CF = not C, as the host subtracts.
    case borrow
}

extension RegionCompiler {
    /// The host's condition for an Arm condition, after making the host's flags hold NZCV. Changes RAX and the flags.
    mutating func hostCondition(_ condition: UInt8) -> HostCondition {
        if held == .nothing, let condition = conditionFromOrigin(condition) { return condition }
        if held == .nothing {
            assembler.load(.rax, state(CPUState.Offset.hostFlags), size: 2)
            // OF = V: 1 + 0x7F overflows.
            assembler.addToAL(0x7F)
            assembler.storeFlagsFromAH()
            held = .carry
        }
        // HI and LS need both flags, and the host has them only for its own carry.
        if held == .carry && (condition == 8 || condition == 9) {
            assembler.complementCarry()
            held = .borrow
        }
        switch condition {
        case 0: return .e
        case 1: return .ne
        case 2: return held == .carry ? .b : .ae
        case 3: return held == .carry ? .ae : .b
        case 4: return .s
        case 5: return .ns
        case 6: return .o
        case 7: return .no
        case 8: return .a
        case 9: return .be
        case 10: return .ge
        case 11: return .l
        case 12: return .g
        default: return .le
        }
    }

    /// Asks what NZCV came from, if that is still there: makes the host's flags hold NZCV, or gives the condition at
    /// once.
    private mutating func conditionFromOrigin(_ condition: UInt8) -> HostCondition? {
        if let known = flagOrigin.known, known.way == .comparison {
            held = emitAgain(known)
            return nil
        }
        if let (register, wide) = flagOrigin.result, condition < 2 || condition == 4 || condition == 5 {
            if let home = home(register) {
                assembler.test(home, home, wide: wide)
            } else {
                assembler.arithmetic(.cmp, state(general: register), constant: 0, wide: wide)
            }
            switch condition {
            case 0: return .e
            case 1: return .ne
            case 4: return .s
            default: return .ns
            }
        }
        guard let known = flagOrigin.known else { return nil }
        if known.way == .sum, condition == 2 || condition == 3 {
            compareSum(known.operation)
            return condition == 2 ? .b : .ae
        }
        held = emitAgain(known)
        return nil
    }

    /// Makes CF the carry of a sum: it is below what was added to it. Changes RAX.
    private mutating func compareSum(_ op: Operation) {
        withSecondOperand(of: op, .cmp, value(op.d, in: .rax))
    }

    /// `target` = `target` `operation` the second operand of a sum or a difference, which has a result.
    private mutating func withSecondOperand(of op: Operation, _ operation: HostArithmetic, _ target: HostRegister) {
        let wide = FlagOrigin.isWide(op)
        if FlagOrigin.hasImmediate(op) {
            let short = Int32(truncatingIfNeeded: op.immediate)
            assembler.arithmetic(operation, .register(target), constant: short, wide: wide)
        } else {
            assembler.arithmetic(operation, target, operand(op.m), wide: wide)
        }
    }

    /// Makes the host's flags hold NZCV as an operation left them. Changes RAX.
    private mutating func emitAgain(_ known: (operation: Operation, way: FlagOrigin.Way)) -> HeldFlags {
        let op = known.operation
        switch known.way {
        case .comparison: return emitComparison(op)
        case .sum:
            load(op.d, to: .rax)
            withSecondOperand(of: op, .sub, .rax)
            withSecondOperand(of: op, .add, .rax)
            return .carry
        case .difference:
            load(op.d, to: .rax)
            withSecondOperand(of: op, .add, .rax)
            withSecondOperand(of: op, .sub, .rax)
            return .borrow
        case .logic:
            let wide = FlagOrigin.isWide(op)
            if let home = home(op.d) {
                assembler.test(home, home, wide: wide)
            } else {
                load(op.d, to: .rax, wide: wide)
                assembler.test(.rax, .rax, wide: wide)
            }
            return .carry
        }
    }

    /// What a slow path here has to make NZCV from: see `Place.flags`.
    var unsavedFlags: UInt32 { flagsAreSaved ? 0 : UInt32(truncatingIfNeeded: flagOrigins.count) }

    /// On a slow path or a way out: saves NZCV, if the straight path does not. Changes RAX.
    mutating func saveFlags(from flags: UInt32) {
        guard flags != 0, let known = flagOrigins[Int(flags) - 1].known else { return }
        let heldOnStraightPath = held
        held = emitAgain(known)
        saveFlags()
        held = heldOnStraightPath
    }

    /// Whether a condition is AL or NV, which `hostCondition` has nothing for.
    static func isAlways(_ condition: UInt8) -> Bool { condition >= 14 }

    /// Makes CF the carry (or the borrow) of NZCV. Changes RAX and the flags.
    mutating func loadCarry(asBorrow: Bool) {
        if held == .nothing, let known = flagOrigin.known {
            if known.way == .sum {
                compareSum(known.operation)
                held = .carry
            } else {
                held = emitAgain(known)
            }
        }
        if held == .nothing {
            assembler.load(.rax, state(CPUState.Offset.hostFlags), size: 2)
            assembler.storeFlagsFromAH()
            if asBorrow { assembler.complementCarry() }
        } else if (held == .borrow) != asBorrow {
            assembler.complementCarry()
        }
        held = .nothing
    }

    /// Makes the host's flags hold NZCV, which is in bits 31:28. Changes RAX.
    mutating func loadFlags(nzcv: UInt32, as flags: HeldFlags) {
        let bits = HostFlags.from(nzcv: nzcv) ^ (flags == .borrow ? HostFlags.c : 0)
        assembler.move(.rax, constant: UInt64(bits))
        // OF = V: 1 + 0x7F overflows.
        assembler.addToAL(0x7F)
        assembler.storeFlagsFromAH()
    }

    /// Stores the flags that the host holds. Changes RAX.
    mutating func saveFlags() {
        assembler.setOverflowIntoAL()
        if held == .borrow {
            assembler.complementCarry()
            held = .carry
        }
        assembler.loadFlagsIntoAH()
        assembler.store(.rax, state(CPUState.Offset.hostFlags), size: 2)
    }

    /// After an operation that set the host's flags to NZCV: stores them unless nobody will ask.
    mutating func setFlags(_ flags: HeldFlags) {
        held = flags
        flagOrigin = FlagOrigin(of: source.block.operations[position])
        flagsAreSaved = !lookAhead()
        if flagsAreSaved {
            saveFlags()
        } else if flagOrigin.known != nil {
            flagOrigins.append(flagOrigin)
        }
    }

    /// Whether NZCV, held since this operation, is set anew before anything can see it but its holders, and slow paths
    /// and ways out that can make it again. Notes until where it is worth to leave the host's flags alone, too.
    private mutating func lookAhead() -> Bool {
        let operations = source.block.operations
        var origin = flagOrigin
        var index = position + 1
        var isHeld = true
        flagsAreWanted = position
        while index < source.block.operationCount {
            let operation = operations[index]
            let use = source.uses[index]
            // What a slow path can make again; who reads the flags finds less, if it writes what they came from.
            let isKnownBefore = origin.known != nil
            origin.note(writes: use.writes)
            switch use.flags {
            case .sets: return true
            case .reads:
                if isHeld { flagsAreWanted = index } else if origin.known == nil { return false }
            case .readsAndClobbers:
                if isHeld { flagsAreWanted = index } else if origin.known == nil { return false }
                isHeld = false
            case .readsAndSets:
                if isHeld { flagsAreWanted = index }
                return isHeld || origin.known != nil
            case .branches:
                // The way out stores them itself.
                if isHeld { flagsAreWanted = index } else if origin.known == nil { return false }
                index += 1
            case .keeps: break
            case .canKeep: if !features.hasBMI { isHeld = false }
            case .clobbers:
                switch use.treatment {
                case .native: break
                case .guarded where isKnownBefore && Self.leavesByPlaceOnly(operation.code): break
                case .branch where isKnownBefore: index += 1
                default: return false
                }
                // Some compare.
                if operation.code == .float { origin = .unknown }
                isHeld = false
            }
            index += 1
        }
        return false
    }

    /// Whether slow paths of a guarded operation are the only way that it is left on, and nothing but those asks for
    /// flags.
    private static func leavesByPlaceOnly(_ code: Opcode) -> Bool {
        switch code {
        case .float, .stackPointerWritten, .clearDAIF, .writeDAIF: false
        default: true
        }
    }
}

/// What the translation of an operation does to NZCV and to the host's flags.
enum FlagUse {
    /// Sets NZCV whatever it was.
    case sets
    /// Reads NZCV from the host's flags and leaves them there.
    case reads
    /// The same, and leaves something else there.
    case readsAndClobbers
    /// The same, and sets NZCV.
    case readsAndSets
    /// A conditional branch.
    case branches
    /// Leaves the host's flags alone.
    case keeps
    /// Has a form that leaves the host's flags alone, with BMI2.
    case canKeep
    /// Anything else.
    case clobbers

    /// What an operation does to NZCV is among its facts; what its translation does to the host's flags is said here.
    ///
    /// - Parameter effects: those of the opcode.
    init(of code: Opcode, _ effects: OperationFacts.Effects) {
        switch code {
        case .branchConditional:
            self = .branches
        case .move64, .move32, .moveImmediate, .signExtendWord:
            self = .keeps
        case .add64, .add32, .addShifted64, .addImmediate64, .addImmediate32, .lslImmediate64, .lsrImmediate64,
            .lsrImmediate32, .asrImmediate32, .rorImmediate64, .rorImmediate32, .extractUnsigned:
            self = .canKeep
        case .adc64, .adc32, .sbc64, .sbc32:
            self = .readsAndClobbers
        default:
            // What touches more than general registers and flags sees NZCV in the state block.
            if !effects.isSubset(of: [.readsFlags, .writesFlags]) {
                self = .clobbers
            } else if effects.contains(.writesFlags) {
                self = effects.contains(.readsFlags) ? .readsAndSets : .sets
            } else {
                self = effects.contains(.readsFlags) ? .reads : .clobbers
            }
        }
    }
}

#endif
