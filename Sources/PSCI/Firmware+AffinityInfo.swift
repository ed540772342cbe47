// AFFINITY_INFO: which cores are on. DEN0022 F.b §5.1.5 and §5.7.
//
// Since 1.0 a firmware may refuse levels above 0. This one answers them in every version, as 0.2 has to.

extension Firmware {
    func affinityInfo(_ arguments: Arguments) -> Answer {
        guard let target = Affinity(rawValue: arguments.first) else { return .code(.invalidParameters) }
        let lowestLevel = arguments.secondWord
        let topology = platform.topology
        var instance: CoreState?
        for core in 0..<topology.coreCount
        where topology.affinities[core].isInSameInstance(as: target, level: lowestLevel) && isVisible(core) {
            switch platform.withState({ $0.state(ofCore: core) }) {
            case .on: return .value(UInt32(CoreState.on.rawValue))
            case .onPending: instance = .onPending
            case .off: instance = instance ?? .off
            }
        }
        guard let instance else { return .code(.invalidParameters) }
        return .value(UInt32(instance.rawValue))
    }
}
