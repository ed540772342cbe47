// Execution of the floating-point operations whose elements do not stay in place: pairwise, across a vector, widening
// and narrowing.

extension FloatExecutor {
    @inline(never)
    static func executeRearranging(_ operation: Operation, _ opcode: FloatOpcode, _ state: CPUState) {
        switch opcode {
        case .faddp: pairwise(operation, state, HostFloat<Single>.add, HostFloat<Double>.add)
        case .fmaxp: pairwise(operation, state, HostFloat<Single>.maximum, HostFloat<Double>.maximum)
        case .fminp: pairwise(operation, state, HostFloat<Single>.minimum, HostFloat<Double>.minimum)
        case .fmaxnmp: pairwise(operation, state, HostFloat<Single>.maximumNumber, HostFloat<Double>.maximumNumber)
        case .fminnmp: pairwise(operation, state, HostFloat<Single>.minimumNumber, HostFloat<Double>.minimumNumber)
        case .fmaxv: reduce(operation, state, HostFloat<Single>.maximum)
        case .fminv: reduce(operation, state, HostFloat<Single>.minimum)
        case .fmaxnmv: reduce(operation, state, HostFloat<Single>.maximumNumber)
        case .fminnmv: reduce(operation, state, HostFloat<Single>.minimumNumber)
        case .fcvtl: widen(operation, state)
        case .fcvtn: narrow(operation, state, .current)
        case .fcvtxn: narrow(operation, state, .odd)
        // Every other opcode is executed before this is called.
        default: break
        }
    }

    /// The four single-precision elements of a register.
    private typealias Singles = SIMD4<UInt32>

    private static func pairwise(_ operation: Operation, _ state: CPUState, _ single: BinaryBody, _ double: BinaryBody)
    {
        var environment = FloatEnvironment(state)
        let shape = operation.shape
        if shape.size == doubleSize {
            let n = state.q(operation.n)
            let low = double(n.x, n.y, &environment)
            var high: UInt64 = 0
            if !shape.isScalar {
                let m = state.q(operation.m)
                high = double(m.x, m.y, &environment)
            }
            state.setQ(operation.d, SIMD2(low, high))
        } else {
            // Safe: a register is 16 bytes, aligned to 16.
            let n = state.v(operation.n).load(as: Singles.self)
            let m = state.v(operation.m).load(as: Singles.self)
            var result = Singles.zero
            func pair(_ pairs: Singles, _ first: Int) -> UInt32 {
                UInt32(truncatingIfNeeded: single(UInt64(pairs[first]), UInt64(pairs[first &+ 1]), &environment))
            }
            result[0] = pair(n, 0)
            if shape.isQ {
                result[1] = pair(n, 2)
                result[2] = pair(m, 0)
                result[3] = pair(m, 2)
            } else if !shape.isScalar {
                result[1] = pair(m, 0)
            }
            state.v(operation.d).storeBytes(of: result, as: Singles.self)
        }
        environment.store(to: state)
    }

    /// Reduce (DDI 0487, J1.3): halves first, which decides which NaN the result is.
    private static func reduce(_ operation: Operation, _ state: CPUState, _ body: BinaryBody) {
        var environment = FloatEnvironment(state)
        // Safe: a register is 16 bytes, aligned to 16.
        let n = state.v(operation.n).load(as: Singles.self)
        let low = body(UInt64(n[0]), UInt64(n[1]), &environment)
        let high = body(UInt64(n[2]), UInt64(n[3]), &environment)
        state.setD(operation.d, body(low, high, &environment))
        environment.store(to: state)
    }

    /// FCVTL and FCVTL2.
    private static func widen(_ operation: Operation, _ state: CPUState) {
        var environment = FloatEnvironment(state)
        let source = state.q(operation.n)[operation.shape.isQ ? 1 : 0]
        if operation.shape.size == doubleSize {
            let low = HostFloat<Single>.widen(source & 0xFFFF_FFFF, &environment)
            let high = HostFloat<Single>.widen(source >> 32, &environment)
            state.setQ(operation.d, SIMD2(low, high))
        } else {
            var result = Singles.zero
            for index in 0..<4 {
                let half = source >> UInt64(16 &* index) & 0xFFFF
                result[index] = UInt32(
                    truncatingIfNeeded: SoftFloat<HalfFormat>.convert(half, to: Single.self, .current, &environment))
            }
            // Safe: a register is 16 bytes, aligned to 16.
            state.v(operation.d).storeBytes(of: result, as: Singles.self)
        }
        environment.store(to: state)
    }

    /// FCVTN, FCVTN2, FCVTXN and FCVTXN2.
    private static func narrow(_ operation: Operation, _ state: CPUState, _ rounding: FloatRounding) {
        var environment = FloatEnvironment(state)
        let shape = operation.shape
        var result: UInt64 = 0
        if shape.size == doubleSize {
            let n = state.q(operation.n)
            for index in 0..<(shape.isScalar ? 1 : 2) {
                result |=
                    SoftFloat<Double>.convert(n[index], to: Single.self, rounding, &environment) << UInt64(32 &* index)
            }
        } else {
            // Safe: a register is 16 bytes, aligned to 16.
            let n = state.v(operation.n).load(as: Singles.self)
            for index in 0..<4 {
                let half = SoftFloat<Single>.convert(UInt64(n[index]), to: HalfFormat.self, rounding, &environment)
                result |= half << UInt64(16 &* index)
            }
        }
        if shape.isQ {
            state.setQ(operation.d, SIMD2(state.d(operation.d), result))
        } else {
            state.setD(operation.d, result)
        }
        environment.store(to: state)
    }
}
