// Programs that are moved from CPU to CPU while they run, against the same ones left alone.

import Emulator
import TestSupport
import Testing

@Suite(
    "Programs that are moved", .serialized,
    .needs(OraclePrograms.canBeBuilt, "there is no compiler for arm64: install gcc-aarch64-linux-gnu"))
struct MovedProgramTests {
    private static let codeCacheByteCount = 1 << 20

    /// Moves each program a few times, after random numbers of instructions, from engine to engine.
    private final class Mover: ProgramRunner {
        private static let moveLimit = 4
        private let guest: EmulatedGuest
        private var programs: UInt64 = 0
        private(set) var moves = 0

        init() throws {
            guest = try EmulatedGuest(
                engine: .interpreter, codeCacheByteCount: MovedProgramTests.codeCacheByteCount, isRepeatable: true)
        }

        func run(_ program: Program) throws -> ProgramOutcome {
            programs += 1
            var random = SeededGenerator(seed: programs)
            var left = Self.moveLimit
            var isFirst = true
            guest.betweenRuns = { [self] in
                // Each run of the supervisor begins here, and so does what comes after a budget.
                if !isFirst, left > 0, random.oneIn(2) {
                    do {
                        try guest.move(to: random.oneIn(2) ? .translator : .interpreter)
                        moves += 1
                    } catch { Issue.record(error) }
                    left -= 1
                }
                isFirst = false
                return left > 0 ? 1 + random.below(400) : 1_000_000
            }
            defer { guest.betweenRuns = nil }
            return try guest.run(program)
        }
    }

    @Test(
        """
        Random programs that are stopped anywhere and go on with another CPU, another engine and other memory end as if they \
        had never been moved, exclusives, code that changes itself and exceptions included
        """)
    func moved() throws {
        let settings = OracleSettings()
        let mover = try Mover()
        let run = ProgramRun(
            generators: ProgramBuilder.Generators(), seed: settings.seed,
            reference: ProgramSubject(
                name: "left alone",
                runner: try EmulatedGuest(engine: .interpreter, codeCacheByteCount: Self.codeCacheByteCount)),
            others: [ProgramSubject(name: "moved", runner: mover)])
        let numbers = settings.number.map { $0..<$0 + 1 } ?? 0..<settings.programCount / 10
        let (summary, mismatches) = try run.compare(numbers)
        for mismatch in mismatches { Issue.record("\(mismatch)") }
        guard settings.number == nil else { return }
        #expect(mover.moves > numbers.count)
        #expect(summary.programsThatEnded > numbers.count / 2)
        #expect(summary.programsAtEL1 > numbers.count / 5)
    }
}
