// From drawn words to a sequence that is worth running.
//
// Responsible for: the initial state, the order of the drawn instructions, aiming branches at the sequence and nowhere
// else, and never making a loop. Loads and stores are in `SequenceBuilder+Memory`. Not responsible for which
// instructions are drawn (`InstructionGenerator`).

import Arm64

/// Builds one case.
struct SequenceBuilder {
    let generator: InstructionGenerator
    let theme: InstructionGenerator.Theme
    var random: SeededGenerator
    /// Where the first word lies.
    let start: UInt64
    /// Whether accesses may fault in part: what they have done by then is up to the implementation.
    private(set) var mayFaultInPart = false

    private(set) var words: [UInt32] = []
    private var drawn: [OracleCase.Drawn] = []
    /// Where each drawn item starts: the instruction with what was put before it.
    private var itemStarts: [Int] = []
    /// Branches whose distance to the start of a later item is still to be filled in.
    private var fixups: [(word: Int, item: Int)] = []
    /// A branch before them may jump over items up to this one.
    private var skippedBefore = 0

    /// The words that the longest item needs: a pair of exclusives with what is around it.
    private static let longestItem = 40
    private static let maximumItems = 16

    /// The case of `seed`, for slot `slot` of a batch.
    static func makeCase(seed: UInt64, slot: Int, from generator: InstructionGenerator) -> OracleCase {
        var random = SeededGenerator(seed: seed)
        let theme = generator.theme(&random)
        var builder = SequenceBuilder(
            generator: generator, theme: theme, random: random, start: OracleLayout.start(ofSlot: slot))
        return builder.build(seed: seed, slot: slot)
    }

    /// At most `count` instructions with what they need, as they lie at `start` in a program that goes on behind them.
    static func makeItems(
        _ count: Int, at start: UInt64, from generator: InstructionGenerator, _ theme: InstructionGenerator.Theme,
        mayFaultInPart: Bool = true, _ random: inout SeededGenerator
    ) -> [UInt32] {
        var builder = SequenceBuilder(generator: generator, theme: theme, random: random, start: start)
        builder.mayFaultInPart = mayFaultInPart
        builder.addItems(count)
        random = builder.random
        return builder.words
    }

    private init(
        generator: InstructionGenerator, theme: InstructionGenerator.Theme, random: SeededGenerator, start: UInt64
    ) {
        self.generator = generator
        self.theme = theme
        self.random = random
        self.start = start
    }

    private mutating func build(seed: UInt64, slot: Int) -> OracleCase {
        let initial = Self.makeInitialState(start: start, &random)
        let data = RandomValues.data(&random)
        addItems(1 + random.below(Self.maximumItems))
        return OracleCase(seed: seed, slot: slot, initial: initial, data: data, words: words, drawn: drawn)
    }

    private mutating func addItems(_ count: Int) {
        while itemStarts.count < count, words.count + Self.longestItem <= OracleRecord.maximumWords {
            let row = generator.row(theme, &random)
            guard let (word, isUndefined) = generator.word(of: row, theme, &random) else { continue }
            itemStarts.append(words.count)
            guard !isUndefined else {
                draw(word, row: row)
                break
            }
            add(word, row: row)
        }
        for fixup in fixups {
            let target = fixup.item < itemStarts.count ? itemStarts[fixup.item] : words.count
            words[fixup.word] = BranchForm.aimed(words[fixup.word], wordsAhead: target - fixup.word)
        }
    }

    /// A random state that begins at `start`.
    static func makeInitialState(start: UInt64, _ random: inout SeededGenerator) -> OracleState {
        var initial = OracleState()
        for index in initial.x.indices { initial.x[index] = RandomValues.general(&random) }
        for index in initial.v.indices { initial.v[index] = RandomValues.vector(&random) }
        initial.sp = OracleLayout.data + UInt64(random.below(OracleRecord.dataByteCount / 16)) * 16
        initial.pc = start
        initial.nzcv = UInt32(truncatingIfNeeded: random.next()) & 0xF000_0000
        initial.fpcr = RandomValues.fpcr(&random)
        initial.fpsr = RandomValues.fpsr(&random)
        return initial
    }

    private mutating func add(_ word: UInt32, row: Int) {
        switch BranchForm(word) {
        case .immediate: addBranch(word, row: row)
        case .register: addBranchToRegister(word, row: row)
        case nil:
            if let operand = MemoryOperand(word) {
                addAccess(word, row: row, operand: operand)
            } else {
                restrictOperand(of: word)
                draw(word, row: row)
            }
        }
    }

    // MARK: What the other file needs

    /// Appends a word that was drawn.
    mutating func draw(_ word: UInt32, row: Int) {
        drawn.append(
            OracleCase.Drawn(index: words.count, row: row, mayBeSkipped: itemStarts.count - 1 < skippedBefore))
        words.append(word)
    }

    /// Appends a word that was not drawn.
    mutating func append(_ word: UInt32) {
        words.append(word)
    }

    /// Where the next word lies.
    var pc: UInt64 { start + UInt64(words.count * 4) }

    /// A random register that is none of `others`, nor 31.
    mutating func register(otherThan others: UInt8...) -> UInt8 {
        var register: UInt8
        repeat { register = UInt8(random.below(31)) } while others.contains(register)
        return register
    }

    /// Puts `value` into `register`, which is not 31.
    mutating func set(_ register: UInt8, to value: UInt64) {
        let halves = (0..<4).map { UInt32(truncatingIfNeeded: value >> (16 * UInt64($0))) & 0xFFFF }
        // MOVN where more of the halves are ones than zeros, else MOVZ; then MOVK for the halves that are neither.
        let inverted = halves.filter { $0 == 0xFFFF }.count > halves.filter { $0 == 0 }.count
        let filler: UInt32 = inverted ? 0xFFFF : 0
        let first = halves.firstIndex { $0 != filler } ?? 0
        let (movn, movz, movk): (UInt32, UInt32, UInt32) = (0x9280_0000, 0xD280_0000, 0xF280_0000)
        for (position, half) in halves.enumerated() where position >= first && (half != filler || position == first) {
            let immediate = position == first && inverted ? half ^ 0xFFFF : half
            let operation = position != first ? movk : inverted ? movn : movz
            append(operation | UInt32(position) << 21 | immediate << 5 | UInt32(register))
        }
    }

    // MARK: Branches

    /// The item after the one being built, or up to two further on.
    private mutating func laterItem() -> Int {
        let item = itemStarts.count + random.below(3)
        skippedBefore = max(skippedBefore, item)
        return item
    }

    /// B over `count` words.
    private static func b(over count: Int) -> UInt32 { BranchForm.aimed(0x1400_0000, wordsAhead: count + 1) }

    /// Adds a branch forwards, or one backwards in a form that runs once:
    ///
    ///         B 2f
    ///     1:  NOP
    ///         B 3f
    ///     2:  the branch, to 1b
    ///     3:
    private mutating func addBranch(_ word: UInt32, row: Int) {
        guard random.oneIn(3) else {
            fixups.append((words.count, laterItem()))
            return draw(word, row: row)
        }
        addDetour(leavingOut: 1)
        draw(BranchForm.aimed(word, wordsAhead: -2), row: row)
    }

    /// The first three words of a branch backwards, where `count` words follow.
    private mutating func addDetour(leavingOut count: Int) {
        let nop: UInt32 = 0xD503_201F
        append(Self.b(over: 2))
        append(nop)
        append(Self.b(over: count))
    }

    /// BR, BLR, RET: ADR before it says where to.
    private mutating func addBranchToRegister(_ word: UInt32, row: Int) {
        let adr: UInt32 = 0x1000_0000
        // Branching to XZR is a fault at address 0.
        guard word.rn != 31 else { return draw(word, row: row) }
        switch random.below(16) {
        case 0:
            // Pages that may not be executed, or are not there.
            set(
                word.rn, to: [OracleLayout.data, OracleLayout.readOnly, OracleLayout.data - 0x1000, 8][random.below(4)])
        case 1:
            append(BranchForm.aimed(adr | UInt32(word.rn), wordsAhead: 2) | UInt32(1 + random.below(3)) << 29)
        case 2...5:
            addDetour(leavingOut: 2)
            append(BranchForm.aimed(adr | UInt32(word.rn), wordsAhead: -2))
        default:
            fixups.append((words.count, laterItem()))
            append(adr | UInt32(word.rn))
        }
        draw(word, row: row)
    }

    // MARK: System registers

    /// MSR FPCR and FPSR are only given bits that both sides implement.
    private mutating func restrictOperand(of word: UInt32) {
        guard word.rd != 31 else { return }
        switch word & ~31 {
        case SystemOperands.msrFPCR: set(word.rd, to: UInt64(RandomValues.fpcr(&random)))
        case SystemOperands.msrFPSR: set(word.rd, to: UInt64(RandomValues.fpsr(&random)))
        default: break
        }
    }
}

/// How a branch says where to: DDI 0487, C4.1.94.
enum BranchForm {
    case immediate
    case register

    init?(_ word: UInt32) {
        if Self.distanceField(of: word) != nil {
            self = .immediate
        } else if word & 0xFF9F_FC1F == 0xD61F_0000 {
            self = .register
        } else {
            return nil
        }
    }

    /// Where the distance in words is in a branch.
    private static func distanceField(of word: UInt32) -> (low: UInt32, width: UInt32)? {
        if word & 0x7C00_0000 == 0x1400_0000 { return (0, 26) }  // B, BL
        if word & 0xFF00_0010 == 0x5400_0000 { return (5, 19) }  // B.cond
        if word & 0x7E00_0000 == 0x3400_0000 { return (5, 19) }  // CBZ, CBNZ
        if word & 0x7E00_0000 == 0x3600_0000 { return (5, 14) }  // TBZ, TBNZ
        return nil
    }

    /// `word`, a branch with an immediate, ADR or a literal load, with the distance to `wordsAhead` words after itself.
    static func aimed(_ word: UInt32, wordsAhead: Int) -> UInt32 {
        // ADR counts bytes, with the lowest two bits apart; the words are the rest of it.
        let (low, width) = distanceField(of: word) ?? (5, 19)
        let mask: UInt32 = ((1 << width) - 1) << low
        return word & ~mask | UInt32(truncatingIfNeeded: wordsAhead) << low & mask
    }
}
