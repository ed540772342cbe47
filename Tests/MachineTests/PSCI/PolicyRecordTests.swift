import Foundation
import PSCI
import Testing

@testable import Machine

@Suite("PSCI's policy as it is recorded")
struct PolicyRecordTests {
    /// What the model `virt-1` offers a guest by default: for ever, once it is released. If this test fails, the
    /// default has changed, and a new model has to carry the change.
    private static let virt1 = """
        {
          "conduit" : "hvc",
          "cores-per-cluster" : 16,
          "functions" : [
            "PSCI_VERSION", "CPU_SUSPEND", "CPU_OFF", "CPU_ON", "AFFINITY_INFO", "MIGRATE_INFO_TYPE", "SYSTEM_OFF",
            "SYSTEM_RESET", "PSCI_FEATURES", "CPU_FREEZE", "CPU_DEFAULT_SUSPEND", "NODE_HW_STATE", "SYSTEM_SUSPEND",
            "PSCI_SET_SUSPEND_MODE", "PSCI_STAT_RESIDENCY", "PSCI_STAT_COUNT", "SYSTEM_RESET2", "MEM_PROTECT",
            "MEM_PROTECT_CHECK_RANGE", "SYSTEM_OFF2", "SMCCC_VERSION", "SMCCC_ARCH_FEATURES",
            "SMCCC_ARCH_WORKAROUND_1", "SMCCC_ARCH_WORKAROUND_2", "SMCCC_ARCH_WORKAROUND_3", "TRNG_VERSION",
            "TRNG_FEATURES", "TRNG_GET_UUID", "TRNG_RND"
          ],
          "idle-states" : ["core-standby", "core-power-down", "cluster-power-down"],
          "power-state-format" : "original",
          "trusted-os" : "none",
          "version" : "1.3"
        }
        """

    @Test("The model virt-1 has the PSCI that it was released with")
    func golden() throws {
        let record = try JSONDecoder().decode(PolicyRecord.self, from: Data(Self.virt1.utf8))
        #expect(MachineConfiguration(kernel: "unread").psci == record.policy)
        #expect(MachineConfiguration(kernel: "unread").model.name == "virt-1")
    }

    @Test("A record gives back the policy that it was made of", arguments: Version.allCases, TrustedOS.allCases)
    func roundTrip(version: Version, trustedOS: TrustedOS) throws {
        for settings in ["", "format=extended", "states=none,cores-per-cluster=3", "disable=SYSTEM_OFF2,MEM_PROTECT"] {
            let policy = Policy(
                settings.isEmpty ? PolicyChanges() : try PolicyChanges(settings), over: .virt1,
                version: version,
                conduit: .smc)
            let data = try JSONEncoder().encode(PolicyRecord(policy))
            #expect(try JSONDecoder().decode(PolicyRecord.self, from: data).policy == policy)
        }
    }

    @Test("What is not known, or does not go together, is no policy: nothing is guessed")
    func unknown() {
        func changed(_ change: (inout PolicyRecord) -> Void) -> Policy? {
            var record = PolicyRecord(.virt1)
            change(&record)
            return record.policy
        }
        #expect(changed { _ in } == .virt1)
        #expect(changed { $0.version = "1.4" } == nil)
        #expect(changed { $0.conduit = "svc" } == nil)
        #expect(changed { $0.functions.append("CLEAN_INV_MEMREGION") } == nil)
        #expect(changed { $0.functions.removeAll { $0 == "CPU_ON" } } == nil)
        #expect(changed { $0.functions.removeAll { $0 == "PSCI_STAT_COUNT" } } == nil)
        #expect(changed { $0.idleStates = ["core-standby", "cluster-power-down"] } == nil)
        #expect(changed { $0.idleStates = ["core-nap"] } == nil)
        #expect(changed { $0.powerStateFormat = "new" } == nil)
        #expect(changed { $0.trustedOS = "some" } == nil)
        #expect(changed { $0.coresPerCluster = 17 } == nil)
        #expect(changed { $0.version = "0.2" } == nil)
    }
}
