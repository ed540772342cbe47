// Two outcomes of one case: whether they differ, and what to show a person when they do.

import Arm64

/// A case whose two outcomes differ.
struct Mismatch: CustomStringConvertible {
    var number: Int
    var seed: UInt64
    var failing: OracleCase
    var oracle: OracleOutcome
    var ours: OracleOutcome
    /// Which of ours it is.
    var name: String
    /// The case differs after those before it, but not alone: one of the sides keeps something between cases.
    var onlyInItsBatch = false

    /// The row of the last instruction: of a shortened case, the one to look at first.
    var culprit: String {
        failing.words.last.flatMap { CPUModel.everything.decoder.decode($0) }.map { "\($0)" } ?? "nothing"
    }

    /// One line for each register, flag, byte of memory or cause that differs.
    var differences: [String] { Comparison.differences(oracle: oracle, ours: ours, name) }

    var description: String {
        var lines = onlyInItsBatch ? ["in its batch only, not alone:"] : []
        lines += [
            "\(culprit): case \(number) differs; reproduce it with DORMOUSE_SEED=\(seed) DORMOUSE_CASE=\(number)",
            "oracle: \(oracle.cause) at \(Comparison.hex(oracle.state.pc))",
            "\(name): \(ours.cause) at \(Comparison.hex(ours.state.pc))",
            "", "What differs:",
        ]
        lines += differences.map { "  " + $0 }
        lines += ["", "Listing (* drawn from the table):"] + Comparison.listing(of: failing).map { "  " + $0 }
        lines += ["", "Initial state:"] + Comparison.lines(of: failing.initial).map { "  " + $0 }
        lines += ["", "Final state of the oracle:"] + Comparison.lines(of: oracle.state).map { "  " + $0 }
        lines += ["", "Final state of \(name):"] + Comparison.lines(of: ours.state).map { "  " + $0 }
        return lines.joined(separator: "\n")
    }
}

/// Comparing outcomes and printing states.
enum Comparison {
    static func hex(_ value: some BinaryInteger) -> String { "0x" + String(value, radix: 16) }

    private static func hex(_ value: SIMD2<UInt64>) -> String {
        func padded(_ half: UInt64) -> String {
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return "0x\(padded(value[1]))_\(padded(value[0]))"
    }

    /// Every register by name, as text.
    private static func registers(of state: OracleState) -> [(name: String, value: String)] {
        var all: [(String, String)] = [
            ("pc", hex(state.pc)), ("sp", hex(state.sp)), ("nzcv", hex(state.nzcv)), ("fpcr", hex(state.fpcr)),
            ("fpsr", hex(state.fpsr)),
        ]
        all += state.x.enumerated().map { ("x\($0)", hex($1)) }
        all += state.v.enumerated().map { ("v\($0)", hex($1)) }
        return all
    }

    /// One line for each thing that differs.
    static func differences(oracle: OracleOutcome, ours: OracleOutcome, _ name: String) -> [String] {
        guard oracle != ours else { return [] }
        var lines: [String] = []
        if oracle.cause != ours.cause { lines.append("cause: oracle \(oracle.cause), \(name) \(ours.cause)") }
        lines += differences(("oracle", oracle.state), (name, ours.state))
        for index in oracle.data.indices where oracle.data[index] != ours.data[index] {
            let address = hex(OracleLayout.data + UInt64(index))
            lines.append("[\(address)]: oracle \(hex(oracle.data[index])), \(name) \(hex(ours.data[index]))")
        }
        return lines
    }

    /// One line for each register that differs.
    static func differences(
        _ first: (name: String, state: OracleState), _ second: (name: String, state: OracleState)
    ) -> [String] {
        zip(registers(of: first.state), registers(of: second.state)).filter { $0.value != $1.value }
            .map { "\($0.name): \(first.name) \($0.value), \(second.name) \($1.value)" }
    }

    /// The words of a case, with their addresses and the names of their rows.
    static func listing(of one: OracleCase) -> [String] {
        let drawn = Set(one.drawn.map(\.index))
        return one.words.enumerated().map { index, word in
            let name = CPUModel.everything.decoder.decode(word).map { "\($0)" } ?? "not in the table"
            let mark = drawn.contains(index) ? "*" : " "
            return "\(mark) \(hex(one.start + UInt64(index * 4))): \(hex(word))  \(name)"
        }
    }

    /// A state, four registers in a line.
    static func lines(of state: OracleState) -> [String] {
        let all = registers(of: state).map { "\($0.name)=\($0.value)" }
        return stride(from: 0, to: all.count, by: 4).map { all[$0..<min($0 + 4, all.count)].joined(separator: "  ") }
    }

    /// The shortest beginning of the case of `mismatch` whose outcomes still differ, run again on both sides;
    /// `mismatch` itself if the case does not differ when it runs alone.
    static func shortened(_ mismatch: Mismatch, oracle: any CaseRunner, ours: any CaseRunner) throws -> Mismatch {
        for count in 0...mismatch.failing.words.count {
            let shorter = mismatch.failing.prefix(count)
            let theirs = try oracle.run([shorter])[0]
            let own = try ours.run([shorter])[0]
            guard theirs == own else {
                return Mismatch(
                    number: mismatch.number, seed: mismatch.seed, failing: shorter, oracle: theirs, ours: own,
                    name: mismatch.name)
            }
        }
        var alone = mismatch
        alone.onlyInItsBatch = true
        return alone
    }
}
