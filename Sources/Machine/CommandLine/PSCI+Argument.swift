// PSCI's choices as options and reports say them.

import PSCI

extension Version {
    /// Every name, in ascending order.
    public static let arguments = Version.allCases.map(\.argument)

    /// "1.3"
    public var argument: String { "\(major).\(minor)" }

    /// The version that `argument` names; nil if there is none.
    public init?(argument: String) {
        guard let version = Version.allCases.first(where: { $0.argument == argument }) else { return nil }
        self = version
    }
}

extension Conduit {
    /// Every name.
    public static let arguments = Conduit.allCases.map(\.argument)

    /// "hvc" or "smc"
    public var argument: String {
        switch self {
        case .hvc: "hvc"
        case .smc: "smc"
        }
    }

    /// The conduit that `argument` names; nil if there is none.
    public init?(argument: String) {
        guard let conduit = Conduit.allCases.first(where: { $0.argument == argument }) else { return nil }
        self = conduit
    }
}
