// The interpreter of cryptographic operations. The algorithms' steps are in `AESStep`, `SHA1Step`, `SHA256Step` and
// `CarrylessProduct`; here is only where operands come from and results go.

/// Executes operations whose opcode is `crypto`.
enum CryptoExecutor {
    /// Executes one operation on `state`.
    static func execute(_ operation: Operation, _ state: CPUState) {
        // Lowering is the only source of operations and stores nothing but opcodes here.
        guard let opcode = CryptoOpcode(rawValue: operation.sub) else { return }
        if opcode == .pmull {
            let half = operation.shape.isQ ? 1 : 0
            state.setQ(operation.d, carrylessProduct(state.q(operation.n)[half], state.q(operation.m)[half]))
            return
        }
        let d: SIMD4<UInt32> = state.lanes(operation.d)
        let n: SIMD4<UInt32> = state.lanes(operation.n)
        let m: SIMD4<UInt32> = state.lanes(operation.m)
        let result: SIMD4<UInt32> =
            switch opcode {
            case .aese: AESStep.encrypt(d ^ n)
            case .aesd: AESStep.decrypt(d ^ n)
            case .aesmc: AESStep.mixColumns(n)
            case .aesimc: AESStep.inverseMixColumns(n)
            case .sha1c: SHA1Step.hash(d, n[0], m, SHA.choose)
            case .sha1p: SHA1Step.hash(d, n[0], m, SHA.parity)
            case .sha1m: SHA1Step.hash(d, n[0], m, SHA.majority)
            case .sha1h: SIMD4(n[0].rotatedLeft(by: 30), 0, 0, 0)
            case .sha1su0: SHA1Step.schedule0(d, n, m)
            case .sha1su1: SHA1Step.schedule1(d, n)
            case .sha256h: SHA256Step.hash(d, n, m).first
            case .sha256h2: SHA256Step.hash(n, d, m).second
            case .sha256su0: SHA256Step.schedule0(d, n)
            case .sha256su1: SHA256Step.schedule1(d, n, m)
            case .pmull: d
            }
        state.setLanes(operation.d, result, VectorShape(size: 2, q: true))
    }
}
