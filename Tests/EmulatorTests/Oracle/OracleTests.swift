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

    @Test(
        """
        So do those of rows that only a later CPU has, under qemu-aarch64's latest, interpreted and translated
        """)
    func laterRows() throws {
        let settings = OracleSettings()
        let rows = EncodingTable.all.filter { row in row.feature.map { !CPUModel.oracle.features.contains($0) } ?? false
        }
        #expect(Set(rows.map(\.instruction)) == [.cfinv, .rmif, .setf8, .setf16, .sb, .ldaprStlrUnscaled])
        let generator = InstructionGenerator(table: rows) { OracleSettings.isUndefined($0, on: .everything) }
        let run = OracleRun(generator: generator, seed: settings.seed)
        let subjects = try TestEngine.both.map { engine in
            Subject(
                name: engine.rawValue,
                runner: try EmulatedGuest(engine: engine, model: .everything, codeCacheByteCount: 64 << 20))
        }
        let (coverage, mismatches) = try run.compare(
            oracle: try OracleProcess(cpu: QemuProcess.latestCPUModel), subjects: subjects,
            instructionCount: settings.instructionCount / 20)
        print("DORMOUSE_SEED=\(settings.seed): \(coverage.instructionCount) instructions of later rows")
        for mismatch in mismatches { Issue.record("\(mismatch)") }
        #expect(coverage.missing.isEmpty, "\(coverage.missing)")
    }
}
