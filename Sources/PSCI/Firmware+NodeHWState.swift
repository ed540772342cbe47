// NODE_HW_STATE: what the power controller sees. DEN0022 F.b §5.1.18 and §5.19.
//
// power_level is the number of the level: 0 cores, 1 clusters, 2 the system.

/// What NODE_HW_STATE returns.
public enum NodeHardwareState: UInt32, CaseIterable, Sendable {
    case on = 0
    case off = 1
    case standby = 2
}

extension Firmware {
    func nodeHWState(_ arguments: Arguments) -> Answer {
        guard let core = core(arguments.first), let level = PowerLevel(rawValue: arguments.secondWord) else {
            return .code(.invalidParameters)
        }
        let state: NodeHardwareState =
            switch platform.withState({ $0.nodeState(level, ofCore: core) }) {
            case .run: .on
            case .standby, .retention: .standby
            case .powerDown: .off
            }
        return .value(state.rawValue)
    }
}
