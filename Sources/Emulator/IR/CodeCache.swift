// All blocks of a machine, shared by its CPUs.
//
// Responsible for: finding a block by physical address without a lock, making room, dropping the blocks of a page that
// was written to, and starting over when the cache is full. Not responsible for making blocks (`BlockBuilder`) nor
// for telling CPUs (`EmulatedVM`).
//
// Blocks are keyed by guest physical address and mode, so that they outlive context switches and are shared between
// processes; nothing in them depends on the virtual address. Direct links exist only inside a page: dropping a page's
// blocks therefore needs no unlinking, only that CPUs come back to look blocks up again.
//
// Memory is taken from one of two halves in turn. When a half is full all blocks are forgotten and the other half is
// used; a half is used again only when every CPU has said that it let go of the blocks in it.

import Glibc
import Hypervisor
import Synchronization

/// What a block was lowered for: part of its key.
struct BlockMode: Equatable {
    /// Bit 0: EL1. Bit 1: SP is not a multiple of 16.
    let rawValue: UInt64

    static let count = 4
    static let all: [Self] = (0..<UInt64(count)).map(Self.init(rawValue:))

    /// From 0, below `count`: where what is kept for each mode is found.
    @inline(__always)
    var index: Int { Int(truncatingIfNeeded: rawValue) }

    @inline(__always)
    init(rawValue: UInt64) { self.rawValue = rawValue }

    @inline(__always)
    init(isEL0: Bool, stackIsMisaligned: Bool) {
        rawValue = (isEL0 ? 0 : 1) | (stackIsMisaligned ? 2 : 0)
    }

    var isEL0: Bool { rawValue & 1 == 0 }
    var stackIsMisaligned: Bool { rawValue & 2 != 0 }
}

/// The code cache of one machine.
final class CodeCache: @unchecked Sendable {
    private static let instructionsPerPage = 1024
    /// Offsets in a page's table are in this unit, so that 32 bits reach far.
    private static let unit = 16

    private let memory: GuestMemory
    /// The pages that code is, or may be, made from.
    let watch: PageWatch
    private let arenaMapping: HostMapping
    private let arena: UnsafeMutableRawPointer
    private let halfByteCount: Int
    private let pagesMapping: HostMapping
    /// For each mode and page of memory: the address of its table (1024 offsets into the arena), or 0.
    private let pages: UnsafeMutablePointer<UInt64>

    private struct State {
        var half = 0
        var used = 0
        var blocks = 0
        /// The slots of `pages` that have a table: no more than fit into a half.
        var tables: [Int] = []
    }
    private let state = Mutex(State())
    /// What the hostCode and patience of a new block are.
    struct NewBlock: Sendable {
        var hostCode: UInt64 = 0
        var patience = Int32.max
    }
    private let newBlock: NewBlock

    /// How often blocks were dropped.
    private let drops = Atomic<UInt64>(0)

    /// The least that a half takes: a page's table and the largest block fit many times.
    private static let minimumHalfByteCount = 128 << 10

    /// - Parameter byteCount: the most that blocks may take, in bytes; two halves of it are used in turn. If it is very
    ///   small, more is taken.
    init(memory: GuestMemory, byteCount: Int, newBlock: NewBlock = NewBlock()) throws(GuestMemoryError) {
        self.memory = memory
        self.newBlock = newBlock
        halfByteCount = max(byteCount / 2 & ~0xFFF, Self.minimumHalfByteCount)
        do {
            watch = try PageWatch(memory)
            pagesMapping = try HostMapping(byteCount: memory.pageCount * BlockMode.count * 8)
            arenaMapping = try HostMapping(byteCount: halfByteCount * 2)
        } catch { throw .cannotReserveCode(errno: error.errno) }
        pages = pagesMapping.base.assumingMemoryBound(to: UInt64.self)
        arena = arenaMapping.base
    }

    /// Where blocks are: their offsets from here fit 32 bits.
    var base: UnsafeMutableRawPointer { arena }

    /// The page's slot; aligned words are read and written whole by the host.
    private func slot(_ physical: UInt64, _ mode: BlockMode) -> UnsafeMutablePointer<UInt64>? {
        guard let page = memory.pageNumber(of: physical) else { return nil }
        return pages + (page * BlockMode.count + Int(mode.rawValue))
    }

    /// The block at a physical address, if there is one. Takes no lock.
    func find(_ physical: UInt64, mode: BlockMode) -> Block? {
        guard let slot = slot(physical, mode) else { return nil }
        guard let table = UnsafeMutablePointer<UInt32>(bitPattern: UInt(slot.pointee)) else { return nil }
        let offset = table[Int(physical >> 2) & (Self.instructionsPerPage - 1)]
        guard offset != 0 else { return nil }
        return Block(base: arena + Int(offset) * Self.unit)
    }

    /// Changes whenever blocks are dropped. Who makes a block notes it before marking the page and reading the
    /// instructions.
    ///
    /// It changes after the pages' marks were taken away: whoever finds the new number marks a page afterwards, and
    /// whoever marked one before has the old number, and makes its block again. The other way round a block could be
    /// put into a page whose mark was just taken away, and writes to it would never be noticed.
    var generation: UInt64 { drops.load(ordering: .sequentiallyConsistent) }

    /// What came of a block to be put in.
    enum Insertion {
        /// This block is there now: the new one, or that of a CPU that was quicker.
        case done(Block)
        /// Blocks were dropped since the instructions were read, which may be old: to be made again.
        case stale
        /// The cache must be flushed first.
        case full
    }

    /// Puts a block in that was made from instructions read since `generation`.
    func insert(
        _ physical: UInt64, mode: BlockMode, instructionCount: Int, operations: [Operation], since generation: UInt64
    ) -> Insertion {
        state.withLock { state -> Insertion in
            guard self.generation == generation else { return .stale }
            guard let slot = slot(physical, mode) else { return .full }
            if slot.pointee == 0 {
                guard let table = allocate(Self.instructionsPerPage * 4, &state) else { return .full }
                // Memory of a half that was used before is not zero.
                memset(table, 0, Self.instructionsPerPage * 4)
                atomicMemoryFence(ordering: .releasing)
                slot.pointee = UInt64(UInt(bitPattern: table))
                state.tables.append(slot - pages)
            }
            guard let table = UnsafeMutablePointer<UInt32>(bitPattern: UInt(slot.pointee)) else { return .full }
            let index = Int(physical >> 2) & (Self.instructionsPerPage - 1)
            if table[index] != 0 { return .done(Block(base: arena + Int(table[index]) * Self.unit)) }
            guard let base = allocate(Block.byteCount(ofOperations: operations.count), &state) else { return .full }
            let block = Block(base: base)
            block.initialize(
                physicalAddress: physical, instructionCount: instructionCount, operations: operations,
                hostCode: newBlock.hostCode, patience: newBlock.patience)
            // The block must be whole before another CPU can find it.
            atomicMemoryFence(ordering: .releasing)
            table[index] = UInt32((base - arena) / Self.unit)
            state.blocks += 1
            return .done(block)
        }
    }

    private func allocate(_ byteCount: Int, _ state: inout State) -> UnsafeMutableRawPointer? {
        let size = (byteCount + Self.unit - 1) / Self.unit * Self.unit
        guard state.used + size <= halfByteCount else { return nil }
        // Offset 0 means "no block", so the first unit of the arena stays unused.
        if state.used == 0 { state.used = Self.unit }
        let base = arena + state.half * halfByteCount + state.used
        state.used += size
        return base
    }

    /// Drops the blocks of the page at `physical`; true if there were any.
    func invalidatePage(_ physical: UInt64) -> Bool {
        state.withLock { _ in
            var found = false
            for mode in 0..<UInt64(BlockMode.count) {
                guard let slot = slot(physical & ~0xFFF, BlockMode(rawValue: mode)),
                    let table = UnsafeMutablePointer<UInt32>(bitPattern: UInt(slot.pointee))
                else { continue }
                for index in 0..<Self.instructionsPerPage where table[index] != 0 {
                    Block(base: arena + Int(table[index]) * Self.unit).invalidate(exit: newBlock.hostCode)
                    table[index] = 0
                    found = true
                }
            }
            watch[physical].bitwiseAnd(~WatchByte.hasBlocks)
            drops.wrappingAdd(1, ordering: .sequentiallyConsistent)
            return found
        }
    }

    /// Forgets all blocks and goes on in the other half. Every CPU must have let go of that half's blocks.
    func flush() {
        state.withLock { state in
            // Writes to the pages are not noticed from here on, so nobody may enter their blocks any more. Only pages
            // that had blocks are touched: the rest of these arrays takes no memory of the host's. A page that was to
            // get a block and did not stays watched, which its next write ends.
            for slot in state.tables {
                guard let table = UnsafeMutablePointer<UInt32>(bitPattern: UInt(pages[slot])) else { continue }
                for index in 0..<Self.instructionsPerPage where table[index] != 0 {
                    Block(base: arena + Int(table[index]) * Self.unit).invalidate(exit: newBlock.hostCode)
                }
                // Safe: nobody holds a page table's address longer than a lookup, and the half stays intact until the
                // next flush.
                pages[slot] = 0
            }
            for slot in state.tables {
                watch[memory.address(ofPage: slot / BlockMode.count)].bitwiseAnd(~WatchByte.hasBlocks)
            }
            state = State(half: state.half ^ 1)
            drops.wrappingAdd(1, ordering: .sequentiallyConsistent)
        }
    }

    /// Gives the other half's memory back to the host: no CPU has a block of it any more.
    func emptyOtherHalf() {
        state.withLock { state in
            let start = (state.half ^ 1) * halfByteCount
            arenaMapping.empty(start..<start + halfByteCount)
        }
    }

    /// Bytes in use by blocks and their page tables, for reports.
    var usedByteCount: Int { state.withLock { $0.used } }
    /// Blocks made since the last flush, for reports.
    var blockCount: Int { state.withLock { $0.blocks } }

    /// Forgets that the page may be written to unnoticed: every CPU has let go of its write permission. Unless blocks
    /// were dropped since `generation`: then some CPU may have got it again.
    func forgetWrites(to physical: UInt64, since generation: UInt64) {
        state.withLock { _ in
            if self.generation == generation { watch[physical].bitwiseAnd(~WatchByte.mayBeWritten) }
        }
    }
}
