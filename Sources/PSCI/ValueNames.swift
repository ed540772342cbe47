// The names of PSCI's choices, as documents, records and people have them.
//
// Responsible for: each name once, both ways. Left out of Embedded Swift: guests have no text to read.

#if !hasFeature(Embedded)

extension Function {
    /// The function of that name, as the documents have it.
    public init?(named name: String) {
        guard let function = Function.allCases.first(where: { $0.name.description == name }) else { return nil }
        self = function
    }
}

/// A choice that has a name.
public protocol NamedValue: CaseIterable {
    var name: String { get }
}

extension NamedValue {
    /// The value of that name; nil if there is none.
    public init?(named name: String) {
        guard let value = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = value
    }

    /// Every name.
    public static var names: [String] { allCases.map(\.name) }
}

extension Version: NamedValue {
    /// "1.3"
    public var name: String { "\(major).\(minor)" }
}

extension Conduit: NamedValue {
    /// "hvc" or "smc"
    public var name: String {
        switch self {
        case .hvc: "hvc"
        case .smc: "smc"
        }
    }
}

extension PowerStateFormat: NamedValue {
    /// "original" or "extended"
    public var name: String {
        switch self {
        case .original: "original"
        case .extendedStateID: "extended"
        }
    }
}

extension TrustedOS: NamedValue {
    /// "none", "migratable" or "fixed"
    public var name: String {
        switch self {
        case .none: "none"
        case .migratable: "migratable"
        case .fixed: "fixed"
        }
    }
}

extension IdleStates {
    /// Each state, with its name.
    public static let named: [(name: String, state: IdleStates)] = [
        ("core-standby", .coreStandby), ("core-retention", .coreRetention), ("core-power-down", .corePowerDown),
        ("cluster-retention", .clusterRetention), ("cluster-power-down", .clusterPowerDown),
        ("system-retention", .systemRetention), ("system-power-down", .systemPowerDown),
    ]

    /// The state of that name; nil if there is none.
    public init?(named name: String) {
        guard let state = Self.named.first(where: { $0.name == name })?.state else { return nil }
        self = state
    }

    /// The names of these states.
    public var names: [String] { Self.named.filter { isSuperset(of: $0.state) }.map(\.name) }
}

#endif
