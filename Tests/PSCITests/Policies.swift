// Policies for the tests: everything that there is, but for what a test says.

import PSCI

extension Policy {
    static func test(
        version: Version = .v1_3, conduit: Conduit = .hvc, optional: Capabilities = .possible(in: .v1_3),
        powerStateFormat: PowerStateFormat = .original, idleStates: IdleStates = .byDefault,
        trustedOS: TrustedOS = .none, coresPerCluster: Int = Policy.maximumCoresPerCluster
    ) -> Policy {
        Policy(
            version: version, conduit: conduit, optional: optional, powerStateFormat: powerStateFormat,
            idleStates: idleStates, trustedOS: trustedOS, coresPerCluster: coresPerCluster)
    }
}

extension IdleStates {
    static var byDefault: IdleStates { [.coreStandby, .corePowerDown, .clusterPowerDown] }
}
