import PSCI
import Testing

@Suite("MIGRATE and its two questions")
struct MigrateTests {
    @Test("No trusted OS needs migrating", arguments: Version.allCases)
    func type(version: Version) {
        #expect(firmware(version).call(0x8400_0006).registers.x0 == 2)
        #expect(firmware(version).call(0xC400_0005, 0).registers.x0 == x0(-1))
        #expect(firmware(version).call(0x8400_0005, 0).registers.x0 == w0(-1))
    }

    @Test("A policy without MIGRATE_INFO_TYPE says NOT_SUPPORTED, which means the same to a caller")
    func hidden() {
        let policy = Policy(optional: [])
        #expect(Firmware(policy: policy, platform: TestMachine()).call(0x8400_0006).registers.x0 == w0(-1))
    }
}
