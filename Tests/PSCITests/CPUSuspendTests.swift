import Testing

@testable import PSCI

@Suite("CPU_SUSPEND")
struct CPUSuspendTests {
    @Test(
        "Standby of the core waits and then returns SUCCESS, in every version", arguments: Version.allCases,
        CallWidth.allCases)
    func standby(version: Version, width: CallWidth) {
        let passed = CallRegisters(.cpuSuspend, width, 0, 0x1234, 0x5678)
        // The entry point, which is none, means nothing in a standby state.
        let result = firmware(version, on: TestMachine(refusesEntryPoints: true)).call(passed, caller: 0)
        #expect(result.effect == .standby)
        #expect(result.registers == CallRegisters(x0: 0, x1: 0, x2: 0x1234, x3: 0x5678))
    }

    @Test("Power-down goes on at the entry point with the context id", arguments: Version.allCases, CallWidth.allCases)
    func powerDown(version: Version, width: CallWidth) {
        let passed = CallRegisters(.cpuSuspend, width, 0x1_0003, 0x4008_0000, 0xDEAD_C0DE)
        let result = firmware(version).call(passed, caller: 0)
        #expect(result.effect == .powerDown(entryPoint: 0x4008_0000, contextID: 0xDEAD_C0DE))
        // What the core finds if an interrupt was pending.
        #expect(result.registers.x0 == 0)
    }

    @Test("An entry point that is not the guest's is an error of a power-down", arguments: Version.allCases)
    func invalidEntryPoint(version: Version) {
        let firmware = firmware(version, on: TestMachine(refusesEntryPoints: true))
        #expect(firmware.call64(.cpuSuspend, 0x1_0003, 0x1000) == (version == .v0_2 ? -2 : -9))
        #expect(firmware.call(0xC400_0001, 0x1_0003, 0x1000).effect == .none)
    }

    @Test("A state that the machine does not have is an invalid parameter", arguments: CallWidth.allCases)
    func unknownStates(width: CallWidth) {
        // Retention, and everything of the system's, is not among the default states.
        for state: UInt64 in [0x2, 0x0100_0022, 0x0101_0023, 0x0201_0333, 0x1_0000, 0x3, 0x0100_0033] {
            let result = firmware().call(CallRegisters(.cpuSuspend, width, state), caller: 0)
            #expect(result.effect == .none)
            #expect(width.signed(result.registers.x0) == -2)
        }
        for bit in 0..<32 where bit != 0 && bit != 12 && bit != 13 {
            #expect(firmware().call(CallRegisters(.cpuSuspend, width, 1 << UInt64(bit)), caller: 0).effect == .none)
        }
    }

    @Test("The power_state is 32 bits wide in a 64-bit call too")
    func powerStateIsAWord() {
        #expect(firmware().call(0xC400_0001, 0x1_0000_0000).effect == .standby)
    }

    @Test("PSCI_FEATURES says which format there is, and whether there is an OS-initiated mode")
    func features() {
        func flags(_ policy: Policy) -> Int64 {
            Firmware(policy: policy, platform: TestMachine()).call32(.psciFeatures, 0xC400_0001)
        }
        #expect(flags(Policy.test()) == 1)
        #expect(flags(Policy.test(powerStateFormat: .extendedStateID)) == 3)
        #expect(flags(Policy.test(optional: [], powerStateFormat: .extendedStateID)) == 2)
        #expect(flags(Policy.test(optional: [])) == 0)
    }

    @Test("A firmware speaks one format only")
    func formats() {
        let extended = Firmware(policy: Policy.test(powerStateFormat: .extendedStateID), platform: TestMachine())
        #expect(extended.call(0xC400_0001, 0x4000_0003, 0x4000_0000).effect != .none)
        #expect(extended.call64(.cpuSuspend, 0x1_0003, 0x4000_0000) == -2)
        #expect(firmware().call64(.cpuSuspend, 0x4000_0003, 0x4000_0000) == -2)
        // There is no other before 1.0.
        #expect(Policy.test(version: .v0_2, powerStateFormat: .extendedStateID).powerStateFormat == .original)
    }

    @Test("CPU_DEFAULT_SUSPEND is power-down of the core where there is such a state, else standby")
    func defaultSuspend() {
        let result = firmware().call(0xC400_000C, 0x4008_0000, 7)
        #expect(result.effect == .powerDown(entryPoint: 0x4008_0000, contextID: 7))
        let policy = Policy.test(idleStates: [])
        let standby = Firmware(policy: policy, platform: TestMachine(idleStates: policy.idleStates))
        #expect(standby.call(0xC400_000C, 0x4008_0000, 7).effect == .standby)
        #expect(firmware(on: TestMachine(refusesEntryPoints: true)).call64(.cpuDefaultSuspend, 0) == -9)
    }

    @Test("An idle core is ON, to AFFINITY_INFO and to CPU_ON (§5.7.1)")
    func isOn() {
        let firmware = firmware()
        firmware.turnAllOn()
        _ = firmware.call64(.cpuSuspend, 0x1_0003, 0x4008_0000, from: 1)
        #expect(firmware.call64(.affinityInfo, 1) == 0)
        #expect(firmware.call64(.cpuOn, 1, 0x4008_0000) == -4)
    }
}
