// What one machine's PSCI is: decided when the machine is made, recorded with it, and never different after.
//
// Responsible for: the version, the functions and the conduit, as one value. Not responsible for: storing it.

/// The instruction by which a guest calls its firmware (DEN0022 F.b §3.4).
public enum Conduit: UInt8, CaseIterable, Sendable {
    case hvc
    case smc
}

/// Everything about PSCI that a machine chooses.
public struct Policy: Hashable, Sendable {
    /// What PSCI_VERSION says.
    public let version: Version
    /// How the guest calls. The other instruction is not answered by PSCI; the machine sees to that.
    public let conduit: Conduit
    /// Every function that the guest has: it answers PSCI_FEATURES and gates the dispatcher.
    public let capabilities: Capabilities

    /// - Parameter optional: the functions to offer besides the mandatory ones. Those that `version` does not know, and
    ///   those that `Firmware` does not carry out, are left out.
    public init(
        version: Version = .v1_3, conduit: Conduit = .hvc, optional: Capabilities = .optionalByDefault
    ) {
        self.version = version
        self.conduit = conduit
        capabilities = Capabilities.mandatory(in: version)
            .union(optional.intersection(.possible(in: version)))
            .intersection(.implemented)
    }
}
