// Running programs on several runners, and what to show a person when one of them differs from the first.

import Arm64

/// A program that two runners do differently.
struct ProgramMismatch: CustomStringConvertible {
    var number: Int
    var seed: UInt64
    /// With everything that does not matter replaced by NOP.
    var program: Program
    var names: [String]
    var outcomes: [ProgramOutcome]

    var description: String {
        let level = program.runsAtEL1 ? "EL1t" : "EL0t"
        var lines = [
            """
            program \(number) (\(level)) differs between \(names[0]) and \(names[1]); reproduce it with \
            DORMOUSE_SEED=\(seed) DORMOUSE_CASE=\(number)
            """, "", "What differs:",
        ]
        lines += differences.map { "  " + $0 }
        lines += ["", "What is left of it, where NOP would change the result:"] + listing.map { "  " + $0 }
        lines += ["", "Initial state:"] + Comparison.lines(of: program.initial).map { "  " + $0 }
        lines += ["counters: \(program.counters)"]
        return lines.joined(separator: "\n")
    }

    /// The first exception that differs, or the memory that does.
    var differences: [String] {
        let (first, second) = (outcomes[0], outcomes[1])
        for number in 0..<max(first.stops.count, second.stops.count) {
            guard number < first.stops.count, number < second.stops.count else {
                return ["\(names[0]) has \(first.stops.count) exceptions, \(names[1]) \(second.stops.count)"]
            }
            let (one, other) = (first.stops[number], second.stops[number])
            guard one != other else { continue }
            return ["exception \(number): \(names[0]) \(one); \(names[1]) \(other)"]
                + Comparison.differences((names[0], one.state), (names[1], other.state))
        }
        return differences(first.data, second.data, at: OracleLayout.data)
            + differences(first.counters, second.counters, at: ProgramLayout.counters)
            + differences(first.code, second.code, at: program.base)
    }

    private func differences(_ first: [UInt8], _ second: [UInt8], at base: UInt64) -> [String] {
        zip(first, second).enumerated().filter { $0.element.0 != $0.element.1 }.prefix(32).map { index, bytes in
            let address = Comparison.hex(base + UInt64(index))
            return "[\(address)]: \(names[0]) \(Comparison.hex(bytes.0)), \(names[1]) \(Comparison.hex(bytes.1))"
        }
    }

    private var listing: [String] {
        program.words.enumerated().filter { $0.element != A64.nop.word && $0.element != OracleRecord.end }
            .map { index, word in
                let name = CPUModel.everything.decoder.decode(word).map { "\($0)" } ?? "not in the table"
                return "\(Comparison.hex(program.base + UInt64(index * 4))): \(Comparison.hex(word))  \(name)"
            }
    }
}

/// What runs programs, and how reports call it.
struct ProgramSubject {
    var name: String
    var runner: any ProgramRunner
}

/// A series of programs on several runners.
struct ProgramRun {
    let generators: ProgramBuilder.Generators
    let seed: UInt64
    /// What the others are compared with.
    let reference: ProgramSubject
    let others: [ProgramSubject]

    /// Mismatches after which a series ends.
    private static let mismatchLimit = 5

    /// Program `number` of the series.
    func makeProgram(_ number: Int) -> Program {
        var random = SeededGenerator(seed: seed ^ UInt64(number) &* 0xD6E8_FEB8_6659_FD93)
        return ProgramBuilder.makeProgram(seed: random.next(), from: generators)
    }

    /// What a series did, so that a test can say that it did something.
    struct Summary {
        var blockCount = 0
        var programsThatEnded = 0
        var programsAtEL1 = 0
        var exceptionClasses: [UInt64: Int] = [:]

        mutating func add(_ program: Program, _ outcome: ProgramOutcome) {
            blockCount += program.blockCount
            if outcome.stops.last?.isEnd == true { programsThatEnded += 1 }
            if program.runsAtEL1 { programsAtEL1 += 1 }
            for stop in outcome.stops { exceptionClasses[(stop.syndrome ?? 0) >> 26, default: 0] += 1 }
        }
    }

    /// Runs the programs `numbers`.
    func compare(_ numbers: Range<Int>) throws -> (summary: Summary, mismatches: [ProgramMismatch]) {
        var summary = Summary()
        var mismatches: [ProgramMismatch] = []
        for number in numbers where mismatches.count < Self.mismatchLimit {
            let program = makeProgram(number)
            let expected = try reference.runner.run(program)
            summary.add(program, expected)
            for other in others where try other.runner.run(program) != expected {
                let shorter = try shortened(program, for: other)
                mismatches.append(
                    ProgramMismatch(
                        number: number, seed: seed, program: shorter, names: [reference.name, other.name],
                        outcomes: [try reference.runner.run(shorter), try other.runner.run(shorter)]))
            }
        }
        return (summary, mismatches)
    }

    /// The program with NOP for every word without which `other` still differs.
    private func shortened(_ program: Program, for other: ProgramSubject) throws -> Program {
        func differs(_ program: Program) throws -> Bool {
            try reference.runner.run(program) != other.runner.run(program)
        }
        var shorter = program
        // A runner may keep something between programs: then all of this one is shown.
        guard try differs(shorter) else { return program }
        shorter.words = try Self.withoutWhatDoesNotMatter(program.words) { words in
            var candidate = program
            candidate.words = words
            return try differs(candidate)
        }
        return shorter
    }

    /// The words of a program with NOP for each that matters not to whether it `differs`, and may be one.
    static func withoutWhatDoesNotMatter(
        _ words: [UInt32], where mayBeNop: (Int) -> Bool = { _ in true }, differs: ([UInt32]) throws -> Bool
    ) throws -> [UInt32] {
        var shorter = words
        var length = 256
        while length > 0 {
            for start in stride(from: 0, to: words.count, by: length) {
                var candidate = shorter
                for index in start..<min(start + length, words.count)
                where candidate[index] != OracleRecord.end && mayBeNop(index) {
                    candidate[index] = A64.nop.word
                }
                if candidate != shorter, try differs(candidate) { shorter = candidate }
            }
            length /= 4
        }
        return shorter
    }
}
