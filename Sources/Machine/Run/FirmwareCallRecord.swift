// What a guest asked of its firmware, for reports.

import PSCI

/// Facts about a run's firmware calls that outlive it.
public struct FirmwareCallRecord: Sendable, Hashable {
    /// Calls so far.
    public var count = 0
    /// The guest called SYSTEM_OFF2 and was refused.
    public var refusedSystemOff2 = false

    public init() {}
}
