import PSCI
import Testing

@Suite("Policies")
struct PolicyTests {
    @Test("Functions that come together are offered together or not at all")
    func pairs() {
        for (one, other) in [(.memProtect, .memProtectCheckRange), (.psciStatCount, .psciStatResidency)]
            as [(Function, Function)]
        {
            for (left, right) in [(one, other), (other, one)] {
                let policy = Policy.test(optional: .possible(in: .v1_3).subtracting(Capabilities(left)))
                #expect(!policy.capabilities.contains(left))
                #expect(!policy.capabilities.contains(right))
            }
        }
    }

    @Test("Standby of a core is always there, and no level goes deeper than the one below it")
    func idleStates() {
        #expect(Policy.test(idleStates: []).idleStates == .coreStandby)
        #expect(Policy.test(idleStates: .clusterPowerDown).idleStates == .coreStandby)
        #expect(
            Policy.test(idleStates: [.coreRetention, .clusterPowerDown, .clusterRetention, .systemPowerDown]).idleStates
                == [.coreStandby, .coreRetention, .clusterRetention])
        #expect(Policy.test(idleStates: .all).idleStates == .all)
        #expect(Policy.test(idleStates: IdleStates(rawValue: ~0)).idleStates == .all)
    }

    @Test("A cluster has 1 to 16 cores")
    func clusters() {
        #expect(Policy.test(coresPerCluster: 0).coresPerCluster == 1)
        #expect(Policy.test(coresPerCluster: -5).coresPerCluster == 1)
        #expect(Policy.test(coresPerCluster: 4).coresPerCluster == 4)
        #expect(Policy.test(coresPerCluster: 17).coresPerCluster == 16)
        #expect(Policy.test().coresPerCluster == 16)
    }

    @Test("A withheld core is DENIED since 1.2, and before that there is no such core", arguments: Version.allCases)
    func withheldCores(version: Version) {
        let firmware = firmware(version, on: TestMachine(withheld: [2]))
        let isVisible = version >= .v1_2
        #expect(firmware.call64(.cpuOn, 2, 0x4008_0000) == (isVisible ? -3 : -2))
        #expect(firmware.call64(.affinityInfo, 2) == (isVisible ? 1 : -2))
        #expect(firmware.call64(.cpuOn, 1, 0x4008_0000) == 0)
        #expect(firmware.platform.starts.map(\.core) == [1])
    }

    @Test("Clusters are counted as they appear, and cores of one share all but Aff0")
    func topology() {
        let topology = Topology([
            Affinity(aff1: 3, aff0: 0), Affinity(aff1: 1, aff0: 0), Affinity(aff1: 3, aff0: 1),
            Affinity(aff2: 1, aff1: 3, aff0: 0),
        ])
        #expect(topology.clusters == [0, 1, 0, 2])
        #expect(topology.clusterCount == 3)
        #expect(topology.core(Affinity(aff1: 3, aff0: 1)) == 2)
        #expect(topology.core(Affinity(aff0: 1)) == nil)
    }
}
