// The other half of the table: words that it does not hold are undefined under the oracle too.

import Arm64
import TestSupport
import Testing

@Suite(
    "Words outside of the instruction table",
    .needs(QemuProcess.executable != nil, "qemu-aarch64 is not installed"))
struct UndefinedWordTests {
    @Test("The oracle takes no word for defined that ours takes for undefined, but for features that ours lacks")
    func undefinedUnderTheOracle() throws {
        let settings = OracleSettings()
        var random = SeededGenerator(seed: settings.seed)
        let oracle = try OracleProcess()
        var number = 0
        while number < settings.undefinedWordCount {
            let cases = (0..<OracleRecord.maximumCount).map { slot in
                let word = Self.undefinedWord(&random)
                var initial = OracleState()
                initial.pc = OracleLayout.start(ofSlot: slot)
                initial.sp = OracleLayout.data
                let data = [UInt8](repeating: 0, count: OracleRecord.dataByteCount)
                return OracleCase(seed: 0, slot: slot, initial: initial, data: data, words: [word], drawn: [])
            }
            let outcomes = try oracle.run(cases)
            for (one, outcome) in zip(cases, outcomes) {
                let isUndefined = outcome.cause == .undefined && outcome.state.pc == one.start
                #expect(isUndefined, "\(Comparison.hex(one.words[0])): \(outcome.cause)")
            }
            number += cases.count
        }
    }

    /// A word that ours takes for undefined and that no feature of the oracle alone defines. Half of them are near a
    /// row: one or two of its fixed bits are changed.
    private static func undefinedWord(_ random: inout SeededGenerator) -> UInt32 {
        while true {
            var word = UInt32(truncatingIfNeeded: random.next())
            if random.oneIn(2) {
                let row = EncodingTable.all[random.below(EncodingTable.all.count)]
                word = word & ~row.mask | row.value
                for _ in 0...random.below(2) { word ^= 1 << UInt32(random.below(32)) }
            }
            if OracleSettings.isUndefined(word), Exclusion.reasonNotToRun(word) == nil,
                Exclusion.reasonToBeDefined(word) == nil
            {
                return word
            }
        }
    }
}
