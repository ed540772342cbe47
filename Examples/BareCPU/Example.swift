// Runs a flat program on the bare CPU: no machine around it, no devices, no firmware. The program adds up 1 to 10 and
// says by an HVC that it is done.

import Arm64
import Emulator
import Hypervisor

/// The program asks for no random bits.
final class NoEntropy: EntropySource {
    func next() -> UInt64 { 0 }
}

@main
struct Example {
    static func main() throws {
        let program: [UInt32] = [
            0xD280_0000,  // MOV X0, #0
            0xD280_0141,  // MOV X1, #10
            0x8B01_0000,  // loop: ADD X0, X0, X1
            0xF100_0421,  // SUBS X1, X1, #1
            0x54FF_FFC1,  // B.NE loop
            0xD400_0022,  // HVC #1
        ]
        let base: UInt64 = 0x4000_0000
        let memory = try GuestMemory(base: base, byteCount: 2 << 20)
        memory.write(program.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }, at: base)
        let vm = try EmulatedVM(
            BackendConfiguration(
                cpuCount: 1, model: .dormouse1, memory: memory, bus: PhysicalBus(regions: []),
                clock: InstructionClock(), entropy: NoEntropy(), interruptController: nil,
                timerLines: { _ in TimerLines(virtualTimer: .unconnected, physicalTimer: .unconnected) }),
            codeCacheByteCount: 1 << 20)
        let cpu = vm.cpus[0]
        cpu.reset(entry: base, context: 0)
        let exit = cpu.run(budget: nil)
        print("\(exit): x0 is \(cpu.register(0)), after \(cpu.instructionCount) instructions")
        withExtendedLifetime(vm) {}
    }
}
