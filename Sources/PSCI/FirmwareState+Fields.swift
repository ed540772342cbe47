// What a firmware remembers as fields that can be written down, and put back.
//
// Responsible for: the form, and refusing what no sequence of calls leads to. Not responsible for where it is kept.
// Left out of Embedded Swift, which has no Codable: a firmware on real hardware is not moved.

#if !hasFeature(Embedded)

extension CoreState: Codable {}
extension SuspendMode: Codable {}
extension LocalState: Codable {}
extension PowerLevel: Codable {}

/// A field of a firmware's state has a value that no sequence of calls leads to.
public struct ImpossibleFirmwareState: Error, Hashable, Sendable {
    public var field: String
}

/// The fields of a `FirmwareState`.
public struct FirmwareStateFields: Codable, Hashable, Sendable {
    struct Core: Codable, Hashable {
        var state: CoreState
        var isFrozen: Bool
        var request: Request?
        var isInSystemSuspend: Bool
    }

    /// A `CompositeState`.
    struct Request: Codable, Hashable {
        var core: LocalState
        var cluster: LocalState
        var system: LocalState
        var lastIn: PowerLevel

        init(_ state: CompositeState) {
            core = state.core
            cluster = state.cluster
            system = state.system
            lastIn = state.lastIn
        }

        var state: CompositeState {
            CompositeState(core: core, cluster: cluster, system: system, lastIn: lastIn)
        }
    }

    /// A `PowerNode`.
    struct Node: Codable, Hashable {
        var state: LocalState
        var since: UInt64?
        var osRequest: LocalState
        /// Of standby, retention and power-down.
        var counts: [UInt64]
        var residencies: [UInt64]

        init(_ node: PowerNode) {
            state = node.state
            since = node.since
            osRequest = node.osRequest
            let statistics = node.statistics
            counts = [statistics.counts.0, statistics.counts.1, statistics.counts.2]
            residencies = [statistics.residencies.0, statistics.residencies.1, statistics.residencies.2]
        }

        var node: PowerNode {
            var statistics = PowerStatistics()
            statistics.counts = (counts[0], counts[1], counts[2])
            statistics.residencies = (residencies[0], residencies[1], residencies[2])
            return PowerNode(state: state, since: since, osRequest: osRequest, statistics: statistics)
        }
    }

    /// Of the cores, by index.
    var affinities: [UInt64]
    var cores: [Core]
    var coreNodes: [Node]
    var clusterNodes: [Node]
    var systemNode: Node
    var suspendMode: SuspendMode
    var hasSuspended: Bool
    var trustedOSCore: Int
    var isMemoryProtected: Bool
}

extension FirmwareState {
    public var fields: FirmwareStateFields {
        FirmwareStateFields(
            affinities: topology.affinities.map(\.rawValue),
            cores: cores.map {
                FirmwareStateFields.Core(
                    state: $0.state, isFrozen: $0.isFrozen, request: $0.request.map(FirmwareStateFields.Request.init),
                    isInSystemSuspend: $0.isInSystemSuspend)
            },
            coreNodes: coreNodes.map(FirmwareStateFields.Node.init),
            clusterNodes: clusterNodes.map(FirmwareStateFields.Node.init),
            systemNode: FirmwareStateFields.Node(systemNode), suspendMode: suspendMode, hasSuspended: hasSuspended,
            trustedOSCore: trustedOSCore, isMemoryProtected: isMemoryProtected)
    }

    /// This state with other fields: those of a machine with the same cores and idle states.
    public func with(_ fields: FirmwareStateFields) throws(ImpossibleFirmwareState) -> FirmwareState {
        func check(_ holds: Bool, _ field: String) throws(ImpossibleFirmwareState) {
            guard holds else { throw ImpossibleFirmwareState(field: field) }
        }
        try check(fields.affinities == topology.affinities.map(\.rawValue), "affinities")
        try check(fields.cores.count == topology.coreCount, "cores")
        try check(fields.coreNodes.count == topology.coreCount, "coreNodes")
        try check(fields.clusterNodes.count == topology.clusterCount, "clusterNodes")
        try check(cores.indices.contains(fields.trustedOSCore), "trustedOSCore")
        for (index, core) in fields.cores.enumerated() {
            try check(isPossible(core), "cores[\(index)]")
        }
        for (index, node) in fields.coreNodes.enumerated() {
            try check(isPossible(node, .core), "coreNodes[\(index)]")
        }
        for (index, node) in fields.clusterNodes.enumerated() {
            try check(isPossible(node, .cluster), "clusterNodes[\(index)]")
        }
        try check(isPossible(fields.systemNode, .system), "systemNode")

        var state = self
        state.cores = fields.cores.map {
            Core(
                state: $0.state, isFrozen: $0.isFrozen, request: $0.request?.state,
                isInSystemSuspend: $0.isInSystemSuspend)
        }
        state.coreNodes = fields.coreNodes.map(\.node)
        state.clusterNodes = fields.clusterNodes.map(\.node)
        state.systemNode = fields.systemNode.node
        state.suspendMode = fields.suspendMode
        state.hasSuspended = fields.hasSuspended
        state.trustedOSCore = fields.trustedOSCore
        state.isMemoryProtected = fields.isMemoryProtected
        // A core's own node is in the state that follows from the core's.
        for core in cores.indices {
            try check(state.coreNodes[core].state == state.localState(ofCore: core), "coreNodes[\(core)].state")
        }
        return state
    }

    private func isPossible(_ core: FirmwareStateFields.Core) -> Bool {
        if core.state != .on && (core.isFrozen || core.request != nil) { return false }
        if core.isFrozen && core.request != nil { return false }
        guard let request = core.request?.state else { return !core.isInSystemSuspend }
        if core.isInSystemSuspend { return request == .systemSuspend }
        return request.isNested
            && PowerLevel.allCases.allSatisfy { idleStates.contains($0, request[$0]) }
    }

    private func isPossible(_ node: FirmwareStateFields.Node, _ level: PowerLevel) -> Bool {
        func isState(_ state: LocalState) -> Bool {
            // SYSTEM_SUSPEND goes deeper than what is offered, and so does a core that is off.
            state == .powerDown || idleStates.contains(level, state)
        }
        return isState(node.state) && isState(node.osRequest) && (node.since == nil || node.state != .run)
            && node.counts.count == 3 && node.residencies.count == 3
    }
}

#endif
