// What a series of cases covered of the instruction table.

import Arm64

/// Which rows of the table were executed, and how often.
struct OracleCoverage {
    private let generator: InstructionGenerator
    private var table: [Encoding] { generator.table }
    /// Executions without a fault, by row.
    private var clean: [Int]
    /// Cases that ended in a fault of the row, by row; both sides agreed on it.
    private var faulted: [Int]
    private let variants: [EncodingVariants]
    /// Variants executed without a fault, by row.
    private var cleanVariants: [Set<UInt32>]
    /// Cases, by how they ended.
    private var endings: [String: Int] = [:]

    /// Drawn instructions that were executed without a fault.
    private(set) var instructionCount = 0

    init(of generator: InstructionGenerator) {
        self.generator = generator
        clean = [Int](repeating: 0, count: generator.table.count)
        faulted = clean
        variants = generator.table.map(EncodingVariants.init)
        cleanVariants = [Set<UInt32>](repeating: [], count: generator.table.count)
    }

    /// Counts a case of which both sides said that it ended as `outcome`.
    mutating func add(_ one: OracleCase, _ outcome: OracleOutcome) {
        let pc = outcome.state.pc
        let end = one.index(of: pc)
        endings[end == one.words.count ? "its end" : outcome.cause.kind, default: 0] += 1
        for drawn in one.executed(endingAt: pc) {
            clean[drawn.row] += 1
            cleanVariants[drawn.row].insert(variants[drawn.row].variant(of: one.words[drawn.index]))
            instructionCount += 1
        }
        if let last = one.drawn.first(where: { $0.index == end }) { faulted[last.row] += 1 }
    }

    /// The variants of a row that ours takes for defined, each as a word.
    private func definedVariants(of index: Int) -> [UInt32] {
        guard Exclusion.exclusion(of: table[index]) == nil else { return [] }
        var found: [UInt32: UInt32] = [:]
        for immediate in [0, ~0] as [UInt32] {
            for word in variants[index].words(of: table[index], immediate: immediate)
            where generator.mayRunCleanly(word, asRow: index) {
                found[variants[index].variant(of: word)] = word
            }
        }
        return found.values.sorted()
    }

    /// Those of them that were not executed without a fault.
    private func missingVariants(of index: Int) -> [UInt32] {
        definedVariants(of: index).filter { !cleanVariants[index].contains(variants[index].variant(of: $0)) }
    }

    /// Executed instructions after which every variant has had its turn; before that, only rows are asked for.
    private static let countForVariants = 2_000_000

    /// What should have been executed without a fault and never was: rows, or some variants of them.
    var missing: [String] {
        table.indices.flatMap { index -> [String] in
            let row = table[index]
            guard Exclusion.exclusion(of: row) == nil else { return [] }
            guard clean[index] > 0 else { return ["\(row.instruction) (\(row.pattern))"] }
            guard instructionCount >= Self.countForVariants else { return [] }
            return missingVariants(of: index)
                .map { "\(row.instruction) as in \(Comparison.hex($0)) (\(row.pattern))" }
        }
    }

    /// Coverage by group, and the exclusions with their reasons.
    var description: String {
        var lines = ["group: rows executed / rows (excluded), variants executed / variants, instructions, faults"]
        for group in EncodingGroup.allCases {
            let rows = table.indices.filter { table[$0].group == group }
            let executed = rows.filter { clean[$0] > 0 }.count
            let excluded = rows.filter { Exclusion.exclusion(of: table[$0]) != nil }.count
            let variants = rows.reduce(0) { $0 + definedVariants(of: $1).count }
            let executedVariants = variants - rows.reduce(0) { $0 + missingVariants(of: $1).count }
            let instructions = rows.reduce(0) { $0 + clean[$1] }
            let faults = rows.reduce(0) { $0 + faulted[$1] }
            lines.append(
                "  \(group): \(executed) / \(rows.count) (\(excluded)), \(executedVariants) / \(variants), "
                    + "\(instructions), \(faults)")
        }
        let endings = endings.sorted { $0.value > $1.value }.map { "\($0.value) at \($0.key)" }
        lines.append("cases ended: " + endings.joined(separator: ", "))
        lines.append("excluded rows:")
        for row in table {
            guard let exclusion = Exclusion.exclusion(of: row) else { continue }
            lines.append("  \(row.instruction): \(exclusion.reason)")
        }
        lines.append("excluded words of other rows, and words that only the oracle defines:")
        for exclusion in Exclusion.all where !table.contains(where: exclusion.covers) {
            lines.append("  \(exclusion.pattern): \(exclusion.reason)")
        }
        lines.append("restrictions:")
        lines += Exclusion.restrictions.map { "  " + $0 }
        return lines.joined(separator: "\n")
    }
}
