// A policy as a VM's record keeps it: everything by name, nothing left to a default.
//
// A default may change with a new version of Dormouse, a machine that was made must not: what its guest can see is read from
// its record. Every key is needed, and a name that is not known is an error rather than a guess.

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
        version = policy.version.argument
        conduit = policy.conduit.argument
        functions = Function.allCases.filter { policy.capabilities.contains($0) }.map { $0.name.description }
        powerStateFormat = Self.name(policy.powerStateFormat, PowerStateFormat.arguments)
        idleStates = IdleStates.arguments.filter { policy.idleStates.isSuperset(of: $0.value) }.map(\.name)
        trustedOS = Self.name(policy.trustedOS, TrustedOS.arguments)
        coresPerCluster = policy.coresPerCluster
    }

    /// The policy; nil if a name is not known, or the parts do not go together: then this version of Dormouse cannot run the
    /// machine as it was made.
    public var policy: Policy? {
        var optional = Capabilities()
        for name in functions {
            guard let function = Function(named: name) else { return nil }
            optional.formUnion(Capabilities(function))
        }
        var states = IdleStates()
        for name in idleStates {
            guard let state = IdleStates.arguments.first(where: { $0.name == name })?.value else { return nil }
            states.formUnion(state)
        }
        guard let version = Version(argument: version), let conduit = Conduit(argument: conduit),
            let format = PowerStateFormat.arguments.first(where: { $0.name == powerStateFormat })?.value,
            let trustedOS = TrustedOS.arguments.first(where: { $0.name == trustedOS })?.value
        else { return nil }
        let policy = Policy(
            version: version, conduit: conduit, optional: optional, powerStateFormat: format, idleStates: states,
            trustedOS: trustedOS, coresPerCluster: coresPerCluster)
        return PolicyRecord(policy) == self ? policy : nil
    }

    private static func name<Value: Equatable>(_ value: Value, _ names: [(name: String, value: Value)]) -> String {
        names.first { $0.value == value }?.name ?? ""
    }
}
