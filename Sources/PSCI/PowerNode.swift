// One node of the power-domain tree, and how much of its time it spent in which state.
//
// Follows DEN0022 F.b §5.22.2.

/// How often a node was in each low-power state, and for how long.
struct PowerStatistics: Sendable {
    /// Entries into standby, retention and power-down.
    var counts: (UInt64, UInt64, UInt64) = (0, 0, 0)
    /// Nanoseconds in them, up to the last time that the node left each.
    var residencies: (UInt64, UInt64, UInt64) = (0, 0, 0)

    mutating func count(_ state: LocalState) {
        switch state {
        case .run: break
        case .standby: counts.0 &+= 1
        case .retention: counts.1 &+= 1
        case .powerDown: counts.2 &+= 1
        }
    }

    mutating func add(_ nanoseconds: UInt64, in state: LocalState) {
        switch state {
        case .run: break
        case .standby: residencies.0 &+= nanoseconds
        case .retention: residencies.1 &+= nanoseconds
        case .powerDown: residencies.2 &+= nanoseconds
        }
    }

    func count(of state: LocalState) -> UInt64 {
        switch state {
        case .run: 0
        case .standby: counts.0
        case .retention: counts.1
        case .powerDown: counts.2
        }
    }

    func residency(in state: LocalState) -> UInt64 {
        switch state {
        case .run: 0
        case .standby: residencies.0
        case .retention: residencies.1
        case .powerDown: residencies.2
        }
    }
}

/// A core, a cluster or the system.
struct PowerNode: Sendable {
    var state = LocalState.run
    /// When it entered the state, in nanoseconds of the platform's clock; nil if that is not counted.
    var since: UInt64?
    /// What the last core to go idle asked of the node, in OS-initiated mode; the node runs on if none did.
    var osRequest = LocalState.run
    var statistics = PowerStatistics()

    /// Brings the node into `new`, if it is not in it.
    mutating func enter(_ new: LocalState, at now: UInt64) {
        guard new != state else { return }
        if let since { statistics.add(now &- since, in: state) }
        statistics.count(new)
        state = new
        since = new == .run ? nil : now
    }

    /// Nanoseconds in `wanted`, the present stay included.
    func residency(in wanted: LocalState, at now: UInt64) -> UInt64 {
        let past = statistics.residency(in: wanted)
        guard wanted == state, let since else { return past }
        return past &+ (now &- since)
    }
}
