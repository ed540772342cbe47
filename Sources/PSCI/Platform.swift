// What the firmware needs of the machine that it runs on.
//
// Responsible for: the states of a core and the protocol by which a machine offers its cores. The firmware decides
// every transition of a core's state but one, ON_PENDING to ON, which is the machine's to report
// (`Firmware.coreStarted`). Not responsible for: threads, registers or memory.
//
// Follows DEN0022 F.b §6.6 (the states and their transitions) and §6.4 (how a core starts).

/// The state of a core as the firmware sees it; the raw value is what AFFINITY_INFO returns.
public enum CoreState: UInt8, CaseIterable, Sendable {
    /// Turned on, or the core that booted, and has not called CPU_OFF. It may be idle.
    case on = 0
    /// Never turned on, or turned off by its own CPU_OFF.
    case off = 1
    /// A CPU_ON for it has succeeded, and it does not run yet.
    case onPending = 2
}

/// The cores of a machine, and the few facts about it that calls depend on.
///
/// Every member is called from any core, from several at the same time, and must not wait for another core.
public protocol Platform {
    /// How many cores there are. They are numbered from 0, and always the same ones.
    var coreCount: Int { get }

    /// The affinity fields of the core's MPIDR_EL1: different for every core.
    func affinity(ofCore core: Int) -> Affinity

    /// The state of the core, as it was at some moment during the call.
    func state(ofCore core: Int) -> CoreState

    /// Changes the state of the core to `new` if it is `old`, in one atomic step, and returns the state that it had.
    ///
    /// This is what makes exactly one of several callers of CPU_ON the winner.
    func exchangeState(ofCore core: Int, from old: CoreState, to new: CoreState) -> CoreState

    /// Whether a core may be started at that physical address. False only if it certainly is not the guest's, such as
    /// an address with nothing behind it.
    func isValidEntryPoint(_ address: UInt64) -> Bool

    /// Starts a core, whose state is ON_PENDING, in the state of §6.4: `contextID` in x0, execution at `entryPoint`,
    /// big-endian if the calling core is. Returns false if that is impossible for physical reasons.
    ///
    /// The start must not be lost if the core's own CPU_OFF is still on its way: the core's state is OFF from the
    /// moment that `Firmware.call` decided so, and its thread may take longer to stop.
    func start(core: Int, entryPoint: UInt64, contextID: UInt64, caller: Int) -> Bool

    /// 64 unpredictable bits, or nil if there are none at the moment.
    func entropy() -> UInt64?
}
