// The comparison itself: our CPU, with each engine, against qemu-aarch64, on random sequences of every row of the
// table.

import Arm64
import Emulator
import TestSupport
import Testing

@Suite(
    "Instructions against an oracle", .serialized,
    .needs(QemuProcess.executable != nil, "qemu-aarch64 is not installed"))
struct OracleTests {
    @Test(
        """
        Random sequences leave registers, flags, FPSR and memory as they do under qemu-aarch64, in every row, \
        interpreted and translated
        """)
    func randomSequences() throws {
        let settings = OracleSettings()
        let generator = InstructionGenerator(isUndefined: OracleSettings.isUndefined)
        let run = OracleRun(generator: generator, seed: settings.seed)
        let subjects = try TestEngine.both.map { engine in
            Subject(name: engine.rawValue, runner: try EmulatedGuest(engine: engine, codeCacheByteCount: 64 << 20))
        }
        let oracle = try OracleProcess()
        if let number = settings.number {
            for mismatch in try run.compareOne(number, oracle: oracle, subjects: subjects) {
                Issue.record("\(mismatch)")
            }
            return
        }
        let (coverage, mismatches) = try run.compare(
            oracle: oracle, subjects: subjects, instructionCount: settings.instructionCount)
        print("DORMOUSE_SEED=\(settings.seed): \(coverage.instructionCount) instructions\n\(coverage.description)")
        for mismatch in mismatches { Issue.record("\(mismatch)") }
        let missing = coverage.missing
        #expect(missing.isEmpty, "never executed without a fault:\n\(missing.joined(separator: "\n"))")
    }
}
