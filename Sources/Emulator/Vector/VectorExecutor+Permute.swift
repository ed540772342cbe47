// Operations that move elements: within and between vector registers, and to and from general registers.

/// Both sources of an operation, one after the other.
///
/// Safe: it refers to a local variable of `withJoinedSources`, for the length of a closure; callers count up to the
/// lanes of two registers.
struct JoinedSources {
    fileprivate let base: UnsafeRawPointer

    /// Lane `lane` of `n`, or from the number of its lanes on of `m`.
    @inline(__always)
    func lane<Lane: FixedWidthInteger>(_ lane: Int, as _: Lane.Type = Lane.self) -> Lane {
        base.load(fromByteOffset: lane &* MemoryLayout<Lane>.size, as: Lane.self)
    }
}

extension VectorExecutor {
    /// What `body` makes of both sources joined. Of a 64-bit shape their low halves are joined; the rest is zero.
    @inline(__always)
    static func withJoinedSources(
        _ operation: Operation, _ state: CPUState, _ body: (JoinedSources) -> SIMD2<UInt64>
    ) -> SIMD2<UInt64> {
        let n = state.q(operation.n)
        let m = state.q(operation.m)
        let joined = operation.shape.isQ ? SIMD4(lowHalf: n, highHalf: m) : SIMD4(n[0], m[0], 0, 0)
        return withUnsafeBytes(of: joined) { bytes in
            // An address is nil for an empty buffer only.
            bytes.baseAddress.map { body(JoinedSources(base: $0)) } ?? SIMD2()
        }
    }

    /// UZP1 and UZP2: the elements with even numbers, or odd, of both.
    static func unzip(odd: Bool, _ operation: Operation, _ state: CPUState) {
        @inline(__always)
        func run<Lane: FixedWidthInteger>(_: Lane.Type) {
            let result = withJoinedSources(operation, state) { sources in
                LaneCollector.collect { result in
                    for lane in 0..<Lane.laneCount {
                        let even: Lane = sources.lane(2 &* lane)
                        result.set(lane, select(odd, sources.lane(2 &* lane &+ 1), even))
                    }
                }
            }
            state.setLanes(operation.d, result, operation.shape)
        }
        switch operation.shape.size {
        case 0: run(UInt8.self)
        case 1: run(UInt16.self)
        case 2: run(UInt32.self)
        default: run(UInt64.self)
        }
    }

    /// ZIP1 and ZIP2: the elements of the low halves, or high, of both in turn.
    static func zip(high: Bool, _ operation: Operation, _ state: CPUState) {
        @inline(__always)
        func run<Lane: FixedWidthInteger>(_: Lane.Type) {
            let first = high ? (operation.shape.isQ ? Lane.laneCount / 2 : Lane.laneCount / 4) : 0
            let result = LaneCollector.collect { result in
                for lane in 0..<Lane.laneCount / 2 {
                    result.set(2 &* lane, state.element(operation.n, first &+ lane, as: Lane.self))
                    result.set(2 &* lane &+ 1, state.element(operation.m, first &+ lane, as: Lane.self))
                }
            }
            state.setLanes(operation.d, result, operation.shape)
        }
        switch operation.shape.size {
        case 0: run(UInt8.self)
        case 1: run(UInt16.self)
        case 2: run(UInt32.self)
        default: run(UInt64.self)
        }
    }

    /// TRN1 and TRN2: from each pair of elements the even one, or odd, of both in turn.
    static func transpose(odd: Bool, _ operation: Operation, _ state: CPUState) {
        @inline(__always)
        func run<Lane: FixedWidthInteger>(_: Lane.Type) {
            let first = odd ? 1 : 0
            let result = LaneCollector.collect { result in
                for lane in 0..<Lane.laneCount / 2 {
                    result.set(2 &* lane, state.element(operation.n, 2 &* lane &+ first, as: Lane.self))
                    result.set(2 &* lane &+ 1, state.element(operation.m, 2 &* lane &+ first, as: Lane.self))
                }
            }
            state.setLanes(operation.d, result, operation.shape)
        }
        switch operation.shape.size {
        case 0: run(UInt8.self)
        case 1: run(UInt16.self)
        case 2: run(UInt32.self)
        default: run(UInt64.self)
        }
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
        let size = operation.a &* 16
        let indexes: SIMD16<UInt8> = state.lanes(operation.m)
        // As many registers as a table can have; they go on from v31 to v0.
        let table = (
            state.q(operation.n), state.q((operation.n &+ 1) & 31), state.q((operation.n &+ 2) & 31),
            state.q((operation.n &+ 3) & 31)
        )
        let result = LaneCollector.collect { result in
            withUnsafeBytes(of: table) { table in
                for lane in 0..<16 {
                    // Safe: `size` is at most that of `table`.
                    let isInside = indexes[lane] < size
                    let byte = table[Int(indexes[lane] & mask(isInside))]
                    result.set(lane, select(isInside, byte, old[lane]))
                }
            }
        }
        state.setLanes(operation.d, result, operation.shape)
    }

    // MARK: Single elements

    /// Element `index` of vector register `register`, zero-extended.
    @inline(__always)
    static func element(_ register: UInt8, _ index: UInt8, _ shape: VectorShape, _ state: CPUState) -> UInt64 {
        switch shape.size {
        case 0: UInt64(state.element(register, Int(index), as: UInt8.self))
        case 1: UInt64(state.element(register, Int(index), as: UInt16.self))
        case 2: UInt64(state.element(register, Int(index), as: UInt32.self))
        default: state.element(register, Int(index), as: UInt64.self)
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
        case 0: state.setElement(operation.d, Int(operation.a), UInt8(truncatingIfNeeded: value))
        case 1: state.setElement(operation.d, Int(operation.a), UInt16(truncatingIfNeeded: value))
        case 2: state.setElement(operation.d, Int(operation.a), UInt32(truncatingIfNeeded: value))
        default: state.setElement(operation.d, Int(operation.a), value)
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
