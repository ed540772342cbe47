// Which accesses of a region's loops are likely to stay on one page for many rounds.
//
// Responsible for: a guess from the operations, for `RecentPages`. A wrong guess costs time only: where an access
// changes its page often, a test that fails is slower than a lookup that never has to be repeated. So what may go
// anywhere, as along a list, is not guessed to stay.

#if arch(x86_64)

struct LoopLocality {
    /// By depth of a block, from 1: registers that stay, or move by small steps, in all blocks of at least that depth.
    private var steady: [RegisterSet] = []

    /// The largest step, in bytes, of what is taken to walk through memory.
    private static let stride: Int64 = 256
    /// How far a table of which any element may be accessed can reach, in bytes. The shorter, the less likely is it on
    /// two pages.
    private static let reach: UInt64 = 0x800

    /// Looks at the loops of a region of EL0. In one of EL1 nothing is taken to stay: the kernel's loops are so short
    /// that most of what they remember is not needed again, and with them a boot took 2 % longer.
    init(_ region: Region) {
        guard region.mode.isEL0, let deepest = region.blocks.map(\.depth).max(), deepest > 0 else { return }
        var changed = [RegisterSet](repeating: .none, count: deepest + 1)
        for block in region.blocks where block.depth > 0 {
            changed[block.depth] |= Self.changes(in: block, of: region)
        }
        for depth in (1..<deepest).reversed() { changed[depth] |= changed[depth + 1] }
        steady = changed.dropFirst().map { RegisterSet.all.subtracting($0) }
    }

    /// Registers that a block of a loop changes in each round by more than a small step.
    private static func changes(in block: RegionBlock, of region: Region) -> RegisterSet {
        var changes = RegisterSet.none
        var changesOfLoop: RegisterSet?
        region.forEachOperation(of: block) { operation, use in
            if isCall(operation) || use.treatment == .helper {
                // A round that does so much is long, and others use the slots meanwhile.
                changes = .all
            } else if !isStep(operation) {
                changes |= use.writes
            }
            // What comes after the way back is not in the loop.
            if use.treatment.isDirectBranch, let target = Region.target(of: operation, from: block.offset),
                target <= block.offset, region.index(ofBlockAt: target) != nil
            {
                changesOfLoop = changes
            }
        }
        return changesOfLoop ?? changes
    }

    private static func isCall(_ operation: Operation) -> Bool {
        operation.code == .branchLink || operation.code == .branchLinkRegister
    }

    /// Whether an operation moves a register by a small step.
    private static func isStep(_ operation: Operation) -> Bool {
        guard operation.d == operation.n else { return false }
        switch operation.code {
        case .addImmediate64: return (-stride...stride).contains(Int64(bitPattern: operation.immediate))
        case .addImmediate32:
            return (-stride...stride).contains(Int64(Int32(truncatingIfNeeded: operation.immediate)))
        default: return false
        }
    }

    /// Whether the access at a position of a block is likely to find the page that it found the last time.
    func staysOnPage(at position: Int, in source: RegionBlock, indexed: IndexedAddress?) -> Bool {
        guard source.depth > 0, source.depth <= steady.count else { return false }
        let steady = steady[source.depth - 1]
        let operation = source.block.operations[position]
        let base = indexed?.base ?? operation.n
        guard steady.contains(base) else { return false }
        switch (indexed, operation.code) {
        case (let indexed?, _):
            return steady.contains(indexed.index)
                || Self.isBounded(indexed.index, shift: indexed.shift, before: position, of: source)
        case (nil, .loadIndexed8), (nil, .loadIndexed32), (nil, .loadIndexed64):
            return steady.contains(operation.m)
                || Self.isBounded(operation.m, shift: operation.a, before: position, of: source)
        default: return true
        }
    }

    /// Whether the operation that computed an index lets it reach only so far.
    private static func isBounded(_ index: UInt8, shift: UInt8, before position: Int, of source: RegionBlock) -> Bool {
        var position = position - 1
        while position >= 0 {
            let operation = source.block.operations[position]
            if operation.d == index {
                let largest: UInt64
                switch operation.code {
                case .andImmediate: largest = operation.immediate
                case .extractUnsigned: largest = UInt64.max >> UInt64(operation.sub & 63)
                case .load8, .loadIndexed8: largest = 0xFF
                default: return false
                }
                return largest < reach >> UInt64(shift & 63)
            }
            position -= 1
        }
        return false
    }
}

#endif
