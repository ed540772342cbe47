// A policy as a VM's record keeps it: everything by name, nothing left to a default.
//
// A default may change with a new version of Dormouse, a machine that was made must not: what its guest can see is read
// from its record. Every key is needed, and a name that is not known is an error rather than a guess.

import PSCI

/// A policy to be stored. `Codable`, with the names that the documents and the command line have.
public struct PolicyRecord: Codable, Hashable, Sendable {
    public var version: String
    public var conduit: String
    /// Every function, the mandatory ones included, in the order of their numbers.
    public var functions: [String]
    public var powerStateFormat: String
    public var idleStates: [String]
    public var trustedOS: String
    public var coresPerCluster: Int

    enum CodingKeys: String, CodingKey {
        case version, conduit, functions
        case powerStateFormat = "power-state-format"
        case idleStates = "idle-states"
        case trustedOS = "trusted-os"
        case coresPerCluster = "cores-per-cluster"
    }

    public init(_ policy: Policy) {
        version = policy.version.name
        conduit = policy.conduit.name
        functions = Function.allCases.filter { policy.capabilities.contains($0) }.map { $0.name.description }
        powerStateFormat = policy.powerStateFormat.name
        idleStates = policy.idleStates.names
        trustedOS = policy.trustedOS.name
        coresPerCluster = policy.coresPerCluster
    }

    /// The policy; nil if a name is not known, or the parts do not go together: then this version of Dormouse cannot
    /// run the machine as it was made.
    public var policy: Policy? {
        var optional = Capabilities()
        for name in functions {
            guard let function = Function(named: name) else { return nil }
            optional.formUnion(Capabilities(function))
        }
        var states = IdleStates()
        for name in idleStates {
            guard let state = IdleStates(named: name) else { return nil }
            states.formUnion(state)
        }
        guard let version = Version(named: version), let conduit = Conduit(named: conduit),
            let format = PowerStateFormat(named: powerStateFormat),
            let trustedOS = TrustedOS(named: trustedOS)
        else { return nil }
        let policy = Policy(
            version: version, conduit: conduit, optional: optional, powerStateFormat: format, idleStates: states,
            trustedOS: trustedOS, coresPerCluster: coresPerCluster)
        return PolicyRecord(policy) == self ? policy : nil
    }
}
