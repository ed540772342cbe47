// When a machine is found to have had next to nothing to do, and which of its cores hears of it.

import Hypervisor
import PSCI
import Synchronization
import Testing

@testable import Machine

@Suite("A machine at rest", .timeLimit(.minutes(5)))
struct QuietnessTests {
    private static let window = Quietness.window

    /// What the process took of the host's CPUs, as a test says.
    private final class Usage: Sendable {
        private let value = Atomic<UInt64>(5_000_000_000)
        var time: UInt64 { value.load(ordering: .relaxed) }
        func add(_ nanoseconds: UInt64) { value.wrappingAdd(nanoseconds, ordering: .relaxed) }
    }

    @Test("Rest is said once in a window, at its end, and of none in which a fiftieth of a CPU was used")
    func windows() {
        let clock = ManualClock()
        let usage = Usage()
        let quietness = Quietness(time: { clock.now }, cpuTime: { usage.time })
        #expect(!quietness.hasComeToRest())
        clock.advance(by: Self.window - 1)
        #expect(!quietness.hasComeToRest())
        clock.advance(by: 1)
        usage.add(Self.window / 50)
        #expect(quietness.hasComeToRest())
        #expect(!quietness.hasComeToRest())
        // What was used before does not count, and a window begins where it was asked for.
        clock.advance(by: Self.window + 7)
        usage.add(Self.window / 50 + 1)
        #expect(!quietness.hasComeToRest())
        clock.advance(by: Self.window - 1)
        #expect(!quietness.hasComeToRest())
        clock.advance(by: 1)
        #expect(quietness.hasComeToRest())
    }

    @Test("A core that waits after a quiet window rests, and one that waits after a busy one does not")
    func core() throws {
        let window = Self.window
        let usage = Usage()
        let scripted = try ScriptedMachine(
            [
                [
                    .waitForInterrupt(until: window), .waitForInterrupt(until: 2 * window),
                    .perform { _ in usage.add(window) }, .waitForInterrupt(until: 3 * window), .call(.systemOff),
                ]
            ], cpuTime: { usage.time })
        try scripted.start()
        for number: UInt64 in 1...3 {
            #expect(scripted.wait(0, for: .waiting(until: number * window)))
            scripted.advance(by: window)
        }
        #expect(scripted.join() == .poweredOff)
        // Before the second wait, and not before the third.
        #expect(scripted.cpus[0].restCount == 1)
    }
}
