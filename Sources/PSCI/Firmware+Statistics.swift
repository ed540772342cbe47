// PSCI_STAT_RESIDENCY and PSCI_STAT_COUNT: what the power-down was worth. DEN0022 F.b §5.1.21, §5.1.22 and §5.22.
//
// Neither has an error: what is no state of no node was never used. A count goes up on entry to a state, and a
// residency has the present stay in it, so that a core can watch another one.

extension Firmware {
    func psciStatResidency(_ arguments: Arguments) -> Answer {
        let now = platform.now
        return statistic(arguments) { node, state in node.residency(in: state, at: now) / Self.nanosecondsPerMicrosecond
        }
    }

    func psciStatCount(_ arguments: Arguments) -> Answer {
        statistic(arguments) { node, state in node.statistics.count(of: state) }
    }

    private func statistic(_ arguments: Arguments, _ value: (PowerNode, LocalState) -> UInt64) -> Answer {
        guard let core = core(arguments.first),
            let (level, state) = PowerState(rawValue: arguments.secondWord)
                .highestLocalState(in: policy.powerStateFormat),
            // CPU_OFF and SYSTEM_SUSPEND power nodes down that CPU_SUSPEND may have no such state for (§5.22.2).
            policy.idleStates.contains(level, state) || state == .powerDown
        else { return .wide(0) }
        return .wide(platform.withState { value($0.node(level, ofCore: core), state) })
    }

    private static var nanosecondsPerMicrosecond: UInt64 { 1000 }
}
