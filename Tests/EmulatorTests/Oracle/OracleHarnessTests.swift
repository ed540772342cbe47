// The harness tested on its own: a second oracle stands in for our emulator, with mistakes put in.

import Arm64
import TestSupport
import Testing

@Suite(
    "The instruction oracle's harness", .needs(QemuProcess.executable != nil, "qemu-aarch64 is not installed"))
struct OracleHarnessTests {
    /// An oracle that makes a mistake.
    private final class Mistaken: CaseRunner {
        let oracle: OracleProcess
        let mistake: (inout OracleOutcome) -> Void

        init(_ mistake: @escaping (inout OracleOutcome) -> Void) throws {
            oracle = try OracleProcess()
            self.mistake = mistake
        }

        func start(_ cases: [OracleCase]) throws { try oracle.start(cases) }

        func finish() throws -> [OracleOutcome] {
            var outcomes = try oracle.finish()
            for index in outcomes.indices { mistake(&outcomes[index]) }
            return outcomes
        }
    }

    private static let run = OracleRun(generator: InstructionGenerator(), seed: 1)

    @Test("The oracle agrees with itself, so that its answers depend on the case alone")
    func agreesWithItself() throws {
        let (coverage, mismatches) = try Self.run.compare(
            oracle: OracleProcess(), subjects: [Subject(name: "ours", runner: OracleProcess())],
            instructionCount: 20_000)
        #expect(coverage.instructionCount >= 20_000)
        #expect(mismatches.isEmpty, "\(mismatches.first.map { "\($0)" } ?? "")")
    }

    @Test(
        "A wrong register, flag, memory byte or fault is found",
        arguments: ["register", "vector", "flag", "status", "memory", "cause"])
    func findsMistakes(kind: String) throws {
        // Only where the case used what is wrong, as a real mistake would.
        let mistaken = try Mistaken { outcome in
            switch kind {
            case "register" where outcome.state.x[3] & 7 == 5: outcome.state.x[3] ^= 1 << 40
            case "vector" where outcome.state.v[7][1] & 3 == 1: outcome.state.v[7][1] ^= 1
            case "flag" where outcome.state.nzcv == 0x6000_0000: outcome.state.nzcv ^= 1 << 28
            case "status" where outcome.state.fpsr == 0: outcome.state.fpsr = 0x10
            case "memory" where outcome.data[77] == 0: outcome.data[77] = 1
            case "cause" where outcome.cause == .undefined: outcome.cause = .breakpoint
            default: break
            }
        }
        let (_, mismatches) = try Self.run.compare(
            oracle: OracleProcess(), subjects: [Subject(name: "ours", runner: mistaken)], instructionCount: 20_000)
        let first = try #require(mismatches.first)
        #expect(first.differences.count == 1)
        #expect(first.description.contains("DORMOUSE_SEED=1 DORMOUSE_CASE=\(first.number)"))
    }
}
