// What a machine tells of its networks.

/// A network has gone for good; the guest sees its link go down and runs on.
public struct LinkDownEvent: Sendable {
    /// The index in `MachineConfiguration.networks`.
    public var network: Int
    public var reason: String
}
