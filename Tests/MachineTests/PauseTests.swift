import Devices
import Glibc
import HostSupport
import Hypervisor
import Synchronization
import TestSupport
import Testing

@testable import Machine

@Suite("Pausing a guest")
struct PauseTests {
    /// Where the guest counts.
    private static let counter: PhysicalAddress = 0x4200_0000

    /// A machine of two cores of which the first counts. The second is never started.
    private func counting() throws -> (VirtualMachine, TemporaryFile) {
        // movz x1, #0x4200, lsl #16; loop: add x0, x0, #1; str x0, [x1]; b loop
        let words: [UInt32] = [0xD2A8_4001, 0x9100_0400, 0xF900_0020, 0x17FF_FFFE]
        let file = try TemporaryFile(
            words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } })
        var configuration = MachineConfiguration(kernel: file.path)
        configuration.kernelFormat = .flat
        configuration.cpuCount = 2
        configuration.memoryByteCount = 64 << 20
        return (try VirtualMachine(configuration, events: MachineEvents()), file)
    }

    /// Waits, for at most ten minutes, until `condition` holds.
    private func eventually(_ condition: () -> Bool) async throws -> Bool {
        for _ in 0..<60_000 {
            if condition() { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return condition()
    }

    @Test("A paused guest executes nothing, however often it was paused, and goes on where it was")
    func pause() async throws {
        let (machine, file) = try counting()
        @Sendable func count() -> UInt64 { machine.memory.load(at: Self.counter) ?? 0 }
        let isDone = Atomic(false)
        let thread = try HostThread {
            _ = try? machine.run()
            isDone.store(true, ordering: .releasing)
        }
        #expect(try await eventually { count() > 0 })
        machine.pause()
        machine.pause()
        // It counts a hundred million a second: what is the same twice stands still.
        var last: UInt64 = 0
        #expect(
            try await eventually {
                defer { last = count() }
                return count() == last
            })
        machine.goOn()
        #expect(machine.isPaused)
        try await Task.sleep(for: .milliseconds(50))
        #expect(count() == last)
        machine.goOn()
        #expect(!machine.isPaused)
        #expect(try await eventually { count() > last })

        // A paused guest is ended like any other.
        machine.pause()
        machine.stop(because: .console)
        #expect(try await eventually { isDone.load(ordering: .acquiring) })
        thread.join()
        machine.close()
        withExtendedLifetime(file) {}
    }
}
