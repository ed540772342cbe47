// Many cases through both sides: how many, and where they differ.

import Arm64

/// One of ours: what runs cases to be compared with the oracle, and how reports call it.
struct Subject {
    var name: String
    var runner: any CaseRunner
}

/// A series of cases, the oracle against each of ours.
struct OracleRun {
    let generator: InstructionGenerator
    let seed: UInt64

    /// The seed of case `number`.
    private func caseSeed(_ number: Int) -> UInt64 {
        var random = SeededGenerator(seed: seed ^ UInt64(number) &* 0xD6E8_FEB8_6659_FD93)
        return random.next()
    }

    /// Case `number` of the series.
    func makeCase(_ number: Int) -> OracleCase {
        SequenceBuilder.makeCase(
            seed: caseSeed(number), slot: number % OracleRecord.maximumCount, from: generator)
    }

    /// Mismatches after which a series ends: beyond that they are unlikely to say more.
    private static let mismatchLimit = 100

    /// Runs cases until `instructionCount` drawn instructions were executed, or there are too many mismatches.
    ///
    /// Of all mismatches of one subject that the same row leads to, only the first is returned.
    func compare(
        oracle: any CaseRunner, subjects: [Subject], instructionCount: Int
    ) throws -> (coverage: OracleCoverage, mismatches: [Mismatch]) {
        var coverage = OracleCoverage(of: generator)
        var mismatches: [Mismatch] = []
        var mismatchCount = 0
        var number = 0
        while coverage.instructionCount < instructionCount, mismatchCount < Self.mismatchLimit {
            let cases = (number..<number + OracleRecord.maximumCount).map(makeCase)
            // The oracle is a process of its own: both sides work at the same time.
            try oracle.start(cases)
            let own = try subjects.map { try $0.runner.run(cases) }
            let theirs = try oracle.finish()
            for (index, one) in cases.enumerated() {
                let wrong = subjects.indices.filter { own[$0][index] != theirs[index] }
                if wrong.isEmpty { coverage.add(one, theirs[index]) }
                for subject in wrong {
                    mismatchCount += 1
                    let mismatch = try Comparison.shortened(
                        Mismatch(
                            number: number + index, seed: seed, failing: one, oracle: theirs[index],
                            ours: own[subject][index], name: subjects[subject].name),
                        oracle: oracle, ours: subjects[subject].runner)
                    let isKnown = mismatches.contains { $0.culprit == mismatch.culprit && $0.name == mismatch.name }
                    if !isKnown { mismatches.append(mismatch) }
                }
            }
            number += cases.count
        }
        return (coverage, mismatches)
    }

    /// Runs case `number` alone; a mismatch for each subject that does it differently.
    func compareOne(_ number: Int, oracle: any CaseRunner, subjects: [Subject]) throws -> [Mismatch] {
        let one = makeCase(number)
        let theirs = try oracle.run([one])[0]
        return try subjects.compactMap { subject in
            let own = try subject.runner.run([one])[0]
            guard theirs != own else { return nil }
            return try Comparison.shortened(
                Mismatch(
                    number: number, seed: seed, failing: one, oracle: theirs, ours: own, name: subject.name),
                oracle: oracle, ours: subject.runner)
        }
    }
}
