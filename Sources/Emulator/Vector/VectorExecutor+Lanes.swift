// The drivers of lane operations: where operands come from, how they are widened, and where results go.
//
// Each is generic over the operation and over the signedness of its lanes, and is specialised for every pair that
// `VectorExecutor` uses; inside, a switch over the size selects the vector type.

/// Where the second operand of a lane operation comes from.
protocol SecondOperand {
    /// It, as `Lanes`; a register's lanes from byte `offset` on.
    static func load<Lanes: SIMD>(_ operation: Operation, _ state: CPUState, offset: Int, as: Lanes.Type) -> Lanes
    where Lanes.Scalar: FixedWidthInteger
}

/// The vector register `m`.
enum FromRegister: SecondOperand {
    @inline(__always)
    static func load<Lanes: SIMD>(_ operation: Operation, _ state: CPUState, offset: Int, as: Lanes.Type) -> Lanes
    where Lanes.Scalar: FixedWidthInteger {
        state.lanes(operation.m, offset: offset)
    }
}

/// Element `a` of the vector register `m`, in every lane.
enum FromElement: SecondOperand {
    @inline(__always)
    static func load<Lanes: SIMD>(_ operation: Operation, _ state: CPUState, offset: Int, as: Lanes.Type) -> Lanes
    where Lanes.Scalar: FixedWidthInteger {
        Lanes(repeating: state.element(operation.m, operation.a))
    }
}

/// The number `a`, in every lane.
enum FromImmediate: SecondOperand {
    @inline(__always)
    static func load<Lanes: SIMD>(_ operation: Operation, _ state: CPUState, offset: Int, as: Lanes.Type) -> Lanes
    where Lanes.Scalar: FixedWidthInteger {
        Lanes(repeating: Lanes.Scalar(truncatingIfNeeded: operation.a))
    }
}

extension VectorExecutor {
    /// `Op` on every lane, with FPSR.QC set if one of `computed` saturates.
    @inline(__always)
    private static func map<Op: LaneOperation, Lanes: SIMD>(
        _: Op.Type, _ d: Lanes, _ n: Lanes, _ m: Lanes, computed: SIMD2<UInt64>, _ state: CPUState
    ) -> Lanes where Lanes.Scalar: FixedWidthInteger {
        var values = Lanes()
        var saturated = Lanes()
        for lane in 0..<Lanes.scalarCount {
            let result = Op.apply(d[lane], n[lane], m[lane])
            values[lane] = result.value
            saturated[lane] = mask(result.isSaturated)
        }
        if Op.saturates { noteSaturation(saturated, computed, state) }
        return values
    }

    /// Sets FPSR.QC if a bit of `saturated` that is among `computed` is one.
    @inline(__always)
    private static func noteSaturation<Lanes: SIMD>(
        _ saturated: Lanes, _ computed: SIMD2<UInt64>, _ state: CPUState
    ) {
        let bits = unsafeBitCast(saturated, to: SIMD2<UInt64>.self) & computed
        if bits[0] | bits[1] != 0 { state.setCumulativeSaturation() }
    }

    // MARK: Sources and result of one size

    /// Three same, two-register miscellaneous, shifts by immediate.
    static func lanes<Op: LaneOperation, Family: LaneFamily, Second: SecondOperand>(
        _: Op.Type, _: Family.Type, m _: Second.Type = FromRegister.self, _ operation: Operation, _ state: CPUState
    ) {
        @inline(__always)
        func run<Lanes: SIMD>(_: Lanes.Type) where Lanes.Scalar: FixedWidthInteger {
            let shape = operation.shape
            let result = map(
                Op.self, state.lanes(operation.d, as: Lanes.self), state.lanes(operation.n),
                Second.load(operation, state, offset: 0, as: Lanes.self), computed: shape.computedBits, state)
            state.setLanes(operation.d, result, shape)
        }
        switch operation.shape.size {
        case 0: run(Family.Bytes.self)
        case 1: run(Family.Halfwords.self)
        case 2: run(Family.Words.self)
        default: run(Family.Doublewords.self)
        }
    }

    /// The same for halfwords and words only.
    static func halfwordsOrWords<Op: LaneOperation, Family: LaneFamily, Second: SecondOperand>(
        _: Op.Type, _: Family.Type, m _: Second.Type = FromRegister.self, _ operation: Operation, _ state: CPUState
    ) {
        @inline(__always)
        func run<Lanes: SIMD>(_: Lanes.Type) where Lanes.Scalar: FixedWidthInteger {
            let shape = operation.shape
            let result = map(
                Op.self, state.lanes(operation.d, as: Lanes.self), state.lanes(operation.n),
                Second.load(operation, state, offset: 0, as: Lanes.self), computed: shape.computedBits, state)
            state.setLanes(operation.d, result, shape)
        }
        if operation.shape.size == 1 { run(Family.Halfwords.self) } else { run(Family.Words.self) }
    }

    /// SADDLP and its like: the lanes are pairs of elements of the shape's size.
    static func lanesOfPairs<Op: LaneOperation, Family: LaneFamily>(
        _: Op.Type, _: Family.Type, _ operation: Operation, _ state: CPUState
    ) {
        var pairs = operation
        pairs.shape = VectorShape(size: UInt32(operation.shape.size) &+ 1, q: operation.shape.isQ)
        lanes(Op.self, Family.self, pairs, state)
    }

    // MARK: Narrow sources and a wide result

    /// Whether the first source of a long operation has wide elements already.
    enum FirstSource { case narrow, wide }

    /// Three different, long and wide; SSHLL and USHLL.
    static func long<Op: LaneOperation, Family: LaneFamily, Second: SecondOperand>(
        _: Op.Type, _: Family.Type, m _: Second.Type = FromRegister.self, first: FirstSource = .narrow,
        _ operation: Operation, _ state: CPUState
    ) {
        @inline(__always)
        func run<Narrow: SIMD, Wide: SIMD>(_: Narrow.Type, _: Wide.Type)
        where Narrow.Scalar: FixedWidthInteger, Wide.Scalar: FixedWidthInteger {
            let shape = operation.shape.widened
            let offset = operation.shape.isQ ? MemoryLayout<Narrow>.size : 0
            let n: Wide =
                switch first {
                case .narrow: state.lanes(operation.n, offset: offset, as: Narrow.self).widened()
                case .wide: state.lanes(operation.n)
                }
            let m: Wide = Second.load(operation, state, offset: offset, as: Narrow.self).widened()
            let result = map(
                Op.self, state.lanes(operation.d), n, m, computed: shape.computedBits, state)
            state.setLanes(operation.d, result, shape)
        }
        switch operation.shape.size {
        case 0: run(Family.HalfOfBytes.self, Family.Halfwords.self)
        case 1: run(Family.HalfOfHalfwords.self, Family.Words.self)
        default: run(Family.HalfOfWords.self, Family.Doublewords.self)
        }
    }

    // MARK: Wide sources and a narrow result

    /// Narrowing three different, shifts and XTN: a step on wide lanes, then `Fit`.
    static func narrow<Op: ExactLaneOperation, Fit: Narrowing, Family: LaneFamily, Second: SecondOperand>(
        _: Op.Type, _: Fit.Type, _: Family.Type, m _: Second.Type = FromRegister.self,
        _ operation: Operation, _ state: CPUState
    ) {
        @inline(__always)
        func run<Wide: SIMD, Narrow: SIMD>(_: Wide.Type, _: Narrow.Type)
        where Wide.Scalar: FixedWidthInteger, Narrow.Scalar: FixedWidthInteger {
            let n: Wide = state.lanes(operation.n)
            let m: Wide = Second.load(operation, state, offset: 0, as: Wide.self)
            var values = Wide()
            var saturated = Wide()
            for lane in 0..<Wide.scalarCount {
                let result = Fit.narrow(Op.value(0, n[lane], m[lane]))
                values[lane] = result.value
                saturated[lane] = mask(result.isSaturated)
            }
            let shape = operation.shape
            if Fit.saturates { noteSaturation(saturated, shape.widened.computedBits, state) }
            let half = unsafeBitCast(values.narrowed(to: Narrow.self), to: UInt64.self)
            if shape.isQ {
                state.setElement(operation.d, 1, half)
            } else {
                state.setD(operation.d, half & shape.computedBits[0])
            }
        }
        switch operation.shape.size {
        case 0: run(Family.Halfwords.self, Family.HalfOfBytes.self)
        case 1: run(Family.Words.self, Family.HalfOfHalfwords.self)
        default: run(Family.Doublewords.self, Family.HalfOfWords.self)
        }
    }

    // MARK: Pairs and all lanes

    /// ADDP and its like: `Op` on neighbours, first those of `n`, then those of `m`.
    static func pairwise<Op: ExactLaneOperation, Family: LaneFamily>(
        _: Op.Type, _: Family.Type, _ operation: Operation, _ state: CPUState
    ) {
        @inline(__always)
        func run<Lanes: SIMD>(_: Lanes.Type) where Lanes.Scalar: FixedWidthInteger {
            let (even, odd) = deinterleaved(operation, state, as: Lanes.self)
            var result = Lanes()
            for lane in 0..<Lanes.scalarCount { result[lane] = Op.value(0, even[lane], odd[lane]) }
            state.setLanes(operation.d, result, operation.shape)
        }
        switch operation.shape.size {
        case 0: run(Family.Bytes.self)
        case 1: run(Family.Halfwords.self)
        case 2: run(Family.Words.self)
        default: run(Family.Doublewords.self)
        }
    }

    /// ADDV and its like: `Op` over all lanes. `widens`: they are extended to twice their size first.
    static func acrossLanes<Op: ExactLaneOperation, Family: LaneFamily>(
        _: Op.Type, _: Family.Type, widens: Bool = false, _ operation: Operation, _ state: CPUState
    ) {
        @inline(__always)
        func run<Lanes: SIMD, Total: FixedWidthInteger>(_: Lanes.Type, _: Total.Type)
        where Lanes.Scalar: FixedWidthInteger {
            let n: Lanes = state.lanes(operation.n)
            let count = operation.shape.isQ ? Lanes.scalarCount : Lanes.scalarCount / 2
            var total = Total(truncatingIfNeeded: n[0])
            for lane in 1..<count { total = Op.value(0, total, Total(truncatingIfNeeded: n[lane])) }
            let bits = widens ? operation.shape.elementBits &* 2 : operation.shape.elementBits
            state.setD(operation.d, UInt64(truncatingIfNeeded: total) & (.max &>> (64 &- bits)))
        }
        // In 64 bits a sum of lanes is right modulo each size, and a maximum or minimum is right as it is.
        switch operation.shape.size {
        case 0: run(Family.Bytes.self, Family.Doublewords.Scalar.self)
        case 1: run(Family.Halfwords.self, Family.Doublewords.Scalar.self)
        default: run(Family.Words.self, Family.Doublewords.Scalar.self)
        }
    }
}
