// Changes to a policy, as people write them: the parts that differ from what a machine would have.
//
// Settings are separated by commas: `enable=…` and `disable=…` with functions, `states=…` with idle states, `format=…`,
// `cores-per-cluster=…`, `trusted-os=…`. A word without `=` belongs to the list before it.
//
// Left out of Embedded Swift.

#if !hasFeature(Embedded)

/// Why a setting is none. The text is for the user.
public struct PolicyChangesError: Error, CustomStringConvertible {
    public var description: String
}

/// Changes to a policy.
public struct PolicyChanges: Sendable, Hashable {
    public var enabled = Capabilities()
    public var disabled = Capabilities()
    public var idleStates: IdleStates?
    public var powerStateFormat: PowerStateFormat?
    public var coresPerCluster: Int?
    public var trustedOS: TrustedOS?

    public init() {}

    public init(_ text: String) throws(PolicyChangesError) {
        var key = ""
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { key = String(parts[0]) }
            try set(key, String(parts[parts.count - 1]))
        }
    }

    private mutating func set(_ key: String, _ value: String) throws(PolicyChangesError) {
        switch key {
        case "enable": enabled.formUnion(Capabilities(try Self.function(value)))
        case "disable": disabled.formUnion(Capabilities(try Self.function(value)))
        case "states":
            guard value != "none" else { return idleStates = idleStates ?? [] }
            idleStates = (idleStates ?? []).union(try Self.idleState(value))
        case "format": powerStateFormat = try Self.value(value, "format")
        case "trusted-os": trustedOS = try Self.value(value, "trusted OS")
        case "cores-per-cluster":
            guard let count = Int(value), (1...Policy.maximumCoresPerCluster).contains(count) else {
                throw PolicyChangesError(
                    description:
                        "\(value) cores to a cluster cannot be had; give 1 to \(Policy.maximumCoresPerCluster)")
            }
            coresPerCluster = count
        default:
            throw PolicyChangesError(
                description: "\(key.isEmpty ? value : key) is no setting; say enable=, disable=, states=, format=, "
                    + "cores-per-cluster= or trusted-os=")
        }
    }

    private static func function(_ name: String) throws(PolicyChangesError) -> Function {
        guard let function = Function(named: name) else {
            throw PolicyChangesError(
                description: "\(name) is no function; say it as the documents do, such as SYSTEM_SUSPEND")
        }
        guard !function.isMandatory else {
            throw PolicyChangesError(description: "\(name) is mandatory; choose a version that does not have it")
        }
        return function
    }

    private static func idleState(_ name: String) throws(PolicyChangesError) -> IdleStates {
        guard let state = IdleStates(named: name) else {
            throw none(name, "idle state", IdleStates.named.map(\.name))
        }
        return state
    }

    private static func value<Value: NamedValue>(_ name: String, _ what: String) throws(PolicyChangesError) -> Value {
        guard let value = Value(named: name) else { throw none(name, what, Value.names) }
        return value
    }

    private static func none(_ name: String, _ what: String, _ names: [String]) -> PolicyChangesError {
        PolicyChangesError(description: "\(name) is no \(what); say \(names.joined(separator: ", "))")
    }
}

extension Policy {
    /// `base`, such as a machine model's, with changes.
    public init(
        _ changes: PolicyChanges = PolicyChanges(), over base: Policy, version: Version? = nil, conduit: Conduit? = nil
    ) {
        self.init(
            version: version ?? base.version, conduit: conduit ?? base.conduit,
            optional: base.capabilities.union(changes.enabled).subtracting(changes.disabled),
            powerStateFormat: changes.powerStateFormat ?? base.powerStateFormat,
            idleStates: changes.idleStates ?? base.idleStates, trustedOS: changes.trustedOS ?? base.trustedOS,
            coresPerCluster: changes.coresPerCluster ?? base.coresPerCluster)
    }
}

#endif
