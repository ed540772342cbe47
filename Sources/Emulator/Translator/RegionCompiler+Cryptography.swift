// The cryptographic instructions by those of the host, which cut the same algorithms up in other places.
//
// What an instruction of either side does to its operands is in `AESStep`, `SHAStep` and `CarrylessProduct`, or in
// Intel's SDM, volume 2; here is only how the one follows from the other. A host without them has the helper.
//
// AES (FIPS 197). With S = SubBytes, R = ShiftRows, M = MixColumns, of which S and R may change places:
//
//     AESE(d, n)  = R S (d + n)                AESENCLAST(x, k) = S R x + k
//     AESMC(x)    = M x                        AESENC(x, k)     = M S R x + k
//
// So AESE is AESENCLAST of d + n with a key of zero, and AESE followed by AESMC is AESENC of it. AESMC alone is AESENC
// of what AESDECLAST, the inverse of S R, makes of x. The inverse cipher is the same with AESDEC.

#if arch(x86_64)

extension Treatment {
    /// Which cryptographic operations are translated.
    init(crypto op: Operation, features: HostFeatures) {
        guard let opcode = CryptoOpcode(rawValue: op.sub) else {
            self = .resume
            return
        }
        let isKnown =
            switch opcode {
            case .aese, .aesd, .aesmc, .aesimc: features.hasAES
            case .pmull: features.hasCarrylessProduct
            case .sha1c, .sha1p, .sha1m, .sha1h, .sha1su0, .sha1su1, .sha256h, .sha256h2, .sha256su0, .sha256su1:
                features.hasSHA
            }
        self = isKnown ? .native : .helper
    }
}

extension RegionCompiler {
    /// Emits an operation, and the one after it if the host does both at once.
    mutating func emitCryptography(_ op: Operation) {
        guard let opcode = CryptoOpcode(rawValue: op.sub) else { return }
        switch opcode {
        case .aese: emitRound(op, last: .aesenclast, whole: .aesenc, mixing: .aesmc)
        case .aesd: emitRound(op, last: .aesdeclast, whole: .aesdec, mixing: .aesimc)
        case .aesmc:
            let target = copy(of: op.n, for: op.d)
            assembler.emit(.aesdeclast, target, constant(.zero))
            assembler.emit(.aesenc, target, constant(.zero))
            finish(vector: op.d, target)
        case .aesimc:
            let target = vectorDestination(op.d)
            assembler.emit(.aesimc, target, vector(op.n))
            finish(vector: op.d, target)
        case .pmull: emitProduct(op)
        case .sha1c: emitSHA1(op, function: 0, .sha1K0)
        case .sha1p: emitSHA1(op, function: 1, .sha1K20)
        case .sha1m: emitSHA1(op, function: 2, .sha1K40)
        case .sha1h: emitSHA1FixedRotate(op)
        case .sha1su0:
            // W[t-16] + W[t-14] + W[t-8], where the second is the upper half of d below the lower half of n.
            loadVector(.xmm0, op.n)
            assembler.emit(.palignr, .xmm0, vector(op.d), immediate: 8)
            assembler.emit(.pxor, .xmm0, vector(op.d))
            assembler.emit(.pxor, .xmm0, vector(op.m))
            finish(vector: op.d, .xmm0)
        case .sha1su1:
            emitReversed(.xmm0, op.d)
            emitReversed(.xmm1, op.n)
            assembler.emit(.sha1msg2, .xmm0, .vector(.xmm1))
            finishReversed(op.d, .xmm0)
        case .sha256h: emitSHA256(op)
        case .sha256h2: emitSHA256(op, abcd: op.n, efgh: op.d, half: Self.lowerPairs)
        case .sha256su0:
            let target = copy(of: op.d, for: op.d)
            assembler.emit(.sha256msg1, target, vector(op.n))
            finish(vector: op.d, target)
        case .sha256su1:
            // W[t-7] is the upper three words of n below the lowest of m; the host adds the rest.
            loadVector(.xmm0, op.m)
            assembler.emit(.palignr, .xmm0, vector(op.n), immediate: 4)
            assembler.emit(.padd(2), .xmm0, vector(op.d))
            assembler.emit(.sha256msg2, .xmm0, vector(op.m))
            finish(vector: op.d, .xmm0)
        }
    }

    /// The cryptographic operation behind this one, if there is one in the block.
    private var following: Operation? {
        let block = source.block
        guard position + 1 < block.operationCount else { return nil }
        let next = block.operations[position + 1]
        return next.code == .crypto ? next : nil
    }

    // MARK: AES and PMULL

    /// AESE or AESD, with the mixing of columns if that comes next, in place.
    private mutating func emitRound(
        _ op: Operation, last: HostInstruction, whole: HostInstruction, mixing: CryptoOpcode
    ) {
        let target = copy(of: op.d, for: op.d)
        assembler.emit(.pxor, target, vector(op.n))
        if let next = following, next.sub == mixing.rawValue, next.d == op.d, next.n == op.d {
            assembler.emit(whole, target, constant(.zero))
            position += 1
        } else {
            assembler.emit(last, target, constant(.zero))
        }
        finish(vector: op.d, target)
    }

    private mutating func emitProduct(_ op: Operation) {
        // The factors may change places.
        let (first, second) = op.d == op.m ? (op.m, op.n) : (op.n, op.m)
        let target = copy(of: first, for: op.d)
        assembler.emit(.pclmulqdq, target, vector(second), immediate: op.shape.isQ ? 0x11 : 0)
        finish(vector: op.d, target)
    }

    // MARK: SHA-1

    /// The host has a and the first word of the schedule in the topmost element, E added to that word, and adds K itself.
    private mutating func emitSHA1(_ op: Operation, function: UInt8, _ k: VectorConstant) {
        emitReversed(.xmm0, op.m)
        assembler.emit(.psub(2), .xmm0, constant(k))
        loadVector(.xmm1, op.n)
        assembler.shift(.pslldq, .xmm1, by: 12)
        assembler.emit(.padd(2), .xmm0, .vector(.xmm1))
        let isHeld = heldVectors.host(of: HostOrder.sha1) != nil && vectorValue(of: op.d) == hostOrder.sha1
        let dcba = vectorDestination(HostOrder.sha1)
        if !isHeld { emitReversed(dcba, op.d) }
        assembler.emit(.sha1rnds4, dcba, .vector(.xmm0), immediate: function)
        finish(vector: HostOrder.sha1, dcba)
        hostOrder.sha1 = VectorValue(writer: position, register: op.d)
        // The target may be the register that was the other one's until now.
        finishReversed(op.d, dcba)
    }

    /// SHA1H: the lowest element rotated left by 30, the others zero.
    private mutating func emitSHA1FixedRotate(_ op: Operation) {
        loadVector(.xmm0, op.n)
        assembler.emit(.movdqa, .xmm1, .vector(.xmm0))
        assembler.shift(.pshift(.left, 2), .xmm0, by: 30)
        assembler.shift(.pshift(.rightLogical, 2), .xmm1, by: 2)
        assembler.emit(.por, .xmm0, .vector(.xmm1))
        assembler.emit(.insertps, .xmm0, .vector(.xmm0), immediate: 0x0E)
        finish(vector: op.d, .xmm0, zeroUpperHalf: true)
    }

    /// The order of elements that PSHUFD reverses them by.
    private static let reversal: UInt8 = 0b00_01_10_11

    private mutating func emitReversed(_ target: HostVector, _ register: UInt8) {
        assembler.emit(.pshufd, target, vector(register), immediate: Self.reversal)
    }

    private mutating func finishReversed(_ register: UInt8, _ result: HostVector) {
        let target = vectorDestination(register)
        assembler.emit(.pshufd, target, .vector(result), immediate: Self.reversal)
        finish(vector: register, target)
    }

    // MARK: SHA-256

    /// SHA256H, with the SHA256H2 that makes the other half of the same rounds, if that comes next: it has the same e, f,
    /// g, h and schedule, and the same a, b, c, d, of which one is a copy.
    private mutating func emitSHA256(_ op: Operation) {
        guard let next = following, next.sub == CryptoOpcode.sha256h2.rawValue, next.d == op.n, next.m == op.m,
            op.d != op.n, op.d != op.m, op.d != next.n, vectorValue(of: op.d) == vectorValue(of: next.n),
            let (feba, hgdc) = hostOrderedState(op)
        else { return emitSHA256(op, abcd: op.d, efgh: op.n, half: Self.upperPairs) }
        emitRounds(op, feba, hgdc)
        finish(vector: HostOrder.sha256Upper, feba)
        finish(vector: HostOrder.sha256Lower, hgdc)
        hostOrder.abcd = VectorValue(writer: position, register: op.d)
        hostOrder.efgh = VectorValue(writer: position + 1, register: op.n)
        // Both have their registers already, or both get them when there is nothing more to be computed.
        let isHeld = heldVectors.host(of: op.d) != nil && heldVectors.host(of: op.n) != nil
        let abcd = isHeld ? heldVectors.host(of: op.d) ?? .xmm1 : .xmm1
        let efgh = isHeld ? heldVectors.host(of: op.n) ?? .xmm2 : .xmm2
        emitPairs(abcd, feba, hgdc, Self.upperPairs)
        emitPairs(efgh, feba, hgdc, Self.lowerPairs)
        finish(vector: op.d, abcd)
        finish(vector: op.n, efgh)
        position += 1
    }

    /// SHA256H or SHA256H2 alone: one half of four rounds.
    private mutating func emitSHA256(_ op: Operation, abcd: UInt8, efgh: UInt8, half: UInt8) {
        emitPairs(.xmm1, efgh, abcd, Self.lowerPairs)
        emitPairs(.xmm2, efgh, abcd, Self.upperPairs)
        emitRounds(op, .xmm1, .xmm2)
        let target = vectorDestination(op.d)
        emitPairs(target, .xmm1, .xmm2, half)
        finish(vector: op.d, target)
    }

    // The host has the state as F, E, B, A and as H, G, D, C, from the lowest element up: elements 1 and 0 of e, f, g, h
    // and of a, b, c, d, and elements 3 and 2. The way back is the same, with A at the top.
    private static let lowerPairs: UInt8 = 0b00_01_00_01
    private static let upperPairs: UInt8 = 0b10_11_10_11

    private mutating func emitPairs(_ target: HostVector, _ first: HostVector, _ second: HostVector, _ order: UInt8) {
        assembler.emit(.movdqa, target, .vector(first))
        assembler.emit(.shufps, target, .vector(second), immediate: order)
    }

    private mutating func emitPairs(_ target: HostVector, _ first: UInt8, _ second: UInt8, _ order: UInt8) {
        loadVector(target, first)
        assembler.emit(.shufps, target, vector(second), immediate: order)
    }

    /// Four rounds. Two of them make the one part of the state, and what it was before is the other part then. The words
    /// of the schedule are in the same order. Changes XMM0.
    private mutating func emitRounds(_ op: Operation, _ feba: HostVector, _ hgdc: HostVector) {
        loadVector(.xmm0, op.m)
        assembler.emit(.sha256rnds2, hgdc, .vector(feba))
        assembler.emit(.pshufd, .xmm0, .vector(.xmm0), immediate: 0b11_10)
        assembler.emit(.sha256rnds2, feba, .vector(hgdc))
    }

    /// Host registers with the state of a SHA256H as the host has it, which are to keep it: what the rounds before left
    /// there, or made of the operands. nil if there are not two.
    private mutating func hostOrderedState(_ op: Operation) -> (feba: HostVector, hgdc: HostVector)? {
        let (first, second) = (HostOrder.sha256Upper, HostOrder.sha256Lower)
        if let feba = heldVectors.host(of: first), let hgdc = heldVectors.host(of: second),
            vectorValue(of: op.d) == hostOrder.abcd, vectorValue(of: op.n) == hostOrder.efgh
        {
            return (feba, hgdc)
        }
        let feba = vectorDestination(first)
        emitPairs(feba, op.n, op.d, Self.lowerPairs)
        finish(vector: first, feba)
        let hgdc = vectorDestination(second)
        // The second may have been given what the first had.
        guard hgdc != feba else { return nil }
        emitPairs(hgdc, op.n, op.d, Self.upperPairs)
        finish(vector: second, hgdc)
        return (feba, hgdc)
    }
}

/// The state of a hash in the host's order of elements, beside that of the guest's, so that rounds that follow on each
/// other need not change it back and forth.
struct HostOrder {
    // Vector registers that no guest has, which it is in.
    fileprivate static let sha1: UInt8 = 33
    fileprivate static let sha256Upper: UInt8 = 34
    fileprivate static let sha256Lower: UInt8 = 35

    /// What the state is: the result of the last SHA1C or its like, and those of the last SHA256H and SHA256H2.
    fileprivate(set) var sha1: VectorValue?
    fileprivate(set) var abcd: VectorValue?
    fileprivate(set) var efgh: VectorValue?
}

#endif
