// The power_state argument of CPU_SUSPEND. DEN0022 F.b §5.4.2.

/// A power_state in the original format, the only one before PSCI 1.0 and the one in use here.
///
/// The extended StateID format of 1.0 moves StateType to bit 30 and drops the power level. A firmware uses one of the
/// two for ever (PSCI_FEATURES says which), so the choice will be the policy's, and this type's initialiser will take it.
public struct PowerState: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    /// Nil if a reserved bit is set.
    public init?(rawValue: UInt32) {
        let known = Self.powerLevelField | Self.stateTypeBit | Self.stateIDField
        guard rawValue & ~known == 0 else { return nil }
        self.rawValue = rawValue
    }

    /// The level that goes down: 0 is the core itself.
    public var powerLevel: UInt32 { (rawValue & Self.powerLevelField) >> 24 }
    /// Whether the core's context is lost, so that it goes on at the entry point.
    public var isPowerDown: Bool { rawValue & Self.stateTypeBit != 0 }
    /// What the platform calls the state.
    public var stateID: UInt32 { rawValue & Self.stateIDField }

    /// Standby of the calling core: to the guest, the same as WFI.
    public static var coreStandby: PowerState { PowerState(unchecked: 0) }

    private init(unchecked: UInt32) {
        rawValue = unchecked
    }

    private static var powerLevelField: UInt32 { 0b11 << 24 }
    private static var stateTypeBit: UInt32 { 1 << 16 }
    private static var stateIDField: UInt32 { 0xFFFF }
}
