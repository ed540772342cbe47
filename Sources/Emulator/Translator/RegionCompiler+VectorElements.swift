// Vector operations that move elements: between registers, within them, and to and from general registers.
//
// XMM0 to XMM3 are scratch; `RegionCompiler+VectorRegisters` says where the guest's registers are.

#if arch(x86_64)

extension RegionCompiler {
    /// Emits an operation if it is one of these.
    mutating func emitElements(_ opcode: VectorOpcode, _ op: Operation) -> Bool {
        let size = Int(op.shape.size)
        switch opcode {
        case .zip1, .zip2: emitZip(op, isUpper: opcode == .zip2)
        case .uzp1, .uzp2:
            emitUnzip(.xmm0, op, odd: opcode == .uzp2)
            finishVector(op)
        case .trn1, .trn2: emitTranspose(op, odd: opcode == .trn2)
        case .ext: emitExtract(op)
        case .rev16: emitOrder(op, .bytesIn16)
        case .rev32: emitOrder(op, size == 0 ? .bytesIn32 : .halfwordsIn32)
        case .rev64:
            if size == 2 {
                assembler.emit(.pshufd, .xmm0, vector(op.n), immediate: 0b10_11_00_01)
                finishVector(op)
            } else {
                emitOrder(op, size == 0 ? .bytesIn64 : .halfwordsIn64)
            }
        case .tbl: emitTable(op)
        case .dupElement: emitDuplicateElement(op)
        case .dupGeneral:
            emitDuplicate(value(op.n, in: .rax), op)
            finishVector(op)
        case .insElement: emitInsertElement(op)
        case .insGeneral: insert(op.n, into: op.d, element: op.a, size: size)
        case .umov, .smov:
            let target = destination(op.d)
            extract(op.n, element: op.a, size: size, to: target)
            if opcode == .smov {
                assembler.loadSigned(target, .register(target), size: 1 << size, wide: op.shape.isQ)
            }
            finish(op.d, target)
        default: return false
        }
        return true
    }

    // MARK: Single elements

    /// A general register = an element, zero-extended.
    private mutating func extract(_ register: UInt8, element: UInt8, size: Int, to target: HostRegister) {
        guard let host = heldVectors.host(of: register) else {
            return assembler.load(target, statePlace(ofVector: register, element: element, size: size), size: 1 << size)
        }
        if size >= 2, element == 0 {
            // MOVD or MOVQ
            assembler.emit(.movdStore, host, .register(target), wide: size == 3)
        } else {
            assembler.emit(.pextr(size), host, .register(target), wide: size == 3, immediate: element)
        }
    }

    /// An element of a vector register = a general register; the others stay.
    mutating func insert(_ general: UInt8, into register: UInt8, element: UInt8, size: Int) {
        let target = copy(of: register, for: register)
        // PINSRB and PINSRW read memory of their own size.
        assembler.emit(.pinsr(size), target, operand(general), wide: size == 3, immediate: element)
        finish(vector: register, target)
    }

    /// The same from memory.
    mutating func insert(from memory: HostOperand, into register: UInt8, element: UInt8, size: Int) {
        let target = copy(of: register, for: register)
        assembler.emit(.pinsr(size), target, memory, wide: size == 3, immediate: element)
        finish(vector: register, target)
    }

    /// INS (element): element `a` of d = element `immediate` of n.
    private mutating func emitInsertElement(_ op: Operation) {
        let size = Int(op.shape.size)
        let source = UInt8(truncatingIfNeeded: op.immediate)
        guard size >= 2 else {
            extract(op.n, element: source, size: size, to: .rax)
            let target = copy(of: op.d, for: op.d)
            assembler.emit(.pinsr(size), target, .register(.rax), immediate: op.a)
            return finish(vector: op.d, target)
        }
        if size == 3, op.a == 0, source == 1 {
            // The upper halves of n and d.
            loadVector(.xmm0, op.n)
            assembler.emit(.punpckh(3), .xmm0, vector(op.d))
            return finish(vector: op.d, .xmm0)
        }
        let target = copy(of: op.d, for: op.d)
        if size == 2 {
            // From memory INSERTPS takes the one element that is there.
            let operand =
                heldVectors.host(of: op.n).map { HostOperand.vector($0) }
                ?? statePlace(ofVector: op.n, element: source, size: size)
            assembler.emit(.insertps, target, operand, immediate: source << 6 | op.a << 4)
        } else if source == 0, op.a == 1 {
            assembler.emit(.punpckl(3), target, vector(op.n))
        } else {
            // The element has the same place in both.
            assembler.emit(.pblendw, target, vector(op.n), immediate: op.a == 0 ? 0x0F : 0xF0)
        }
        finish(vector: op.d, target)
    }

    // MARK: One element in all places

    /// DUP (element), of a vector or a scalar.
    private mutating func emitDuplicateElement(_ op: Operation) {
        guard op.shape.isScalar else {
            broadcast(.xmm0, op.n, element: op.a, size: Int(op.shape.size))
            return finishVector(op)
        }
        switch op.shape.size {
        case 3:
            if op.a == 0 {
                assembler.emit(.movq, .xmm0, vector(op.n))
            } else {
                loadVector(.xmm0, op.n)
                assembler.shift(.psrldq, .xmm0, by: 8)
            }
            finishVector(op, upperHalfIsZero: true)
        case 2:
            assembler.emit(.pshufd, .xmm0, vector(op.n), immediate: op.a)
            // Element 0, with all others cleared.
            assembler.emit(.insertps, .xmm0, .vector(.xmm0), immediate: 0x0E)
            finishVector(op, upperHalfIsZero: true)
        default:
            extract(op.n, element: op.a, size: Int(op.shape.size), to: .rax)
            assembler.emit(.movd, .xmm0, .register(.rax))
            finishVector(op, upperHalfIsZero: true)
        }
    }

    /// Every element of a host register = an element of a vector register. Changes RAX.
    mutating func broadcast(_ target: HostVector, _ register: UInt8, element: UInt8, size: Int) {
        switch size {
        case 3: assembler.emit(.pshufd, target, vector(register), immediate: element == 0 ? 0x44 : 0xEE)
        case 2: assembler.emit(.pshufd, target, vector(register), immediate: element * 0x55)
        case 1:
            // Within the half where it is, then from there.
            let order = (element & 3) * 0x55
            assembler.emit(element < 4 ? .pshuflw : .pshufhw, target, vector(register), immediate: order)
            assembler.emit(.pshufd, target, .vector(target), immediate: element < 4 ? 0 : 0xFF)
        default:
            extract(register, element: element, size: 0, to: .rax)
            assembler.multiply(.rax, .register(.rax), constant: 0x0101_0101, wide: false)
            assembler.emit(.movd, target, .register(.rax))
            assembler.emit(.pshufd, target, .vector(target), immediate: 0)
        }
    }

    /// XMM0 = the low bits of a general register in every element. Changes RAX.
    mutating func emitDuplicate(_ source: HostRegister, _ op: Operation) {
        switch op.shape.size {
        case 3:
            assembler.emit(.movd, .xmm0, .register(source), wide: true)
            assembler.emit(.punpckl(3), .xmm0, .vector(.xmm0))
        case 2:
            assembler.emit(.movd, .xmm0, .register(source))
            assembler.emit(.pshufd, .xmm0, .vector(.xmm0), immediate: 0)
        default:
            assembler.load(.rax, .register(source), size: op.shape.size == 0 ? 1 : 2)
            assembler.multiply(
                .rax, .register(.rax), constant: op.shape.size == 0 ? 0x0101_0101 : 0x0001_0001, wide: false)
            assembler.emit(.movd, .xmm0, .register(.rax))
            assembler.emit(.pshufd, .xmm0, .vector(.xmm0), immediate: 0)
        }
    }

    // MARK: Other orders

    /// d = n in another order within its halves.
    private mutating func emitOrder(_ op: Operation, _ order: VectorConstant) {
        let isZero = heldVectors.hasZeroUpperHalf(op.n)
        let target = copy(of: op.n, for: op.d)
        assembler.emit(.pshufb, target, constant(order))
        finishVector(op, target, upperHalfIsZero: isZero)
    }

    private mutating func emitZip(_ op: Operation, isUpper: Bool) {
        let size = Int(op.shape.size)
        let target = copy(of: op.n, for: op.d, keeping: op.m)
        assembler.emit(isUpper && op.shape.isQ ? .punpckh(size) : .punpckl(size), target, vector(op.m))
        // Of halves it is the upper half of the interleaved lower halves.
        if isUpper && !op.shape.isQ { assembler.shift(.psrldq, target, by: 8) }
        finishVector(op, target, upperHalfIsZero: isUpper && !op.shape.isQ)
    }

    /// A host register = the elements of n and m with even numbers, or odd. Changes XMM1 if that is not the target, else
    /// XMM3; of a 64-bit shape the upper half means nothing.
    mutating func emitUnzip(_ target: HostVector, _ op: Operation, odd: Bool) {
        let size = Int(op.shape.size)
        loadVector(target, op.n)
        // Of halves, both are in one register first.
        if !op.shape.isQ { assembler.emit(.punpckl(3), target, vector(op.m)) }
        let second = op.shape.isQ ? vector(op.m) : .vector(target)
        switch size {
        case 3: assembler.emit(odd ? .punpckh(3) : .punpckl(3), target, second)
        case 2: assembler.emit(.shufps, target, second, immediate: odd ? 0b11_01_11_01 : 0b10_00_10_00)
        default:
            let other: HostVector = target == .xmm1 ? .xmm3 : .xmm1
            if op.shape.isQ { loadVector(other, op.m) }
            keepHalf(of: target, odd: odd, size)
            if op.shape.isQ { keepHalf(of: other, odd: odd, size) }
            let pack: HostInstruction = size == 0 ? .packuswb : .packusdw
            assembler.emit(pack, target, .vector(op.shape.isQ ? other : target))
        }
    }

    /// Each pair of elements becomes one of them, zero-extended.
    private mutating func keepHalf(of target: HostVector, odd: Bool, _ size: Int) {
        let bits = UInt8(8) << UInt8(size)
        if !odd { assembler.shift(.pshift(.left, size + 1), target, by: bits) }
        assembler.shift(.pshift(.rightLogical, size + 1), target, by: bits)
    }

    /// TRN1 and TRN2: from each pair of elements the even one, or the odd one, of both in turn.
    private mutating func emitTranspose(_ op: Operation, odd: Bool) {
        let size = Int(op.shape.size)
        loadVector(.xmm0, op.n)
        if size == 3 {
            assembler.emit(odd ? .punpckh(3) : .punpckl(3), .xmm0, vector(op.m))
        } else {
            let bits = UInt8(8) << UInt8(size)
            loadVector(.xmm1, op.m)
            keepHalf(of: .xmm0, odd: odd, size)
            if odd { assembler.shift(.pshift(.rightLogical, size + 1), .xmm1, by: bits) }
            assembler.shift(.pshift(.left, size + 1), .xmm1, by: bits)
            assembler.emit(.por, .xmm0, .vector(.xmm1))
        }
        finishVector(op)
    }

    /// EXT: the bytes from number `a` of m:n.
    private mutating func emitExtract(_ op: Operation) {
        if !op.shape.isQ {
            // The lower halves side by side.
            loadVector(.xmm0, op.n)
            assembler.emit(.punpckl(3), .xmm0, vector(op.m))
            assembler.shift(.psrldq, .xmm0, by: op.a)
            finishVector(op)
        } else if op.n == op.m, op.a & 3 == 0 {
            let order = (0..<4).reduce(UInt8(0)) { order, element in
                order | ((UInt8(element) + op.a / 4) & 3) << UInt8(2 * element)
            }
            let target = vectorDestination(op.d)
            assembler.emit(.pshufd, target, vector(op.n), immediate: order)
            finish(vector: op.d, target)
        } else {
            let target = copy(of: op.m, for: op.d, keeping: op.n)
            assembler.emit(.palignr, target, vector(op.n), immediate: op.a)
            finish(vector: op.d, target)
        }
    }

    /// TBL: each byte of m is the number of one in the table, from n on; one beyond it makes zero.
    private mutating func emitTable(_ op: Operation) {
        // XMM1: the numbers, from this register of the table on.
        loadVector(.xmm1, op.m)
        for index in 0..<op.a {
            let part: HostVector = index == 0 ? .xmm0 : .xmm3
            if index > 0 { assembler.emit(.psub(0), .xmm1, constant(.sixteen)) }
            loadVector(part, (op.n + index) & 31)
            assembler.emit(.movdqa, .xmm2, .vector(.xmm1))
            assembler.emit(.paddusb, .xmm2, constant(.indexLimit))
            assembler.emit(.pshufb, part, .vector(.xmm2))
            if index > 0 { assembler.emit(.por, .xmm0, .vector(part)) }
        }
        finishVector(op)
    }
}

#endif
