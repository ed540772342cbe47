// Loops that wait by YIELD, or by WFE with events that never cease: the CPU's own timer has to end them.

import Arm64
import Emulator
import Foundation
import Hypervisor
import Synchronization
import Testing

@Suite("Waiting loops", .everyEngine)
struct WaitingTests {
    /// No entropy: nothing here asks for any.
    private final class NoEntropy: EntropySource {
        func next() -> UInt64 { 0 }
    }

    /// The level of a timer's interrupt.
    private final class Line: Sendable {
        let isAsserted = Atomic(false)
    }

    /// YIELD, as in Linux's cpu_relax(); SEVL, after which WFE does not wait.
    @Test(
        "A timer fires in a loop that does nothing but wait",
        arguments: [("YIELD", [0xD503_203F, 0xD503_203F]), ("WFE", [0xD503_20BF, 0xD503_205F])] as [(String, [UInt32])])
    func timerFires(_ wait: (name: String, words: [UInt32])) throws {
        let base: UInt64 = 0x4000_0000
        let memory = try GuestMemory(base: base, byteCount: 2 << 20)
        let line = Line()
        let timer = InterruptLine { if $0 { line.isAsserted.store(true, ordering: .releasing) } }
        let configuration = BackendConfiguration(
            cpuCount: 1, model: .dormouse1, memory: memory, bus: PhysicalBus(regions: []), clock: InstructionClock(),
            entropy: NoEntropy(), interruptController: nil,
            timerLines: { _ in TimerLines(virtualTimer: timer, physicalTimer: .unconnected) })
        let machine = try EmulatedVM(configuration, engine: TestEngine.current, codeCacheByteCount: 1 << 20)
        let cpu = machine.cpus[0]
        let program: [UInt32] = [
            0xD51B_E341,  // MSR CNTV_CVAL_EL0, X1
            0xD51B_E322,  // MSR CNTV_CTL_EL0, X2
            wait.words[0],
            wait.words[1],
            0x17FF_FFFE,  // B to the first of them
        ]
        memory.write(program.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }, at: base)
        cpu.reset(entry: base, context: 0)
        cpu.setRegister(1, 10_000)
        cpu.setRegister(2, 1)

        // The clock counts instructions, so the timer is due soon, however slow this machine is.
        let watcher = Thread {
            let deadline = Date(timeIntervalSinceNow: 600)
            while !line.isAsserted.load(ordering: .acquiring), Date.now < deadline {
                Thread.sleep(forTimeInterval: 0.01)
            }
            cpu.requestExit()
        }
        watcher.start()
        #expect(cpu.run(budget: nil) == .interrupted)
        let fired = line.isAsserted.load(ordering: .acquiring)
        #expect(fired)
        withExtendedLifetime(machine) {}
    }
}
