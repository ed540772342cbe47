// Vector registers as operands: in the state block, or in the host register that holds a copy (`HeldVectors`).
//
// Results stay in host registers until something may look at the state block. XMM0 to XMM3 are scratch.

#if arch(x86_64)

extension RegionCompiler {
    private func statePlace(ofVector register: UInt8) -> HostOperand {
        state(CPUState.Offset.vectors + Int(register) * 16)
    }

    /// An element of a vector register of which no copy is held.
    func statePlace(ofVector register: UInt8, element: UInt8, size: Int) -> HostOperand {
        state(CPUState.Offset.vectors + Int(register) * 16 + Int(element) << size)
    }

    /// A vector register as the source of an instruction that reads all of it, or its low element.
    func vector(_ register: UInt8) -> HostOperand {
        heldVectors.host(of: register).map { .vector($0) } ?? statePlace(ofVector: register)
    }

    /// A vector register in the state block, up to date, to read a part of.
    ///
    /// Not on a path of an operation that may be skipped: what is emitted here counts for all that follows.
    mutating func vectorInState(_ register: UInt8) -> HostOperand {
        if let host = heldVectors.host(of: register), heldVectors.isNewer(host) {
            assembler.storeVector(host, statePlace(ofVector: register))
            heldVectors.noteStored(host)
        }
        return statePlace(ofVector: register)
    }

    /// The host register that a vector register is to live in, with what it held until now stored: for results of
    /// operations that have no slow path, or are past it. A slow path needs the old value.
    mutating func vectorDestination(_ register: UInt8) -> HostVector {
        if let host = heldVectors.host(of: register) { return host }
        let host = heldVectors.choose()
        if let other = heldVectors.guest(in: host) {
            _ = vectorInState(other)
            heldVectors.drop(host)
        }
        return host
    }

    /// Takes a host register, scratch or from `vectorDestination`, as the new value of a vector register.
    ///
    /// - Parameter zeroUpperHalf: whether bits 127 to 64 are known to be zero.
    mutating func finish(vector register: UInt8, _ result: HostVector, zeroUpperHalf: Bool = false) {
        let host = result.rawValue >= HostVector.xmm4.rawValue ? result : vectorDestination(register)
        if host != result { assembler.loadVector(host, .vector(result)) }
        heldVectors.hold(register, in: host, zeroUpperHalf: zeroUpperHalf)
    }

    /// Copies a vector register into a host register, unless it is there.
    mutating func loadVector(_ target: HostVector, _ register: UInt8) {
        let source = vector(register)
        if source.kind != .register || source.base != target.rawValue { assembler.loadVector(target, source) }
    }

    /// A host register with the value of `register`, to be changed into that of `destination`: the one that is to live
    /// in, unless that is `other`, whose value is still wanted.
    mutating func copy(of register: UInt8, for destination: UInt8, keeping other: UInt8? = nil) -> HostVector {
        let target = destination == other ? .xmm0 : vectorDestination(destination)
        loadVector(target, register)
        return target
    }

    /// Stores what is newer than the state block.
    mutating func emitStores(_ vectors: HeldVectors) {
        vectors.forEach(in: vectors.newer) { host, guest in
            assembler.storeVector(host, statePlace(ofVector: guest))
        }
    }

    /// Loads everything that is held, after a helper.
    mutating func emitLoads(_ vectors: HeldVectors) {
        vectors.forEach(in: vectors.held) { host, guest in
            assembler.loadVector(host, statePlace(ofVector: guest))
        }
    }
}

// MARK: Looking back

/// Something that a vector register holds: what an operation of the block wrote, or what was there at its beginning.
struct VectorValue: Equatable {
    /// The operation's position.
    let writer: Int?
    /// The register that it was written to first.
    let register: UInt8
}

extension RegionCompiler {
    /// Where a vector register was written last in this block, before the operation at `position`; nil if it was not.
    func lastWriter(ofVector register: UInt8, before position: Int) -> Int? {
        let operations = source.block.operations
        var index = position
        while index > 0 {
            index -= 1
            // The slot of a link is no operation.
            if index > 0, source.uses[index - 1].treatment.isDirectBranch { continue }
            let operation = operations[index]
            if OperationFacts(of: operation).vectorWrites.vectors(of: operation) >> UInt64(register) & 1 != 0 {
                return index
            }
        }
        return nil
    }

    /// What a vector register holds before the operation being emitted. Registers with one value hold the same.
    func vectorValue(of register: UInt8) -> VectorValue {
        var register = register
        var position = position
        while let writer = lastWriter(ofVector: register, before: position) {
            let move = source.block.operations[writer]
            // MOV (vector)
            guard move.code == .vector, move.sub == VectorOpcode.orr.rawValue, move.shape.isQ, move.n == move.m else {
                return VectorValue(writer: writer, register: register)
            }
            register = move.n
            position = writer
        }
        return VectorValue(writer: nil, register: register)
    }
}

#endif
