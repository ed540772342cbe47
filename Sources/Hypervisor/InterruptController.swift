// What a machine asks of its interrupt controller, whoever made it: a device of ours, or a back end.
//
// Responsible for: the wires in, and what the machine does with a CPU's side of it when it powers a core on or off. Not
// responsible for the registers: a controller of ours is on the bus, one of a back end's is in the back end.

/// An interrupt controller.
///
/// Every member is callable from any thread. CPUs are named by index; those that do not exist have no wake request.
public protocol InterruptController: AnyObject, Sendable {
    /// The wire of SPI `n`, which is INTID 32 + n.
    func spi(_ n: Int) -> InterruptLine

    /// The wire of a PPI of one CPU, by INTID.
    func ppi(_ intid: Int, cpu: Int) -> InterruptLine

    /// Power-on state, as firmware hands it over, for a reset of the guest. Devices keep the levels of their wires, or
    /// reset them themselves.
    func reset()

    /// What firmware has done before a CPU enters the guest: its CPU interface is as after reset, and its redistributor
    /// is awake.
    func powerOn(_ cpu: Int)

    /// What powering a CPU off does to its CPU interface.
    func resetCPUInterface(_ cpu: Int)

    /// Whether an enabled interrupt is pending for a CPU, even if its redistributor is asleep or its CPU interface is
    /// off: the reason to power a suspended core on.
    func hasWakeRequest(cpu: Int) -> Bool

    /// `hasWakeRequest`, and if there is none, has the machine told when there is.
    func awaitWakeRequest(cpu: Int) -> Bool
}

/// Where a machine has its interrupt controller, for a back end that has one of its own.
public struct InterruptControllerPlace: Sendable, Hashable {
    /// GICD_*.
    public var distributor: Range<PhysicalAddress>
    /// GICR_* of all CPUs, one after the other.
    public var redistributors: Range<PhysicalAddress>
    /// MPIDR_EL1 of each CPU.
    public var mpidrs: [UInt64]

    public init(distributor: Range<PhysicalAddress>, redistributors: Range<PhysicalAddress>, mpidrs: [UInt64]) {
        self.distributor = distributor
        self.redistributors = redistributors
        self.mpidrs = mpidrs
    }
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
