// What a machine tells of a suspension to RAM.

/// Why a suspended machine goes on.
public enum WakeReason: String, Sendable, Hashable {
    /// An interrupt of the guest's, such as its clock's alarm.
    case interrupt
    /// Something was typed.
    case console
    /// The host asked for it.
    case host
    /// The run ends.
    case end
}

/// A suspension to RAM, as events tell it.
public enum SuspendEvent: Sendable, Hashable {
    case suspended
    case woken(WakeReason)
}
