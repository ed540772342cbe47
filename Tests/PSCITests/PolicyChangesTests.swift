import PSCI
import Testing

@Suite("Changes to a policy")
struct PolicyChangesTests {
    @Test("Settings are separated by commas, and a word alone goes on with the list before it")
    func settings() throws {
        let settings = try PolicyChanges(
            "enable=MIGRATE_INFO_TYPE,disable=SYSTEM_OFF2,CPU_FREEZE,states=core-retention,core-power-down,"
                + "format=extended,cores-per-cluster=4,trusted-os=fixed")
        #expect(settings.enabled == Capabilities(.migrateInfoType))
        #expect(settings.disabled == Capabilities(.systemOff2).union(Capabilities(.cpuFreeze)))
        #expect(settings.idleStates == [.coreRetention, .corePowerDown])
        #expect(settings.powerStateFormat == .extendedStateID)
        #expect(settings.coresPerCluster == 4)
        #expect(settings.trustedOS == .fixed)
        let policy = Policy(settings, over: .test(), conduit: .smc)
        #expect(!policy.capabilities.contains(.systemOff2))
        #expect(policy.capabilities.contains(.migrate))
        #expect(policy.idleStates == [.coreStandby, .coreRetention, .corePowerDown])
        #expect(policy.conduit == .smc)
        #expect(try PolicyChanges("states=none").idleStates == [])
    }

    @Test(
        "A wrong setting is refused, and the text says what would be right",
        arguments: [
            ("enable=CPU_OOF", "CPU_OOF is no function"), ("disable=CPU_ON", "CPU_ON is mandatory"),
            ("CPU_ON", "CPU_ON is no setting"), ("", "is no setting"), ("speed=1", "speed is no setting"),
            ("format=new", "say original, extended"), ("cores-per-cluster=17", "give 1 to 16"),
            ("cores-per-cluster=x", "give 1 to 16"), ("trusted-os=yes", "say none, migratable, fixed"),
            ("states=nap", "say core-standby"),
        ])
    func wrong(argument: String, text: String) {
        let error = #expect(throws: PolicyChangesError.self) { try PolicyChanges(argument) }
        #expect(error?.description.contains(text) == true)
    }
}
