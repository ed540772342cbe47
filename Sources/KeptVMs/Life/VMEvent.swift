// One thing that happened to a VM: it came into another state.

import HostSupport

/// An event of a VM's life. docs/host.md has its keys.
public struct VMEvent: Codable, Sendable, Hashable {
    /// Counted from 1, without gaps.
    public var number: UInt64
    /// RFC 3339, in UTC, with milliseconds.
    public var time: String
    /// The name of a `LifeState`; later versions may have more of them.
    public var state: String
    /// Why, for people.
    public var cause: String
    /// The guest's PSCI call that brought it about.
    public var call: String?
    /// The VM's generation, of a run.
    public var generation: UInt64?
    /// The fingerprint of the environment, of a run.
    public var fingerprint: String?
    /// What the process exits with, of an end.
    public var exitCode: Int32?

    init(
        number: UInt64, time: UInt64 = WallClock.now, state: LifeState, cause: String, call: String? = nil,
        generation: UInt64? = nil, fingerprint: String? = nil, exitCode: Int32? = nil
    ) {
        self.number = number
        self.time = Timestamp.text(nanoseconds: time)
        self.state = state.rawValue
        self.cause = cause
        self.call = call
        self.generation = generation
        self.fingerprint = fingerprint
        self.exitCode = exitCode
    }

    /// What `state` means to this version.
    public var lifeState: LifeState { LifeState(named: state) }
}
