// One call, on its way in and on its way back.
//
// Responsible for: the registers of a call, what is left of them once they were narrowed to its width, what a function
// answers, and what the machine has to do about it. Not responsible for: what any function does.
//
// Follows DEN0028 §3 (registers) and DEN0022 F.b §5.2 (widths).

/// x0 to x3: what a call passes, and what it gets back. No other register is read or changed.
public struct CallRegisters: Hashable, Sendable {
    public var x0: UInt64
    public var x1: UInt64
    public var x2: UInt64
    public var x3: UInt64

    public init(x0: UInt64 = 0, x1: UInt64 = 0, x2: UInt64 = 0, x3: UInt64 = 0) {
        self.x0 = x0
        self.x1 = x1
        self.x2 = x2
        self.x3 = x3
    }

    /// A call of `function` as a caller writes it.
    public init(_ function: Function, _ width: CallWidth, _ x1: UInt64 = 0, _ x2: UInt64 = 0, _ x3: UInt64 = 0) {
        self.init(x0: UInt64(FunctionID(function, width).rawValue), x1: x1, x2: x2, x3: x3)
    }

    /// The function id: w0.
    public var functionID: FunctionID {
        FunctionID(rawValue: UInt32(truncatingIfNeeded: x0))
    }
}

/// What the machine has to do after a call, besides writing its registers back.
public enum Effect: Hashable, Sendable {
    /// Nothing: the caller goes on.
    case none
    /// The calling core waits for an interrupt, masked or not, and then goes on with the registers of the result.
    case standby
    /// The calling core loses its context and waits for an interrupt; then it starts at `entryPoint`, in the state of
    /// §6.4, with `contextID` in x0. If an interrupt is pending already it may also go on as after `standby`.
    case powerDown(entryPoint: UInt64, contextID: UInt64)
    /// The whole machine waits, with its memory kept, for an interrupt of the calling core's or for the host's word;
    /// then that core starts as after `powerDown`. No other core is on.
    case systemSuspend(entryPoint: UInt64, contextID: UInt64)
    /// The calling core stops, and does not go on: `Platform.start` may start it anew, or already has.
    case turnOffCaller
    /// The run ends: powered off.
    case systemOff
    /// The run ends: hibernated. `type` and `cookie` are what the guest said.
    case systemOff2(type: HibernateType, cookie: UInt64)
    /// The run ends: cold reset.
    case systemReset
    /// The run ends: warm reset, or a reset of the vendor's. `type` and `cookie` are what the guest said; the cookie
    /// means nothing in a warm reset.
    case systemReset2(type: ResetType, cookie: UInt64)

    /// Whether the calling core is idle from now on, until `Firmware.coreWoke` says that it is not.
    public var suspendsCaller: Bool {
        switch self {
        case .standby, .powerDown, .systemSuspend: true
        default: false
        }
    }

    /// Whether the machine must stop every core and end the run.
    ///
    /// The registers then hold INTERNAL_FAILURE: if the calling core is made to go on all the same, it sees that the
    /// call failed.
    public var endsRun: Bool {
        switch self {
        case .none, .standby, .powerDown, .systemSuspend, .turnOffCaller: false
        case .systemOff, .systemOff2, .systemReset, .systemReset2: true
        }
    }
}

/// The outcome of a call.
public struct CallResult: Hashable, Sendable {
    /// What x0 to x3 of the caller become. Those that carry no result are as the caller left them.
    public var registers: CallRegisters
    /// What the machine has to do.
    public var effect: Effect

    public init(registers: CallRegisters, effect: Effect = .none) {
        self.registers = registers
        self.effect = effect
    }
}

/// A call's arguments after the door: narrowed once, so that no function sees bits that its caller did not pass.
struct Arguments {
    /// The calling core.
    let caller: Int
    let first: UInt64
    let second: UInt64
    let third: UInt64

    init(_ registers: CallRegisters, width: CallWidth, caller: Int) {
        let passed: UInt64 = width == .smc32 ? 0xFFFF_FFFF : ~0
        self.caller = caller
        first = registers.x1 & passed
        second = registers.x2 & passed
        third = registers.x3 & passed
    }

    /// The first argument of functions that take 32 bits there in calls of either width; the rest is not looked at.
    var firstWord: UInt32 { UInt32(truncatingIfNeeded: first) }
    /// The second argument of functions that take 32 bits there in calls of either width; the rest is not looked at.
    var secondWord: UInt32 { UInt32(truncatingIfNeeded: second) }
}

/// What a function answers, before it is known how wide the caller wants it.
struct Answer {
    /// x0, signed.
    var value: Int64
    /// x1 to x3, for the functions that return something there.
    var more: (x1: UInt64, x2: UInt64, x3: UInt64)?
    var effect = Effect.none

    static func code(_ code: ReturnCode, effect: Effect = .none) -> Answer {
        Answer(value: Int64(code.rawValue), effect: effect)
    }

    static func value(_ value: UInt32) -> Answer {
        Answer(value: Int64(value))
    }

    /// All 64 bits: a caller of the narrow width gets the lower half.
    static func wide(_ value: UInt64) -> Answer {
        Answer(value: Int64(bitPattern: value))
    }

    /// The result for a caller that passed `registers`: 32 bits zero-extended, or 64 bits sign-extended.
    func result(for registers: CallRegisters, width: CallWidth) -> CallResult {
        func narrowed(_ value: UInt64) -> UInt64 {
            width == .smc32 ? UInt64(UInt32(truncatingIfNeeded: value)) : value
        }
        var registers = registers
        registers.x0 = narrowed(UInt64(bitPattern: value))
        if let more {
            registers.x1 = narrowed(more.x1)
            registers.x2 = narrowed(more.x2)
            registers.x3 = narrowed(more.x3)
        }
        return CallResult(registers: registers, effect: effect)
    }
}
