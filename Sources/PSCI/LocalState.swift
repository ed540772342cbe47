// The states of one node of the power-domain tree, and which of them a machine has.
//
// Responsible for: naming them, ordering them by depth, and the set that a policy offers. Not responsible for: how a
// power_state argument spells a combination of them (`PowerState`).
//
// Follows DEN0022 F.b §4.1 (the states), §4.2 (levels) and Table 15 (§6.5: their numbers).

/// A level of the power-domain tree. The raw value is what power_level arguments and the StateID's last-in-level field
/// mean by it.
public enum PowerLevel: UInt32, CaseIterable, Comparable, Sendable {
    case core = 0
    case cluster = 1
    case system = 2

    public static func < (left: PowerLevel, right: PowerLevel) -> Bool { left.rawValue < right.rawValue }

    /// The level above, if there is one.
    public var next: PowerLevel? { PowerLevel(rawValue: rawValue + 1) }
}

/// The state of one node; the raw value is the number that it has in a StateID. Deeper states have higher numbers.
public enum LocalState: UInt32, CaseIterable, Comparable, Sendable {
    case run = 0
    /// Cores only: to whoever runs there the same as WFI.
    case standby = 1
    case retention = 2
    /// Context is lost.
    case powerDown = 3

    public static func < (left: LocalState, right: LocalState) -> Bool { left.rawValue < right.rawValue }
}

/// A set of local states that CPU_SUSPEND can ask for.
public struct IdleStates: OptionSet, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// The set of one state of one level.
    public init(_ level: PowerLevel, _ state: LocalState) {
        rawValue = 1 << UInt16(level.rawValue * 4 + state.rawValue)
    }

    /// Every core has it: it is WFI.
    public static var coreStandby: IdleStates { IdleStates(.core, .standby) }
    public static var coreRetention: IdleStates { IdleStates(.core, .retention) }
    public static var corePowerDown: IdleStates { IdleStates(.core, .powerDown) }
    public static var clusterRetention: IdleStates { IdleStates(.cluster, .retention) }
    public static var clusterPowerDown: IdleStates { IdleStates(.cluster, .powerDown) }
    public static var systemRetention: IdleStates { IdleStates(.system, .retention) }
    public static var systemPowerDown: IdleStates { IdleStates(.system, .powerDown) }

    /// Every state that there can be.
    public static var all: IdleStates {
        [
            .coreStandby, .coreRetention, .corePowerDown, .clusterRetention, .clusterPowerDown, .systemRetention,
            .systemPowerDown,
        ]
    }

    /// Whether a node of `level` can be in `state`.
    public func contains(_ level: PowerLevel, _ state: LocalState) -> Bool {
        state == .run || contains(IdleStates(level, state))
    }

    /// The deepest state of a level: what cores that are off ask for.
    public func deepest(_ level: PowerLevel) -> LocalState {
        if contains(IdleStates(level, .powerDown)) { return .powerDown }
        if contains(IdleStates(level, .retention)) { return .retention }
        return .run
    }

    /// The set with what every machine has, without what no machine has, and without the states of a level that could
    /// not be asked for because the level below has none that is as deep (§6.5, Table 16).
    var normalized: IdleStates {
        var states = intersection(.all).union(.coreStandby)
        var deepestBelow: LocalState = states.contains(.corePowerDown) ? .powerDown : .retention
        if deepestBelow == .retention, !states.contains(.coreRetention) { deepestBelow = .run }
        for level in [PowerLevel.cluster, .system] {
            for state in [LocalState.retention, .powerDown] where state > deepestBelow {
                states.remove(IdleStates(level, state))
            }
            deepestBelow = states.deepest(level)
        }
        return states
    }
}
