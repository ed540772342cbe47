// The power_state argument of CPU_SUSPEND: a combination of local states, in one of two formats.
//
// Responsible for: the bits. The StateID is the one that DEN0022 F.b §6.5 recommends, in either format. Not responsible
// for: whether a machine has the states, nor for whether the tree can enter them now.
//
// Follows DEN0022 F.b §5.4.2 (Tables 7 and 8) and §6.5 (Tables 15 and 16).

/// Which of the two layouts power_state has. A firmware uses one for ever; PSCI_FEATURES says which.
public enum PowerStateFormat: UInt8, CaseIterable, Sendable {
    /// StateType in bit 16, PowerLevel in bits 25:24, StateID in bits 15:0. The only one before PSCI 1.0.
    case original
    /// StateType in bit 30, StateID in bits 27:0.
    case extendedStateID
}

/// A combination of local states: what is asked of each level of the power-domain tree.
public struct CompositeState: Hashable, Sendable {
    public var core: LocalState
    public var cluster: LocalState
    public var system: LocalState
    /// The highest level in which the caller says that it is the last core to go idle. Only OS-initiated mode looks at
    /// it.
    public var lastIn: PowerLevel

    public init(
        core: LocalState, cluster: LocalState = .run, system: LocalState = .run, lastIn: PowerLevel = .core
    ) {
        self.core = core
        self.cluster = cluster
        self.system = system
        self.lastIn = lastIn
    }

    /// What is asked of `level`.
    public subscript(_ level: PowerLevel) -> LocalState {
        switch level {
        case .core: core
        case .cluster: cluster
        case .system: system
        }
    }

    /// The highest level that does not stay on.
    public var highestLevel: PowerLevel {
        system != .run ? .system : cluster != .run ? .cluster : .core
    }

    /// Whether the core loses its context.
    public var isPowerDown: Bool { core == .powerDown }

    /// Whether no level is asked to be deeper than the one below it, as in Table 16: a cluster cannot be off around a
    /// core that is on.
    var isNested: Bool { core != .run && cluster <= core && system <= cluster }
}

/// A power_state as it is passed.
public struct PowerState: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The power_state that asks for `state`.
    public init(_ state: CompositeState, format: PowerStateFormat) {
        let stateID =
            state.core.rawValue << Self.coreShift | state.cluster.rawValue << Self.clusterShift
            | state.system.rawValue << Self.systemShift | state.lastIn.rawValue << Self.lastInShift
        switch format {
        case .original:
            rawValue =
                stateID | (state.isPowerDown ? Self.originalTypeBit : 0)
                | state.highestLevel.rawValue << Self.powerLevelShift
        case .extendedStateID:
            rawValue = stateID | (state.isPowerDown ? Self.extendedTypeBit : 0)
        }
    }

    /// What the power_state asks for; nil if it says nothing sensible: a reserved bit is set, a field has a value that
    /// there is none for, or two fields contradict each other.
    ///
    /// A StateID of 0 is standby of the core: with nothing but zeros a caller cannot mean anything deeper.
    public func composite(in format: PowerStateFormat) -> CompositeState? {
        guard let fields = localStates(in: format) else { return nil }
        var state = fields
        if state.core == .run, state.cluster == .run, state.system == .run { state.core = .standby }
        guard state.isNested, state.isPowerDown == isPowerDown(in: format) else { return nil }
        if format == .original, state.highestLevel.rawValue != powerLevel { return nil }
        return state
    }

    /// The highest level that the power_state names, with its state: what statistics are asked for by (§5.22.1). A
    /// StateID with the state of one level alone is as good as a combination, and the last-in-level field means
    /// nothing.
    public func highestLocalState(in format: PowerStateFormat) -> (level: PowerLevel, state: LocalState)? {
        guard let fields = localStates(in: format) else { return nil }
        let level = fields.highestLevel
        return fields[level] == .run ? nil : (level, fields[level])
    }

    /// Whether StateType says that context is lost.
    public func isPowerDown(in format: PowerStateFormat) -> Bool {
        rawValue & (format == .original ? Self.originalTypeBit : Self.extendedTypeBit) != 0
    }

    /// PowerLevel, which only the original format has.
    var powerLevel: UInt32 { rawValue >> Self.powerLevelShift & Self.powerLevelField }

    /// The StateID's fields; nil if a bit is set that the format or the encoding reserves.
    private func localStates(in format: PowerStateFormat) -> CompositeState? {
        let other =
            format == .original
            ? Self.originalTypeBit | Self.powerLevelField << Self.powerLevelShift : Self.extendedTypeBit
        guard rawValue & ~(other | Self.stateIDField) == 0,
            let core = LocalState(rawValue: rawValue >> Self.coreShift & Self.nibble),
            let cluster = LocalState(rawValue: rawValue >> Self.clusterShift & Self.nibble),
            let system = LocalState(rawValue: rawValue >> Self.systemShift & Self.nibble),
            let lastIn = PowerLevel(rawValue: rawValue >> Self.lastInShift & Self.nibble),
            // Standby is a state of cores.
            cluster != .standby, system != .standby
        else { return nil }
        return CompositeState(core: core, cluster: cluster, system: system, lastIn: lastIn)
    }

    /// Standby of the calling core: to the guest, the same as WFI.
    public static var coreStandby: PowerState { PowerState(CompositeState(core: .standby), format: .original) }

    private static var originalTypeBit: UInt32 { 1 << 16 }
    private static var extendedTypeBit: UInt32 { 1 << 30 }
    private static var powerLevelShift: UInt32 { 24 }
    private static var powerLevelField: UInt32 { 0b11 }
    private static var stateIDField: UInt32 { 0xFFFF }
    private static var nibble: UInt32 { 0xF }
    private static var coreShift: UInt32 { 0 }
    private static var clusterShift: UInt32 { 4 }
    private static var systemShift: UInt32 { 8 }
    private static var lastInShift: UInt32 { 12 }
}
