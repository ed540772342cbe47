// What a core of a machine is doing.

/// What a core that is to start begins with.
public struct CoreStart: Sendable, Hashable, Codable {
    /// Where it begins.
    public var entry: UInt64
    /// x0.
    public var contextID: UInt64

    public init(entry: UInt64, contextID: UInt64) {
        self.entry = entry
        self.contextID = contextID
    }
}

/// What a core is doing, as its machine sees it. What the firmware calls a core's state is another thing
/// (`PSCI.CoreState`): to that, one that waits is on.
public indirect enum CoreActivity: Sendable, Hashable, Codable {
    /// Its power is off; CPU_ON starts it.
    case off
    /// It was asked to start, and its thread has not got to it yet.
    case starting(CoreStart)
    /// It executes the guest's instructions, or the machine does something in its stead.
    case running
    /// In WFI: until there is an interrupt, or the counter reaches `until`.
    case waiting(until: UInt64?)
    /// In WFE: until there is an event, or the counter reaches `until`.
    case waitingForEvent(until: UInt64?)
    /// In CPU_SUSPEND, its context kept: until there is a wake request.
    case standby
    /// In CPU_SUSPEND, its context lost: until there is a wake request; then it starts.
    case poweredDown(CoreStart)
    /// In SYSTEM_SUSPEND: until there is a wake request, or the host wakes the machine; then it starts.
    case systemSuspended(CoreStart)
    /// Held by a pause, and by nothing else kept from what it did before.
    case paused(CoreActivity)
    /// The run is over.
    case ended

    /// Whether the guest has nothing to do on the core until it is interrupted.
    var isIdle: Bool {
        switch self {
        case .waiting, .standby, .poweredDown, .systemSuspended: true
        case .off, .starting, .running, .waitingForEvent, .paused, .ended: false
        }
    }
}
