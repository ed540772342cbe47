// Many cases through both sides: how many, and where they differ.

import Arm64

/// A series of cases, one side against the other.
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
    /// Of all mismatches that the same row leads to, only the first is returned.
    func compare(
        oracle: any CaseRunner, ours: any CaseRunner, instructionCount: Int
    ) throws -> (coverage: OracleCoverage, mismatches: [Mismatch]) {
        var coverage = OracleCoverage(of: generator)
        var mismatches: [Mismatch] = []
        var mismatchCount = 0
        var number = 0
        while coverage.instructionCount < instructionCount, mismatchCount < Self.mismatchLimit {
            let cases = (number..<number + OracleRecord.maximumCount).map(makeCase)
            // The oracle is a process of its own: both sides work at the same time.
            try oracle.start(cases)
            let own = try ours.run(cases)
            let theirs = try oracle.finish()
            for (index, one) in cases.enumerated() {
                if theirs[index] == own[index] {
                    coverage.add(one, theirs[index])
                } else {
                    mismatchCount += 1
                    let mismatch = try Comparison.shortened(
                        Mismatch(
                            number: number + index, seed: seed, failing: one, oracle: theirs[index], ours: own[index]),
                        oracle: oracle, ours: ours)
                    if !mismatches.contains(where: { $0.culprit == mismatch.culprit }) { mismatches.append(mismatch) }
                }
            }
            number += cases.count
        }
        return (coverage, mismatches)
    }

    /// Runs case `number` alone.
    func compareOne(_ number: Int, oracle: any CaseRunner, ours: any CaseRunner) throws -> Mismatch? {
        let one = makeCase(number)
        let theirs = try oracle.run([one])[0]
        let own = try ours.run([one])[0]
        guard theirs != own else { return nil }
        return try Comparison.shortened(
            Mismatch(number: number, seed: seed, failing: one, oracle: theirs, ours: own), oracle: oracle, ours: ours)
    }
}
