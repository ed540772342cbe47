// Programs of EL0 against qemu-aarch64: see `UserProgramBuilder`.

import Emulator
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite(
    "User programs against an oracle", .serialized,
    .needs(QemuProcess.executable != nil, "qemu-aarch64 is not installed"))
struct UserProgramTests {
    /// Batches of a run. A debug build is ten times slower.
    private static func batchCount(_ settings: OracleSettings) -> Int {
        #if DEBUG
        let usual = 10_000
        #else
        let usual = 200_000
        #endif
        return settings.programCount(usual: usual) / UserProgramRecord.maximumCount
    }
    /// Batches that a thread takes at once.
    private static let share = 25

    @Test(
        """
        Random programs of EL0 leave registers, flags, memory and their own code as they do under qemu-aarch64, \
        interpreted and translated: branches of every kind, calls, loops, exclusives, accesses that fault, code that \
        changes itself, system calls
        """)
    func oracleAgrees() throws {
        let settings = OracleSettings()
        let pool = try UserProgramPool(seed: settings.seed)
        if let number = settings.number {
            for mismatch in try UserProgramRun(seed: settings.seed, pool: pool).compareOne(number) {
                Issue.record("\(mismatch)")
            }
            return
        }
        let batches = 0..<Self.batchCount(settings)
        let results = Mutex(
            (next: 0, summary: UserProgramRun.Summary(), mismatches: [UserProgramMismatch](), errors: [any Error]()))
        let begin = ContinuousClock.now
        let threads = ProcessInfo.processInfo.activeProcessorCount
        let runs = try (0..<threads).map { _ in try UserProgramRun(seed: settings.seed, pool: pool) }
        nonisolated(unsafe) let shared = runs
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            while true {
                let share = results.withLock { results -> Range<Int>? in
                    guard results.next < batches.upperBound, results.mismatches.isEmpty, results.errors.isEmpty
                    else { return nil }
                    let end = min(results.next + Self.share, batches.upperBound)
                    defer { results.next = end }
                    return results.next..<end
                }
                guard let share else { return }
                do {
                    let (summary, mismatches) = try shared[thread].compare(batches: share)
                    results.withLock {
                        $0.summary += summary
                        $0.mismatches += mismatches
                    }
                } catch {
                    results.withLock { $0.errors.append(error) }
                }
            }
        }
        let (_, summary, mismatches, errors) = results.withLock { $0 }
        for error in errors { Issue.record(error) }
        for mismatch in mismatches { Issue.record("\(mismatch)") }
        print(
            """
            DORMOUSE_SEED=\(settings.seed): \(summary.programs) user programs on \(threads) threads in \
            \(ContinuousClock.now - begin), \(summary.instructions) instructions, \(mismatches.count) differences; \
            endings: \(summary.endings.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" })
            """)
        guard mismatches.isEmpty, errors.isEmpty else { return }
        // A series that hardly runs anything compares nothing.
        #expect(summary.endings[UserProgramRun.Summary.end] ?? 0 > summary.programs / 2)
        #expect(summary.instructions > 30 * UInt64(summary.programs))
        for ending in ["undefined instruction", "alignment fault", "translation fault", "permission fault"] {
            #expect(summary.endings[ending] ?? 0 > summary.programs / 1000, "\(ending)")
        }
    }

    @Test("A side that takes ADCS for ADDS is found, and what is left of the program still has it")
    func mistakesAreFound() throws {
        let adcs: (mask: UInt32, value: UInt32) = (0xFFE0_FC00, 0xBA00_0000)
        func isADCS(_ word: UInt32) -> Bool { word & adcs.mask == adcs.value }
        let run = try UserProgramRun(
            seed: 1, pool: UserProgramPool(seed: 1),
            mistake: { words in
                for index in words.indices where isADCS(words[index]) {
                    words[index] = words[index] & ~0x1100_0000 | 0x0100_0000
                }
            })
        let mismatches = try run.compare(batches: 0..<5).mismatches
        let first = try #require(mismatches.first)
        #expect(first.program.words.contains(where: isADCS))
        #expect(first.differences.contains { $0.hasPrefix("nzcv") || $0.hasPrefix("x") })
        #expect(first.description.contains("DORMOUSE_SEED=1 DORMOUSE_CASE=\(first.number)"))
    }
}
