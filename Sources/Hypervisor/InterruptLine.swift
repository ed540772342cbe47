// Wires between whoever raises an interrupt and whoever is told.

/// One level-sensitive wire into an interrupt controller: a device sets its level, as often as it likes.
public struct InterruptLine: Sendable {
    private let setLevel: @Sendable (Bool) -> Void

    /// `set` is called with the new level, on the thread of whoever sets it; it need not be a change.
    public init(set: @escaping @Sendable (Bool) -> Void) {
        setLevel = set
    }

    /// Drives the wire: true is asserted.
    public func set(_ level: Bool) {
        setLevel(level)
    }

    /// A wire that leads nowhere.
    public static let unconnected = InterruptLine { _ in }
}

/// The system registers of an interrupt controller's CPU interface (GICv3: ICC_*_EL1).
public protocol InterruptControllerInterface: AnyObject, Sendable {
    /// Reads a register for vCPU `cpu`; nil if there is no such register, and the access is undefined.
    ///
    /// `register` is the MRS encoding: op0<<14 | op1<<11 | CRn<<7 | CRm<<3 | op2.
    func readSystemRegister(_ register: UInt16, cpu: Int) -> UInt64?

    /// Writes a register for vCPU `cpu`; false if there is no such register, and the access is undefined.
    func writeSystemRegister(_ register: UInt16, value: UInt64, cpu: Int) -> Bool
}
