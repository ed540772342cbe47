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

    /// What `Firmware` carries out. A function that it does not carry out cannot be offered, whatever a policy says.
    public static var implemented: Capabilities {
        mandatory(in: .v1_3).union(optionalByDefault)
    }

    /// The optional functions of a machine whose policy does not choose: those that a guest is better off with.
    public static var optionalByDefault: Capabilities {
        smccc.union(trng)
            .union(Capabilities(.migrateInfoType))
            .union(Capabilities(.systemReset2))
            .union(Capabilities(.systemOff2))
    }
}
