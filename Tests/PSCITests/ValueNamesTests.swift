import PSCI
import Testing

@Suite("Names of values")
struct ValueNamesTests {
    @Test("Versions of PSCI have the names that the document gives them")
    func versions() {
        #expect(Version.names == ["0.2", "1.0", "1.1", "1.2", "1.3"])
        #expect(Version(named: "1.2") == .v1_2)
        #expect(Version(named: "1.4") == nil)
        #expect(Version(named: "1") == nil)
    }

    @Test("Conduits have the names of the instructions")
    func conduits() {
        #expect(Conduit(named: "hvc") == .hvc)
        #expect(Conduit(named: "smc") == .smc)
        #expect(Conduit(named: "HVC") == nil)
    }

    @Test("Every value is found by its name, and no other is")
    func roundTrips() {
        #expect(Version.allCases.allSatisfy { Version(named: $0.name) == $0 })
        #expect(Conduit.allCases.allSatisfy { Conduit(named: $0.name) == $0 })
        #expect(PowerStateFormat.allCases.allSatisfy { PowerStateFormat(named: $0.name) == $0 })
        #expect(TrustedOS.allCases.allSatisfy { TrustedOS(named: $0.name) == $0 })
        #expect(Function.allCases.allSatisfy { Function(named: $0.name.description) == $0 })
        #expect(IdleStates.named.allSatisfy { IdleStates(named: $0.name) == $0.state })
        #expect(IdleStates(named: "core-power-down")?.names == ["core-power-down"])
        #expect(TrustedOS(named: "None") == nil && IdleStates(named: "") == nil && Function(named: "cpu_on") == nil)
    }
}
