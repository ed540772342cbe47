// The walls, with random programs: see `WallProgram`.

import Emulator
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite(
    "Walls, at random", .serialized,
    .needs(OraclePrograms.canBeBuilt, "there is no compiler for arm64: install gcc-aarch64-linux-gnu"))
struct WallFuzzTests {
    /// Programs of a run, in batches of one for each slot.
    private static func batchCount(_ settings: OracleSettings) -> Int {
        settings.programCount(usual: 400_000) / WallLayout.slotCount
    }
    /// Batches that a thread takes at once.
    private static let share = 250

    @Test(
        """
        Random programs at EL0 and EL1 leave registers, memory, tables and code the same in all engines, alone and beside \
        three others: jumps to misaligned, negative and tagged addresses and to the other level's pages, exception \
        returns of every kind, mappings and code that change
        """)
    func enginesAgree() throws {
        let settings = OracleSettings()
        let pool = WallPool(seed: settings.seed)
        let batches =
            settings.number.map { $0 / WallLayout.slotCount..<$0 / WallLayout.slotCount + 1 }
            ?? 0..<Self.batchCount(settings)
        let results = Mutex((next: batches.lowerBound, summary: WallRun.Summary(), mismatches: [WallMismatch]()))
        let begin = ContinuousClock.now
        let threads = settings.number == nil ? ProcessInfo.processInfo.activeProcessorCount : 1
        let runs = try (0..<threads).map { _ in try WallRun(seed: settings.seed, pool: pool) }
        nonisolated(unsafe) let shared = runs
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            while true {
                let share = results.withLock { results -> Range<Int>? in
                    guard results.next < batches.upperBound, results.mismatches.isEmpty else { return nil }
                    let end = min(results.next + Self.share, batches.upperBound)
                    defer { results.next = end }
                    return results.next..<end
                }
                guard let share else { return }
                let (summary, mismatches) = shared[thread].compare(batches: share)
                results.withLock {
                    $0.summary += summary
                    $0.mismatches += mismatches
                }
            }
        }
        let (_, summary, mismatches) = results.withLock { $0 }
        for mismatch in mismatches { Issue.record("\(mismatch)") }
        guard settings.number == nil, mismatches.isEmpty else { return }
        let classes = summary.classes.enumerated().filter { $0.element > 0 }
            .map { "\(Comparison.hex(UInt64($0.offset))): \($0.element)" }.joined(separator: ", ")
        print(
            """
            DORMOUSE_SEED=\(settings.seed): \(summary.programs) wall programs on \(threads) threads in \
            \(ContinuousClock.now - begin), \(summary.ended) ended; \(summary.exceptions) exceptions by class: \(classes)
            """)
        // A series that hardly runs anything compares nothing.
        #expect(summary.ended > summary.programs * 9 / 10)
        // Undefined, illegal state, SVC, aborts of both levels, PC and SP alignment, a step, BRK.
        for expected in [0x00, 0x0E, 0x15, 0x20, 0x21, 0x22, 0x24, 0x25, 0x26, 0x32, 0x3C] {
            #expect(summary.classes[expected] > summary.programs / 1000, "class \(expected)")
        }
    }
}
