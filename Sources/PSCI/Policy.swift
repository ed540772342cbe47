// What one machine's PSCI is: decided when the machine is made, recorded with it, and never different after.
//
// Responsible for: the version, the functions, the conduit, the idle states and the rest, as one value that is
// consistent in itself whatever it was asked for. Not responsible for: storing it, or for what a machine offers:
// nothing has a default here, since a machine that was made must not get what this library learns later.

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
    /// The layout of power_state; always the original one before PSCI 1.0, which has no other.
    public let powerStateFormat: PowerStateFormat
    /// What CPU_SUSPEND can ask for.
    public let idleStates: IdleStates
    /// Whether there is a trusted OS that runs on one core, and if it can be moved.
    public let trustedOS: TrustedOS
    /// How many cores a cluster has; the last one may have fewer. 1 to 16, as many as a GICv3 reaches with one SGI.
    public let coresPerCluster: Int

    /// The most that a cluster can have.
    public static var maximumCoresPerCluster: Int { 16 }

    /// - Parameters:
    ///   - version: what PSCI_VERSION says.
    ///   - conduit: the instruction of a call.
    ///   - optional: the functions to offer besides the mandatory ones. Those that `version` does not know are left
    ///     out; so is one of a pair without the other (MEM_PROTECT and its CHECK_RANGE, the two statistics). MIGRATE
    ///     and its INFO calls follow from `trustedOS`.
    ///   - powerStateFormat: the layout of power_state, from PSCI 1.0 on.
    ///   - idleStates: what could not be asked for is left out: a state of a cluster that is deeper than any of a
    ///     core's.
    ///   - trustedOS: whether there is one, and if it can be moved.
    ///   - coresPerCluster: brought into its range.
    public init(
        version: Version, conduit: Conduit, optional: Capabilities, powerStateFormat: PowerStateFormat,
        idleStates: IdleStates, trustedOS: TrustedOS, coresPerCluster: Int
    ) {
        self.version = version
        self.conduit = conduit
        self.powerStateFormat = version < .v1_0 ? .original : powerStateFormat
        self.idleStates = idleStates.normalized
        self.trustedOS = trustedOS
        self.coresPerCluster = min(max(coresPerCluster, 1), Self.maximumCoresPerCluster)
        var optional = optional.subtracting(.ofTrustedOS)
        if trustedOS != .none { optional.formUnion(.ofTrustedOS.union(Capabilities(.migrateInfoType))) }
        for pair in [Capabilities.statistics, .memoryProtection] where !optional.isSuperset(of: pair) {
            optional.subtract(pair)
        }
        capabilities = Capabilities.mandatory(in: version)
            .union(optional.intersection(.possible(in: version)))
    }

    /// Whether PSCI_SET_SUSPEND_MODE can switch to OS-initiated mode.
    public var hasOSInitiatedMode: Bool { capabilities.contains(.psciSetSuspendMode) }
}
