// Operations that move elements: within and between vector registers, and to and from general registers.

extension VectorExecutor {
    /// Both sources' elements with even and with odd numbers, those of `n` first. For a 64-bit shape the sources' low
    /// halves are joined first, so that the low half of either result is right.
    @inline(__always)
    static func deinterleaved<Lanes: SIMD>(
        _ operation: Operation, _ state: CPUState, as _: Lanes.Type
    ) -> (even: Lanes, odd: Lanes) {
        var first = state.q(operation.n)
        let second = state.q(operation.m)
        if !operation.shape.isQ { first[1] = second[0] }
        let n = unsafeBitCast(first, to: Lanes.self)
        let m = unsafeBitCast(second, to: Lanes.self)
        var even = n
        var odd = n
        let half = Lanes.scalarCount / 2
        for lane in 0..<half {
            even[lane] = n[2 &* lane]
            odd[lane] = n[2 &* lane &+ 1]
            even[half &+ lane] = m[2 &* lane]
            odd[half &+ lane] = m[2 &* lane &+ 1]
        }
        return (even, odd)
    }

    /// A permutation of the elements of `n` and `m`, by the element size.
    @inline(__always)
    private static func permute(_ operation: Operation, _ state: CPUState, by permutation: some Permutation) {
        switch operation.shape.size {
        case 0: permutation.run(operation, state, as: SIMD16<UInt8>.self)
        case 1: permutation.run(operation, state, as: SIMD8<UInt16>.self)
        case 2: permutation.run(operation, state, as: SIMD4<UInt32>.self)
        default: permutation.run(operation, state, as: SIMD2<UInt64>.self)
        }
    }

    /// UZP1 and UZP2.
    static func unzip(odd: Bool, _ operation: Operation, _ state: CPUState) {
        permute(operation, state, by: Unzip(odd: odd))
    }

    /// ZIP1 and ZIP2.
    static func zip(high: Bool, _ operation: Operation, _ state: CPUState) {
        permute(operation, state, by: Zip(high: high))
    }

    /// TRN1 and TRN2.
    static func transpose(odd: Bool, _ operation: Operation, _ state: CPUState) {
        permute(operation, state, by: Transpose(odd: odd))
    }

    /// EXT: from byte `a` on of m:n.
    static func extract(_ operation: Operation, _ state: CPUState) {
        let n = state.q(operation.n)
        let m = state.q(operation.m)
        let isQ = operation.shape.isQ
        // The three doublewords that the result may have bytes of.
        let skipsOne = operation.a >= 8
        let low = skipsOne ? n[1] : n[0]
        let middle = isQ ? (skipsOne ? m[0] : n[1]) : m[0]
        let high = skipsOne ? m[1] : m[0]
        let shift = UInt64(operation.a & 7) &* 8
        // A shift by all 64 bits, for a shift of zero, leaves nothing.
        let result = SIMD2(
            low &>> shift | middle << (64 &- shift),
            middle &>> shift | high << (64 &- shift))
        state.setLanes(operation.d, result, operation.shape)
    }

    /// TBL and TBX: `old` is what lanes with an index beyond the table have.
    static func tableLookup(old: SIMD16<UInt8>, _ operation: Operation, _ state: CPUState) {
        let indexes: SIMD16<UInt8> = state.lanes(operation.m)
        var result = old
        for lane in 0..<16 {
            let index = indexes[lane]
            guard index < operation.a &* 16 else { continue }
            // The registers of a table go on from v31 to v0.
            let register = (operation.n &+ index >> 4) & 31
            result[lane] = state.element(register, index & 15)
        }
        state.setLanes(operation.d, result, operation.shape)
    }

    // MARK: Single elements

    /// Element `index` of vector register `register`, zero-extended.
    @inline(__always)
    static func element(_ register: UInt8, _ index: UInt8, _ shape: VectorShape, _ state: CPUState) -> UInt64 {
        switch shape.size {
        case 0: UInt64(state.element(register, index, as: UInt8.self))
        case 1: UInt64(state.element(register, index, as: UInt16.self))
        case 2: UInt64(state.element(register, index, as: UInt32.self))
        default: state.element(register, index, as: UInt64.self)
        }
    }

    /// DUP: the low bits of `value` in every lane.
    @inline(__always)
    static func duplicate(_ value: UInt64, _ operation: Operation, _ state: CPUState) {
        let element: UInt64 =
            switch operation.shape.size {
            case 0: unsafeBitCast(SIMD8(repeating: UInt8(truncatingIfNeeded: value)), to: UInt64.self)
            case 1: unsafeBitCast(SIMD4(repeating: UInt16(truncatingIfNeeded: value)), to: UInt64.self)
            case 2: unsafeBitCast(SIMD2(repeating: UInt32(truncatingIfNeeded: value)), to: UInt64.self)
            default: value
            }
        state.setLanes(operation.d, SIMD2(repeating: element), operation.shape)
    }

    /// INS: the low bits of `value` as element `a` of `d`.
    @inline(__always)
    static func insert(_ value: UInt64, _ operation: Operation, _ state: CPUState) {
        switch operation.shape.size {
        case 0: state.setElement(operation.d, operation.a, UInt8(truncatingIfNeeded: value))
        case 1: state.setElement(operation.d, operation.a, UInt16(truncatingIfNeeded: value))
        case 2: state.setElement(operation.d, operation.a, UInt32(truncatingIfNeeded: value))
        default: state.setElement(operation.d, operation.a, value)
        }
    }

    /// SMOV: extended by its sign to 64 bits if Q is set, else to 32.
    static func moveSignExtended(_ operation: Operation, _ state: CPUState) {
        let value = element(operation.n, operation.a, operation.shape, state)
        let unused = 64 &- operation.shape.elementBits
        let extended = UInt64(bitPattern: Int64(bitPattern: value &<< unused) &>> Int64(unused))
        state.x[Int(operation.d)] = operation.shape.isQ ? extended : extended & 0xFFFF_FFFF
    }
}

/// A rearrangement of the elements of two registers.
private protocol Permutation {
    func run<Lanes: SIMD>(_ operation: Operation, _ state: CPUState, as: Lanes.Type)
    where Lanes.Scalar: FixedWidthInteger
}

/// Elements with odd numbers, or even, of both.
private struct Unzip: Permutation {
    let odd: Bool

    @inline(__always)
    func run<Lanes: SIMD>(_ operation: Operation, _ state: CPUState, as _: Lanes.Type)
    where Lanes.Scalar: FixedWidthInteger {
        let parts = VectorExecutor.deinterleaved(operation, state, as: Lanes.self)
        state.setLanes(operation.d, odd ? parts.odd : parts.even, operation.shape)
    }
}

/// Elements of the high halves, or low, of both in turn.
private struct Zip: Permutation {
    let high: Bool

    @inline(__always)
    func run<Lanes: SIMD>(_ operation: Operation, _ state: CPUState, as _: Lanes.Type)
    where Lanes.Scalar: FixedWidthInteger {
        let n: Lanes = state.lanes(operation.n)
        let m: Lanes = state.lanes(operation.m)
        var lows = n
        var highs = n
        let half = Lanes.scalarCount / 2
        for lane in 0..<half {
            lows[2 &* lane] = n[lane]
            lows[2 &* lane &+ 1] = m[lane]
            highs[2 &* lane] = n[half &+ lane]
            highs[2 &* lane &+ 1] = m[half &+ lane]
        }
        if operation.shape.isQ {
            state.setLanes(operation.d, high ? highs : lows, operation.shape)
        } else {
            // Both 64-bit results are in the low half of the registers, one after the other.
            let both = unsafeBitCast(lows, to: SIMD2<UInt64>.self)
            state.setD(operation.d, high ? both[1] : both[0])
        }
    }
}

/// From each pair of elements, the odd ones, or even, of both in turn.
private struct Transpose: Permutation {
    let odd: Bool

    @inline(__always)
    func run<Lanes: SIMD>(_ operation: Operation, _ state: CPUState, as _: Lanes.Type)
    where Lanes.Scalar: FixedWidthInteger {
        let n: Lanes = state.lanes(operation.n)
        let m: Lanes = state.lanes(operation.m)
        var evens = n
        var odds = m
        for lane in 0..<Lanes.scalarCount / 2 {
            evens[2 &* lane &+ 1] = m[2 &* lane]
            odds[2 &* lane] = n[2 &* lane &+ 1]
        }
        state.setLanes(operation.d, odd ? odds : evens, operation.shape)
    }
}
