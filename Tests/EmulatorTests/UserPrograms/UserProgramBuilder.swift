// Random programs of EL0 that qemu-aarch64 runs, too: what a Linux process can do without Linux.
//
// Responsible for: how control flows from block to block (branches of every kind, calls, loops with bounds), walks
// through memory, exclusives in loops, code that changes itself with the maintenance that the architecture asks for,
// system calls, and branches to addresses that no process should branch to. What else is in a block comes from
// `UserProgramPool`. A program ends: control only ever goes on to later blocks, or back as often as a counter says that
// nothing else writes. What is left out, and why, is said in `Exclusion.restrictions`.

import Arm64

struct UserProgramBuilder {
    private let pool: UserProgramPool
    private let slot: Int
    private let start: UInt64
    private var random: SeededGenerator

    private var words: [UInt32] = []
    private var control: Set<Int> = []
    private var blockStarts: [Int] = []
    private var functions: [Int] = []
    /// Words that others may change, and the bit that changes them into another instruction.
    private var slots: [(index: Int, bit: UInt32)] = []
    /// Words whose distance to a block, or to the end, is still to be filled in.
    private var fixups: [(index: Int, block: Int)] = []
    /// Words that put the address of a block into x16, and what is changed about it.
    private var addresses: [(index: Int, block: Int, or: UInt64)] = []
    /// Words that put the address of a changeable word into x16: where they are, and which of `slots` by chance.
    private var patches: [(index: Int, choice: Int, flips: Bool)] = []
    private var counters: [UInt64] = []

    private static let maximumBlocks = 5
    /// How often a loop goes round at most; seldom so often that every tier of ours is warm.
    private static let maximumCounts = (usual: 6, warm: 100)
    /// The longest item, with the flow behind it.
    private static let longest = 64

    /// The program of `seed`, for slot `slot` of a batch.
    static func makeProgram(seed: UInt64, slot: Int, from pool: UserProgramPool) -> UserProgram {
        var builder = UserProgramBuilder(pool: pool, slot: slot, random: SeededGenerator(seed: seed))
        return builder.build()
    }

    private init(pool: UserProgramPool, slot: Int, random: SeededGenerator) {
        self.pool = pool
        self.slot = slot
        self.random = random
        start = UserProgramRecord.start(ofSlot: slot)
        words.reserveCapacity(UserProgramRecord.maximumWords)
    }

    private mutating func build() -> UserProgram {
        // B to the first block, with the functions in between; an end, should somebody run on into them.
        appendControl([A64.b(0).word], to: 0)
        addFunctions()
        leaveGap()
        let count = 1 + random.below(Self.maximumBlocks)
        while blockStarts.count < count, hasRoom { addBlock(isLast: blockStarts.count == count - 1) }
        for fixup in fixups {
            let target = fixup.block < blockStarts.count ? blockStarts[fixup.block] : words.count
            words[fixup.index] = BranchForm.aimed(words[fixup.index], wordsAhead: target - fixup.index)
        }
        for one in addresses {
            let target = one.block < blockStarts.count ? blockStarts[one.block] : words.count
            put(address(of: target) | one.or, at: one.index)
        }
        for patch in patches { fillIn(patch) }
        var state = pool.states[random.below(pool.states.count)]
        state.withUnsafeMutableBytes {
            $0.storeBytes(of: start, toByteOffset: OracleRecord.pc, as: UInt64.self)
            $0.storeBytes(of: random.next() & 0xF000_0000, toByteOffset: OracleRecord.nzcv, as: UInt64.self)
            for _ in 0..<4 {
                $0.storeBytes(
                    of: RandomValues.general(&random), toByteOffset: OracleRecord.x + 8 * random.below(31),
                    as: UInt64.self)
            }
        }
        return UserProgram(
            slot: slot, state: state, data: pool.data[random.below(pool.data.count)], counters: counters, words: words,
            control: control)
    }

    private var cursor: Int { words.count }
    private var hasRoom: Bool { words.count + Self.longest < UserProgramRecord.maximumWords }
    private func address(of index: Int) -> UInt64 { start + UInt64(index * 4) }

    // MARK: Words

    private mutating func append(_ added: A64...) { words += added.map(\.word) }

    /// Appends words without which the program might not end.
    private mutating func appendControl(_ added: [UInt32]) {
        control.formUnion(cursor..<cursor + added.count)
        words += added
    }

    private mutating func appendControl(_ added: A64...) { appendControl(added.map(\.word)) }

    /// The last of the words gets the distance to `block`.
    private mutating func appendControl(_ added: [UInt32], to block: Int) {
        appendControl(added)
        fixups.append((cursor - 1, block))
    }

    /// MOVZ and MOVK of an address of 32 bits.
    private static func set(_ register: Register, to address: UInt64) -> [UInt32] {
        [
            A64.movz(register, Int(address & 0xFFFF)).word,
            A64.movk(register, Int(address >> 16 & 0xFFFF), lsl: 16).word,
        ]
    }

    /// Puts `value` into x16 with the four words from `index` on.
    private mutating func put(_ value: UInt64, at index: Int) {
        for part in 0..<4 {
            let half = Int(value >> UInt64(16 * part) & 0xFFFF)
            words[index + part] = (part == 0 ? A64.movz(.x16, half) : .movk(.x16, half, lsl: 16 * part)).word
        }
    }

    private mutating func laterBlock() -> Int { blockStarts.count + random.below(3) }
    private mutating func flagWord() -> UInt32 { FlagWords.draw(&random) }

    // MARK: Blocks

    /// Has the blocks lie across the end of a page, where there is one in the slot.
    private mutating func leaveGap() {
        let page = OracleLayout.pageByteCount
        let end = Int((page - address(of: 0) % page) / 4)
        guard end > cursor, end + Self.longest < UserProgramRecord.maximumWords, random.oneIn(2) else { return }
        let first = max(cursor, end - random.below(60))
        words += [UInt32](repeating: OracleRecord.end, count: first - cursor)
    }

    private mutating func addBlock(isLast: Bool) {
        blockStarts.append(cursor)
        if random.oneIn(3) { addSlot() }
        for _ in 0..<1 + random.below(3) where hasRoom { addItem() }
        if hasRoom, !isLast || random.oneIn(2) { addFlow() }
    }

    private mutating func addItem() {
        switch random.below(32) {
        case 0..<20: add(pool.clean[random.below(pool.clean.count)])
        case 20: add(pool.faulting[random.below(pool.faulting.count)])
        case 21..<23: addLoopOfFlags()
        case 23: addWalk()
        case 24: addRetry()
        default: words += [flagWord(), flagWord()]
        }
    }

    /// Adds a drawn run, with loads of literals aimed at the data again.
    private mutating func add(_ item: [UInt32]) {
        for word in item {
            guard MemoryOperand(word)?.offset == .literal else {
                words.append(word)
                continue
            }
            let target = OracleLayout.data + UInt64(random.below(OracleRecord.dataByteCount - 16)) & ~3
            words.append(BranchForm.aimed(word, wordsAhead: Int(target - address(of: cursor)) / 4))
        }
    }

    /// What comes between this block and the next.
    private mutating func addFlow() {
        switch random.below(24) {
        case 0..<2: break
        case 2..<4: appendControl([conditionalBranch()], to: laterBlock())
        case 4..<8: addLoop()
        case 8: appendControl([A64.b(0).word], to: laterBlock())
        case 9..<11:
            appendControl([A64.adr(.x16, 0).word], to: laterBlock())
            appendControl(random.oneIn(2) ? .br(.x16) : A64(0xD65F_0200))
        case 11:
            // Two targets, so that a branch is not always to where it went last.
            appendControl([A64.adr(.x16, 0).word], to: laterBlock())
            appendControl([A64.adr(.x17, 0).word], to: laterBlock())
            let csel: UInt32 = 0x9A91_0210
            appendControl([csel | FlagWords.condition(&random) << 12])
            appendControl(.br(.x16))
        case 12..<16: addCall()
        case 16..<20: addPatch()
        case 20: addPool()
        case 21..<23: addSystemCall()
        default: addOddBranch()
        }
    }

    /// B.cond, CBZ, CBNZ, TBZ or TBNZ of a random register.
    private mutating func conditionalBranch() -> UInt32 {
        let register = UInt32(random.below(31))
        switch random.below(4) {
        case 0: return 0x5400_0000 | FlagWords.condition(&random)
        case 1: return 0x3400_0000 | UInt32(random.below(4)) << 24 & 0x0100_0000 | register | random.bit(31)
        case 2: return 0x5400_0000 | FlagWords.condition(&random)
        default: return 0x3600_0000 | random.bit(24) | random.bit(31) | UInt32(random.below(32)) << 19 | register
        }
    }

    // MARK: Loops

    /// Goes back to this block or one of the two before it until a counter is zero, or flags or a register say so.
    private mutating func addLoop() {
        guard counters.count < UserProgramRecord.countersByteCount / 8 else { return }
        appendControl(Self.set(.x17, to: ProgramLayout.counters + UInt64(counters.count * 8)))
        counters.append(UInt64(random.below(random.oneIn(16) ? Self.maximumCounts.warm : Self.maximumCounts.usual)))
        appendControl(.ldr(.x16, .x17), .cbz(.x16, 4), .sub(.x16, .x16, 1), .str(.x16, .x17))
        let target = max(0, blockStarts.count - 1 - random.below(3))
        appendControl([random.oneIn(3) ? conditionalBranch() : A64.b(0).word], to: target)
    }

    /// Ends a loop that x18 counts, whose body has `count` words.
    private mutating func closeLoop(over count: Int) { appendControl(.sub(.x18, .x18, 1), .cbnz(.x18, -(count + 1))) }

    private mutating func addLoopOfFlags() {
        appendControl(.movz(.x18, random.oneIn(8) ? 40 + random.below(60) : 1 + random.below(5)))
        let count = 1 + random.below(4)
        for _ in 0..<count { words.append(flagWord()) }
        closeLoop(over: count)
    }

    /// Loads and stores that walk through the data, past its end where all of an access lies on one page.
    private mutating func addWalk() {
        let posts: [UInt32] = [
            0xF840_0400, 0xF800_0400, 0x3840_0400, 0x3800_0400, 0x7840_0400, 0x7800_0400,  // LDR, STR of X, B, H
            0xB840_0400, 0xB800_0400, 0xB880_0400, 0x3CC0_0400, 0x3C80_0400, 0xFC40_0400, 0xFC00_0400,  // W, SW, Q, D
        ]
        let isAligned = random.oneIn(2)
        let offset = isAligned ? random.below(OracleRecord.dataByteCount / 16) * 16 : 0x780 + random.below(0xD00)
        words += Self.set(.x16, to: OracleLayout.data + UInt64(offset))
        appendControl(.movz(.x18, 2 + random.below(random.oneIn(4) ? 38 : 6)))
        let count = 1 + random.below(3)
        for _ in 0..<count {
            let step = isAligned ? random.below(4) * 16 - 16 : random.below(40) - 16
            let fields = UInt32(truncatingIfNeeded: step & 0x1FF) << 12 | 16 << 5 | UInt32(random.below(15))
            words.append(posts[random.below(posts.count)] | fields)
        }
        closeLoop(over: count)
    }

    /// A load exclusive and a store exclusive, until that succeeds.
    private mutating func addRetry() {
        let size = UInt32(random.below(4))
        let address = OracleLayout.data + UInt64(random.below(OracleRecord.dataByteCount / 8) * 8)
        words += Self.set(.x16, to: address)
        let ordered: UInt32 = random.bit(15)
        // LDXR x17; ADD x17, x17, x3; STXR w18, x17
        appendControl([
            0x085F_7C00 | ordered | size << 30 | 16 << 5 | 17, A64.add(.x17, .x17, .x3).word,
            0x0800_7C00 | ordered | size << 30 | 18 << 16 | 16 << 5 | 17, A64.cbnz(.x18, -3).word & ~(1 << 31),
        ])
    }

    // MARK: Functions

    /// One ends as usual, one returns behind the instruction after the call, one calls another.
    private mutating func addFunctions() {
        for kind in 0..<3 {
            functions.append(cursor)
            for _ in 0..<1 + random.below(4) { words.append(flagWord()) }
            switch kind {
            case 0: appendControl(.ret)
            case 1: appendControl(.add(.x30, .x30, 4), .ret)
            default:
                appendControl(.mov(.x15, .x30), .bl(functions[0] - cursor - 1), .mov(.x30, .x15), .ret)
            }
        }
    }

    private mutating func addCall() {
        let function = functions[random.below(functions.count)]
        if random.oneIn(2) {
            appendControl(.bl(function - cursor))
        } else {
            appendControl(.adr(.x16, function - cursor), .blr(.x16))
        }
        words += [flagWord(), flagWord()]
    }

    // MARK: Code that changes

    /// An instruction that one bit turns into another: ADD and SUB, AND and EOR, CBZ and CBNZ, and so on.
    private mutating func addSlot() {
        let (register, other) = (UInt32(random.below(15)), UInt32(random.below(15)))
        let arithmetic: [UInt32] = [0x8B00_0000, 0x2B00_0000, 0x8A00_0000, 0x2A00_0000, 0x9280_0000, 0x9A80_0000]
        if random.oneIn(3) {
            slots.append((cursor, 24))
            appendControl([A64.cbz(.x0, 2).word | register, flagWord()])
        } else {
            slots.append((cursor, 30))
            appendControl([arithmetic[random.below(arithmetic.count)] | register | other << 5 | other << 16])
        }
    }

    /// Changes an instruction of any block, or puts another in its place, and makes that visible: DDI 0487, B2.7.4.
    private mutating func addPatch() {
        let flips = random.oneIn(2)
        patches.append((cursor, random.below(1 << 16), flips))
        appendControl(Self.set(.x16, to: 0))
        if flips {
            let eor: UInt32 = 0x5200_0231
            appendControl([A64.ldrw(.x17, .x16).word, eor])
        } else {
            appendControl(Self.set(.x17, to: UInt64(random.oneIn(8) ? A64.udf(7).word : flagWord())))
        }
        appendControl(
            .strw(.x17, .x16), .sys(.dcCVAU, .x16), .dsbISH, .sys(.icIVAU, .x16), .dsbISH, .isb)
    }

    /// Fills in which word a patch changes: it may be of a block that was not there yet.
    private mutating func fillIn(_ patch: (index: Int, choice: Int, flips: Bool)) {
        // Nothing to change: a word behind all code.
        let slot =
            slots.isEmpty ? (index: UserProgramRecord.maximumWords - 1, bit: 0) : slots[patch.choice % slots.count]
        for (offset, word) in Self.set(.x16, to: address(of: slot.index)).enumerated() {
            words[patch.index + offset] = word
        }
        // EOR (immediate) with one bit: immr rotates a 1 to the right.
        if patch.flips { words[patch.index + 3] |= (32 - slot.bit) % 32 << 16 }
    }

    /// Data among the code, written and read again without making anything visible.
    private mutating func addPool() {
        appendControl(.adr(.x16, 4))
        appendControl([A64.str(.x0, .x16).word | UInt32(random.below(15))])
        appendControl(.ldrLiteral(.x17, 2), .b(3))
        appendControl([OracleRecord.end, OracleRecord.end])
    }

    // MARK: What Linux answers

    /// A system call that does not exist.
    private mutating func addSystemCall() {
        let noSuchCall = 0x7FF
        appendControl(.movz(.x8, noSuchCall), .svc(random.below(1 << 16)))
    }

    /// Where nothing is: aligned, see `Exclusion.restrictions`.
    private static let nowhere = WallTests.odd.filter { $0 & 3 == 0 }

    /// To a block at an address that is misaligned or has a tag, or to where there is nothing.
    private mutating func addOddBranch() {
        let index = cursor
        appendControl([0, 0, 0, 0])
        switch random.below(4) {
        case 0: addresses.append((index, random.below(Self.maximumBlocks), UInt64(1 + random.below(3))))
        case 1: addresses.append((index, laterBlock(), random.next() & 0xFF << 56))
        default: put(Self.nowhere[random.below(Self.nowhere.count)], at: index)
        }
        appendControl([A64.br(.x16), .blr(.x16), A64(0xD65F_0200)][random.below(3)].word)
    }

    private mutating func appendControl(_ word: UInt32) { appendControl([word]) }
}

extension SeededGenerator {
    /// A word in which bit `number` is random, and no other set.
    fileprivate mutating func bit(_ number: UInt32) -> UInt32 { UInt32(below(2)) << number }
}
