// What the nodes of the power-domain tree do because of what the cores ask for.
//
// Responsible for: the two modes of coordination, and the check of dependencies that OS-initiated mode makes. Every
// change of a core brings the whole tree up to date: it has at most 64 cores, and nothing is remembered that could be
// wrong.
//
// Follows DEN0022 F.b §4.2.3, §5.4.5, §5.4.6, §5.5.2 and §6.3.

extension FirmwareState {
    /// Brings every node into the state that follows from the cores'.
    mutating func coordinate(at now: UInt64) {
        for core in cores.indices { coreNodes[core].enter(localState(ofCore: core), at: now) }
        var system = LocalState.powerDown
        for cluster in clusterNodes.indices {
            if isAnyRunning({ topology.clusters[$0] == cluster }) { clusterNodes[cluster].osRequest = .run }
            let state = coordinated(.cluster, clusterNodes[cluster].osRequest) { topology.clusters[$0] == cluster }
            clusterNodes[cluster].enter(state, at: now)
            system = min(system, state)
        }
        if isAnyRunning({ _ in true }) { systemNode.osRequest = .run }
        systemNode.enter(min(system, coordinated(.system, systemNode.osRequest) { _ in true }), at: now)
    }

    func localState(ofCore core: Int) -> LocalState {
        switch cores[core].state {
        case .off: .powerDown
        case .onPending: .run
        case .on: cores[core].isFrozen ? .powerDown : cores[core].request?.core ?? .run
        }
    }

    private func isAnyRunning(_ isMember: (Int) -> Bool) -> Bool {
        for core in cores.indices where isMember(core) && isRunning(core) { return true }
        return false
    }

    /// The state of a node of `level`, by the cores in it: the deepest that all of them tolerate, or what the last one
    /// asked for. Cores that are off tolerate everything; frozen ones keep their cluster on.
    private func coordinated(_ level: PowerLevel, _ osRequest: LocalState, _ isMember: (Int) -> Bool) -> LocalState {
        var state = idleStates.deepest(level)
        for core in cores.indices where isMember(core) && cores[core].state != .off {
            // SYSTEM_SUSPEND goes deeper than any idle state that is offered (§5.20.1), and no other core is on.
            if cores[core].isInSystemSuspend { return .powerDown }
            guard let request = cores[core].request, !cores[core].isFrozen else { return .run }
            state = min(state, suspendMode == .platformCoordinated ? request[level] : osRequest)
        }
        return state
    }

    // MARK: OS-initiated mode

    /// Why a request cannot be followed in OS-initiated mode; nil if it can.
    ///
    /// The caller must be the last core to go idle in every node that it asks something of, or says it is the last one
    /// in.
    func objection(to request: CompositeState, of caller: Int) -> ReturnCode? {
        let highest = max(request.highestLevel, request.lastIn)
        var isAnyRunning = false
        for core in cores.indices where core != caller && isSibling(core, of: caller, in: highest) {
            if isRunning(core) {
                isAnyRunning = true
            } else if let level = sharedLevel(core, caller), level <= highest,
                localState(ofCore: core) < request[level]
            {
                // §5.4.5: an idle core that is not as deep as the node would be is a mistake of the caller.
                return .invalidParameters
            }
        }
        if isAnyRunning { return .denied }
        guard request.system != .run else { return nil }
        for cluster in clusterNodes.indices
        where cluster != topology.clusters[caller] && clusterNodes[cluster].state < request.system {
            return .invalidParameters
        }
        return nil
    }

    private func isSibling(_ core: Int, of caller: Int, in level: PowerLevel) -> Bool {
        switch level {
        case .core: false
        case .cluster: topology.clusters[core] == topology.clusters[caller]
        case .system: true
        }
    }

    /// The lowest level whose node both cores are in.
    private func sharedLevel(_ core: Int, _ other: Int) -> PowerLevel? {
        topology.clusters[core] == topology.clusters[other] ? .cluster : .system
    }

    /// Keeps what the last core to go idle asked of the nodes above it.
    mutating func noteOSRequest(_ request: CompositeState, of core: Int) {
        let highest = max(request.highestLevel, request.lastIn)
        if highest >= .cluster { clusterNodes[topology.clusters[core]].osRequest = request.cluster }
        if highest >= .system { systemNode.osRequest = request.system }
    }

    // MARK: Reading

    /// The state of the node of `level` that `core` is in, as the power controller has it.
    func nodeState(_ level: PowerLevel, ofCore core: Int) -> LocalState { node(level, ofCore: core).state }

    /// The node of `level` that `core` is in.
    func node(_ level: PowerLevel, ofCore core: Int) -> PowerNode {
        switch level {
        case .core: coreNodes[core]
        case .cluster: clusterNodes[topology.clusters[core]]
        case .system: systemNode
        }
    }
}

extension CompositeState {
    /// What SYSTEM_SUSPEND amounts to: everything down.
    static var systemSuspend: CompositeState {
        CompositeState(core: .powerDown, cluster: .powerDown, system: .powerDown, lastIn: .system)
    }
}
