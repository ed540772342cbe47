import Boot
import PSCI
import Testing

@testable import Machine

@Suite("Idle states, as a guest is told of them")
struct IdleDescriptionTests {
    @Test("Idle states are described with the power_state that asks for them")
    func idleStates() throws {
        var configuration = MachineConfiguration(kernel: "unread")
        configuration.cpuCount = 3
        configuration.psci = .virt1("cores-per-cluster=2")
        let idle = try #require(configuration.idleDescription)
        #expect(idle.clusters == [0, 0, 1])
        #expect(idle.hasDomains)
        #expect(idle.cpuStates.map(\.suspendParameter) == [0x1_0003])
        // Last in level 1, as OS-initiated mode wants it.
        #expect(idle.clusterStates.map(\.suspendParameter) == [0x0101_1033])

        configuration.psci = .virt1(
            without: Capabilities(.psciSetSuspendMode),
            "format=extended,states=" + IdleStates.named.map(\.name).joined(separator: ","))
        let flat = try #require(configuration.idleDescription)
        #expect(!flat.hasDomains)
        #expect(flat.cpuStates.map(\.suspendParameter) == [0x2, 0x4000_0003])
        #expect(flat.clusterStates.map(\.suspendParameter) == [0x4000_0023, 0x4000_0033])
        #expect(flat.systemStates.map(\.suspendParameter) == [0x4000_0233, 0x4000_0333])

        configuration.psci = .virt1("states=none")
        #expect(configuration.idleDescription == nil)
    }

    @Test("A hidden core is not described before 1.2, and is from then on")
    func hiddenCores() {
        var configuration = MachineConfiguration(kernel: "unread")
        configuration.cpuCount = 3
        configuration.laboratory.withheldCores = [1]
        configuration.psci = .virt1(version: .v1_1)
        #expect(configuration.describedCores == [0, 2])
        configuration.psci = .virt1(version: .v1_2)
        #expect(configuration.describedCores == [0, 1, 2])
    }
}
