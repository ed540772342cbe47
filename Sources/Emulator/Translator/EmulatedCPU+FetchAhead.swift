// Having the host fetch what a CPU that wakes is about to execute.
//
// A guest that is idle wakes a few times a second, and executes much the same each time: a thousand blocks in some hundred
// pages. Where other guests ran meanwhile they are in none of the host's caches, and a host's CPU fetches code line by
// line, as it comes to it, and waits at each. Here all of it is asked for at once. It is a guess: nothing but time depends
// on it.
//
// Responsible for: which lines. What was executed is what the jump cache was filled with since it was last emptied, which
// a guest that wakes from power-down does near the beginning.

#if arch(x86_64)

/// Of the host's caches.
enum HostCache {
    /// Bytes of a line, on every x86-64 host so far.
    static let lineByteCount: Int32 = 64
}

extension EmulatedCPU {
    /// How many lines of code are fetched from where a block begins: the blocks of a page that lead to each other lie
    /// one behind the other. Twice as many saved no more, measured with 50 guests.
    private static let lines = 5

    /// Fetches the blocks that the current address space came to lately. Before they are forgotten.
    func fetchAhead() {
        guard let translator else { return }
        let cache = context.jumpCache
        guard let filled = JumpCache.Filled.numbers(in: cache) else { return }
        // Safe: what is listed is the number of an entry. What it leads to may be no block any more, but blocks' memory
        // stays mapped, and is only read; its host code is never entered from here.
        func block(_ number: UInt32) -> Block? {
            let address = cache.load(
                fromByteOffset: Int(number) * JumpCache.entryByteCount + 8, as: UInt64.self)
            return UnsafeMutableRawPointer(bitPattern: UInt(address)).map(Block.init(base:))
        }
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: filled.count) { addresses in
            func prefetch(lines: Int, _ address: (UInt32) -> UInt64) {
                for (index, number) in filled.enumerated() { addresses[index] = address(number) }
                translator._withUnsafeGuaranteedRef { $0.prefetch(UnsafeBufferPointer(addresses), lines: lines) }
            }
            prefetch(lines: 1) { UInt64(UInt(bitPattern: block($0)?.base)) }
            prefetch(lines: Self.lines) { block($0)?.hostCode ?? 0 }
            prefetch(lines: 1) { number in
                guard let block = block(number) else { return 0 }
                return UInt64(UInt(bitPattern: knownBlocks.entry(block.physicalAddress)))
            }
        }
    }
}

#endif
