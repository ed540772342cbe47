// The one bitmap that says which functions there are.
//
// Responsible for: a set of functions as bits, and the sets that the document names. The set that a machine offers
// answers PSCI_FEATURES and gates the dispatcher, so that the two cannot disagree.
//
// Follows DEN0022 F.b Table 17 (§6.9).

/// A set of functions.
public struct Capabilities: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The set of one function.
    public init(_ function: Function) {
        rawValue = 1 << UInt64(function.rawValue)
    }

    /// The set of some functions.
    public init(_ functions: some Sequence<Function>) {
        self = functions.reduce(into: []) { $0.formUnion(Capabilities($1)) }
    }

    /// Whether `function` is in the set.
    public func contains(_ function: Function) -> Bool {
        contains(Capabilities(function))
    }

    /// The functions for which `condition` holds.
    private init(where condition: (Function) -> Bool) {
        var bits = Capabilities()
        for number in UInt8(0)..<64 {
            guard let function = Function(rawValue: number), condition(function) else { continue }
            bits.formUnion(Capabilities(function))
        }
        self = bits
    }

    /// PSCI's functions that a firmware of `version` must have.
    public static func mandatory(in version: Version) -> Capabilities {
        Capabilities { function in
            guard let introduced = function.introduced else { return false }
            return function.isMandatory && introduced <= version
        }
    }

    /// The functions that a firmware of PSCI `version` may have: all of PSCI's that the version knows, and those of
    /// the other interfaces, which do not depend on it.
    public static func possible(in version: Version) -> Capabilities {
        Capabilities { function in
            guard let introduced = function.introduced else { return true }
            return introduced <= version
        }
    }

    /// SMCCC's own discovery, and its workarounds.
    public static var smccc: Capabilities {
        Capabilities { $0.interface == .smccc }
    }

    /// The TRNG firmware interface.
    public static var trng: Capabilities {
        Capabilities { $0.interface == .trng }
    }

    /// The statistics, which come together (§5.22.2).
    public static var statistics: Capabilities {
        Capabilities(.psciStatResidency).union(Capabilities(.psciStatCount))
    }

    /// Memory protection, whose functions come together (§5.14.3, §5.15.3).
    public static var memoryProtection: Capabilities {
        Capabilities(.memProtect).union(Capabilities(.memProtectCheckRange))
    }

    /// What only a trusted OS on one core gives a meaning.
    static var ofTrustedOS: Capabilities {
        Capabilities(.migrate).union(Capabilities(.migrateInfoUpCPU))
    }
}
