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
        case .sha256h2: emitSHA256(op, abcd: op.n, efgh: op.d, first: nil, second: op.d)
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
        emitReversed(.xmm1, op.d)
        assembler.emit(.sha1rnds4, .xmm1, .vector(.xmm0), immediate: function)
        finishReversed(op.d, .xmm1)
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
    /// g, h and schedule, and a copy of the same a, b, c, d.
    private mutating func emitSHA256(_ op: Operation) {
        var second: UInt8?
        if let next = following, next.sub == CryptoOpcode.sha256h2.rawValue, next.d == op.n, next.m == op.m,
            op.d != op.n, op.d != op.m, isCopy(next.n, of: op.d)
        {
            second = next.d
        }
        emitSHA256(op, abcd: op.d, efgh: op.n, first: op.d, second: second)
        if second != nil { position += 1 }
    }

    /// Four rounds. The host has the state as F, E, B, A and as H, G, D, C, from the lowest element up; two rounds make
    /// the one of both, and the one from before is the other then. The words of the schedule are in the same order.
    ///
    /// - Parameters:
    ///   - first: where the new a, b, c, d are to go, if anywhere.
    ///   - second: where the new e, f, g, h are to go.
    private mutating func emitSHA256(_ op: Operation, abcd: UInt8, efgh: UInt8, first: UInt8?, second: UInt8?) {
        // Elements 1 and 0 of each operand, and elements 3 and 2.
        let (low, high): (UInt8, UInt8) = (0b00_01_00_01, 0b10_11_10_11)
        loadVector(.xmm1, efgh)
        loadVector(.xmm2, efgh)
        assembler.emit(.shufps, .xmm1, vector(abcd), immediate: low)
        assembler.emit(.shufps, .xmm2, vector(abcd), immediate: high)
        loadVector(.xmm0, op.m)
        assembler.emit(.sha256rnds2, .xmm2, .vector(.xmm1))
        assembler.emit(.pshufd, .xmm0, .vector(.xmm0), immediate: 0b11_10)
        assembler.emit(.sha256rnds2, .xmm1, .vector(.xmm2))
        if let first {
            let target = vectorDestination(first)
            assembler.emit(.movdqa, target, .vector(.xmm1))
            assembler.emit(.shufps, target, .vector(.xmm2), immediate: high)
            finish(vector: first, target)
        }
        if let second {
            let target = vectorDestination(second)
            assembler.emit(.movdqa, target, .vector(.xmm1))
            assembler.emit(.shufps, target, .vector(.xmm2), immediate: low)
            finish(vector: second, target)
        }
    }
}

#endif
