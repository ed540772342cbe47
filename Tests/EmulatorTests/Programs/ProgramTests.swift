// The translator against the interpreter: whole programs, with everything that happens between blocks.

import Arm64
import Emulator
import TestSupport
import Testing

@Suite(
    "Programs of many blocks", .serialized,
    .needs(OraclePrograms.canBeBuilt, "there is no compiler for arm64: install gcc-aarch64-linux-gnu"))
struct ProgramTests {
    /// Small enough that the code cache is flushed now and then.
    private static let codeCacheByteCount = 1 << 20
    private static let generators = ProgramBuilder.Generators()

    @Test(
        """
        Random programs leave registers, memory, syndromes and their own code the same, interpreted and translated: \
        loops, calls, computed branches, flags across blocks, accesses that fault in part, code that changes itself
        """)
    func enginesAgree() throws {
        let settings = OracleSettings()
        func subject(_ engine: Engine) throws -> ProgramSubject {
            ProgramSubject(
                name: engine.rawValue,
                runner: try EmulatedGuest(engine: engine, codeCacheByteCount: Self.codeCacheByteCount))
        }
        let run = ProgramRun(
            generators: Self.generators, seed: settings.seed, reference: try subject(.interpreter),
            others: [try subject(.translator), try subject(.auto)])
        let numbers = settings.number.map { $0..<$0 + 1 } ?? 0..<settings.programCount
        let (summary, mismatches) = try run.compare(numbers)
        for mismatch in mismatches { Issue.record("\(mismatch)") }
        guard settings.number == nil, mismatches.isEmpty else { return }
        print(
            """
            DORMOUSE_SEED=\(settings.seed): \(numbers.count) programs of \(summary.blockCount) blocks, \
            \(summary.programsAtEL1) at EL1, \(summary.programsThatEnded) ran to their end; exceptions by class: \
            \(summary.exceptionClasses.sorted { $0.key < $1.key }.map { "\(Comparison.hex($0.key)): \($0.value)" })
            """)
        // A series that hardly runs anything compares nothing.
        #expect(summary.blockCount > 5 * numbers.count)
        #expect(summary.programsThatEnded > numbers.count / 2)
        #expect(summary.programsAtEL1 > numbers.count / 5)
        // Undefined instructions, data aborts from EL0 and from EL1.
        for expected: UInt64 in [0x00, 0x24, 0x25] { #expect(summary.exceptionClasses[expected] ?? 0 > 0) }
    }

    /// A runner that takes ADCS (64-bit) for ADDS.
    private final class Mistaken: ProgramRunner {
        let guest: EmulatedGuest

        init(_ guest: EmulatedGuest) { self.guest = guest }

        static let adcs: (mask: UInt32, value: UInt32) = (0xFFE0_FC00, 0xBA00_0000)
        static func isADCS(_ word: UInt32) -> Bool { word & adcs.mask == adcs.value }

        func run(_ program: Program) throws -> ProgramOutcome {
            var wrong = program
            for index in wrong.words.indices where Self.isADCS(wrong.words[index]) {
                wrong.words[index] = wrong.words[index] & ~adcsToADDS.clear | adcsToADDS.set
            }
            var outcome = try guest.run(wrong)
            // Only what the mistake led to is to be seen.
            outcome.code = []
            return outcome
        }

        private let adcsToADDS: (clear: UInt32, set: UInt32) = (0x1100_0000, 0x0100_0000)
    }

    /// A runner that does everything right, and does not say how its code ended.
    private final class Right: ProgramRunner {
        let guest: EmulatedGuest

        init(_ guest: EmulatedGuest) { self.guest = guest }

        func run(_ program: Program) throws -> ProgramOutcome {
            var outcome = try guest.run(program)
            outcome.code = []
            return outcome
        }
    }

    @Test("A runner that gets one instruction wrong is found, and what is left of the program still has it")
    func mistakesAreFound() throws {
        func guest() throws -> EmulatedGuest {
            try EmulatedGuest(engine: .interpreter, codeCacheByteCount: Self.codeCacheByteCount)
        }
        let run = ProgramRun(
            generators: Self.generators, seed: 1,
            reference: ProgramSubject(name: "right", runner: Right(try guest())),
            others: [ProgramSubject(name: "wrong", runner: Mistaken(try guest()))])
        let mismatches = try run.compare(0..<200).mismatches
        let first = try #require(mismatches.first)
        #expect(first.program.words.contains(where: Mistaken.isADCS))
        // What does not matter is gone: at first it is some hundred words.
        #expect(first.program.words.filter { $0 != A64.nop.word && $0 != OracleRecord.end }.count < 60)
        #expect(!first.differences.isEmpty)
        #expect(first.description.contains("DORMOUSE_SEED=1 DORMOUSE_CASE=\(first.number)"))
    }
}
