// Wires between whoever raises an interrupt and whoever is told.

/// One wire into an interrupt controller. A device sets its level, as often as it likes, or sends an edge; the
/// controller takes it as level-sensitive or as edge-triggered, as the guest configured it.
public struct InterruptLine: Sendable {
    private let setLevel: @Sendable (Bool) -> Void
    private let sendEdge: @Sendable () -> Void

    /// - Parameters:
    ///   - set: called with the new level, on the thread of whoever sets it; it need not be a change.
    ///   - pulse: called for a pulse; as one event, if two pulses at once are not to become less than one. nil raises
    ///     and lowers the level.
    public init(set: @escaping @Sendable (Bool) -> Void, pulse: (@Sendable () -> Void)? = nil) {
        setLevel = set
        sendEdge =
            pulse ?? {
                set(true)
                set(false)
            }
    }

    /// Drives the wire: true is asserted.
    public func set(_ level: Bool) {
        setLevel(level)
    }

    /// Sends a rising edge. For interrupts that the guest configures as edge-triggered: as a level it is over at once.
    public func pulse() {
        sendEdge()
    }

    /// A wire that leads nowhere.
    public static let unconnected = InterruptLine { _ in }
}
