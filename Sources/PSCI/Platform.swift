// What the firmware needs of the machine that it runs on.
//
// Responsible for: the protocol by which a machine offers its cores, its memory and its clock. The firmware decides
// every transition of a core's state but two, which are the machine's to report: `Firmware.coreStarted` and
// `Firmware.coreWoke`. Not responsible for: threads or registers.
//
// Follows DEN0022 F.b §6.4 (how a core starts).

/// The cores of a machine, and the few facts about it that calls depend on.
///
/// Every member is called from any core, from several at the same time, and must not wait for another core.
public protocol Platform {
    /// The cores, always the same ones.
    var topology: Topology { get }

    /// Runs `body` with what the firmware remembers, in one step that is atomic for all cores.
    ///
    /// This is what makes exactly one of several callers of CPU_ON the winner. `body` uses nothing else of the
    /// platform.
    func withState<Result: Sendable>(_ body: (inout FirmwareState) -> Result) -> Result

    /// Nanoseconds of a clock that never goes back and also counts while cores are idle.
    var now: UInt64 { get }

    /// Whether a core may be started at that physical address. False only if it certainly is not the guest's, such as
    /// an address with nothing behind it.
    func isValidEntryPoint(_ address: UInt64) -> Bool

    /// Whether all of the range is memory of the guest's that MEM_PROTECT protects.
    ///
    /// - Parameters:
    ///   - base: the first byte.
    ///   - last: the last byte, at `base` or above.
    func isProtectedMemory(from base: UInt64, through last: UInt64) -> Bool

    /// Whether the core is there but the guest must not have it: CPU_ON is DENIED since PSCI 1.2, and there is no such
    /// core before.
    func isWithheld(_ core: Int) -> Bool

    /// Starts a core, whose state is ON_PENDING, in the state of §6.4: `contextID` in x0, execution at `entryPoint`,
    /// big-endian if the calling core is. Returns false if that is impossible for physical reasons.
    ///
    /// The start must not be lost if the core's own CPU_OFF is still on its way: the core's state is OFF from the
    /// moment that `Firmware.call` decided so, and its thread may take longer to stop.
    func start(core: Int, entryPoint: UInt64, contextID: UInt64, caller: Int) -> Bool

    /// 64 unpredictable bits, or nil if there are none at the moment.
    func entropy() -> UInt64?
}

extension Platform {
    public func isWithheld(_ core: Int) -> Bool { false }
}
