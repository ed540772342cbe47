// A region: the blocks that are translated together, and where their registers are.
//
// Responsible for: which blocks belong together, which guest registers live in host registers throughout the region,
// and which of those have to be loaded and stored where. Not responsible for emitting anything (`RegionCompiler`).
//
// Blocks of a region are in one page and of one mode, reached from the first one by direct branches. A branch inside
// the region is a jump that leaves registers where they are, so that a loop runs without touching the state block. Only
// general registers are assigned here: vector registers are held by block (`HeldVectors`).

#if arch(x86_64)

/// One block of a region.
struct RegionBlock {
    let block: Block
    /// Of its first instruction, in the page.
    let offset: UInt64
    /// What each operation does to the registers, worked out once; a link's slot does nothing.
    let uses: [OperandUse]
    /// How many loops it is in.
    var depth = 0
    /// How many direct branches of the region lead here.
    var branchesHere = 0
    /// Registers that may hold something newer than the state block when the block is entered.
    var written = RegisterSet.none
    /// Registers whose value the block needs, or stores, when it is entered.
    var live = RegisterSet.none

    init(block: Block, mode: BlockMode, features: HostFeatures) {
        self.block = block
        offset = block.physicalAddress & 0xFFF
        let operations = block.operations
        let count = block.operationCount
        var uses: [OperandUse] = []
        uses.reserveCapacity(count)
        while uses.count < count {
            let use = OperandUse(of: operations[uses.count], isEL0: mode.isEL0, features: features)
            uses.append(use)
            if use.treatment.isDirectBranch { uses.append(OperandUse()) }
        }
        self.uses = uses
    }
}

/// What is translated together.
struct Region {
    /// Blocks in a region, at most, and operations in all of them together.
    static let blockLimit = 16
    static let operationLimit = 384

    private(set) var blocks: [RegionBlock] = []
    let mode: BlockMode
    let features: HostFeatures
    /// Whether a block may be left before its first instruction: see `BackendConfiguration.isRepeatable`.
    let looksBetweenBlocks: Bool
    /// For each general register the number of the host register that it lives in, or `noHome`.
    private(set) var homes = [UInt8](repeating: Region.noHome, count: 40)
    private(set) var mapped = RegisterSet.none

    static let noHome: UInt8 = 0xFF
    /// Host registers that guest registers live in. RAX, RCX and RDX are scratch; RBX is the state, R14 the slice and
    /// R15 the software-TLB table.
    private static let available: [HostRegister] = [.rbp, .rsi, .rdi, .r8, .r9, .r10, .r11, .r12, .r13]

    /// The index of the block at an offset of the page, or nil if the region does not have it.
    func index(ofBlockAt offset: UInt64) -> Int? {
        blocks.firstIndex { $0.offset == offset }
    }

    /// Where an operation branches to in its page, if it is a direct branch inside it.
    @inline(__always)
    static func target(of operation: Operation, from offset: UInt64) -> UInt64? {
        let target = offset &+ operation.immediate
        return target < 0x1000 ? target : nil
    }

    /// Collects a region.
    ///
    /// - Parameters:
    ///   - head: the block that became hot.
    ///   - looksBetweenBlocks: whether each block begins with a look at requests and the slice.
    ///   - find: the block at an offset of the page, if it is worth to be translated.
    init(
        head: Block, mode: BlockMode, features: HostFeatures, looksBetweenBlocks: Bool, find: (UInt64) -> Block?
    ) {
        self.mode = mode
        self.features = features
        self.looksBetweenBlocks = looksBetweenBlocks
        var operations = head.operationCount
        blocks.append(RegionBlock(block: head, mode: mode, features: features))
        var next = 0
        while next < blocks.count {
            for target in branches(of: blocks[next]) {
                if index(ofBlockAt: target) == nil, blocks.count < Self.blockLimit, let block = find(target),
                    operations + block.operationCount <= Self.operationLimit
                {
                    operations += block.operationCount
                    blocks.append(RegionBlock(block: block, mode: mode, features: features))
                }
            }
            next += 1
        }
        countBranches()
        findLoops()
        assignHomes()
        followData()
    }

    /// Calls `body` with each operation of a block and what it does to the registers.
    func forEachOperation(of source: RegionBlock, _ body: (Operation, OperandUse) -> Void) {
        let operations = source.block.operations
        var position = 0
        while position < source.block.operationCount {
            let use = source.uses[position]
            body(operations[position], use)
            position += use.treatment.isDirectBranch ? 2 : 1
        }
    }

    /// The targets in the page of a block's direct branches.
    private func branches(of source: RegionBlock) -> [UInt64] {
        var targets: [UInt64] = []
        forEachOperation(of: source) { operation, use in
            if use.treatment.isDirectBranch, let target = Self.target(of: operation, from: source.offset) {
                targets.append(target)
            }
        }
        return targets
    }

    /// The block of the region that an operation branches to, if it does.
    private func successor(_ operation: Operation, _ use: OperandUse, of source: RegionBlock) -> Int? {
        guard use.treatment.isDirectBranch else { return nil }
        return Self.target(of: operation, from: source.offset).flatMap { index(ofBlockAt: $0) }
    }

    private mutating func countBranches() {
        for source in blocks {
            for target in branches(of: source) {
                if let index = index(ofBlockAt: target) { blocks[index].branchesHere += 1 }
            }
        }
    }

    /// A branch back to a lower or the same offset makes a loop of what lies between.
    private mutating func findLoops() {
        var loops: [(low: UInt64, high: UInt64)] = []
        for source in blocks {
            for target in branches(of: source) where target <= source.offset && index(ofBlockAt: target) != nil {
                if !loops.contains(where: { $0.low == target && $0.high == source.offset }) {
                    loops.append((target, source.offset))
                }
            }
        }
        for index in blocks.indices {
            let offset = blocks[index].offset
            blocks[index].depth = min(loops.count { $0.low <= offset && offset <= $0.high }, 4)
        }
    }

    // MARK: Registers

    /// Gives host registers to the guest registers that are used most, where a loop counts eight times.
    private mutating func assignHomes() {
        var uses = [Int](repeating: 0, count: 40)
        for block in blocks {
            let weight = 1 << (3 * block.depth)
            let temporary = Int(CPUState.Register.temporary0)
            var passed = false
            var position = 0
            while position < block.block.operationCount {
                // Temporaries that get no place of their own do not count.
                let usesOfTemporary = uses[temporary]
                if let (address, length) = IndexedAddress.find(at: position, in: block.block) {
                    uses[Int(address.base)] += weight
                    uses[Int(address.index)] += weight
                    position += length
                    passed = true
                }
                let operation = block.block.operations[position]
                let use = block.uses[position]
                use.reads.forEach { uses[Int($0)] += weight }
                use.writes.forEach { uses[Int($0)] += weight }
                position += use.treatment.isDirectBranch ? 2 : 1
                let passes =
                    position < block.block.operationCount
                    && Self.passesTemporary(operation, to: block.block.operations[position])
                if passed || passes { uses[temporary] = usesOfTemporary }
                passed = passes
            }
        }
        uses[Int(CPUState.Register.zero)] = 0
        uses[Int(CPUState.Register.sink)] = 0
        for host in Self.available {
            guard let best = uses.indices.max(by: { uses[$0] < uses[$1] }), uses[best] > 1 else { break }
            uses[best] = 0
            homes[best] = host.rawValue
            mapped |= RegisterSet(UInt8(best))
        }
    }

    /// Whether an operation's result is a temporary that the next one uses up, so that it needs no place of its own:
    /// the shifted or extended operand of an instruction. `next` changes no scratch register before it reads it.
    @inline(__always)
    static func passesTemporary(_ operation: Operation, to next: Operation) -> Bool {
        let temporary = CPUState.Register.temporary0
        guard operation.d == temporary, next.m == temporary, next.n != temporary, next.d != temporary else {
            return false
        }
        switch operation.code {
        case .lslImmediate64, .lsrImmediate64, .lsrImmediate32, .asrImmediate32, .rorImmediate64, .rorImmediate32,
            .extractSigned64, .extend:
            break
        default: return false
        }
        switch next.code {
        case .add64, .add32, .sub64, .sub32, .adds64, .adds32, .subs64, .subs32, .and64, .and32, .orr64, .orr32,
            .eor64, .eor32, .bic64, .bic32, .orn64, .orn32, .eon64, .eon32, .ands64, .ands32, .bics64, .bics32:
            return true
        default: return false
        }
    }

    // MARK: Data flow

    /// Registers of lowering, which mean nothing between guest instructions.
    static let temporaries = RegisterSet(bits: 0xF << UInt64(CPUState.Register.temporary0))

    /// Works out `written` and `live` of each block, until nothing changes.
    private mutating func followData() {
        var changes = true
        while changes {
            changes = false
            for index in blocks.indices {
                for (target, written) in edges(from: index) {
                    let union = blocks[target].written | written
                    if union != blocks[target].written {
                        blocks[target].written = union
                        changes = true
                    }
                }
            }
        }
        changes = true
        while changes {
            changes = false
            for index in blocks.indices.reversed() {
                let live = liveIn(index)
                if live != blocks[index].live {
                    blocks[index].live = live
                    changes = true
                }
            }
        }
    }

    /// The branches of a block inside the region, each with what is newer than the state block there.
    private func edges(from index: Int) -> [(target: Int, written: RegisterSet)] {
        var edges: [(target: Int, written: RegisterSet)] = []
        let source = blocks[index]
        var written = source.written
        forEachOperation(of: source) { operation, use in
            written = after(use, written)
            if let target = successor(operation, use, of: source) { edges.append((target, written)) }
        }
        return edges
    }

    /// What is newer than the state block after an operation. A helper finds everything there, and leaves it there.
    @inline(__always)
    func after(_ use: OperandUse, _ written: RegisterSet) -> RegisterSet {
        use.treatment == .helper ? .none : (written | use.writes).intersection(mapped)
    }

    /// Registers that a block reads, or stores on a way out, before it defines them. Forward, because what a way out
    /// stores depends on what was written until then.
    private func liveIn(_ index: Int) -> RegisterSet {
        let source = blocks[index]
        var defined = RegisterSet.none
        // Who leaves before the first instruction stores what may have been written until then.
        var needed = looksBetweenBlocks ? source.written : .none
        var written = source.written
        forEachOperation(of: source) { operation, use in
            needed |= use.reads.subtracting(defined)
            let before = written
            written = after(use, written)
            switch use.treatment {
            case .native: break
            case .guarded, .resume:
                needed |= before.subtracting(defined)
            case .helper:
                needed |= before.subtracting(defined)
                // Everything is loaded again behind the helper.
                defined |= mapped
            case .branch, .jump, .indirect:
                // What BL and BLR write is there by the time of the way out.
                defined |= use.writes
                needed |= written.subtracting(defined)
                if let target = successor(operation, use, of: source) {
                    needed |= blocks[target].live.subtracting(defined)
                }
            }
            defined |= use.writes
        }
        return needed.intersection(mapped).subtracting(Self.temporaries)
    }
}

#endif
