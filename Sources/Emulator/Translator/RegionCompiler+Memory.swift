// Loads, stores and atomics: the software TLB is tested inline, and a slow path fills it.
//
// An entry that is there allows unaligned accesses inside its page (`EmulatedCPU.fill`). The host's loads and stores
// are ordered as acquire and release are, but for a store-release before a load-acquire, which takes a full barrier.

#if arch(x86_64)

/// What an access of translated code asks of the software TLB.
struct GuardedAccess {
    /// Where the address is computed.
    let retry: UnsafeMutableRawPointer
    /// In bytes.
    let size: Int
    let isWrite: Bool
    /// Whether it has to be aligned.
    let isAligned: Bool
    /// Whether it is made as if from EL0.
    let isUnprivileged: Bool

    /// Whether a slot of `RecentPages` can stand for the software TLB's entry.
    var mayRemember: Bool { !isAligned && !isUnprivileged && size <= RecentPages.longestAccess }

    /// As `TranslatorFill`.
    var kind: UInt64 {
        UInt64(size) | (isWrite ? TranslatorFill.isWrite : 0) | (isAligned ? TranslatorFill.isAligned : 0)
            | (isUnprivileged ? TranslatorFill.isUnprivileged : 0)
    }
}

extension RegionCompiler {
    /// Emits operations on memory and on system state.
    mutating func emitOther(_ op: Operation) {
        switch op.code {
        case .load8: load(op, size: 1)
        case .load16: load(op, size: 2)
        case .load32, .loadIndexed32: load(op, size: 4)
        case .load64, .loadIndexed64: load(op, size: 8)
        case .loadIndexed8: load(op, size: 1)
        case .loadSigned8To64: loadSigned(op, size: 1, wide: true)
        case .loadSigned8To32: loadSigned(op, size: 1, wide: false)
        case .loadSigned16To64: loadSigned(op, size: 2, wide: true)
        case .loadSigned16To32: loadSigned(op, size: 2, wide: false)
        case .loadSigned32To64: loadSigned(op, size: 4, wide: true)
        case .store8: store(op, size: 1)
        case .store16: store(op, size: 2)
        case .store32: store(op, size: 4)
        case .store64: store(op, size: 8)
        case .loadPair64: loadPair(op, size: 8, isSigned: false)
        case .loadPair32: loadPair(op, size: 4, isSigned: false)
        case .loadPairSigned32: loadPair(op, size: 4, isSigned: true)
        case .storePair64: storePair(op, size: 8)
        case .storePair32: storePair(op, size: 4)
        case .loadVector: loadVector(op)
        case .storeVector: storeVector(op)
        case .loadVectorPair: loadVectorPair(op)
        case .storeVectorPair: storeVectorPair(op)
        case .clearUpperHalf:
            if let host = heldVectors.host(of: op.d) {
                assembler.emit(.movq, host, .vector(host))
                finish(vector: op.d, host, zeroUpperHalf: true)
            } else {
                assembler.store(constant: 0, state(CPUState.Offset.vectors + Int(op.d) * 16 + 8), wide: true)
            }
        case .zeroCacheLine:
            if region.mode.isEL0 { checkZeroingIsAllowed() }
            guardAccess(op, size: Self.cacheLineByteCount, isWrite: true)
            assembler.emit(.pxor, .xmm0, .vector(.xmm0))
            for offset in stride(from: 0, to: Self.cacheLineByteCount, by: 16) {
                assembler.storeVector(.xmm0, .memory(.rax, Int32(offset)))
            }
        case .atomic: atomic(op)
        case .unprivileged: unprivileged(op)
        case .loadReplicate:
            guardAccess(op, size: 1 << Int(op.sub), isWrite: false)
            assembler.load(.rcx, .memory(.rax), size: 1 << Int(op.sub))
            emitDuplicate(.rcx, op)
            finishVector(op)
        case .loadElement:
            guardAccess(op, size: 1 << Int(op.sub), isWrite: false)
            insert(from: .memory(.rax), into: op.d, element: op.a, size: Int(op.sub))
        case .storeElement: storeElement(op)
        case .crypto: emitCryptography(op)
        case .vector: emitVector(op)
        case .float:
            emitFloat(op)
            // Some compare.
            flagOrigin = .unknown
        default: emitSystem(op)
        }
    }

    /// What DC ZVA clears.
    private static let cacheLineByteCount = 64

    // MARK: The software TLB

    /// RAX = the host address of an access of `size` bytes. Changes RCX and RDX.
    private mutating func guardAccess(
        _ op: Operation, size: Int, isWrite: Bool, isAligned: Bool = false, isUnprivileged: Bool = false
    ) {
        let access = GuardedAccess(
            retry: assembler.cursor, size: size, isWrite: isWrite, isAligned: isAligned, isUnprivileged: isUnprivileged)
        emitGuestAddress(op)
        if access.mayRemember, locality.staysOnPage(at: position, in: source, indexed: indexedAddress) {
            guardByRecentPage(access)
        } else {
            deferred.append(.fill(emitLookup(access), access, place))
            assembler.arithmetic(.add, .rax, entry(TLBEntry.Offset.addend, access))
        }
    }

    /// Looks for the address in RAX in the software TLB; RCX becomes the place of its entry, RDX the tag looked for.
    ///
    /// - Returns: the jump that is taken if the entry is another one.
    private mutating func emitLookup(_ access: GuardedAccess) -> Assembler.Fixup {
        assembler.move(.rcx, .register(.rax), wide: false)
        assembler.shift(.shr, .rcx, by: UInt8(TLBGeometry.indexShift), wide: false)
        // LDTR and STTR have EL0's table.
        let indexMask = access.isUnprivileged ? CPUState.Offset.userMask : CPUState.Offset.dataMask
        assembler.arithmetic(.and, .rcx, state(indexMask), wide: false)
        var mask = Int32(-0x1000)
        if access.size == 1 {
            assembler.move(.rdx, .rax)
        } else if access.isAligned {
            // The low bits stay, so that an entry's tag differs.
            assembler.move(.rdx, .rax)
            mask |= Int32(access.size - 1)
        } else {
            assembler.loadAddress(.rdx, .memory(.rax, Int32(access.size - 1)))
        }
        assembler.arithmetic(.and, .register(.rdx), constant: mask)
        if access.isUnprivileged { assembler.arithmetic(.add, .rcx, state(CPUState.Offset.userTable)) }
        let tag = access.isWrite ? TLBEntry.Offset.writeTag : TLBEntry.Offset.readTag
        assembler.arithmetic(.cmp, .rdx, entry(tag, access))
        return assembler.jump(if: .ne)
    }

    /// A word of the entry whose place is in RCX.
    private func entry(_ offset: Int, _ access: GuardedAccess) -> HostOperand {
        access.isUnprivileged ? .memory(.rcx, Int32(offset)) : .indexed(.r15, .rcx, Int32(offset))
    }

    /// The same as a lookup, for an access that is expected on the page that it found last time.
    private mutating func guardByRecentPage(_ access: GuardedAccess) {
        let slot = RecentPages.offset(site: site, isWrite: access.isWrite)
        site += 1
        assembler.move(.rdx, .rax)
        assembler.arithmetic(.sub, .rdx, state(slot + RecentPages.Offset.page))
        assembler.arithmetic(.cmp, .rdx, state(slot + RecentPages.Offset.limit))
        let miss = assembler.jump(if: .ae)
        deferred.append(.recall(miss, back: assembler.cursor, slot: slot, access, place))
        assembler.arithmetic(.add, .rax, state(slot + RecentPages.Offset.addend))
    }

    /// Puts the page of the address in RAX into a slot, and jumps back if the software TLB has it. An access near the
    /// end of the page that is in the slot comes here each time.
    mutating func emitRecall(_ slot: Int, _ access: GuardedAccess, back: UnsafeMutableRawPointer) {
        assembler.move(.rcx, constant: TranslatorStubs.recallOperand(slot: slot, size: access.size))
        assembler.call(access.isWrite ? stubs.recallWrite : stubs.recallRead)
        assembler.jump(if: .e, to: back)
    }

    /// RAX = the guest's virtual address.
    private mutating func emitGuestAddress(_ op: Operation) {
        if let indexedAddress { return emit(indexedAddress) }
        switch op.code {
        case .loadIndexed8, .loadIndexed32, .loadIndexed64:
            return emit(IndexedAddress(base: op.n, index: op.m, option: 3, shift: op.a))
        case .atomic:
            load(op.n, to: .rax)
            return
        case .zeroCacheLine:
            load(op.n, to: .rax)
            assembler.arithmetic(.and, .register(.rax), constant: -Int32(Self.cacheLineByteCount))
            return
        default: break
        }
        if let short = Self.immediate(op.immediate) {
            if let home = home(op.n), short != 0 {
                assembler.loadAddress(.rax, .memory(home, short))
            } else {
                load(op.n, to: .rax)
                if short != 0 { assembler.arithmetic(.add, .register(.rax), constant: short) }
            }
        } else {
            assembler.move(.rax, constant: op.immediate)
            assembler.arithmetic(.add, .rax, operand(op.n))
        }
    }

    /// RAX = an address.
    private mutating func emit(_ address: IndexedAddress) {
        var index = HostRegister.rax
        switch address.option {
        case IndexedAddress.unsignedWord: load(address.index, to: .rax, wide: false)
        case IndexedAddress.signedWord: assembler.loadSigned(.rax, operand(address.index), size: 4, wide: true)
        default: index = value(address.index, in: .rax)
        }
        if let base = home(address.base), address.shift <= 3 {
            assembler.loadAddress(.rax, .indexed(base, index, scale: address.shift))
        } else {
            assembler.move(.rax, index)
            if address.shift != 0 { assembler.shift(.shl, .rax, by: address.shift) }
            assembler.arithmetic(.add, .rax, operand(address.base))
        }
    }

    // MARK: General registers

    private mutating func load(_ op: Operation, size: Int) {
        guardAccess(op, size: size, isWrite: false)
        let target = destination(op.d)
        assembler.load(target, .memory(.rax), size: size)
        finish(op.d, target)
    }

    private mutating func loadSigned(_ op: Operation, size: Int, wide: Bool) {
        guardAccess(op, size: size, isWrite: false)
        let target = destination(op.d)
        assembler.loadSigned(target, .memory(.rax), size: size, wide: wide)
        finish(op.d, target)
    }

    /// LDTR and STTR at EL1: `sub` is size | opc << 2 of the encoding.
    private mutating func unprivileged(_ op: Operation) {
        let size = 1 << Int(op.sub & 3)
        let opc = op.sub >> 2
        guardAccess(op, size: size, isWrite: opc == 0, isUnprivileged: true)
        guard opc != 0 else { return storeValue(op.d, .memory(.rax), size: size) }
        let target = destination(op.d)
        if opc == 1 {
            assembler.load(target, .memory(.rax), size: size)
        } else {
            assembler.loadSigned(target, .memory(.rax), size: size, wide: opc == 2)
        }
        finish(op.d, target)
    }

    private mutating func store(_ op: Operation, size: Int) {
        guardAccess(op, size: size, isWrite: true)
        storeValue(op.d, .memory(.rax), size: size)
    }

    /// Stores a guest register. Changes RCX.
    private mutating func storeValue(_ register: UInt8, _ place: HostOperand, size: Int) {
        assembler.store(value(register, in: .rcx), place, size: size)
    }

    private mutating func loadPair(_ op: Operation, size: Int, isSigned: Bool) {
        guardAccess(op, size: 2 * size, isWrite: false)
        let first = home(op.d) ?? .rcx
        let second = home(op.m) ?? .rdx
        loadPart(first, .memory(.rax), size: size, isSigned: isSigned)
        loadPart(second, .memory(.rax, Int32(size)), size: size, isSigned: isSigned)
        finish(op.d, first)
        finish(op.m, second)
    }

    private mutating func loadPart(_ target: HostRegister, _ place: HostOperand, size: Int, isSigned: Bool) {
        if isSigned {
            assembler.loadSigned(target, place, size: 4, wide: true)
        } else {
            assembler.load(target, place, size: size)
        }
    }

    private mutating func storePair(_ op: Operation, size: Int) {
        guardAccess(op, size: 2 * size, isWrite: true)
        storeValue(op.d, .memory(.rax), size: size)
        storeValue(op.m, .memory(.rax, Int32(size)), size: size)
    }

    // MARK: Vector registers

    /// Loads 1 << scale bytes into a vector register, zero-extended.
    private mutating func loadVector(_ register: UInt8, _ place: HostOperand, scale: UInt8) {
        let target = vectorDestination(register)
        switch scale {
        case 0, 1:
            assembler.load(.rcx, place, size: 1 << Int(scale))
            assembler.emit(.movd, target, .register(.rcx))
        case 2: assembler.emit(.movd, target, place)
        case 3: assembler.emit(.movq, target, place)
        default: assembler.emit(.movdqu, target, place)
        }
        finish(vector: register, target, zeroUpperHalf: scale < 4)
    }

    private mutating func loadVector(_ op: Operation) {
        guardAccess(op, size: 1 << Int(op.sub), isWrite: false)
        loadVector(op.d, .memory(.rax), scale: op.sub)
    }

    private mutating func loadVectorPair(_ op: Operation) {
        let size = 1 << Int(op.sub)
        guardAccess(op, size: 2 * size, isWrite: false)
        loadVector(op.d, .memory(.rax), scale: op.sub)
        loadVector(op.m, .memory(.rax, Int32(size)), scale: op.sub)
    }

    private mutating func storeVector(_ register: UInt8, _ place: HostOperand, scale: UInt8) {
        guard let host = heldVectors.host(of: register) else {
            if scale == 4 {
                assembler.loadVector(.xmm0, vector(register))
                assembler.emit(.movdquStore, .xmm0, place)
            } else {
                assembler.load(.rcx, vector(register), size: 1 << Int(scale))
                assembler.store(.rcx, place, size: 1 << Int(scale))
            }
            return
        }
        switch scale {
        case 0, 1:
            assembler.emit(.pextr(Int(scale)), host, place, immediate: 0)
        case 2: assembler.emit(.movdStore, host, place)
        case 3: assembler.emit(.movqStore, host, place)
        default: assembler.emit(.movdquStore, host, place)
        }
    }

    private mutating func storeVector(_ op: Operation) {
        guardAccess(op, size: 1 << Int(op.sub), isWrite: true)
        storeVector(op.d, .memory(.rax), scale: op.sub)
    }

    private mutating func storeElement(_ op: Operation) {
        let size = Int(op.sub)
        guardAccess(op, size: 1 << size, isWrite: true)
        if let host = heldVectors.host(of: op.d) {
            assembler.emit(.pextr(size), host, .memory(.rax), wide: size == 3, immediate: op.a)
        } else {
            assembler.load(.rcx, statePlace(ofVector: op.d, element: op.a, size: size), size: 1 << size)
            assembler.store(.rcx, .memory(.rax), size: 1 << size)
        }
    }

    private mutating func storeVectorPair(_ op: Operation) {
        let size = 1 << Int(op.sub)
        guardAccess(op, size: 2 * size, isWrite: true)
        storeVector(op.d, .memory(.rax), scale: op.sub)
        storeVector(op.m, .memory(.rax, Int32(size)), scale: op.sub)
    }

    // MARK: Atomics

    private mutating func atomic(_ op: Operation) {
        guard let opcode = AtomicOpcode(rawValue: op.sub) else { return }
        let size = 1 << Int(op.shape.size)
        guardAccess(op, size: size, isWrite: opcode != .loadAcquire, isAligned: true)
        let place = HostOperand.memory(.rdx)
        switch opcode {
        case .loadAcquire:
            let target = destination(op.d)
            assembler.load(target, .memory(.rax), size: size)
            finish(op.d, target)
        case .storeRelease:
            // XCHG is a full barrier as well.
            load(op.d, to: .rcx)
            assembler.emitSized(.xchgByte, .rcx, .memory(.rax), size: size)
        case .swap:
            load(op.m, to: .rcx)
            assembler.emitSized(.xchgByte, .rcx, .memory(.rax), size: size)
            finishSized(op.d, .rcx, size: size)
        case .add:
            load(op.m, to: .rcx)
            assembler.lock()
            assembler.emitSized(.xaddByte, .rcx, .memory(.rax), size: size)
            finishSized(op.d, .rcx, size: size)
        case .compareAndSwap:
            assembler.move(.rdx, .rax)
            load(op.m, to: .rax)
            load(op.d, to: .rcx)
            assembler.lock()
            assembler.emitSized(.cmpxchgByte, .rcx, place, size: size)
            finishSized(op.a, .rax, size: size)
        default:
            assembler.move(.rdx, .rax)
            assembler.load(.rax, place, size: size)
            let again = assembler.cursor
            load(op.m, to: .rcx)
            switch opcode {
            case .clear:
                assembler.not(.rcx, wide: true)
                assembler.arithmetic(.and, .rcx, .register(.rax))
            case .exclusiveOr: assembler.arithmetic(.xor, .rcx, .register(.rax))
            default: assembler.arithmetic(.or, .rcx, .register(.rax))
            }
            assembler.lock()
            assembler.emitSized(.cmpxchgByte, .rcx, place, size: size)
            assembler.jump(if: .ne).resolve(to: again)
            finishSized(op.d, .rax, size: size)
        }
    }

    /// The low bytes of a host register as a result, zero-extended.
    private mutating func finishSized(_ register: UInt8, _ value: HostRegister, size: Int) {
        if size < 4 {
            assembler.load(value, .register(value), size: size)
        } else if size == 4 {
            assembler.move(value, .register(value), wide: false)
        }
        finish(register, value)
    }
}

#endif
