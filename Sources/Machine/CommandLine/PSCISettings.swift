// What `--psci` says: the parts of a policy that differ from what the model has.
//
// Settings are separated by commas: `enable=…` and `disable=…` with functions, `states=…` with idle states, `format=…`,
// `cores-per-cluster=…`, `trusted-os=…`. A word without `=` belongs to the list before it.

import PSCI

/// Why a setting is none. The text is for the user.
public struct PSCISettingsError: Error, CustomStringConvertible {
    public var description: String
}

/// Changes to a model's PSCI.
public struct PSCISettings: Sendable, Hashable {
    public var enabled = Capabilities()
    public var disabled = Capabilities()
    public var idleStates: IdleStates?
    public var powerStateFormat: PowerStateFormat?
    public var coresPerCluster: Int?
    public var trustedOS: TrustedOS?

    public init() {}

    public init(argument: String) throws(PSCISettingsError) {
        var key = ""
        for word in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { key = String(parts[0]) }
            try set(key, String(parts[parts.count - 1]))
        }
    }

    private mutating func set(_ key: String, _ value: String) throws(PSCISettingsError) {
        switch key {
        case "enable": enabled.formUnion(Capabilities(try Self.function(value)))
        case "disable": disabled.formUnion(Capabilities(try Self.function(value)))
        case "states":
            guard value != "none" else { return idleStates = idleStates ?? [] }
            idleStates = (idleStates ?? []).union(try Self.value(value, IdleStates.arguments, "idle state"))
        case "format": powerStateFormat = try Self.value(value, PowerStateFormat.arguments, "format")
        case "trusted-os": trustedOS = try Self.value(value, TrustedOS.arguments, "trusted OS")
        case "cores-per-cluster":
            guard let count = Int(value), (1...Policy.maximumCoresPerCluster).contains(count) else {
                throw PSCISettingsError(
                    description:
                        "\(value) cores to a cluster cannot be had; give 1 to \(Policy.maximumCoresPerCluster)")
            }
            coresPerCluster = count
        default:
            throw PSCISettingsError(
                description: "\(key.isEmpty ? value : key) is no setting; say enable=, disable=, states=, format=, "
                    + "cores-per-cluster= or trusted-os=")
        }
    }

    private static func function(_ name: String) throws(PSCISettingsError) -> Function {
        guard let function = Function(named: name) else {
            throw PSCISettingsError(
                description: "\(name) is no function; say it as the documents do, such as SYSTEM_SUSPEND")
        }
        guard !function.isMandatory else {
            throw PSCISettingsError(description: "\(name) is mandatory; choose a version that does not have it")
        }
        return function
    }

    private static func value<Value>(
        _ text: String, _ names: [(name: String, value: Value)], _ what: String
    ) throws(PSCISettingsError) -> Value {
        if let found = names.first(where: { $0.name == text }) { return found.value }
        throw PSCISettingsError(
            description: "\(text) is no \(what); say \(names.map(\.name).joined(separator: ", "))")
    }
}

extension Policy {
    /// `base`, such as a model's, with other settings.
    public init(
        _ settings: PSCISettings = PSCISettings(), over base: Policy, version: Version? = nil, conduit: Conduit? = nil
    ) {
        self.init(
            version: version ?? base.version, conduit: conduit ?? base.conduit,
            optional: base.capabilities.union(settings.enabled).subtracting(settings.disabled),
            powerStateFormat: settings.powerStateFormat ?? base.powerStateFormat,
            idleStates: settings.idleStates ?? base.idleStates, trustedOS: settings.trustedOS ?? base.trustedOS,
            coresPerCluster: settings.coresPerCluster ?? base.coresPerCluster)
    }
}

extension IdleStates {
    /// The names of the states.
    public static let arguments: [(name: String, value: IdleStates)] = [
        ("core-standby", .coreStandby), ("core-retention", .coreRetention), ("core-power-down", .corePowerDown),
        ("cluster-retention", .clusterRetention), ("cluster-power-down", .clusterPowerDown),
        ("system-retention", .systemRetention), ("system-power-down", .systemPowerDown),
    ]
}

extension PowerStateFormat {
    /// The names of the formats.
    public static let arguments: [(name: String, value: PowerStateFormat)] = [
        ("original", .original), ("extended", .extendedStateID),
    ]
}

extension TrustedOS {
    /// The names of the kinds of trusted OS.
    public static let arguments: [(name: String, value: TrustedOS)] = [
        ("none", .none), ("migratable", .migratable), ("fixed", .fixed),
    ]
}
