import PSCI
import Testing

@Suite("MIGRATE and its two questions")
struct MigrateTests {
    private func firmware(_ trustedOS: TrustedOS, _ version: Version = .v1_3) -> Firmware<TestMachine> {
        let firmware = Firmware(policy: Policy.test(version: version, trustedOS: trustedOS), platform: TestMachine())
        firmware.turnAllOn()
        return firmware
    }

    @Test("No trusted OS needs migrating", arguments: Version.allCases)
    func type(version: Version) {
        let firmware = firmware(.none, version)
        #expect(firmware.call32(.migrateInfoType) == 2)
        #expect(firmware.call64(.migrate) == -1)
        #expect(firmware.call32(.migrate) == -1)
        #expect(firmware.call64(.migrateInfoUpCPU) == -1)
    }

    @Test("A policy without MIGRATE_INFO_TYPE says NOT_SUPPORTED, which means the same to a caller")
    func hidden() {
        let policy = Policy.test(optional: [])
        #expect(Firmware(policy: policy, platform: TestMachine()).call(0x8400_0006).registers.x0 == w0(-1))
    }

    @Test("A trusted OS that can move keeps its core on, until it has moved (Table 9)", arguments: Version.allCases)
    func migratable(version: Version) {
        let firmware = firmware(.migratable, version)
        #expect(firmware.call32(.migrateInfoType) == 0)
        #expect(firmware.call64(.migrateInfoUpCPU) == 0)
        #expect(firmware.call32(.cpuOff) == -3)
        #expect(firmware.call64(.migrate, 2, from: 1) == -7)
        #expect(firmware.call64(.migrate, 9) == -2)
        #expect(firmware.call64(.migrate, 2) == 0)
        #expect(firmware.call32(.migrateInfoUpCPU) == 2)
        #expect(firmware.call32(.cpuOff, from: 2) == -3)
        #expect(firmware.call(0x8400_0002).effect == .turnOffCaller)
        // The target has to be powered up (§5.8.2).
        #expect(firmware.call64(.migrate, 0, from: 2) == -6)
    }

    @Test("A trusted OS that cannot move keeps its core on for ever (Table 9)", arguments: Version.allCases)
    func fixed(version: Version) {
        let firmware = firmware(.fixed, version)
        #expect(firmware.call32(.migrateInfoType) == 1)
        #expect(firmware.call64(.migrateInfoUpCPU) == 0)
        #expect(firmware.call64(.migrate, 1) == -3)
        #expect(firmware.call32(.cpuOff) == -3)
        #expect(firmware.call(0x8400_0002, from: 1).effect == .turnOffCaller)
    }

    @Test("CPU_FREEZE is denied where CPU_OFF is")
    func freeze() {
        #expect(firmware(.fixed).call32(.cpuFreeze) == -3)
        #expect(firmware(.fixed).call(0x8400_000B, from: 1).effect == .turnOffCaller)
    }
}
