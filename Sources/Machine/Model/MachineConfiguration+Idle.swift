// The idle states of a configuration, as its device tree or its ACPI tables describe them.
//
// Responsible for: which combinations a guest is offered, and what they are said to cost. A software CPU loses nothing
// but its translations in any of them; the figures keep a guest from paying for that in short pauses.

import Boot
import PSCI

extension MachineConfiguration {
    /// What the guest is told; nil if there is only standby, which is WFI and needs no description.
    var idleDescription: BoardDescription.Idle? {
        // With ACPI, Linux leaves coordination to firmware.
        let hasDomains = psci.hasOSInitiatedMode && psci.version >= .v1_0 && hardwareDescription == .deviceTree
        /// The states of a level that `below` allows, with what is asked of the lower levels along with it.
        func states(
            of level: PowerLevel, below: CompositeState, _ change: (inout CompositeState, LocalState) -> Void
        ) -> [(state: CompositeState, description: BoardDescription.Idle.State)] {
            [LocalState.retention, .powerDown].compactMap { local in
                guard psci.idleStates.contains(IdleStates(level, local)) else { return nil }
                var state = below
                change(&state, local)
                // In OS-initiated mode the guest passes a domain's state when its last core goes idle.
                state.lastIn = hasDomains ? level : .core
                return (state, Self.description(level, local, PowerState(state, format: psci.powerStateFormat)))
            }
        }
        let cpuStates = states(of: .core, below: CompositeState(core: .standby)) { $0.core = $1 }
        guard let deepest = cpuStates.last?.state else { return nil }
        let clusterStates = states(of: .cluster, below: deepest) { $0.cluster = $1 }
        let systemStates =
            clusterStates.last.map { last in states(of: .system, below: last.state) { $0.system = $1 } } ?? []
        let topology = topology
        return BoardDescription.Idle(
            cpuStates: cpuStates.map(\.description), clusterStates: clusterStates.map(\.description),
            systemStates: systemStates.map(\.description), clusters: describedCores.map { topology.clusters[$0] },
            hasDomains: hasDomains)
    }

    private static func description(
        _ level: PowerLevel, _ local: LocalState, _ parameter: PowerState
    ) -> BoardDescription.Idle.State {
        let levelName =
            switch level {
            case .core: "core"
            case .cluster: "cluster"
            case .system: "system"
            }
        // Every level costs, and has to last, four times as much as the one below it.
        let scale: UInt32 = 1 << (2 * level.rawValue)
        return BoardDescription.Idle.State(
            name: "\(levelName)-\(local == .retention ? "retention" : "power-down")",
            suspendParameter: parameter.rawValue,
            entryLatency: (local == .retention ? 50 : 100) * scale,
            exitLatency: (local == .retention ? 100 : 300) * scale,
            minimumResidency: (local == .retention ? 2000 : 10_000) * scale, losesContext: local == .powerDown)
    }
}
