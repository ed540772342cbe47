// The firmware that answers a guest's calls.
//
// Responsible for: the door (width, gate, narrowing), the dispatcher, and the state of the cores. What a function does
// is in the file of its family, `Firmware+….swift`. Not responsible for: carrying out effects, which is the machine's.
//
// Nothing here allocates, blocks or keeps state of its own: all state is the platform's to keep. To make a firmware
// misbehave on purpose, stand between the machine and `call`.

/// The firmware of one machine: PSCI, SMCCC discovery and the TRNG interface, for whatever platform has the cores.
public struct Firmware<Machine: Platform> {
    /// What this machine's PSCI is.
    public let policy: Policy
    /// Whose cores it controls.
    public let platform: Machine

    public init(policy: Policy, platform: Machine) {
        self.policy = policy
        self.platform = platform
    }

    /// Answers one call.
    ///
    /// Several cores may call at the same time.
    ///
    /// - Parameters:
    ///   - registers: x0 to x3 as the guest has them, whatever is in them.
    ///   - caller: the number of the calling core.
    public func call(_ registers: CallRegisters, caller: Int) -> CallResult {
        let id = registers.functionID
        // §5.3.2: what is not implemented returns NOT_SUPPORTED; so does, by DEN0028 §5.1, what nobody knows.
        guard let function = offeredFunction(id) else {
            return Answer.code(.notSupported).result(for: registers, width: id.width)
        }
        // §5.2.1: PSCI 0.2 had a 32-bit call from AArch64 refused with INVALID_PARAMETERS. 1.0 dropped that, KVM does
        // not do it, and no caller can want it: both widths work in every version.
        let arguments = Arguments(registers, width: id.width, caller: caller)
        return dispatch(function, id.width, arguments).result(for: registers, width: id.width)
    }

    /// Reports that a core which `Platform.start` was asked to start is about to run its first instruction.
    ///
    /// To be called before it does: a core that runs is ON, and can then turn itself off.
    public func coreStarted(_ core: Int) {
        platform.withState { $0.completeStart(core) }
    }

    /// Reports that a core which an effect suspended is about to run again, wherever.
    ///
    /// To be called before it does: what it then asks for must not meet a tree in which it is idle (§6.3).
    public func coreWoke(_ core: Int) {
        let now = platform.now
        platform.withState { $0.wake(core, at: now) }
    }

    /// The function of `id`, if the guest has it.
    func offeredFunction(_ id: FunctionID) -> Function? {
        guard let function = id.function, policy.capabilities.contains(function) else { return nil }
        return function
    }

    private func dispatch(_ function: Function, _ width: CallWidth, _ arguments: Arguments) -> Answer {
        switch function {
        case .psciVersion: psciVersion()
        case .psciFeatures: psciFeatures(arguments)
        case .cpuSuspend: cpuSuspend(arguments)
        case .cpuOff: cpuOff(arguments)
        case .cpuOn: cpuOn(arguments)
        case .affinityInfo: affinityInfo(arguments)
        case .migrate: migrate(arguments)
        case .migrateInfoType: migrateInfoType()
        case .migrateInfoUpCPU: migrateInfoUpCPU()
        case .systemOff: systemOff()
        case .systemOff2: systemOff2(arguments)
        case .systemReset: systemReset()
        case .systemReset2: systemReset2(arguments)
        case .cpuFreeze: cpuFreeze(arguments)
        case .cpuDefaultSuspend: cpuDefaultSuspend(arguments)
        case .nodeHWState: nodeHWState(arguments)
        case .systemSuspend: systemSuspend(arguments)
        case .psciSetSuspendMode: psciSetSuspendMode(arguments)
        case .psciStatResidency: psciStatResidency(arguments)
        case .psciStatCount: psciStatCount(arguments)
        case .memProtect: memProtect(arguments)
        case .memProtectCheckRange: memProtectCheckRange(arguments)
        case .smcccVersion: smcccVersion()
        case .smcccArchFeatures: smcccArchFeatures(arguments)
        case .smcccArchWorkaround1, .smcccArchWorkaround2, .smcccArchWorkaround3: smcccArchWorkaround()
        case .trngVersion: trngVersion()
        case .trngFeatures: trngFeatures(arguments)
        case .trngGetUUID: trngGetUUID()
        case .trngRND: trngRND(width, arguments)
        }
    }

    /// The core that an argument names, if the guest may know of it.
    func core(_ target: UInt64) -> Int? {
        guard let affinity = Affinity(rawValue: target), let core = platform.topology.core(affinity), isVisible(core)
        else { return nil }
        return core
    }

    /// Whether the guest may know of a core: before CPU_ON could be DENIED, a core that it must not have is not there.
    func isVisible(_ core: Int) -> Bool {
        policy.version >= .v1_2 || !platform.isWithheld(core)
    }

    /// What a call returns whose entry point is not the guest's (notes in §5.4.5 and §5.6.2).
    var invalidEntryPoint: ReturnCode {
        policy.version < .v1_0 ? .invalidParameters : .invalidAddress
    }
}

extension Firmware: Sendable where Machine: Sendable {}
