import PSCI
import Testing

@Suite("SMCCC discovery")
struct SMCCCTests {
    private static let notSupported: UInt64 = 0xFFFF_FFFF

    @Test("SMCCC_VERSION is found by PSCI_FEATURES since 1.0", arguments: Version.allCases)
    func discovery(version: Version) {
        let answer = firmware(version).call(0x8400_000A, 0x8000_0000).registers.x0
        #expect(answer == (version == .v0_2 ? Self.notSupported : 0))
    }

    @Test(
        "No other function that is not PSCI's is found by PSCI_FEATURES",
        arguments: [0x8000_0001, 0x8000_8000, 0x8000_7FFF, 0x8000_3FFF, 0x8400_0050, 0x8400_0053, 0xC400_0053]
            as [UInt64])
    func notByPSCIFeatures(id: UInt64) {
        #expect(firmware().call(0x8400_000A, id).registers.x0 == Self.notSupported)
    }

    @Test("The version is 1.1")
    func version() {
        #expect(firmware().call(0x8000_0000).registers.x0 == 0x0001_0001)
    }

    @Test(
        "SMCCC_ARCH_FEATURES says what there is, and that no workaround is needed",
        arguments: [
            (0x8000_0000, 0), (0x8000_0001, 0),
            // 1: not needed on this core. Linux takes it for "unaffected".
            (0x8000_8000, 1), (0x8000_3FFF, 1),
            // -2: NOT_REQUIRED.
            (0x8000_7FFF, 0xFFFF_FFFE),
            // SMCCC_ARCH_SOC_ID, functions of other interfaces, and nothing.
            (0x8000_0002, 0xFFFF_FFFF), (0x8400_0000, 0xFFFF_FFFF), (0xC400_0053, 0xFFFF_FFFF), (0, 0xFFFF_FFFF),
        ] as [(UInt64, UInt64)])
    func archFeatures(id: UInt64, answer: UInt64) {
        #expect(firmware().call(0x8000_0001, id).registers.x0 == answer)
    }

    @Test(
        "A workaround that is not needed may be called", arguments: [0x8000_8000, 0x8000_7FFF, 0x8000_3FFF] as [UInt32])
    func workarounds(id: UInt32) {
        let result = firmware().call(id, 1)
        #expect(result.effect == .none)
        #expect(result.registers.x0 == 0)
    }

    @Test("A policy without SMCCC has none of it")
    func hidden() {
        let policy = Policy.test(optional: .possible(in: .v1_3).subtracting(.smccc))
        let firmware = Firmware(policy: policy, platform: TestMachine())
        #expect(firmware.call(0x8400_000A, 0x8000_0000).registers.x0 == Self.notSupported)
        for id: UInt32 in [0x8000_0000, 0x8000_0001, 0x8000_8000, 0x8000_7FFF, 0x8000_3FFF] {
            #expect(firmware.call(id, 0x8000_0000).registers.x0 == Self.notSupported)
        }
        #expect(firmware.call(0x8400_0050).registers.x0 == 0x0001_0000)
    }
}
