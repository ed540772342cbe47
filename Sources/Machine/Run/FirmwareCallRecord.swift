// What a guest asked of its firmware, for reports.

import PSCI

/// A call of SYSTEM_OFF, SYSTEM_OFF2, SYSTEM_RESET or SYSTEM_RESET2, as the guest made it.
public struct SystemCall: Sendable, Hashable {
    public var function: Function
    /// Which of the function's ids the guest used.
    public var functionID: UInt32
    /// The first argument of SYSTEM_OFF2 and SYSTEM_RESET2; nil for the others, which take none.
    public var type: UInt32?
    /// The second argument of SYSTEM_OFF2 and SYSTEM_RESET2, as wide as the call; nil for the others.
    public var cookie: UInt64?
    /// The core that called.
    public var core: Int
    /// Where its HVC or SMC is.
    public var address: UInt64
    /// What became of it, in words: "system off, hibernated", or the name of a return code.
    public var outcome: String

    /// The call in `registers`, to which the firmware said `result`; nil if it is of another function.
    init?(_ registers: CallRegisters, result: CallResult, core: Int, address: UInt64) {
        let id = registers.functionID
        guard let function = id.function else { return nil }
        switch function {
        case .systemOff, .systemReset: break
        case .systemOff2, .systemReset2:
            type = UInt32(truncatingIfNeeded: registers.x1)
            cookie = id.width == .smc32 ? UInt64(UInt32(truncatingIfNeeded: registers.x2)) : registers.x2
        default: return nil
        }
        self.function = function
        functionID = id.rawValue
        self.core = core
        self.address = address
        outcome = CallDescription(registers, result: result).outcome
    }
}

/// Facts about a run's firmware calls that outlive it.
public struct FirmwareCallRecord: Sendable, Hashable {
    /// Calls so far.
    public var count = 0
    /// The guest called SYSTEM_OFF2 and was refused.
    public var refusedSystemOff2 = false
    /// The guest asked whether there is SYSTEM_OFF2, and was told so: it hibernates by that call.
    public var knowsSystemOff2 = false
    /// The last call that was to end a run, whether it did or not.
    public var lastSystemCall: SystemCall?

    public init() {}

    /// Counts the call in `registers`, which got `result`; `address` is where it was made.
    mutating func add(_ registers: CallRegisters, result: CallResult, core: Int, address: UInt64) {
        count += 1
        if registers.functionID.function == .psciFeatures,
            FunctionID(rawValue: UInt32(truncatingIfNeeded: registers.x1)).function == .systemOff2,
            registers.functionID.width.signed(result.registers.x0) > 0
        {
            knowsSystemOff2 = true
        }
        guard let call = SystemCall(registers, result: result, core: core, address: address) else { return }
        lastSystemCall = call
        if call.function == .systemOff2 && !result.effect.endsRun { refusedSystemOff2 = true }
    }
}
