import PSCI
import Testing

@Suite("CPU_SUSPEND")
struct CPUSuspendTests {
    @Test(
        "Standby of the core waits and then returns SUCCESS, in every version", arguments: Version.allCases,
        CallWidth.allCases)
    func standby(version: Version, width: CallWidth) {
        let machine = TestMachine(refusesEntryPoints: true)
        // The entry point is not looked at: only a power-down state has one.
        let passed = CallRegisters(.cpuSuspend, width, 0, 0x1000, 1)
        let result = firmware(version, on: machine).call(passed, caller: 0)
        #expect(result.effect == .standby)
        #expect(!result.effect.endsRun)
        #expect(result.registers.x0 == 0)
        #expect(machine.state(ofCore: 0) == .on)
    }

    @Test("Any other power_state is invalid", arguments: CallWidth.allCases)
    func otherStates(width: CallWidth) {
        for bit in 0..<32 {
            let result = firmware().call(CallRegisters(.cpuSuspend, width, 1 << UInt64(bit)), caller: 0)
            #expect(result.effect == .none)
            #expect(width.signed(result.registers.x0) == -2)
        }
    }

    @Test("The power_state is 32 bits wide in a 64-bit call too")
    func powerStateIsAWord() {
        #expect(firmware().call(0xC400_0001, 0x1_0000_0000).effect == .standby)
    }

    @Test("PSCI_FEATURES says original format and no OS-initiated mode")
    func features() {
        #expect(firmware().call(0x8400_000A, 0x8400_0001).registers.x0 == 0)
        #expect(firmware().call(0x8400_000A, 0xC400_0001).registers.x0 == 0)
    }

    @Test("A power_state in the original format has the fields of Table 7")
    func fields() throws {
        let state = try #require(PowerState(rawValue: 0x0201_1234))
        #expect(state.powerLevel == 2)
        #expect(state.isPowerDown)
        #expect(state.stateID == 0x1234)
        #expect(!PowerState.coreStandby.isPowerDown)
        for bit in Array(UInt32(17)..<24) + Array(26..<32) {
            #expect(PowerState(rawValue: 1 << bit) == nil)
        }
    }
}
