// The comparison itself: our CPU against qemu-aarch64, on random sequences of every row of the table.

import Arm64
import Emulator
import Hypervisor
import Testing

@Suite(
    "Instructions against an oracle", .serialized,
    .enabled(if: OracleProcess.executable != nil, "qemu-aarch64 is not installed"))
struct OracleTests {
    /// No entropy: RNDR is excluded.
    private final class NoEntropy: EntropySource {
        func next() -> UInt64 { 0 }
    }

    /// A guest on our software CPU. The machine is returned with it, because a CPU does not keep its machine.
    private static func makeGuest() throws -> (machine: EmulatedVM, guest: EmulatedGuest) {
        let memory = try EmulatedGuest.makeMemory()
        var configuration = EmulatedVMConfiguration(
            cpuCount: 1, model: .dormouse1, memory: memory, bus: PhysicalBus(regions: []), clock: InstructionClock(),
            entropy: NoEntropy(), interruptController: nil,
            timerLines: { _ in TimerLines(virtualTimer: .unconnected, physicalTimer: .unconnected) })
        configuration.codeCacheByteCount = 64 << 20
        let machine = try EmulatedVM(configuration)
        return (machine, try EmulatedGuest(cpu: machine.cpus[0], memory: memory))
    }

    @Test("Random sequences leave registers, flags, FPSR and memory as they do under qemu-aarch64, in every row")
    func randomSequences() throws {
        let settings = OracleSettings()
        let generator = InstructionGenerator(isUndefined: OracleSettings.isUndefined)
        let run = OracleRun(generator: generator, seed: settings.seed)
        let (machine, guest) = try Self.makeGuest()
        defer { withExtendedLifetime(machine) {} }
        let oracle = try OracleProcess()
        if let number = settings.number {
            if let mismatch = try run.compareOne(number, oracle: oracle, ours: guest) { Issue.record("\(mismatch)") }
            return
        }
        let (coverage, mismatches) = try run.compare(
            oracle: oracle, ours: guest, instructionCount: settings.instructionCount)
        print("DORMOUSE_SEED=\(settings.seed): \(coverage.instructionCount) instructions\n\(coverage.description)")
        for mismatch in mismatches { Issue.record("\(mismatch)") }
        let missing = coverage.missing
        #expect(missing.isEmpty, "never executed without a fault:\n\(missing.joined(separator: "\n"))")
    }
}
