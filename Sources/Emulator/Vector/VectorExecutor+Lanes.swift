// The drivers of lane operations: where operands come from, how they are widened, and where results go.
//
// Each is generic over the operation and over the signedness of its lanes, and is specialised for every pair that
// `VectorExecutor` uses; inside, a switch over the size selects the vector type.

/// Where the second operand of a lane operation comes from.
protocol SecondOperand {
    /// It, in lane `lane`.
    static func lane<Lane: FixedWidthInteger>(_ lane: Int, _ operation: Operation, _ state: CPUState) -> Lane
}

/// The vector register `m`.
enum FromRegister: SecondOperand {
    @inline(__always)
    static func lane<Lane: FixedWidthInteger>(_ lane: Int, _ operation: Operation, _ state: CPUState) -> Lane {
        state.element(operation.m, lane)
    }
}

/// Element `a` of the vector register `m`, in every lane.
enum FromElement: SecondOperand {
    @inline(__always)
    static func lane<Lane: FixedWidthInteger>(_: Int, _ operation: Operation, _ state: CPUState) -> Lane {
        state.element(operation.m, Int(operation.a))
    }
}

/// The number `a`, in every lane.
enum FromImmediate: SecondOperand {
    @inline(__always)
    static func lane<Lane: FixedWidthInteger>(_: Int, _ operation: Operation, _ state: CPUState) -> Lane {
        Lane(truncatingIfNeeded: operation.a)
    }
}

extension VectorExecutor {
    /// The values of `lane` for all lanes of type `Lane`, with FPSR.QC set if one of the bits `computed` belongs to a
    /// value that was saturated. `saturates`: whether any can be.
    @inline(__always)
    private static func collect<Lane: FixedWidthInteger>(
        _: Lane.Type, saturates: Bool, computed: SIMD2<UInt64>, _ state: CPUState,
        _ lane: (Int) -> Saturated<Lane>
    ) -> SIMD2<UInt64> {
        var saturated = SIMD2<UInt64>()
        let values = LaneCollector.collect { values in
            saturated = LaneCollector.collect { saturated in
                for index in 0..<Lane.laneCount {
                    let result = lane(index)
                    values.set(index, result.value)
                    saturated.set(index, mask(result.isSaturated, Lane.self))
                }
            }
        }
        if saturates {
            let bits = saturated & computed
            if bits[0] | bits[1] != 0 { state.setCumulativeSaturation() }
        }
        return values
    }

    // MARK: Sources and result of one size

    /// `Op` on lanes of type `Lane`.
    @inline(__always)
    private static func run<Op: LaneOperation, Second: SecondOperand, Lane: FixedWidthInteger>(
        _: Op.Type, _: Second.Type, _: Lane.Type, _ operation: Operation, _ state: CPUState
    ) {
        let shape = operation.shape
        let result = collect(Lane.self, saturates: Op.saturates, computed: shape.computedBits, state) { lane in
            Op.apply(
                state.element(operation.d, lane), state.element(operation.n, lane),
                Second.lane(lane, operation, state))
        }
        state.setLanes(operation.d, result, shape)
    }

    /// Three same, two-register miscellaneous, shifts by immediate.
    static func lanes<Op: LaneOperation, Family: LaneFamily, Second: SecondOperand>(
        _: Op.Type, _: Family.Type, m _: Second.Type = FromRegister.self, _ operation: Operation, _ state: CPUState
    ) {
        switch operation.shape.size {
        case 0: run(Op.self, Second.self, Family.Byte.self, operation, state)
        case 1: run(Op.self, Second.self, Family.Halfword.self, operation, state)
        case 2: run(Op.self, Second.self, Family.Word.self, operation, state)
        default: run(Op.self, Second.self, Family.Doubleword.self, operation, state)
        }
    }

    /// The same for halfwords and words only.
    static func halfwordsOrWords<Op: LaneOperation, Family: LaneFamily, Second: SecondOperand>(
        _: Op.Type, _: Family.Type, m _: Second.Type = FromRegister.self, _ operation: Operation, _ state: CPUState
    ) {
        if operation.shape.size == 1 {
            run(Op.self, Second.self, Family.Halfword.self, operation, state)
        } else {
            run(Op.self, Second.self, Family.Word.self, operation, state)
        }
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
        func run<Narrow: FixedWidthInteger, Wide: FixedWidthInteger>(_: Narrow.Type, _: Wide.Type) {
            let shape = operation.shape.widened
            let firstLane = operation.shape.isQ ? Wide.laneCount : 0
            let result = collect(Wide.self, saturates: Op.saturates, computed: shape.computedBits, state) { lane in
                let narrow: Narrow = state.element(operation.n, firstLane &+ lane)
                let second: Narrow = Second.lane(firstLane &+ lane, operation, state)
                return Op.apply(
                    state.element(operation.d, lane),
                    first == .wide ? state.element(operation.n, lane) : Wide(truncatingIfNeeded: narrow),
                    Wide(truncatingIfNeeded: second))
            }
            state.setLanes(operation.d, result, shape)
        }
        switch operation.shape.size {
        case 0: run(Family.Byte.self, Family.Halfword.self)
        case 1: run(Family.Halfword.self, Family.Word.self)
        default: run(Family.Word.self, Family.Doubleword.self)
        }
    }

    // MARK: Wide sources and a narrow result

    /// Narrowing three different, shifts and XTN: a step on wide lanes, then `Fit`.
    static func narrow<Op: ExactLaneOperation, Fit: Narrowing, Family: LaneFamily, Second: SecondOperand>(
        _: Op.Type, _: Fit.Type, _: Family.Type, m _: Second.Type = FromRegister.self,
        _ operation: Operation, _ state: CPUState
    ) {
        @inline(__always)
        func run<Wide: FixedWidthInteger, Narrow: FixedWidthInteger>(_: Wide.Type, _: Narrow.Type) {
            let shape = operation.shape
            let computed = shape.widened.computedBits
            let wide = collect(Wide.self, saturates: Fit.saturates, computed: computed, state) { lane in
                Fit.narrow(Op.value(0, state.element(operation.n, lane), Second.lane(lane, operation, state)))
            }
            let narrow = LaneCollector.collect { narrow in
                withUnsafeBytes(of: wide) { wide in
                    // Safe: the lanes of a register are as many as fit in these 16 bytes.
                    for lane in 0..<Wide.laneCount {
                        let value = wide.load(fromByteOffset: lane &* MemoryLayout<Wide>.size, as: Wide.self)
                        narrow.set(lane, Narrow(truncatingIfNeeded: value))
                    }
                }
            }
            if shape.isQ {
                state.setElement(operation.d, 1, narrow[0])
            } else {
                state.setLanes(operation.d, narrow, shape)
            }
        }
        switch operation.shape.size {
        case 0: run(Family.Halfword.self, Family.Byte.self)
        case 1: run(Family.Word.self, Family.Halfword.self)
        default: run(Family.Doubleword.self, Family.Word.self)
        }
    }

    // MARK: Pairs and all lanes

    /// ADDP and its like: `Op` on neighbours, first those of `n`, then those of `m`.
    static func pairwise<Op: ExactLaneOperation, Family: LaneFamily>(
        _: Op.Type, _: Family.Type, _ operation: Operation, _ state: CPUState
    ) {
        @inline(__always)
        func run<Lane: FixedWidthInteger>(_: Lane.Type) {
            let result = withJoinedSources(operation, state) { sources in
                LaneCollector.collect { result in
                    for lane in 0..<Lane.laneCount {
                        result.set(lane, Op.value(0, sources.lane(2 &* lane), sources.lane(2 &* lane &+ 1) as Lane))
                    }
                }
            }
            state.setLanes(operation.d, result, operation.shape)
        }
        switch operation.shape.size {
        case 0: run(Family.Byte.self)
        case 1: run(Family.Halfword.self)
        case 2: run(Family.Word.self)
        default: run(Family.Doubleword.self)
        }
    }

    /// ADDV and its like: `Op` over all lanes. `widens`: the result has twice their size.
    static func acrossLanes<Op: ExactLaneOperation, Family: LaneFamily>(
        _: Op.Type, _: Family.Type, widens: Bool = false, _ operation: Operation, _ state: CPUState
    ) {
        // In 64 bits a sum of lanes is right modulo each size, and a maximum or minimum is right as it is.
        @inline(__always)
        func run<Lane: FixedWidthInteger, Total: FixedWidthInteger>(_: Lane.Type, _: Total.Type) {
            let count = operation.shape.isQ ? Lane.laneCount : Lane.laneCount / 2
            var total = Total(truncatingIfNeeded: state.element(operation.n, 0, as: Lane.self))
            for lane in 1..<count {
                total = Op.value(0, total, Total(truncatingIfNeeded: state.element(operation.n, lane, as: Lane.self)))
            }
            let bits = widens ? operation.shape.elementBits &* 2 : operation.shape.elementBits
            state.setD(operation.d, UInt64(truncatingIfNeeded: total) & (.max &>> (64 &- bits)))
        }
        switch operation.shape.size {
        case 0: run(Family.Byte.self, Family.Doubleword.self)
        case 1: run(Family.Halfword.self, Family.Doubleword.self)
        default: run(Family.Word.self, Family.Doubleword.self)
        }
    }
}
