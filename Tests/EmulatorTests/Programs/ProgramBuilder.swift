// Random programs of many blocks, for comparing one engine with the other.
//
// Responsible for: how control flows from block to block, and code that changes. What is in a block is drawn by
// `SequenceBuilder` from the decoder's table, with accesses that fault now and then, also in part. A program need not
// make sense to anyone; it has to end, so each way back counts down in memory where nothing else writes. Flags live on
// from block to block.

import Arm64

struct ProgramBuilder {
    private let generator: InstructionGenerator
    private let theme: InstructionGenerator.Theme
    private var random: SeededGenerator
    private let runsAtEL1: Bool

    private var words = [UInt32](repeating: OracleRecord.end, count: ProgramLayout.wordCount)
    /// Where the next word goes, as an index into `words`.
    private var cursor = 0
    private var blockStarts: [Int] = []
    private var functions: [Int] = []
    /// Words that other blocks may change, and the bit that changes them into another instruction.
    private var slots: [(index: Int, bit: UInt32)] = []
    /// Words whose distance to a block, or to the end, is still to be filled in.
    private var fixups: [(index: Int, block: Int)] = []
    /// Words that put the address of a changeable word into x16: where they are, and which of `slots` by chance.
    private var patches: [(index: Int, choice: Int, throughAlias: Bool)] = []
    private var counters: [UInt64] = []

    private static let maximumBlocks = 12
    /// No block starts behind this word: the longest has two hundred.
    private static let lastStart = ProgramLayout.wordCount - 256
    private static let wordsOfPage = Int(OracleLayout.pageByteCount / 4)
    /// How often a loop goes round at most; one in eight does so until its blocks are warm for any tier.
    private static let maximumCounts = (usual: 24, warm: 1500)

    /// The program of `seed`.
    static func makeProgram(seed: UInt64, from generators: Generators) -> Program {
        var random = SeededGenerator(seed: seed)
        let runsAtEL1 = random.oneIn(3)
        let generator = runsAtEL1 ? generators.el1 : generators.el0
        let theme = generator.theme(&random)
        var builder = ProgramBuilder(generator: generator, theme: theme, random: random, runsAtEL1: runsAtEL1)
        return builder.build()
    }

    /// Where instructions are drawn from.
    struct Generators: Sendable {
        let el0 = InstructionGenerator(isUndefined: OracleSettings.isUndefined)
        /// EL1 could do things to the machine from which the supervisor does not recover.
        let el1: InstructionGenerator

        init() {
            let eret: UInt32 = 0xD69F_03E0
            let table = CPUModel.oracle.rows.filter {
                $0.group != .system && $0.group != .exceptionGeneration && !$0.matches(eret)
            }
            el1 = InstructionGenerator(table: table, isUndefined: OracleSettings.isUndefined)
        }
    }

    private init(
        generator: InstructionGenerator, theme: InstructionGenerator.Theme, random: SeededGenerator, runsAtEL1: Bool
    ) {
        self.generator = generator
        self.theme = theme
        self.random = random
        self.runsAtEL1 = runsAtEL1
    }

    private var base: UInt64 { runsAtEL1 ? ProgramLayout.kernelCode : ProgramLayout.userCode }

    private mutating func build() -> Program {
        addFunctions()
        let count = 2 + random.below(Self.maximumBlocks - 1)
        while blockStarts.count < count && cursor < Self.lastStart {
            leaveGap()
            addBlock(isLast: blockStarts.count == count - 1)
        }
        let end = cursor
        for fixup in fixups {
            let target = fixup.block < blockStarts.count ? blockStarts[fixup.block] : end
            words[fixup.index] = BranchForm.aimed(words[fixup.index], wordsAhead: target - fixup.index)
        }
        for patch in patches { fillIn(patch) }
        let initial = SequenceBuilder.makeInitialState(start: base + UInt64(blockStarts[0] * 4), &random)
        return Program(
            runsAtEL1: runsAtEL1, initial: initial, data: RandomValues.data(&random), counters: counters, words: words,
            blockCount: blockStarts.count)
    }

    // MARK: Words

    private mutating func append(_ added: [UInt32]) {
        for word in added where cursor < words.count {
            words[cursor] = word
            cursor += 1
        }
    }

    private mutating func append(_ added: A64...) { append(added.map(\.word)) }

    /// MOVZ and MOVK of an address of 32 bits.
    private static func set(_ register: Register, to address: UInt64) -> [UInt32] {
        let low = A64.movz(register, Int(address & 0xFFFF))
        return [low.word, A64.movk(register, Int(address >> 16 & 0xFFFF), lsl: 16).word]
    }

    /// The block being made, or up to three further on.
    private mutating func laterBlock() -> Int { blockStarts.count + random.below(3) }

    /// Adds `word`, a branch or ADR, with the distance to `block`.
    private mutating func append(_ word: UInt32, to block: Int) {
        fixups.append((cursor, block))
        append([word])
    }

    private mutating func condition() -> UInt32 { FlagWords.condition(&random) }

    // MARK: Blocks

    /// Sometimes the next block starts shortly before the end of a page.
    private mutating func leaveGap() {
        guard random.oneIn(3) else { return }
        let pageEnd = (cursor / Self.wordsOfPage + 1) * Self.wordsOfPage
        let start = pageEnd - 1 - random.below(12)
        guard start > cursor, start < Self.lastStart else { return }
        append([BranchForm.aimed(A64.b(0).word, wordsAhead: start - cursor)])
        cursor = start
    }

    private mutating func addBlock(isLast: Bool) {
        blockStarts.append(cursor)
        if random.oneIn(2) { addSlot() }
        switch random.below(4) {
        case 0: append((0..<2 + random.below(12)).map { _ in flagWord() })
        default:
            append(
                SequenceBuilder.makeItems(
                    1 + random.below(8), at: base + UInt64(cursor * 4), from: generator, theme, &random))
        }
        if !isLast || random.oneIn(2) { addFlow() }
    }

    /// What comes between this block and the next.
    private mutating func addFlow() {
        switch random.below(12) {
        case 0: break
        case 1...2: append(conditionalBranch(), to: laterBlock())
        case 3...5: addLoop()
        case 6:
            append(A64.adr(.x16, 0).word, to: laterBlock())
            append(.br(.x16))
        case 7:
            // Two targets, so that a branch is not always to where it went last.
            append(A64.adr(.x16, 0).word, to: laterBlock())
            append(A64.adr(.x17, 0).word, to: laterBlock())
            let csel: UInt32 = 0x9A91_0210
            append([csel | condition() << 12])
            append(.br(.x16))
        case 8...9: addCall()
        case 10: addPatch()
        default: addPool()
        }
    }

    /// B.cond, CBZ, CBNZ, TBZ or TBNZ of a random register.
    private mutating func conditionalBranch() -> UInt32 {
        let register = UInt32(random.below(31))
        let bit = UInt32(random.below(64))
        switch random.below(5) {
        case 0...1: return 0x5400_0000 | condition()
        case 2: return 0x3400_0000 | UInt32(random.below(2)) << 31 | register
        case 3: return 0x3500_0000 | UInt32(random.below(2)) << 31 | register
        default: return 0x3600_0000 | UInt32(random.below(2)) << 24 | (bit >> 5) << 31 | (bit & 31) << 19 | register
        }
    }

    /// Goes back to this block or one of the two before it until a counter is zero, or flags or a register say so.
    private mutating func addLoop() {
        append(Self.set(.x17, to: ProgramLayout.counters + UInt64(counters.count * 8)))
        let maximum = random.oneIn(8) ? Self.maximumCounts.warm : Self.maximumCounts.usual
        counters.append(UInt64(random.below(maximum)))
        append(.ldr(.x16, .x17), .cbz(.x16, 4), .sub(.x16, .x16, 1), .str(.x16, .x17))
        let target = max(0, blockStarts.count - 1 - random.below(3))
        append(random.oneIn(3) ? conditionalBranch() : A64.b(0).word, to: target)
    }

    // MARK: Functions

    /// Functions of flag-setting instructions: one ends as usual, one returns behind the instruction after the call,
    /// one calls another.
    private mutating func addFunctions() {
        for kind in 0..<3 {
            functions.append(cursor)
            append((0..<2 + random.below(5)).map { _ in flagWord() })
            switch kind {
            case 0: append(.ret)
            case 1: append(.add(.x30, .x30, 4), .ret)
            default: append(.mov(.x15, .x30), .bl(functions[0] - cursor - 1), .mov(.x30, .x15), .ret)
            }
        }
    }

    private mutating func addCall() {
        let function = functions[random.below(functions.count)]
        if random.oneIn(2) {
            append(.bl(function - cursor))
        } else {
            append(.adr(.x16, function - cursor), .blr(.x16))
        }
        append([flagWord(), flagWord()])
    }

    private mutating func flagWord() -> UInt32 { FlagWords.draw(&random) }

    // MARK: Code that changes

    /// An instruction that one bit turns into another: ADD and SUB, AND and EOR, CBZ and CBNZ, and so on.
    private mutating func addSlot() {
        let (register, other) = (UInt32(random.below(15)), UInt32(random.below(15)))
        let arithmetic: [UInt32] = [0x8B00_0000, 0x2B00_0000, 0x8A00_0000, 0x2A00_0000, 0x9280_0000, 0x9A80_0000]
        if random.oneIn(3) {
            slots.append((cursor, 24))
            append([A64.cbz(.x0, 2).word | register, flagWord()])
        } else {
            slots.append((cursor, 30))
            append([arithmetic[random.below(arithmetic.count)] | register | other << 5 | other << 16])
        }
    }

    /// Changes an instruction of any block, through its own page or another, and makes that visible.
    private mutating func addPatch() {
        patches.append((cursor, random.below(1 << 16), random.oneIn(2)))
        let eor: UInt32 = 0x5200_0231
        append(Self.set(.x16, to: 0))
        append(.ldrw(.x17, .x16))
        append([eor])
        append(.strw(.x17, .x16), .dsbISH, .isb)
    }

    /// Fills in which word a patch changes: it may be of a block that was not there yet.
    private mutating func fillIn(_ patch: (index: Int, choice: Int, throughAlias: Bool)) {
        guard !slots.isEmpty else {
            // Nothing to change: reads and writes back the word that comes next.
            for (offset, word) in Self.set(.x16, to: ProgramLayout.counters + 0x800).enumerated() {
                words[patch.index + offset] = word
            }
            return
        }
        let slot = slots[patch.choice % slots.count]
        let pages = patch.throughAlias ? ProgramLayout.aliases[runsAtEL1 ? 1 : 0].alias : base
        for (offset, word) in Self.set(.x16, to: pages + UInt64(slot.index * 4)).enumerated() {
            words[patch.index + offset] = word
        }
        // EOR (immediate) with one bit: immr rotates a 1 to the right.
        words[patch.index + 3] |= (32 - slot.bit) << 16
    }

    /// Data among the code, written and read again without making anything visible.
    private mutating func addPool() {
        let register = UInt32(random.below(15))
        append(.adr(.x16, 4))
        append([A64.str(.x0, .x16).word | register])
        append(.ldrLiteral(.x17, 2), .b(3))
        append([OracleRecord.end, OracleRecord.end])
    }
}
