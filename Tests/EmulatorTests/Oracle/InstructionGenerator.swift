// Draws instruction words from the decoder's own table.

import Arm64

/// Makes random words of random rows.
struct InstructionGenerator: Sendable {
    let table: [Encoding]
    /// Indexes into `table` of the rows that may run, by group.
    let groups: [[Int]]
    /// All of `groups`.
    let rows: [Int]
    /// By row: whether no word of it executes without a fault.
    private let onlyFaults: [Bool]
    private let fields: [[EncodingField]]
    private let decoder: Decoder
    private let isUndefined: @Sendable (UInt32) -> Bool

    /// - Parameter isUndefined: whether ours takes `word`, which is of the table, for unallocated. Such a word is only
    ///   ever the last of its sequence: it is there to be compared, not to cut most sequences short.
    init(table: [Encoding] = CPUModel.oracle.rows, isUndefined: @escaping @Sendable (UInt32) -> Bool = { _ in false }) {
        self.table = table
        self.isUndefined = isUndefined
        decoder = Decoder(table: table)
        let runnable = table.indices.filter { index in
            !Exclusion.all.contains { $0.effect == .notRun && $0.covers(table[index]) }
        }
        rows = runnable
        groups = EncodingGroup.allCases
            .map { group in runnable.filter { table[$0].group == group } }
            .filter { !$0.isEmpty }
        onlyFaults = table.map { Exclusion.exclusion(of: $0) != nil }
        fields = table.map(\.fields)
    }

    /// What a sequence draws from.
    struct Theme {
        /// One group, or nil for all.
        var group: Int?
        /// The registers that most fields name, so that instructions feed each other.
        var registers: [UInt32]
    }

    func theme(_ random: inout SeededGenerator) -> Theme {
        Theme(
            group: random.oneIn(2) ? random.below(groups.count) : nil,
            registers: (0..<6).map { _ in UInt32(random.below(31)) })
    }

    /// A random row that may run; seldom one that can only end the sequence.
    func row(_ theme: Theme, _ random: inout SeededGenerator) -> Int {
        var row = anyRow(theme, &random)
        while onlyFaults[row] && !random.oneIn(16) { row = anyRow(theme, &random) }
        return row
    }

    private func anyRow(_ theme: Theme, _ random: inout SeededGenerator) -> Int {
        if let group = theme.group { return groups[group][random.below(groups[group].count)] }
        if random.oneIn(2) { return rows[random.below(rows.count)] }
        let group = groups[random.below(groups.count)]
        return group[random.below(group.count)]
    }

    /// A word of row `index` that may run, and whether ours takes it for undefined; nil if none turned up.
    func word(of index: Int, _ theme: Theme, _ random: inout SeededGenerator) -> (word: UInt32, isUndefined: Bool)? {
        let row = table[index]
        for _ in 0..<64 {
            let word = randomWord(of: index, theme, &random)
            guard decoder.decode(word) == row.instruction, Exclusion.reasonNotToRun(word) == nil else { continue }
            let undefined = isUndefined(word)
            if undefined && !random.oneIn(24) { continue }
            return (word, undefined)
        }
        return nil
    }

    /// Whether `word` is of row `index`, may run, and is defined at EL0 as far as ours is concerned.
    func mayRunCleanly(_ word: UInt32, asRow index: Int) -> Bool {
        decoder.decode(word) == table[index].instruction && Exclusion.reasonNotToRun(word) == nil && !isUndefined(word)
    }

    private func randomWord(of index: Int, _ theme: Theme, _ random: inout SeededGenerator) -> UInt32 {
        var word = table[index].value
        for field in fields[index] {
            let value: UInt32
            if field.isRegister {
                value =
                    random.oneIn(4) ? UInt32(random.below(32)) : theme.registers[random.below(theme.registers.count)]
            } else {
                switch random.below(16) {
                case 0: value = 0
                case 1: value = field.maximum
                case 2: value = 1
                default: value = UInt32(truncatingIfNeeded: random.next())
                }
            }
            word |= (value & field.maximum) << field.low
        }
        let choices = SystemOperands.choices(for: word)
        if !choices.isEmpty && !random.oneIn(32) {
            word = choices[random.below(choices.count)] | word & 31
        }
        return word
    }
}

/// The system instructions and registers that EL0 may use: chance would hardly ever draw one of them.
enum SystemOperands {
    static let msrFPCR: UInt32 = 0xD51B_4400
    static let msrFPSR: UInt32 = 0xD51B_4420
    /// MSR and MRS differ in bit 21.
    private static let read: UInt32 = 1 << 21
    private static let registers: [UInt32] = [
        0xD51B_4200,  // NZCV
        msrFPCR,
        msrFPSR,
        0xD51B_D040,  // TPIDR_EL0
    ]
    private static let operations: [UInt32] = [
        0xD50B_7420,  // DC ZVA
        0xD50B_7A20,  // DC CVAC
        0xD50B_7B20,  // DC CVAU
        0xD50B_7C20,  // DC CVAP
        0xD50B_7E20,  // DC CIVAC
        0xD50B_7520,  // IC IVAU
    ]

    /// Words to prefer to `word`, without Rt.
    static func choices(for word: UInt32) -> [UInt32] {
        switch word >> 20 {
        case 0xD51: registers
        case 0xD53: registers.map { $0 | read }
        case 0xD50 where word & 0xFFF8_0000 == 0xD508_0000: operations
        default: []
        }
    }
}
