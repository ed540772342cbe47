// How a run ends: the one value that says what the guest did.

import PSCI

/// A guest's SYSTEM_OFF2.
public struct HibernationRequest: Sendable, Hashable {
    /// What the guest passed as the type: 0 or 1.
    public var type: UInt32
    public var cookie: UInt64
    /// The core that called.
    public var core: Int
    /// The function id, which tells the width of the call.
    public var functionID: UInt32

    public init(type: UInt32, cookie: UInt64, core: Int, functionID: UInt32) {
        self.type = type
        self.cookie = cookie
        self.core = core
        self.functionID = functionID
    }
}

/// A guest's SYSTEM_RESET or SYSTEM_RESET2.
public struct ResetRequest: Sendable, Hashable {
    /// Nil for SYSTEM_RESET.
    public var type: UInt32?
    public var cookie: UInt64
    public var core: Int

    public init(type: UInt32?, cookie: UInt64, core: Int) {
        self.type = type
        self.cookie = cookie
        self.core = core
    }
}

/// Why a run was ended from outside.
public enum StopReason: Sendable, Hashable {
    /// The process got a signal, by its number.
    case signal(Int32)
    /// The user asked for it at the console.
    case console
    /// A program that steers the machine asked for it.
    case monitor
    /// The machine is to be started anew; the guest did not ask for it.
    case reset
    /// The guest did not refresh its watchdog, and is to be started anew.
    case watchdog
    /// The laboratory cut the power at a request to a disk.
    case powerCut
    /// The host could not go on, for the reason given.
    case host(String)
}

/// How a run ended.
public enum RunEnd: Sendable, Hashable {
    case poweredOff
    /// A bare-metal program said by semihosting that it is done, with this code; 0 is success.
    case exited(code: UInt32)
    case hibernated(HibernationRequest)
    case reset(ResetRequest)
    /// The guest cannot go on, for the reason given.
    case crashed(String)
    /// It was ended from outside; the guest did nothing.
    case stopped(StopReason)

    /// Whether the guest is to be started again: by its own doing, or by somebody else's.
    public var isReset: Bool {
        switch self {
        case .reset, .stopped(.reset), .stopped(.watchdog): true
        case .poweredOff, .exited, .hibernated, .crashed, .stopped: false
        }
    }

    /// Whether it is a reset after which memory is as it was (DEN0022 F.b §5.13.2.1).
    public var isWarmReset: Bool {
        guard case .reset(let request) = self else { return false }
        return request.type == ResetType.systemWarmReset.rawValue
    }
}
